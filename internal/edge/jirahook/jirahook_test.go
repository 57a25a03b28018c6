// SPDX-License-Identifier: Apache-2.0

package jirahook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/edge"
)

// A repetition is answered like the first delivery and does nothing. A delivery that failed is handled when it is
// repeated.
func TestHandlesADeliveryOnce(t *testing.T) {
	body := readSample(t, "cloud_issue_updated.json")
	with := func(identifier string, body []byte) *http.Request {
		r := newRequest(body)
		r.Header.Set("X-Atlassian-Webhook-Identifier", identifier)
		return r
	}
	f := newFixture(t)
	f.fail["patch"] = errors.New("etcd has no leader")
	f.send(with("a", body), http.StatusServiceUnavailable, failed)
	f.send(with("a", body), http.StatusServiceUnavailable, failed)
	delete(f.fail, "patch")
	f.send(with("a", body), http.StatusOK, accepted)
	f.wantHints(1)
	f.send(with("a", body), http.StatusOK, repeated)
	f.wantHints(1)
	f.send(with("b", body), http.StatusOK, accepted)
	f.wantHints(2)

	// The identifier is not signed: a client that knows one cannot replace its delivery.
	f.send(with("a", readSample(t, "server_issue_updated.json")), http.StatusOK, accepted)
	f.wantHints(3)

	// Without an identifier, the body alone identifies a delivery.
	f.send(with("", body), http.StatusOK, accepted)
	for _, unusable := range []string{"", strings.Repeat("x", maxIdentifier+1)} {
		f.send(with(unusable, body), http.StatusOK, repeated)
	}
	f.send(with("", readSample(t, "server_issue_updated.json")), http.StatusOK, accepted)
	f.wantHints(5)

	// The same identifier at another integration is another delivery.
	f.update(func(i *v1alpha1.JiraIntegration) { i.UID = "recreated" })
	f.send(with("a", body), http.StatusOK, accepted)
}

func TestAsksForARetryOfFailures(t *testing.T) {
	body := readSample(t, "cloud_issue_updated.json")
	for _, call := range []string{"integration", "metadata", "live", "find", "patch"} {
		t.Run(call, func(t *testing.T) {
			f := newFixture(t)
			f.fail[call] = errors.New("etcd has no leader")
			f.send(newRequest(body), http.StatusServiceUnavailable, failed)
			delete(f.fail, call)
			f.clock.Step(time.Second)
			f.send(newRequest(body), http.StatusOK, accepted)
			f.wantHints(1)
		})
	}
}

// unreadBody is a body that must not be read.
type unreadBody struct{ t *testing.T }

func (b unreadBody) Read([]byte) (int, error) {
	b.t.Error("the body was read")
	return 0, io.EOF
}

// brokenBody is the rest of a body whose connection is lost.
type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestBodies(t *testing.T) {
	padded := func(n int) []byte {
		return append([]byte(`{"issue":{"id":"10042"}}`), bytes.Repeat([]byte(" "), n-len(`{"issue":{"id":"10042"}}`))...)
	}
	t.Run("of the maximum length", func(t *testing.T) {
		f := newFixture(t)
		f.send(newRequest(padded(maxBody)), http.StatusOK, accepted)
	})
	t.Run("too long by Content-Length", func(t *testing.T) {
		f := newFixture(t)
		r := newRequest(padded(2 * maxBody))
		r.Body = io.NopCloser(unreadBody{t})
		f.send(r, http.StatusRequestEntityTooLarge, refused)
	})
	t.Run("too long by a byte, without Content-Length", func(t *testing.T) {
		f := newFixture(t)
		r := newRequest(padded(maxBody + 1))
		r.ContentLength = -1
		f.send(r, http.StatusRequestEntityTooLarge, refused)
	})
	t.Run("without a signature", func(t *testing.T) {
		f := newFixture(t)
		r := newRequest(nil)
		r.Header.Del("X-Hub-Signature")
		r.Body = io.NopCloser(unreadBody{t})
		f.send(r, http.StatusUnauthorized, refused)
	})
	t.Run("cut off", func(t *testing.T) {
		f := newFixture(t)
		r := newRequest([]byte(`{}`))
		r.Body = io.NopCloser(io.MultiReader(strings.NewReader("{"), brokenBody{}))
		f.send(r, http.StatusBadRequest, refused)
	})
	for _, body := range []string{"", "{", "issue=10042", `{"issue":{"id":"10042"}`} {
		t.Run(fmt.Sprintf("not JSON: %q", body), func(t *testing.T) {
			f := newFixture(t)
			f.send(newRequest([]byte(body)), http.StatusBadRequest, refused)
			f.wantHints(0)
		})
	}
}

