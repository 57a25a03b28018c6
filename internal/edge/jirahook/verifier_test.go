// SPDX-License-Identifier: Apache-2.0

package jirahook

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/edge"
)

// Atlassian's published vector (https://developer.atlassian.com/cloud/jira/platform/webhooks/#secure-admin-webhooks),
// and GitHub's, whose body has one more comma.
const (
	vectorSecret = "It's a Secret to Everybody"
	vectorBody   = "Hello World!"
	vectorMAC    = "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"
	nearMissMAC  = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
)

// A client without a valid signature learns nothing, not even whether an integration exists.
func TestRefusesEveryUnsignedRequestAlike(t *testing.T) {
	body := readSample(t, "cloud_issue_updated.json")
	header := func(value string) func(*fixture, *http.Request) {
		return func(_ *fixture, r *http.Request) { r.Header.Set("X-Hub-Signature", value) }
	}
	path := func(path string) func(*fixture, *http.Request) {
		return func(_ *fixture, r *http.Request) { r.URL.Path = path }
	}
	integration := func(change func(*v1alpha1.JiraIntegration)) func(*fixture, *http.Request) {
		return func(f *fixture, _ *http.Request) { f.update(change) }
	}
	var first *httptest.ResponseRecorder
	for name, spoil := range map[string]func(*fixture, *http.Request){
		"other secret":      header(sign("other", body)),
		"other body":        header(sign(hookSecret, body[1:])),
		"published vector":  header(vectorMAC),
		"GitHub's":          header(nearMissMAC),
		"missing signature": func(_ *fixture, r *http.Request) { r.Header.Del("X-Hub-Signature") },
		"other header": func(_ *fixture, r *http.Request) {
			r.Header.Set("X-Hub-Signature-256", r.Header.Get("X-Hub-Signature"))
			r.Header.Del("X-Hub-Signature")
		},
		"other algorithm":     header(strings.Replace(sign(hookSecret, body), "sha256", "sha1", 1)),
		"empty secret":        header(sign("", body)),
		"unknown integration": path("/api/v1/webhooks/jira/voice/other"),
		"unknown namespace":   path("/api/v1/webhooks/jira/other/jira"),
		"impossible name":     path("/api/v1/webhooks/jira/voice/" + strings.Repeat("x", 4000)),
		"suspended":           integration(func(i *v1alpha1.JiraIntegration) { i.Spec.Suspend = true }),
		"no webhookSecretRef": integration(func(i *v1alpha1.JiraIntegration) { i.Spec.WebhookSecretRef = nil }),
		"missing Secret":      integration(func(i *v1alpha1.JiraIntegration) { i.Spec.WebhookSecretRef.Name = "x" }),
		"missing key in Secret": func(f *fixture, r *http.Request) {
			f.rotate("")
			r.Header.Set("X-Hub-Signature", sign("", body))
		},
		"secret of two lines": func(f *fixture, r *http.Request) {
			f.update(func(i *v1alpha1.JiraIntegration) { i.Spec.WebhookSecretRef.Key = "lines" })
			r.Header.Set("X-Hub-Signature", sign("a\nb", body))
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			r := newRequest(body)
			spoil(f, r)
			rec := f.send(r, http.StatusUnauthorized, refused)
			if first == nil {
				first = rec
			}
			if rec.Body.String() != first.Body.String() || !maps.EqualFunc(rec.Header(), first.Header(), slices.Equal) {
				t.Errorf("answered %v %q, and another request %v %q", rec.Header(), rec.Body, first.Header(), first.Body)
			}
			log := f.log.text()
			if strings.Count(log, "\n") != 1 || !strings.Contains(log, `"level":"debug"`) || !strings.Contains(log, `"Reason":`) {
				t.Errorf("logged %s", log)
			}
			if f.wantHints(0); len(f.searches) > 0 {
				t.Errorf("searched for %q", f.searches)
			}
		})
	}
}

// A webhook with a valid signature is refused only because its body is not JSON.
func TestAcceptsPublishedVectors(t *testing.T) {
	signed := func(secret string) string { return sign(secret, []byte(vectorBody)) }
	for name, test := range map[string]struct {
		secret, body, header string
		want                 int
	}{
		"published":                       {vectorSecret, vectorBody, vectorMAC, http.StatusBadRequest},
		"line break after the secret":     {vectorSecret + "\n", vectorBody, vectorMAC, http.StatusBadRequest},
		"line break of Windows":           {vectorSecret + "\r\n", vectorBody, vectorMAC, http.StatusBadRequest},
		"spaces at the ends":              {" a b ", vectorBody, signed(" a b "), http.StatusBadRequest},
		"signed without the spaces":       {" a b ", vectorBody, signed("a b"), http.StatusUnauthorized},
		"letters outside ASCII":           {"gehört – нам", vectorBody, signed("gehört – нам"), http.StatusBadRequest},
		"only spaces":                     {"  ", vectorBody, signed("  "), http.StatusUnauthorized},
		"GitHub's near miss":              {vectorSecret, vectorBody, nearMissMAC, http.StatusUnauthorized},
		"GitHub's body":                   {vectorSecret, "Hello, World!", vectorMAC, http.StatusUnauthorized},
		"GitHub's body with its own HMAC": {vectorSecret, "Hello, World!", nearMissMAC, http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.rotate(test.secret)
			r := newRequest([]byte(test.body))
			r.Header.Set("X-Hub-Signature", test.header)
			f.send(r, test.want, refused)
			f.wantHints(0)
		})
	}
}

