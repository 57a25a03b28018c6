// SPDX-License-Identifier: Apache-2.0

// Package sockets is the sandbox's Socket Mode: it accepts the connections of an app, sends envelopes by them, and closes
// them as Slack does. See https://docs.slack.dev/apis/events-api/using-socket-mode.
package sockets

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// The reasons for which Slack closes a connection.
const (
	Warning          = "warning"
	RefreshRequested = "refresh_requested"
	LinkDisabled     = "link_disabled"
	TooMany          = "too_many_websockets"
)

const (
	// maxOpen is how many connections an app may have.
	maxOpen = 10
	// maxReply is the size from which on Slack drops a reply, in bytes.
	maxReply = 20 << 10
	// ticketFor is how long a URL can be used.
	ticketFor = 30 * time.Second
	// writeTimeout is how long a message to the app may take.
	writeTimeout = time.Second
)

// Counts are what happened so far.
type Counts struct {
	// Opened are the connections that were accepted, and Replaced those of which Slack announced the end.
	Opened, Replaced int
	// Sent are the envelopes, Acknowledged those with a reply in time.
	Sent, Acknowledged int
	// Dropped are replies that Slack does not accept.
	Dropped int
}

// Server accepts the connections of an app. It is safe for concurrent use.
type Server struct {
	// closeAfter is how long after its announcement a connection is closed that is replaced.
	closeAfter time.Duration

	mu       sync.Mutex
	disabled bool
	refresh  time.Duration
	tickets  map[string]time.Time
	open     []*connection
	// waiting has the envelopes that were not acknowledged yet.
	waiting map[string]chan json.RawMessage
	counts  Counts
}

// New returns a server that is turned off. It closes a connection that is replaced a time after it announced that.
func New(closeAfter time.Duration) *Server {
	return &Server{
		closeAfter: closeAfter, disabled: true, tickets: map[string]time.Time{}, waiting: map[string]chan json.RawMessage{},
	}
}

// Configure turns Socket Mode on or off, and sets after which time a connection is replaced; 0 for never. Turning it off
// closes all connections.
func (s *Server) Configure(enabled bool, refresh time.Duration) {
	s.mu.Lock()
	s.disabled = !enabled
	s.refresh = refresh
	s.mu.Unlock()
	if !enabled {
		s.Disconnect(LinkDisabled)
	}
}

// Ticket returns what the URL of the next connection has. It can be used once.
func (s *Server) Ticket() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for t, at := range s.tickets {
		if now.Sub(at) > ticketFor {
			delete(s.tickets, t)
		}
	}
	t := rand.Text()
	s.tickets[t] = now
	return t
}

// ServeHTTP accepts a connection.
func (s *Server) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	ticket := r.URL.Query().Get("ticket")
	s.mu.Lock()
	at, known := s.tickets[ticket]
	delete(s.tickets, ticket)
	s.mu.Unlock()
	if !known || time.Since(at) > ticketFor {
		http.Error(rw, "not found", http.StatusNotFound)
		return
	}
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	conn, err := upgrader.Upgrade(rw, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	c := &connection{conn: conn}
	number, refusal := s.add(c)
	if refusal != "" {
		c.send(disconnect(refusal))
		c.close()
		return
	}
	c.send(map[string]any{
		"type": "hello", "num_connections": number, "connection_info": map[string]any{"app_id": "A0SANDBOX"},
		"debug_info": map[string]any{"host": "applink-sandbox", "build_number": 1, "approximate_connection_time": 18060},
	})
	s.scheduleRefresh(c)
	s.read(c)
}

// add adds a connection. It returns how many there are, or why Slack refuses it.
func (s *Server) add(c *connection) (number int, refusal string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.disabled:
		return 0, LinkDisabled
	case len(s.open) >= maxOpen:
		return 0, TooMany
	}
	s.counts.Opened++
	s.open = append(s.open, c)
	return len(s.open), ""
}

// scheduleRefresh schedules the replacement of a connection at a time that differs from that of others by up to a quarter.
func (s *Server) scheduleRefresh(c *connection) {
	s.mu.Lock()
	every := s.refresh
	s.mu.Unlock()
	if every <= 0 {
		return
	}
	earlier, err := rand.Int(rand.Reader, big.NewInt(int64(every)/4+1))
	if err != nil {
		return
	}
	time.AfterFunc(every-time.Duration(earlier.Int64()), func() { s.replace(c, RefreshRequested) })
}

// read reads the replies of an app until the connection is closed.
func (s *Server) read(c *connection) {
	defer s.remove(c)
	for {
		_, raw, err := c.conn.ReadMessage()
		if err != nil {
			return
		}
		s.acknowledge(raw)
	}
}

