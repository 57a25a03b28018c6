package edge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// Every body is signed and sent, and leads to a hint or is none of our business.
func TestNotesAHintOnTheDefect(t *testing.T) {
	for file, test := range samples {
		t.Run(file, func(t *testing.T) {
			w := newWorld(t)
			if file == "server_issue_updated_by_operator.json" {
				w.change(func(i *v1alpha1.JiraIntegration) { i.Status.AccountID = "voice-ai" })
			}
			rec := w.does(request(shaped(t, file)), http.StatusOK, test.want)
			if rec.Body.Len() > 0 {
				t.Errorf("answered %q", rec.Body)
			}
			if test.want != accepted {
				w.hinted(0)
				return
			}
			want := []string{`*v1alpha1.Defect voice/defect by voiceai-edge as application/merge-patch+json: ` +
				`{"metadata":{"annotations":{"integrations.voiceai.dev/jira-changed-at":"2026-01-01T10:00:00.123456789Z"}}}`}
			if !slices.Equal(w.patches, want) {
				t.Errorf("wrote %q", w.patches)
			}
			d := &v1alpha1.Defect{}
			if err := w.kube.Get(t.Context(), types.NamespacedName{Namespace: "voice", Name: "defect"}, d); err != nil {
				t.Fatal(err)
			}
			if !maps.Equal(d.Annotations, map[string]string{"other": "kept", v1alpha1.JiraChangedAtAnnotation: "2026-01-01T10:00:00.123456789Z"}) {
				t.Errorf("annotations are %v", d.Annotations)
			}
		})
	}
}

func TestIgnoresWhatIsNoneOfItsBusiness(t *testing.T) {
	for name, test := range map[string]struct {
		body    []byte
		account string
	}{
		"its own change on Cloud":            {body: shaped(t, "cloud_issue_updated_by_operator.json")},
		"its own comment on Cloud":           {body: shaped(t, "cloud_comment_created_by_operator.json")},
		"its own change on Data Center":      {body: shaped(t, "server_issue_updated_by_operator.json"), account: "voice-ai"},
		"its own change on an older version": {body: shaped(t, "server_issue_updated_by_operator.json"), account: "JIRAUSER10200"},
		"no issue":                           {body: shaped(t, "cloud_sprint_started.json")},
		"no object":                          {body: []byte(`[]`)},
		"somebody else's issue":              {body: strangers(shaped(t, "cloud_issue_updated.json"))},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if test.account != "" {
				w.change(func(i *v1alpha1.JiraIntegration) { i.Status.AccountID = test.account })
			}
			w.does(request(test.body), http.StatusOK, ignored)
			w.hinted(0)
		})
	}

	t.Run("a Defect deleted meanwhile", func(t *testing.T) {
		w := newWorld(t)
		w.jira.options.Find = func(context.Context, types.NamespacedName, string, string, []string) ([]types.NamespacedName, error) {
			return []types.NamespacedName{{Namespace: "voice", Name: "gone"}}, nil
		}
		w.does(request(shaped(t, "cloud_issue_updated.json")), http.StatusOK, ignored)
	})

	t.Run("not its own comment when somebody edits it", func(t *testing.T) {
		w := newWorld(t)
		w.does(request([]byte(`{"webhookEvent":"comment_updated","issue":{"id":"10042"},`+
			`"comment":{"author":{"accountId":"557058:voice-ai"},"updateAuthor":{"accountId":"5b10a2844c20165700ede21g"}}}`)), http.StatusOK, accepted)
	})

	t.Run("nothing, while its account is not known", func(t *testing.T) {
		w := newWorld(t)
		w.change(func(i *v1alpha1.JiraIntegration) { i.Status.AccountID = "" })
		w.does(request([]byte(`{"user":{"displayName":"x"},"issue":{"id":"10042"}}`)), http.StatusOK, accepted)
		w.hinted(1)
	})
}

// strangers is the body when the issue is another one.
func strangers(body []byte) []byte {
	for _, s := range []string{"10042", "VOICE-42", "defect-"} {
		body = bytes.ReplaceAll(body, []byte(s), []byte(s+"9"))
	}
	return body
}

