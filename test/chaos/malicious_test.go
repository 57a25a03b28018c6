// SPDX-License-Identifier: Apache-2.0

package chaos_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/hack/stage"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
)

const (
	slackSecret = "xoxb-5ecret-token-0123456789"
	jiraSecret  = "5ecret/token+0123456789=="
	jiraUser    = "bot@example.com"
)

// malice has the ways in which a server harms its client, by the first element of the path.
var malice = map[string]http.HandlerFunc{
	"endless": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		write(w, bytes.Repeat([]byte(`{"a":1},`), 4096), 1<<30)
	},
	"bomb": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		zipped := gzip.NewWriter(w)
		write(zipped, make([]byte, 1<<20), 1<<30)
		_ = zipped.Close()
	},
	"deep": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, strings.Repeat(`{"ok":[`, 200_000))
	},
	"header": func(w http.ResponseWriter, _ *http.Request) {
		for k := range 2000 {
			w.Header().Set(fmt.Sprint("X-", k), strings.Repeat("x", 1000))
		}
		w.WriteHeader(http.StatusOK)
	},
	"drip": func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = io.WriteString(w, " ")
			_ = http.NewResponseController(w).Flush()
			time.Sleep(50 * time.Millisecond)
		}
	},
	"loop": func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Path+"/again", http.StatusTemporaryRedirect)
	},
	"many": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, "["+strings.Repeat(`"x",`, 4_000_000)+`"x"]`)
	},
	// echo answers with all that it got, in the fields in which Slack and Jira have an error.
	"echo":   func(w http.ResponseWriter, r *http.Request) { echo(w, r, http.StatusBadRequest, false) },
	"deny":   func(w http.ResponseWriter, r *http.Request) { echo(w, r, http.StatusUnauthorized, false) },
	"refuse": func(w http.ResponseWriter, r *http.Request) { echo(w, r, http.StatusOK, false) },
	"accept": func(w http.ResponseWriter, r *http.Request) { echo(w, r, http.StatusOK, true) },
}