// acknowledge takes the reply to an envelope.
func (s *Server) acknowledge(raw []byte) {
	var reply struct {
		ID      string          `json:"envelope_id"`
		Payload json.RawMessage `json:"payload"`
	}
	err := json.Unmarshal(raw, &reply)
	s.mu.Lock()
	defer s.mu.Unlock()
	wait, known := s.waiting[reply.ID]
	if err != nil || !known || len(raw) >= maxReply {
		s.counts.Dropped++
		return
	}
	delete(s.waiting, reply.ID)
	s.counts.Acknowledged++
	wait <- reply.Payload
}

// remove closes a connection and forgets it.
func (s *Server) remove(c *connection) {
	c.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, x := range s.open {
		if x == c {
			s.open = append(s.open[:i:i], s.open[i+1:]...)
			return
		}
	}
}

// Disconnect announces the end of all connections for a reason, and closes them. Those that are to be replaced stay open a
// moment longer.
func (s *Server) Disconnect(reason string) {
	s.mu.Lock()
	all := append([]*connection(nil), s.open...)
	s.mu.Unlock()
	for _, c := range all {
		s.replace(c, reason)
	}
}

// DisconnectOldest does the same for the oldest connection.
func (s *Server) DisconnectOldest(reason string) {
	s.mu.Lock()
	var oldest *connection
	for _, c := range s.open {
		if oldest == nil && !c.leaving {
			oldest = c
		}
	}
	s.mu.Unlock()
	if oldest != nil {
		s.replace(oldest, reason)
	}
}

// Break closes all connections without an announcement.
func (s *Server) Break() {
	s.mu.Lock()
	all := append([]*connection(nil), s.open...)
	s.mu.Unlock()
	for _, c := range all {
		s.remove(c)
	}
}

func (s *Server) replace(c *connection, reason string) {
	s.mu.Lock()
	if !c.leaving {
		s.counts.Replaced++
	}
	c.leaving = true
	s.mu.Unlock()
	c.send(disconnect(reason))
	if reason == Warning || reason == RefreshRequested {
		time.AfterFunc(s.closeAfter, func() { s.remove(c) })
		return
	}
	s.remove(c)
}

func disconnect(reason string) map[string]any {
	return map[string]any{"type": "disconnect", "reason": reason, "debug_info": map[string]any{"host": "applink-sandbox"}}
}

// Open returns how many connections there are.
func (s *Server) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

// Counts returns what happened so far.
func (s *Server) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

// Envelope is what is sent to an app.
type Envelope struct {
	// Type is such as slash_commands.
	Type string
	// Payload is JSON, or in a test anything.
	Payload []byte
	// AcceptsPayload reports whether the reply may have a payload.
	AcceptsPayload bool
	// Attempt counts the repetitions of an event.
	Attempt int
}

// ErrNoConnection is the error of an envelope for an app without a connection.
var ErrNoConnection = errors.New("dispatch_failed: the app has no connection")

// Send sends an envelope by one of the connections, and returns the payload of the reply.
func (s *Server) Send(ctx context.Context, e Envelope) (json.RawMessage, error) {
	id := rand.Text()
	c, replied, err := s.choose(id)
	if err != nil {
		return nil, err
	}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.waiting, id)
	}()
	retry := ""
	if e.Attempt > 0 {
		retry = fmt.Sprintf(`,"retry_attempt":%d,"retry_reason":"timeout"`, e.Attempt)
	}
	c.write(fmt.Appendf(nil, `{"envelope_id":%q,"type":%q,"accepts_response_payload":%t%s,"payload":%s}`,
		id, e.Type, e.AcceptsPayload, retry, e.Payload))
	select {
	case payload := <-replied:
		if !e.AcceptsPayload {
			return nil, nil
		}
		return payload, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("operation_timeout: the app did not acknowledge: %w", ctx.Err())
	}
}

// choose returns any connection, rather one that does not end soon, and what receives the reply to an envelope.
func (s *Server) choose(id string) (*connection, <-chan json.RawMessage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var staying []*connection
	for _, c := range s.open {
		if !c.leaving {
			staying = append(staying, c)
		}
	}
	if len(staying) == 0 {
		staying = s.open
	}
	if len(staying) == 0 {
		return nil, nil, ErrNoConnection
	}
	s.counts.Sent++
	replied := make(chan json.RawMessage, 1)
	s.waiting[id] = replied
	return staying[s.counts.Sent%len(staying)], replied, nil
}

// connection is a connection of an app.
type connection struct {
	conn    *websocket.Conn
	writing sync.Mutex
	// leaving is set once its end was announced. The server's lock protects it.
	leaving bool
}

func (c *connection) send(v any) {
	raw, err := json.Marshal(v)
	if err == nil {
		c.write(raw)
	}
}

// write writes a message. If that fails, the app does not reply.
func (c *connection) write(raw []byte) {
	c.writing.Lock()
	defer c.writing.Unlock()
	_ = c.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	_ = c.conn.WriteMessage(websocket.TextMessage, raw)
}

func (c *connection) close() {
	bye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	_ = c.conn.WriteControl(websocket.CloseMessage, bye, time.Now().Add(writeTimeout))
	_ = c.conn.Close()
}