func TestAFloodDoesNotReachTheAPIServer(t *testing.T) {
	body := readSample(t, "cloud_issue_updated.json")
	wrong := func() *http.Request {
		r := newRequest(body)
		r.Header.Set("X-Hub-Signature", sign("wrong", body))
		return r
	}
	f := newFixture(t)
	wantReads := func(n int) {
		t.Helper()
		if f.liveReads != n {
			t.Errorf("the Secret was read %d times, want %d", f.liveReads, n)
		}
	}
	for range 100 {
		f.send(wrong(), http.StatusUnauthorized, refused)
	}
	f.send(newRequest(body), http.StatusOK, accepted)
	wantReads(1)

	f.rotate("another-secret")
	f.send(newRequest(body), http.StatusUnauthorized, refused)
	wantReads(2)
	f.rotate("")
	for range 10 { // a missing value is kept too
		f.send(wrong(), http.StatusUnauthorized, refused)
	}
	wantReads(3)
	f.rotate(hookSecret)
	f.send(newRequest(body), http.StatusOK, repeated)
	wantReads(4)
	f.update(func(*v1alpha1.JiraIntegration) {})
	f.send(newRequest(body), http.StatusOK, repeated)
	wantReads(5)

	f.fail["live"] = errors.New("etcd has no leader")
	f.rotate("unreadable")
	for range 10 {
		f.send(wrong(), http.StatusServiceUnavailable, failed)
	}
	wantReads(6)
	f.clock.Step(time.Second)
	f.send(wrong(), http.StatusServiceUnavailable, failed)
	wantReads(7)
}

// An integration that does not exist, or accepts no webhooks, costs as much as one with another secret: one HMAC of the
// whole body, and no read of a Secret. Neither the time of an answer nor the load reveals which ones exist.
func TestUnknownIntegrationsCostTheSame(t *testing.T) {
	body := readSample(t, "cloud_issue_updated.json")
	for name, test := range map[string]struct {
		path   string
		change func(*v1alpha1.JiraIntegration)
	}{
		"wrong signature":     {path: hookPath},
		"unknown integration": {path: "/api/v1/webhooks/jira/voice/other"},
		"unknown namespace":   {path: "/api/v1/webhooks/jira/other/jira"},
		"impossible name":     {path: "/api/v1/webhooks/jira/voice/" + strings.Repeat("x", 4000)},
		"suspended":           {hookPath, func(i *v1alpha1.JiraIntegration) { i.Spec.Suspend = true }},
		"no webhookSecretRef": {hookPath, func(i *v1alpha1.JiraIntegration) { i.Spec.WebhookSecretRef = nil }},
		"missing Secret":      {hookPath, func(i *v1alpha1.JiraIntegration) { i.Spec.WebhookSecretRef.Name = "x" }},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.send(newRequest(body), http.StatusOK, accepted) // which reads the Secret
			if test.change != nil {
				f.update(test.change)
			}
			f.liveReads = 0
			var signed []int
			v := f.route.Verifier.(*verifier)
			v.isSigned = func(secret string, mac []byte, content ...[]byte) bool {
				signed = append(signed, len(content[0]))
				return edge.IsSigned(secret, mac, content...)
			}
			r := newRequest(body)
			r.URL.Path = test.path
			r.Header.Set("X-Hub-Signature", sign("wrong", body))
			f.send(r, http.StatusUnauthorized, refused)
			if !slices.Equal(signed, []int{len(body)}) || f.liveReads != 0 {
				t.Errorf("HMACs of %v bytes and %d reads of the Secret, want one of %d and none", signed, f.liveReads, len(body))
			}
		})
	}
}

func TestForgetsTheSecretOfASuspendedIntegration(t *testing.T) {
	body := readSample(t, "cloud_issue_updated.json")
	f := newFixture(t)
	f.send(newRequest(body), http.StatusOK, accepted)
	f.updateSilently(func(i *v1alpha1.JiraIntegration) { i.Spec.Suspend = true })
	f.send(newRequest(body), http.StatusUnauthorized, refused)
	f.updateSilently(func(i *v1alpha1.JiraIntegration) { i.Spec.Suspend = false })
	f.send(newRequest(body), http.StatusOK, repeated)
	if f.liveReads != 2 {
		t.Errorf("the Secret was read %d times, want a second time after the suspension", f.liveReads)
	}
}