// A ticket is known by any of its ID, its key and its marker.
func TestKnowsATicketByWhatThereIs(t *testing.T) {
	for name, body := range map[string]string{
		"an ID": `{"issue":{"id":"10042"}}`, "a number": `{"issue":{"id":10042}}`, "a key": `{"issue":{"key":"VOICE-42"}}`,
		"a label": `{"issue":{"fields":{"labels":["defect-d1"]}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.does(request([]byte(body)), http.StatusOK, accepted)
			w.hinted(1)
		})
	}
}

// Whoever has not signed learns nothing: not even whether there is an integration of that name.
func TestRefusesInOneWay(t *testing.T) {
	body := shaped(t, "cloud_issue_updated.json")
	header := func(value string) func(*world, *http.Request) {
		return func(_ *world, r *http.Request) { r.Header.Set("X-Hub-Signature", value) }
	}
	var first *httptest.ResponseRecorder
	for name, spoil := range map[string]func(*world, *http.Request){
		"other secret":      header(sign("other", body)),
		"other body":        header(sign(hookSecret, body[1:])),
		"published vector":  header(vectorMAC),
		"GitHub's":          header(nearMissMAC),
		"missing signature": func(_ *world, r *http.Request) { r.Header.Del("X-Hub-Signature") },
		"other header": func(_ *world, r *http.Request) {
			r.Header.Set("X-Hub-Signature-256", r.Header.Get("X-Hub-Signature"))
			r.Header.Del("X-Hub-Signature")
		},
		"other method": func(_ *world, r *http.Request) {
			r.Header.Set("X-Hub-Signature", strings.Replace(r.Header.Get("X-Hub-Signature"), "sha256", "sha1", 1))
		},
		"empty secret":        header(sign("", body)),
		"unknown integration": func(_ *world, r *http.Request) { r.URL.Path = "/api/v1/webhooks/jira/voice/other" },
		"unknown namespace":   func(_ *world, r *http.Request) { r.URL.Path = "/api/v1/webhooks/jira/other/jira" },
		"a name that is none": func(_ *world, r *http.Request) {
			r.URL.Path = "/api/v1/webhooks/jira/voice/" + strings.Repeat("x", 4000)
		},
		"suspended": func(w *world, _ *http.Request) { w.change(func(i *v1alpha1.JiraIntegration) { i.Spec.Suspend = true }) },
		"no webhookSecretRef": func(w *world, _ *http.Request) {
			w.change(func(i *v1alpha1.JiraIntegration) { i.Spec.WebhookSecretRef = nil })
		},
		"Secret missing": func(w *world, _ *http.Request) {
			w.change(func(i *v1alpha1.JiraIntegration) { i.Spec.WebhookSecretRef.Name = "x" })
		},
		"key missing, empty": func(w *world, r *http.Request) { w.rotate(""); r.Header.Set("X-Hub-Signature", sign("", body)) },
		"a secret of two lines": func(w *world, r *http.Request) {
			w.change(func(i *v1alpha1.JiraIntegration) { i.Spec.WebhookSecretRef.Key = "lines" })
			r.Header.Set("X-Hub-Signature", sign("a\nb", body))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			r := request(body)
			spoil(w, r)
			rec := w.does(r, http.StatusUnauthorized, refused)
			if first == nil {
				first = rec
			}
			if rec.Body.String() != first.Body.String() || !maps.EqualFunc(rec.Header(), first.Header(), slices.Equal) {
				t.Errorf("answered %v %q, and elsewhere %v %q", rec.Header(), rec.Body, first.Header(), first.Body)
			}
			if n := strings.Count(w.log.text(), "\n"); n != 1 || !strings.Contains(w.log.text(), `"level":"debug"`) || !strings.Contains(w.log.text(), `"Reason":`) {
				t.Errorf("logged %s", w.log.text())
			}
			if w.hinted(0); len(w.found) > 0 {
				t.Errorf("looked for %q", w.found)
			}
		})
	}
}

// A replay is answered as the first was, and does nothing. What failed is taken in when it comes again.
func TestTakesInOnce(t *testing.T) {
	body := shaped(t, "cloud_issue_updated.json")
	with := func(identifier string, body []byte) *http.Request {
		r := request(body)
		r.Header.Set("X-Atlassian-Webhook-Identifier", identifier)
		return r
	}
	w := newWorld(t)
	w.fail["patch"] = errors.New("etcd has no leader")
	w.does(with("a", body), http.StatusServiceUnavailable, failed)
	w.does(with("a", body), http.StatusServiceUnavailable, failed)
	delete(w.fail, "patch")
	w.does(with("a", body), http.StatusOK, accepted)
	w.hinted(1)
	w.does(with("a", body), http.StatusOK, repeated)
	w.hinted(1)
	w.does(with("b", body), http.StatusOK, accepted)
	w.hinted(2)

	// The identifier is not signed: who has seen one cannot have another body taken for it.
	w.does(with("a", shaped(t, "server_issue_updated.json")), http.StatusOK, accepted)
	w.hinted(3)

	// Without an identifier, the body alone tells that it is the same.
	w.does(with("", body), http.StatusOK, accepted)
	for _, none := range []string{"", strings.Repeat("x", maxIdentifier+1)} {
		w.does(with(none, body), http.StatusOK, repeated)
	}
	w.does(with("", shaped(t, "server_issue_updated.json")), http.StatusOK, accepted)
	w.hinted(5)

	// The same identifier at another integration is another webhook.
	w.change(func(i *v1alpha1.JiraIntegration) { i.UID = "made anew" })
	w.does(with("a", body), http.StatusOK, accepted)

	for i := range 2 * maxSeen {
		w.jira.seen.Add(delivery{identifier: fmt.Sprint(i)}, struct{}{})
	}
	if n := w.jira.seen.Len(); n != maxSeen {
		t.Errorf("%d webhooks are remembered", n)
	}
}

func TestHasTroublesTriedAgain(t *testing.T) {
	body := shaped(t, "cloud_issue_updated.json")
	for _, call := range []string{"integration", "metadata", "live", "find", "patch"} {
		t.Run(call, func(t *testing.T) {
			w := newWorld(t)
			w.fail[call] = errors.New("etcd has no leader")
			w.does(request(body), http.StatusServiceUnavailable, failed)
			delete(w.fail, call)
			w.clock.Step(readPause)
			w.does(request(body), http.StatusOK, accepted)
			w.hinted(1)
		})
	}
}

func TestAFloodDoesNotReachTheAPIServer(t *testing.T) {
	body := shaped(t, "cloud_issue_updated.json")
	wrong := func() *http.Request {
		r := request(body)
		r.Header.Set("X-Hub-Signature", sign("wrong", body))
		return r
	}
	w := newWorld(t)
	reads := func(n int) {
		t.Helper()
		if w.live != n {
			t.Errorf("the Secret was read %d times, want %d", w.live, n)
		}
	}
	for range 100 {
		w.does(wrong(), http.StatusUnauthorized, refused)
	}
	w.does(request(body), http.StatusOK, accepted)
	reads(1)

	w.rotate("another-secret")
	w.does(request(body), http.StatusUnauthorized, refused)
	reads(2)
	w.rotate("")
	for range 10 { // that there is no value is remembered too
		w.does(wrong(), http.StatusUnauthorized, refused)
	}
	reads(3)
	w.rotate(hookSecret)
	w.does(request(body), http.StatusOK, repeated)
	reads(4)
	w.change(func(*v1alpha1.JiraIntegration) {})
	w.does(request(body), http.StatusOK, repeated)
	reads(5)

	w.change(func(i *v1alpha1.JiraIntegration) { i.Spec.Suspend = true })
	w.does(request(body), http.StatusUnauthorized, refused)
	if n := w.jira.secrets.entries.Len(); n != 0 {
		t.Errorf("%d values are remembered of an integration that takes no webhooks", n)
	}
	w.change(func(i *v1alpha1.JiraIntegration) { i.Spec.Suspend = false })

	w.fail["live"] = errors.New("etcd has no leader")
	for range 10 {
		w.does(wrong(), http.StatusServiceUnavailable, failed)
	}
	reads(6)
	w.clock.Step(readPause)
	w.does(wrong(), http.StatusServiceUnavailable, failed)
	reads(7)
}

// silent is a body that must not be read.
type silent struct{ t *testing.T }

func (s silent) Read([]byte) (int, error) { s.t.Error("the body was read"); return 0, io.EOF }

func TestBodies(t *testing.T) {
	padded := func(n int) []byte {
		return append([]byte(`{"issue":{"id":"10042"}}`), bytes.Repeat([]byte(" "), n-len(`{"issue":{"id":"10042"}}`))...)
	}
	t.Run("as long as can be", func(t *testing.T) {
		w := newWorld(t)
		w.does(request(padded(maxBody)), http.StatusOK, accepted)
	})
	t.Run("longer by its own account", func(t *testing.T) {
		w := newWorld(t)
		r := request(padded(2 * maxBody))
		r.Body = io.NopCloser(silent{t})
		w.does(r, http.StatusRequestEntityTooLarge, refused)
	})
	t.Run("longer by a byte, without saying so", func(t *testing.T) {
		w := newWorld(t)
		r := request(padded(maxBody + 1))
		r.ContentLength = -1
		w.does(r, http.StatusRequestEntityTooLarge, refused)
	})
	t.Run("without a signature", func(t *testing.T) {
		w := newWorld(t)
		r := request(nil)
		r.Header.Del("X-Hub-Signature")
		r.Body = io.NopCloser(silent{t})
		w.does(r, http.StatusUnauthorized, refused)
	})
	t.Run("cut off", func(t *testing.T) {
		w := newWorld(t)
		r := request([]byte(`{}`))
		r.Body = io.NopCloser(io.MultiReader(strings.NewReader("{"), failing{}))
		w.does(r, http.StatusBadRequest, refused)
	})
	for _, body := range []string{"", "{", "issue=10042", `{"issue":{"id":"10042"}`} {
		t.Run(fmt.Sprintf("not JSON: %q", body), func(t *testing.T) {
			w := newWorld(t)
			w.does(request([]byte(body)), http.StatusBadRequest, refused)
			w.hinted(0)
		})
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// Whatever happens, neither who asks nor who reads the log learns the secret, or a signature made with it.
func TestSaysNoSecret(t *testing.T) {
	w := newWorld(t)
	body := shaped(t, "cloud_issue_updated.json")
	signature := strings.TrimPrefix(sign(hookSecret, body), "sha256=")
	var answers strings.Builder
	send := func(r *http.Request, status int, want result) {
		t.Helper()
		if err := w.does(r, status, want).Result().Write(&answers); err != nil {
			t.Fatal(err)
		}
	}
	send(request(body), http.StatusOK, accepted)
	send(request(body), http.StatusOK, repeated)
	send(request([]byte("{")), http.StatusBadRequest, refused)
	for _, header := range []string{"", hookSecret, "sha1=" + signature, sign("wrong", body)} {
		r := request(body)
		r.Header.Set("X-Hub-Signature", header)
		send(r, http.StatusUnauthorized, refused)
	}
	for _, call := range []string{"integration", "metadata", "patch", "find"} {
		w.fail = map[string]error{call: errors.New("etcd has no leader")}
		r := request(body)
		r.Header.Set("X-Atlassian-Webhook-Identifier", call)
		send(r, http.StatusServiceUnavailable, failed)
	}
	w.fail = nil
	w.rotate(hookSecret + "\nand another line")
	send(request(body), http.StatusUnauthorized, refused)

	said := answers.String() + w.log.text()
	for _, want := range []string{"Hint noted", "Webhook refused", "Webhook not taken in", "503 Service Unavailable"} {
		if !strings.Contains(said, want) {
			t.Errorf("nobody said %q: %s", want, said)
		}
	}
	for _, secret := range []string{hookSecret, signature, w.jira.decoy} {
		if strings.Contains(said, secret) {
			t.Errorf("somebody said %q: %s", secret, said)
		}
	}
}