// Neither an answer nor the log contains the secret or a signature made with it.
func TestRevealsNoSecret(t *testing.T) {
	f := newFixture(t)
	body := readSample(t, "cloud_issue_updated.json")
	signature := strings.TrimPrefix(sign(hookSecret, body), "sha256=")
	var answers strings.Builder
	send := func(r *http.Request, status int, want edge.Result) {
		t.Helper()
		if err := f.send(r, status, want).Result().Write(&answers); err != nil {
			t.Fatal(err)
		}
	}
	send(newRequest(body), http.StatusOK, accepted)
	send(newRequest(body), http.StatusOK, repeated)
	send(newRequest([]byte("{")), http.StatusBadRequest, refused)
	for _, header := range []string{"", hookSecret, "sha1=" + signature, sign("wrong", body)} {
		r := newRequest(body)
		r.Header.Set("X-Hub-Signature", header)
		send(r, http.StatusUnauthorized, refused)
	}
	for _, call := range []string{"integration", "metadata", "patch", "find"} {
		f.fail = map[string]error{call: errors.New("etcd has no leader")}
		r := newRequest(body)
		r.Header.Set("X-Atlassian-Webhook-Identifier", call)
		send(r, http.StatusServiceUnavailable, failed)
	}
	f.fail = nil
	f.rotate(hookSecret + "\nand another line")
	send(newRequest(body), http.StatusUnauthorized, refused)

	output := answers.String() + f.log.text()
	for _, want := range []string{
		"Hint recorded", "Webhook refused", "Webhook could not be handled", "issue VOICE-42", "503 Service Unavailable",
	} {
		if !strings.Contains(output, want) {
			t.Errorf("%q is missing: %s", want, output)
		}
	}
	for _, secret := range []string{hookSecret, signature, f.route.Verifier.(*verifier).decoy} {
		if strings.Contains(output, secret) {
			t.Errorf("%q was revealed: %s", secret, output)
		}
	}
}

// serve runs a listener for the fixture's route until the test ends or calls stop.
func (f *fixture) serve() (address string, stop func() error) {
	f.t.Helper()
	l := edge.New("127.0.0.1:0", f.route)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Start(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	f.t.Cleanup(func() { _ = stop() })
	select {
	case <-l.Ready():
	case err := <-ended:
		ended <- err
		f.t.Fatal(err)
	}
	return l.Addr().String(), stop
}

func TestServesJira(t *testing.T) {
	f := newFixture(t)
	address, stop := f.serve()
	post := func(signed []byte, body io.Reader) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+hookPath, body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Hub-Signature", sign(hookSecret, signed))
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		answer, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(answer)
	}
	body := readSample(t, "cloud_issue_updated.json")
	if status, answer := post(body, bytes.NewReader(body)); status != http.StatusOK || answer != "" {
		t.Errorf("answered %d %q", status, answer)
	}
	next := readSample(t, "cloud_comment_created.json")
	if status, _ := post(next, io.MultiReader(bytes.NewReader(next))); status != http.StatusOK { // in chunks, without a length
		t.Errorf("a body in chunks was answered with %d", status)
	}
	f.wantHints(2)
	if status, _ := post(body, bytes.NewReader(body[1:])); status != http.StatusUnauthorized {
		t.Errorf("a body with the signature of another was answered with %d", status)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if c, err := net.Dial("tcp", address); err == nil {
		_ = c.Close()
		t.Error("it still listens after it was stopped")
	}
}

// A body that is too long is answered before it was sent in full, with or without a Content-Length.
func TestAnswersALongBodyEarly(t *testing.T) {
	f := newFixture(t)
	address, _ := f.serve()
	for name, framing := range map[string]string{
		"with a length": "Content-Length: 2097152\r\n\r\n",
		"in chunks":     "Transfer-Encoding: chunked\r\n\r\n200000\r\n" + strings.Repeat(" ", maxBody+1),
	} {
		t.Run(name, func(t *testing.T) {
			c, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			head := "POST " + hookPath + " HTTP/1.1\r\nHost: edge\r\nX-Hub-Signature: " + vectorMAC + "\r\n"
			if _, err := io.WriteString(c, head+framing); err != nil {
				t.Fatal(err)
			}
			answer := make([]byte, len("HTTP/1.1 413"))
			if _, err := io.ReadFull(c, answer); err != nil || string(answer) != "HTTP/1.1 413" {
				t.Errorf("answered %q, %v", answer, err)
			}
		})
	}
}

func TestServesNothingElse(t *testing.T) {
	handler := newFixture(t).handler
	for _, test := range []struct {
		method, target string
		status         int
	}{
		{http.MethodGet, "/", http.StatusNotFound},
		{http.MethodGet, "/metrics", http.StatusNotFound},
		{http.MethodGet, "/debug/pprof/", http.StatusNotFound},
		{http.MethodPost, "/api/v1/webhooks/jira/voice", http.StatusNotFound},
		{http.MethodPost, "/api/v1/webhooks/jira/voice/jira/", http.StatusNotFound},
		{http.MethodPost, "/api/v1/webhooks/jira/voice/jira/x", http.StatusNotFound},
		{http.MethodPost, "/api/v1/webhooks/jira//jira", http.StatusNotFound},
		{http.MethodPost, "/api/v1/webhooks/slack/../jira/voice/jira", http.StatusNotFound},
		{http.MethodPost, "//example.com/..", http.StatusNotFound},
		{http.MethodGet, hookPath, http.StatusMethodNotAllowed},
		{http.MethodHead, hookPath, http.StatusMethodNotAllowed},
		{http.MethodPut, hookPath, http.StatusMethodNotAllowed},
		{http.MethodOptions, hookPath, http.StatusMethodNotAllowed},
		{http.MethodPost, hookPath, http.StatusUnauthorized},
		{http.MethodPost, "/api/v1/webhooks/jira/voice%2Fjira/..%2fjira", http.StatusNotFound},
		{http.MethodPost, "/api/v1/webhooks/jira/voice%2Fjira/jira", http.StatusUnauthorized},
	} {
		t.Run(test.method+" "+test.target, func(t *testing.T) {
			rec := httptest.NewRecorder()
			handler.ServeHTTP(rec, httptest.NewRequest(test.method, "http://edge"+test.target, nil))
			if rec.Code != test.status || rec.Body.Len() > 30 || rec.Header().Get("Location") != "" {
				t.Errorf("answered %d %v %q, want %d", rec.Code, rec.Header(), rec.Body, test.status)
			}
		})
	}
}
