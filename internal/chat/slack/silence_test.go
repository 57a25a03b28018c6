// SPDX-License-Identifier: Apache-2.0

package slack

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
)

// dialTest connects to a server that behaves as a test wants.
func dialTest(t *testing.T, behave func(*websocket.Conn)) *websocket.Conn {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
		if err == nil {
			behave(c)
			_ = c.Close()
		}
	}))
	t.Cleanup(server.Close)
	c, res, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(server.URL, "http"), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return c
}

// hijacked is the answer to a request for a connection.
type hijacked struct {
	http.ResponseWriter
	conn net.Conn
}

// Hijack implements http.Hijacker.
func (h hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.conn, bufio.NewReadWriter(bufio.NewReader(h.conn), bufio.NewWriter(h.conn)), nil
}

// pipeTest connects, within a bubble of synctest, to a server that behaves as a test wants.
func pipeTest(t *testing.T, behave func(*websocket.Conn)) *websocket.Conn {
	t.Helper()
	near, far := net.Pipe()
	go func() {
		r, err := http.ReadRequest(bufio.NewReader(far))
		if err != nil {
			t.Error(err)
			return
		}
		c, err := (&websocket.Upgrader{}).Upgrade(hijacked{httptest.NewRecorder(), far}, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		behave(c)
		_ = c.Close()
	}()
	dialer := websocket.Dialer{NetDialContext: func(context.Context, string, string) (net.Conn, error) { return near, nil }}
	c, res, err := dialer.Dial("ws://slack.example/", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return c
}

// TestSilence ends a connection on which nothing is heard. One that answers pings stays open.
func TestSilence(t *testing.T) { synctest.Test(t, testSilence) }

func testSilence(t *testing.T) {
	ended := make(chan struct{})
	c := pipeTest(t, func(*websocket.Conn) { <-ended }) // reads nothing, so answers no ping
	s := newSocket(c, 10*time.Second, 50*time.Second)
	if _, err := s.Read(); err == nil {
		t.Error("Read returns a message")
	}
	close(ended)
	_ = s.Close()

	pings := make(chan struct{}, 100)
	c = pipeTest(t, func(c *websocket.Conn) {
		pong := c.PingHandler()
		c.SetPingHandler(func(data string) error {
			pings <- struct{}{}
			if len(pings) == cap(pings) { // it has answered for longer than the silence lasts
				_ = c.WriteMessage(websocket.TextMessage, []byte("alive"))
				<-pings
			}
			return pong(data)
		})
		_, _, _ = c.ReadMessage()
	})
	s = newSocket(c, time.Second, 50*time.Second)
	if m, err := s.Read(); err != nil || string(m) != "alive" {
		t.Errorf("Read returns %q, %v", m, err)
	}
	_ = s.Close()
}

// TestLongMessages ends a connection by which more than Slack sends comes.
func TestLongMessages(t *testing.T) {
	for size, isRead := range map[int]bool{maxSocketMessage: true, maxSocketMessage + 1: false} {
		c := dialTest(t, func(c *websocket.Conn) {
			_ = c.WriteMessage(websocket.TextMessage, make([]byte, size))
			_, _, _ = c.ReadMessage()
		})
		s := newSocket(c, time.Minute, time.Minute)
		if m, err := s.Read(); (err == nil && len(m) == size) != isRead {
			t.Errorf("%d bytes: %d were read, %v", size, len(m), err)
		}
		_ = s.Close()
	}
}
