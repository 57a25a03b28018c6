// SPDX-License-Identifier: Apache-2.0

package slack_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

// manyPages is a workspace whose lists of channels, histories and threads have many pages. It allows a number of calls
// of each method until allow is called, and then interrupts.
type manyPages struct {
	t         *testing.T
	pages     int
	perMinute int
	// interrupt answers a call that is not allowed.
	interrupt func(http.ResponseWriter)

	mu      sync.Mutex // guards the fields below, and those above once a request was sent
	calls   map[string]int
	allowed map[string]int
	// fresh are the delivery IDs of messages that were posted after the first page was read, by timestamp.
	fresh map[int]string
	// expired makes the server forget its cursors once.
	expired bool
}

func rateLimited(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "30")
	w.WriteHeader(http.StatusTooManyRequests)
}

func (m *manyPages) allow() { m.allowed = map[string]int{} }

func (m *manyPages) dial() chat.Poster {
	m.calls = map[string]int{}
	m.fresh = map[int]string{}
	m.allow()
	s := httptest.NewServer(m)
	m.t.Cleanup(s.Close)
	return dial(m.t, chat.Config{Token: secret, APIURL: s.URL})
}

func (m *manyPages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	method := r.URL.Path
	m.calls[method]++
	if m.allowed[method]++; m.allowed[method] > m.perMinute {
		m.interrupt(w)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	cursor := r.FormValue("cursor")
	if cursor != "" && m.expired {
		m.expired = false
		_, _ = w.Write([]byte(`{"ok":false,"error":"invalid_cursor"}`))
		return
	}
	page, _ := strconv.Atoi(cursor)
	out := map[string]any{"ok": true}
	hasNext := page+1 < m.pages
	switch method {
	case "/conversations.list":
		out["channels"] = []any{map[string]any{
			"id": fmt.Sprintf("C%d", page), "name": fmt.Sprintf("%s-%d", r.FormValue("types"), page),
		}}
	case "/conversations.history":
		oldest, _ := strconv.ParseFloat(r.FormValue("oldest"), 64)
		hasNext = hasNext && oldest < 1000
		out["messages"] = m.history(page, oldest)
	case "/conversations.replies":
		out["messages"] = []any{reply(1000+page, fmt.Sprintf("old-%d", page))}
	}
	if hasNext {
		out["has_more"] = true
		out["response_metadata"] = map[string]any{"next_cursor": strconv.Itoa(page + 1)}
	}
	_ = json.NewEncoder(w).Encode(out)
}

// history returns a page of a history, newest first: what is fresh comes with the first page.
func (m *manyPages) history(page int, oldest float64) []any {
	var out []any
	if page == 0 {
		for _, ts := range []int{3002, 3001} {
			if id := m.fresh[ts]; id != "" && float64(ts) >= oldest {
				out = append(out, reply(ts, id))
			}
		}
	}
	if ts := 2000 - page; float64(ts) >= oldest {
		out = append(out, reply(ts, fmt.Sprintf("old-%d", page)))
	}
	return out
}

func reply(ts int, id string) map[string]any {
	return map[string]any{"ts": fmt.Sprintf("%d.000000", ts), "metadata": map[string]any{
		"event_type": "voiceai_notification", "event_payload": map[string]any{"delivery_id": id},
	}}
}

// find calls Find until it is not interrupted any more, a minute apart.
func (m *manyPages) find(p chat.Poster, channel, thread string, between func()) map[string]chat.Posted {
	m.t.Helper()
	for range 60 {
		found, err := p.Find(m.t.Context(), channel, thread, time.Unix(500, 0))
		if err == nil {
			return found
		}
		if f := fault.From(err); errors.Is(err, chat.ErrUnsupported) || f.Kind != fault.RateLimited && f.Kind != fault.Unavailable {
			m.t.Fatal(err)
		}
		m.mu.Lock()
		between()
		m.allow()
		m.mu.Unlock()
	}
	m.t.Fatalf("after an hour and %v calls: nothing found", m.calls)
	return nil
}

// TestReadsGoOn checks that a read of more pages than a minute's rate limit allows comes to an end: the caller waits as
// Slack asks, and each page is read once.
func TestReadsGoOn(t *testing.T) {
	interruptions := map[string]func(http.ResponseWriter){
		"rate limit":      rateLimited,
		"internal error":  func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) },
		"lost connection": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		"not JSON":        func(w http.ResponseWriter) { _, _ = w.Write([]byte("<html>")) },
	}
	for name, interrupt := range interruptions {
		for what, c := range map[string]struct {
			channel, thread, found, method string
			calls                          int
		}{
			// Three calls each fail at the end of a minute.
			"public channel":  {"#public_channel-24", "", "", "/conversations.list", 25 + 3},
			"private channel": {"#private_channel-24", "", "", "/conversations.list", 50 + 7},
			"history":         {"C1", "", "old-24", "/conversations.history", 25 + 3 + 1},
			"thread":          {"C1", "1000.000000", "old-24", "/conversations.replies", 25 + 3},
		} {
			t.Run(what+" after "+name, func(t *testing.T) {
				m := &manyPages{t: t, pages: 25, perMinute: 7, interrupt: interrupt}
				p := m.dial()
				found := m.find(p, c.channel, c.thread, func() {})
				if _, ok := found[c.found]; !ok && c.found != "" {
					t.Errorf("found %v, want %s", found, c.found)
				}
				m.mu.Lock()
				defer m.mu.Unlock()
				if calls := m.calls[c.method]; calls > c.calls {
					t.Errorf("%d calls, want %d at most", calls, c.calls)
				}
			})
		}
	}
}