// write writes a block again and again.
func write(w io.Writer, block []byte, total int) {
	for sent := 0; sent < total; sent += len(block) {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

// formsOf returns what a credential looks like to those who know it.
func formsOf(credential string) []string {
	quoted, _ := json.Marshal(credential) // a string never fails
	return []string{
		credential, url.QueryEscape(credential), url.PathEscape(credential), strings.Trim(string(quoted), `"`),
		base64.StdEncoding.EncodeToString([]byte(credential)), base64.URLEncoding.EncodeToString([]byte(credential)),
	}
}

// credentials returns the credentials of a kind of service in each form.
func credentials(ofSlack bool) []string {
	if ofSlack {
		return formsOf(slackSecret)
	}
	return append(formsOf(jiraSecret), base64.StdEncoding.EncodeToString([]byte(jiraUser+":"+jiraSecret)))
}

// echo answers with the credentials in each form, and with what takes over a terminal.
func echo(w http.ResponseWriter, r *http.Request, status int, ok bool) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	isSlack := strings.Contains(r.URL.Path, "-slack/")
	text := "\x1b[2J\x1b]0;owned\x07\u202e " + r.Header.Get("Authorization") + " " + string(body) + " " +
		strings.Join(credentials(isSlack), " ")
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Seraph-Loginreason", r.Header.Get("Authorization"))
	w.WriteHeader(status)
	answer := map[string]any{
		"ok": ok, "error": text, "warning": text, "errorMessages": []string{text}, "message": text, "key": text, "name": text,
		"displayName": text, "accountId": text, "baseUrl": text, "version": text, "team": text, "team_id": text, "user": text,
		"user_id": text, "url": text, "bot_id": text, "deploymentType": text, "serverTitle": text,
		"response_metadata": map[string]any{"messages": []string{text}},
	}
	if !isSlack {
		answer["errors"] = map[string]string{text: text}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// TestMaliciousServers runs the operator in the memory of its container beside servers that send much, badly, slowly, or what
// they were sent. It survives. No credential, and nothing that takes over a terminal, is in a status, an event, or the log at
// its highest level.
func TestMaliciousServers(t *testing.T) {
	w := newWorld(t)
	var mu sync.Mutex
	called := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		name := strings.Split(r.URL.Path, "/")[1]
		mu.Lock()
		called[name] = true
		mu.Unlock()
		how, _, _ := strings.Cut(name, "-")
		malice[how](out, r)
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	w.create(&corev1.Secret{ObjectMeta: w.meta("token"), StringData: map[string]string{"slack": slackSecret, "jira": jiraSecret}})
	var all []condition.Object
	for how := range malice {
		jira := &v1alpha1.JiraIntegration{ObjectMeta: w.meta(how), Spec: v1alpha1.JiraIntegrationSpec{
			APIURL: v1alpha1.HTTPURL(server.URL + "/" + how + "-jira"), ProjectKey: "EVIL",
			Basic: &v1alpha1.JiraBasicAuth{
				Username: jiraUser, TokenSecretRef: v1alpha1.SecretKeyReference{Name: "token", Key: "jira"},
			},
		}}
		slack := &v1alpha1.SlackIntegration{ObjectMeta: w.meta(how), Spec: v1alpha1.SlackIntegrationSpec{
			APIURL: v1alpha1.HTTPURL(server.URL + "/" + how + "-slack/api"), DefaultChannel: "#x",
			Bot: &v1alpha1.SlackBot{TokenSecretRef: v1alpha1.SecretKeyReference{Name: "token", Key: "slack"}},
		}}
		w.create(jira)
		w.create(slack)
		all = append(all, jira, slack)
	}
	limit, err := stage.NewMemoryLimit(w.namespace, memoryLimit)
	if err != nil {
		t.Fatal(err)
	}
	operator, err := limit.Operator(context.Background(), testbed, w.namespace, "--call-timeout=2s", "--zap-log-level=10")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		operator.Kill()
		if err := limit.Remove(); err != nil {
			t.Error(err)
		}
	})
	w.poll("every server to be called", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(called) == len(all)
	})
	for _, i := range all {
		w.poll(fmt.Sprintf("%T %s to be probed", i, i.(client.Object).GetName()), func() bool {
			o := i.(client.Object)
			if err := cluster.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
				t.Fatal(err)
			}
			c := condition.Get(i, v1alpha1.ConditionReady)
			return c != nil && c.Reason != v1alpha1.ReasonProgressing
		})
		_, isSlack := i.(*v1alpha1.SlackIntegration)
		isAccepted := isSlack && i.(client.Object).GetName() == "accept" // a Slack that calls itself strange names
		if condition.Is(i, v1alpha1.ConditionReady, metav1.ConditionTrue, "") != isAccepted {
			t.Errorf("%T %s has %v", i, i.(client.Object).GetName(), condition.Get(i, v1alpha1.ConditionReady))
		}
	}
	if limit.Exceeded(operator) {
		t.Error("the operator used more memory than its container has")
	}
	t.Logf("peak %.0f MB, RSS %.0f MB", limit.Peak(operator), operator.Usage().RSS)
	w.checkNothingLeaks(all)
}

// checkNothingLeaks looks for credentials and for control characters where people read.
func (w *world) checkNothingLeaks(all []condition.Object) {
	w.t.Helper()
	texts := map[string]string{}
	for _, i := range all {
		o := i.(client.Object)
		o.SetManagedFields(nil)
		raw, err := json.Marshal(o)
		if err != nil {
			w.t.Fatal(err)
		}
		texts[fmt.Sprintf("%T %s", o, o.GetName())] = string(raw)
	}
	events := &corev1.EventList{}
	if err := cluster.List(w.t.Context(), events, client.InNamespace(w.namespace)); err != nil {
		w.t.Fatal(err)
	}
	for _, e := range events.Items {
		texts["event "+e.Name] = e.Message
	}
	logs, err := filepath.Glob(filepath.Join(testbed.Dir, w.namespace+"*.log"))
	if err != nil || len(logs) == 0 {
		w.t.Fatalf("there is no log: %v", err)
	}
	for _, file := range logs {
		log, err := os.ReadFile(file)
		if err != nil {
			w.t.Fatal(err)
		}
		texts["the log"] += string(log)
	}
	control := regexp.MustCompile(`[\x00-\x08\x0b-\x1f\x7f\x{202a}-\x{202e}]|\\u00(0[0-8bcef]|1[0-9a-f]|7f)|\\u202[a-e]`)
	for what, text := range texts {
		for _, form := range append(credentials(true), credentials(false)...) {
			if strings.Contains(text, form) {
				w.t.Errorf("%s shows the credential as %s", what, form)
			}
		}
		if found := control.FindString(text); found != "" {
			w.t.Errorf("%s has the control character %q: ...%s", what, found, around(text, found))
		}
	}
}

// around returns what stands around a part of a text.
func around(text, part string) string {
	at := strings.Index(text, part)
	return text[max(0, at-200):min(len(text), at+200)]
}
