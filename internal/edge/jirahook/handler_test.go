// SPDX-License-Identifier: Apache-2.0

package jirahook

import (
	"bytes"
	"maps"
	"net/http"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// Each sample, once signed and sent, either leads to a hint or is ignored.
func TestRecordsAHintOnTheDefect(t *testing.T) {
	for file, test := range samples {
		t.Run(file, func(t *testing.T) {
			f := newFixture(t)
			if file == "server_issue_updated_by_operator.json" {
				f.update(func(i *v1alpha1.JiraIntegration) { i.Status.AccountID = "voice-ai" })
			}
			rec := f.send(newRequest(readSample(t, file)), http.StatusOK, test.want)
			if rec.Body.Len() > 0 {
				t.Errorf("answered %q", rec.Body)
			}
			if test.want != accepted {
				f.wantHints(0)
				return
			}
			want := []string{`*v1alpha1.Defect voice/defect by voiceai-edge as application/merge-patch+json: ` +
				`{"metadata":{"annotations":{"integrations.voiceai.dev/jira-changed-at":"2026-01-01T10:00:00.123456789Z"}}}`}
			if !slices.Equal(f.patches, want) {
				t.Errorf("wrote %q", f.patches)
			}
			d := &v1alpha1.Defect{}
			if err := f.kube.Get(t.Context(), types.NamespacedName{Namespace: "voice", Name: "defect"}, d); err != nil {
				t.Fatal(err)
			}
			annotations := map[string]string{"other": "kept", v1alpha1.JiraChangedAtAnnotation: "2026-01-01T10:00:00.123456789Z"}
			if !maps.Equal(d.Annotations, annotations) {
				t.Errorf("annotations are %v", d.Annotations)
			}
		})
	}
}

func TestIgnoresOtherEvents(t *testing.T) {
	for name, test := range map[string]struct {
		body    []byte
		account string
	}{
		"own issue":            {body: []byte(`{"webhookEvent":"jira:issue_created","user":{"accountId":"557058:voice-ai"},"issue":{"id":"10042"}}`)},
		"own comment on Cloud": {body: readSample(t, "cloud_comment_created_by_operator.json")},
		"own comment on Data Center": {account: "voice-ai", body: []byte(`{"webhookEvent":"comment_created","issue":{"id":"10042"},` +
			`"comment":{"author":{"name":"voice-ai"}}}`)},
		"no issue":               {body: readSample(t, "cloud_sprint_started.json")},
		"not an object":          {body: []byte(`[]`)},
		"issue without a Defect": {body: withOtherIssue(readSample(t, "cloud_issue_updated.json"))},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			if test.account != "" {
				f.update(func(i *v1alpha1.JiraIntegration) { i.Status.AccountID = test.account })
			}
			f.send(newRequest(test.body), http.StatusOK, ignored)
			f.wantHints(0)
		})
	}

	t.Run("Defect deleted in the meantime", func(t *testing.T) {
		f := newFixture(t)
		if err := f.kube.DeleteAllOf(t.Context(), &v1alpha1.Defect{}, client.InNamespace("voice")); err != nil {
			t.Fatal(err)
		}
		f.found = []types.NamespacedName{{Namespace: "voice", Name: "defect"}} // as a cache that is behind returns
		f.send(newRequest(readSample(t, "cloud_issue_updated.json")), http.StatusOK, ignored)
	})
}

// TestAcceptsChangesByTheOperatorsAccount checks that a change is read that the operator's account made: its token may be
// that of a person, who works with Jira too.
func TestAcceptsChangesByTheOperatorsAccount(t *testing.T) {
	for sample, account := range map[string]string{
		"cloud_issue_updated_by_operator.json": "557058:voice-ai", "server_issue_updated_by_operator.json": "voice-ai",
	} {
		f := newFixture(t)
		f.update(func(i *v1alpha1.JiraIntegration) { i.Status.AccountID = account })
		f.send(newRequest(readSample(t, sample)), http.StatusOK, accepted)
		f.wantHints(1)
	}
}

func TestAcceptsAUsersEditOfTheOperatorsComment(t *testing.T) {
	f := newFixture(t)
	body := []byte(`{"webhookEvent":"comment_updated","issue":{"id":"10042"},"comment":` +
		`{"author":{"accountId":"557058:voice-ai"},"updateAuthor":{"accountId":"5b10a2844c20165700ede21g"}}}`)
	f.send(newRequest(body), http.StatusOK, accepted)
}

func TestAcceptsEveryUserWhileItsAccountIsUnknown(t *testing.T) {
	f := newFixture(t)
	f.update(func(i *v1alpha1.JiraIntegration) { i.Status.AccountID = "" })
	f.send(newRequest([]byte(`{"user":{"displayName":"x"},"issue":{"id":"10042"}}`)), http.StatusOK, accepted)
	f.wantHints(1)
}

// withOtherIssue returns a body with another issue in it.
func withOtherIssue(body []byte) []byte {
	for _, s := range []string{"10042", "VOICE-42", "defect-"} {
		body = bytes.ReplaceAll(body, []byte(s), []byte(s+"9"))
	}
	return body
}

func TestFindsTheDefectByAnyIdentifier(t *testing.T) {
	for name, body := range map[string]string{
		"ID":     `{"issue":{"id":"10042"}}`,
		"number": `{"issue":{"id":10042}}`,
		"key":    `{"issue":{"key":"VOICE-42"}}`,
		"label":  `{"issue":{"fields":{"labels":["defect-d1"]}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.send(newRequest([]byte(body)), http.StatusOK, accepted)
			f.wantHints(1)
		})
	}
}