// TestReadFindsWhatIsPostedMeanwhile checks that an interrupted read also finds what was posted since its first page.
func TestReadFindsWhatIsPostedMeanwhile(t *testing.T) {
	m := &manyPages{t: t, pages: 4, perMinute: 3, interrupt: rateLimited}
	p := m.dial()
	found := m.find(p, "C1", "", func() {
		if len(m.fresh) < 2 { // again during the second pass
			m.fresh[3001+len(m.fresh)] = fmt.Sprintf("fresh-%d", len(m.fresh))
		}
	})
	for _, want := range []string{"old-0", "old-3", "fresh-0"} {
		if _, ok := found[want]; !ok {
			t.Errorf("found %v, want %s", found, want)
		}
	}
}

// TestReadBeginsAgain checks that a read does not go on where Slack forgot the cursor, or where the last one did not go
// back far enough.
func TestReadBeginsAgain(t *testing.T) {
	m := &manyPages{t: t, pages: 4, perMinute: 3, interrupt: rateLimited}
	p := m.dial()
	interruptions := 0
	found := m.find(p, "C1", "", func() {
		interruptions++
		m.expired = interruptions == 1
		m.perMinute = 10
	})
	if len(found) != 4 {
		t.Errorf("with an expired cursor: found %v, want 4 messages", found)
	}
	for i, since := range []int64{1999, 500} {
		m.mu.Lock()
		m.allow()
		m.perMinute = 1 + 9*i
		m.mu.Unlock()
		found, err := p.Find(t.Context(), "C1", "", time.Unix(since, 0))
		if isLimited := fault.Is(err, fault.RateLimited); since == 500 && (isLimited || len(found) != 4) {
			t.Errorf("since %d: found %v, %v, want 4 messages", since, found, err)
		}
	}
}

// TestFindByAnOldName checks that a name which belongs to another channel by now is looked up again.
func TestFindByAnOldName(t *testing.T) {
	id := "C1"
	var read []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/chat.postMessage":
			_, _ = fmt.Fprintf(w, `{"ok":true,"channel":%q,"ts":"1.1"}`, id)
		case "/conversations.list":
			_, _ = fmt.Fprintf(w, `{"ok":true,"channels":[{"id":%q,"name":"alerts"}]}`, id)
		case "/conversations.history":
			if read = append(read, r.FormValue("channel")); r.FormValue("channel") != id {
				_, _ = w.Write([]byte(`{"ok":false,"error":"channel_not_found"}`))
				return
			}
			_, _ = w.Write([]byte(`{"ok":true,"messages":[]}`))
		}
	}))
	t.Cleanup(s.Close)
	p := dial(t, chat.Config{Token: secret, APIURL: s.URL})
	find := func(want ...string) {
		t.Helper()
		read = nil
		if _, err := p.Find(t.Context(), "#alerts", "", time.Unix(1, 0)); err != nil || !slices.Equal(read, want) {
			t.Errorf("read %v, %v; want %v", read, err, want)
		}
	}
	find("C1")
	id = "C2"
	find("C1", "C2") // C1 was deleted
	find("C2")
	id = "C3"
	if _, err := p.Post(t.Context(), message); err != nil {
		t.Fatal(err)
	}
	find("C3") // a post shows which channel it is now
}
