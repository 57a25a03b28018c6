package edge

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/voiceai-dev/integrations-operator/internal/listener"
)

var _ interface {
	manager.Runnable
	manager.LeaderElectionRunnable
} = &listener.Listener{}

// start runs a server until the test is over, or it is stopped, and returns where it is.
func start(t *testing.T, s *listener.Listener) (address string, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Start(ctx) }()
	stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { _ = stop() })
	select {
	case <-s.Ready():
	case err := <-ended:
		ended <- err
		t.Fatal(err)
	}
	return s.Addr().String(), stop
}

func post(t *testing.T, c *http.Client, r *http.Request) (int, string) {
	t.Helper()
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(raw)
}

func TestServesJira(t *testing.T) {
	w := newWorld(t)
	address, stop := start(t, New("127.0.0.1:0", w.jira.Route()))
	send := func(body []byte, read io.Reader) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+hookPath, read)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Hub-Signature", sign(hookSecret, body))
		return post(t, http.DefaultClient, r)
	}
	body := shaped(t, "cloud_issue_updated.json")
	if status, answer := send(body, bytes.NewReader(body)); status != http.StatusOK || answer != "" {
		t.Errorf("answered %d %q", status, answer)
	}
	next := shaped(t, "cloud_comment_created.json")
	if status, _ := send(next, io.MultiReader(bytes.NewReader(next))); status != http.StatusOK { // in chunks, without a length
		t.Errorf("a body in chunks was answered with %d", status)
	}
	w.hinted(2)
	if status, _ := send(body, bytes.NewReader(body[1:])); status != http.StatusUnauthorized {
		t.Errorf("a body with another's signature was answered with %d", status)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if c, err := net.Dial("tcp", address); err == nil {
		_ = c.Close()
		t.Error("it still listens after it was stopped")
	}
}

// Whether a body that is too long says so or not, it is answered before it was sent in full.
func TestAnswersALongBodyEarly(t *testing.T) {
	w := newWorld(t)
	address, _ := start(t, New("127.0.0.1:0", w.jira.Route()))
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
	handler := serve([]Route{newWorld(t).jira.Route()})
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

func TestServesALimitedNumberAtOnce(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(serve([]Route{{Method: http.MethodPost, Path: "/slow", Source: "slow",
		Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { entered <- struct{}{}; <-leave })}}))
	defer server.Close()
	ask := func() (int, string) {
		res, err := http.Post(server.URL+"/slow", "", nil)
		if err != nil {
			return 0, err.Error()
		}
		defer res.Body.Close()
		return res.StatusCode, res.Header.Get("Retry-After")
	}
	served := make(chan int, maxInFlight)
	for range maxInFlight {
		go func() { status, _ := ask(); served <- status }()
	}
	for range maxInFlight {
		<-entered
	}
	before := counted(t, "slow")["failed"]
	if status, again := ask(); status != http.StatusServiceUnavailable || again != busyRetryAfter {
		t.Errorf("one too many was answered with %d and Retry-After %q", status, again)
	}
	if got := counted(t, "slow")["failed"] - before; got != 1 {
		t.Errorf("%v are counted as failed", got)
	}
	close(leave)
	for range maxInFlight {
		if status := <-served; status != http.StatusOK {
			t.Errorf("one of the others was answered with %d", status)
		}
	}
	go func() { <-entered }()
	if status, _ := ask(); status != http.StatusOK {
		t.Errorf("afterwards one was answered with %d", status)
	}
}
