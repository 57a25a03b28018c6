// SPDX-License-Identifier: Apache-2.0

package upgrade_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox"
)

// recordingFile has a recording.
const recordingFile = "testdata/recording.json"

// A recording is what an operator left when it was stopped.
type recording struct {
	// Version is the tag or commit of the operator, and Time is when it was stopped.
	Version string    `json:"version"`
	Time    time.Time `json:"time"`
	// Calls are those that changed something in Slack and Jira, in order.
	Calls []call `json:"calls"`
	// Objects are the values in etcd by their keys.
	Objects map[string]json.RawMessage `json:"objects"`
}

// A call is a request to the sandbox.
type call struct {
	// Time is the time in Slack and Jira.
	Time   time.Time   `json:"time"`
	Method string      `json:"method"`
	Path   string      `json:"path"`
	Header http.Header `json:"header"`
	Body   string      `json:"body"`
}

// A service is the sandbox with a clock that stands still between calls, so that it gives the same call the same answer.
type service struct {
	*sandbox.Sandbox
	server *httptest.Server

	// now is the time, in nanoseconds. Tests act on the sandbox without a request, too.
	now atomic.Int64

	mu    sync.Mutex
	calls []call
	// lost is a text in requests whose answers are lost.
	lost string
}

// newService starts a sandbox.
func newService(t *testing.T) *service {
	t.Helper()
	s := &service{}
	s.Sandbox = sandbox.New(sandbox.Options{
		Clock:   func() time.Time { return time.Unix(0, s.now.Load()) },
		Latency: 20 * time.Millisecond, // a call that was given up has no effect
	})
	s.server = httptest.NewServer(s)
	t.Cleanup(func() {
		s.server.CloseClientConnections()
		s.server.Close()
	})
	return s
}

// ServeHTTP handles one request at a time, and records it if it may change something.
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.now.Store(now.UnixNano())
	if changes(r) {
		header := http.Header{}
		for _, name := range []string{"Authorization", "Content-Type"} {
			if value := r.Header.Get(name); value != "" {
				header.Set(name, value)
			}
		}
		s.calls = append(s.calls, call{now.UTC(), r.Method, r.URL.RequestURI(), header, string(body)})
	}
	s.Sandbox.ServeHTTP(w, r)
	if s.lost != "" && bytes.Contains(body, []byte(s.lost)) {
		panic(http.ErrAbortHandler)
	}
}

// changes reports whether a request may change something. Slack's and Jira's searches are POSTs, too.
func changes(r *http.Request) bool {
	if r.Method == http.MethodGet {
		return false
	}
	if strings.HasPrefix(r.URL.Path, sandbox.SlackAPIPath) {
		return strings.HasPrefix(r.URL.Path, sandbox.SlackAPIPath+"chat.")
	}
	return !strings.Contains(r.URL.Path, "/search")
}

// replay repeats calls, at the time of each.
func (s *service) replay(t *testing.T, calls []call) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range calls {
		s.now.Store(c.Time.UnixNano())
		r := httptest.NewRequest(c.Method, s.server.URL+c.Path, strings.NewReader(c.Body))
		r.Header = c.Header
		w := httptest.NewRecorder()
		s.Sandbox.ServeHTTP(w, r)
		if w.Code >= http.StatusBadRequest {
			t.Fatalf("%s %s is answered with %d: %s", c.Method, c.Path, w.Code, w.Body)
		}
	}
}

// slackTime matches a timestamp of Slack, and isoTime the times of Kubernetes and Jira up to the second.
var (
	slackTime = regexp.MustCompile(`\b1[78]\d{8}\.\d{6}\b`)
	isoTime   = regexp.MustCompile(`\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d`)
)

// shift moves all times in a text by whole seconds.
func shift(text []byte, by time.Duration) []byte {
	const layout = "2006-01-02T15:04:05"
	text = isoTime.ReplaceAllFunc(text, func(found []byte) []byte {
		at, err := time.Parse(layout, string(found))
		if err != nil {
			return found
		}
		return []byte(at.Add(by).Format(layout))
	})
	return slackTime.ReplaceAllFunc(text, func(found []byte) []byte {
		seconds, rest, _ := strings.Cut(string(found), ".")
		at, err := strconv.ParseInt(seconds, 10, 64)
		if err != nil {
			return found
		}
		return []byte(strconv.FormatInt(at+int64(by/time.Second), 10) + "." + rest)
	})
}

// readRecording reads the recording as if the operator had been stopped at a time, and the sandbox was at an address.
func readRecording(t *testing.T, stopped time.Time, url string) recording {
	t.Helper()
	raw, err := os.ReadFile(recordingFile)
	must(t, err)
	var r recording
	must(t, json.Unmarshal(raw, &r))
	raw = shift(raw, stopped.Sub(r.Time).Truncate(time.Second))
	must(t, json.Unmarshal(bytes.ReplaceAll(raw, []byte(placeholder), []byte(url)), &r))
	return r
}
