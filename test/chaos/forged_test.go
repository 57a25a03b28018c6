// SPDX-License-Identifier: Apache-2.0

package chaos_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
)

// forgery replaces texts in Jira's answers about issues: it takes over a terminal, mentions everyone, and leads elsewhere.
const forgery = "\x1b[2J\x1b]0;owned\x07\u202e <!channel> <http://evil.example.com|x> {code} javascript:alert(1)"

// forge replaces each text of a value of JSON, except the keys and IDs of issues and what is not about an issue.
func forge(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			switch k {
			case "key", "id", "labels", "created", "updated", "expand":
			default:
				v[k] = forge(v[k])
			}
		}
		return v
	case []any:
		for k := range v {
			v[k] = forge(v[k])
		}
		return v
	case string:
		return v + forgery
	}
	return v
}

// TestForgedAnswers has a Jira that works, with texts in its answers about issues that are not what they should be. What
// comes of them into statuses, messages and the log is harmless.
func TestForgedAnswers(t *testing.T) {
	w := newSlackWorld(t, nil)
	target, err := url.Parse(w.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: func(r *http.Response) error {
			path := r.Request.URL.Path
			if !strings.Contains(path, "/issue") || strings.Contains(path, "/createmeta") {
				return nil
			}
			raw, err := io.ReadAll(r.Body)
			if err != nil {
				return err
			}
			var v any
			if json.Unmarshal(raw, &v) == nil {
				if raw, err = json.Marshal(forge(v)); err != nil {
					return err
				}
			}
			r.Body = io.NopCloser(bytes.NewReader(raw))
			r.ContentLength = int64(len(raw))
			r.Header.Del("Content-Length")
			return nil
		},
	}
	forger := httptest.NewServer(proxy)
	t.Cleanup(forger.Close)
	jira := w.server.URL
	w.server.URL = forger.URL
	w.addJira()
	w.server.URL = jira
	rule := &v1alpha1.NotificationRule{ObjectMeta: w.meta("all")}
	w.patch(rule, func() {
		rule.Spec.EventTypes = append(rule.Spec.EventTypes, v1alpha1.EventDefectTicketed, v1alpha1.EventDefectStateChanged)
	})
	w.startOperator("--zap-log-level=10")
	w.createDefects(1)
	d := &v1alpha1.Defect{ObjectMeta: w.meta("defect-1")}
	w.poll("the ticket, or why there is none", func() bool {
		if err := cluster.Get(t.Context(), client.ObjectKeyFromObject(d), d); err != nil {
			t.Fatal(err)
		}
		c := condition.Get(d, v1alpha1.ConditionTicketed)
		return c != nil && c.Status == metav1.ConditionTrue && len(w.slack.Messages(slack.AlertsChannel)) > 0
	})
	w.patch(d, func() { d.Spec.State = v1alpha1.StateInProgress })
	w.poll("the ticket to be read", func() bool {
		if err := cluster.Get(t.Context(), client.ObjectKeyFromObject(d), d); err != nil {
			t.Fatal(err)
		}
		return d.Status.Jira.Status != "" && len(w.slack.Messages(slack.AlertsChannel)) > 1
	})
	if !strings.Contains(d.Status.Jira.Status, "javascript:") {
		t.Errorf("the status is %q: nothing was forged", d.Status.Jira.Status)
	}
	for _, m := range w.slack.Messages(slack.AlertsChannel) {
		raw, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(string(raw))
		if strings.Contains(text, "<!channel>") || strings.Contains(text, "<http://evil") {
			t.Errorf("a message mentions everyone, or leads elsewhere: %s", text)
		}
	}
	w.checkNothingLeaks([]condition.Object{d})
}
