// SPDX-License-Identifier: Apache-2.0

package listener

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
)

// fakeNetwork is a net.Listener whose clients connect by pipes, from any address.
type fakeNetwork struct {
	dialed chan net.Conn
	closed chan struct{}
}

func newFakeNetwork() *fakeNetwork {
	return &fakeNetwork{dialed: make(chan net.Conn), closed: make(chan struct{})}
}

func (n *fakeNetwork) Accept() (net.Conn, error) {
	select {
	case c := <-n.dialed:
		return c, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

func (n *fakeNetwork) Close() error {
	close(n.closed)
	return nil
}

func (n *fakeNetwork) Addr() net.Addr { return &net.TCPAddr{} }

// dial connects from an address. A pipe blocks a write until it is read.
func (n *fakeNetwork) dial(t *testing.T, from string) net.Conn {
	t.Helper()
	near, far := net.Pipe()
	t.Cleanup(func() { _ = near.Close() })
	n.dialed <- pipeFrom{far, &net.TCPAddr{IP: net.ParseIP(from), Port: 1}}
	return near
}

// pipeFrom is a pipe with the address of a client.
type pipeFrom struct {
	net.Conn
	from net.Addr
}

func (p pipeFrom) RemoteAddr() net.Addr { return p.from }

// serveFake serves a network within limits until the test ends.
func serveFake(t *testing.T, handler http.Handler, maxOpen, maxPerAddress int) *fakeNetwork {
	t.Helper()
	network := newFakeNetwork()
	srv := New("test", "", handler).server(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- serve(srv, newConnections(network, maxOpen, maxPerAddress)) }()
	t.Cleanup(func() {
		_ = srv.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return network
}

// send sends a text on a connection.
func send(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatalf("sending %q: %v", text, err)
	}
}

// statusOf returns the status that a connection answers a whole request with; 0 if it was closed.
func statusOf(t *testing.T, c net.Conn) int {
	t.Helper()
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return 0
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

// Connections without a whole request keep nobody out: neither clients behind the same address, nor others.
func TestWaitingConnectionsMakeRoom(t *testing.T) {
	for name, test := range map[string]struct {
		strangers []string
		newcomer  string
	}{
		"same address":            {[]string{"10.0.0.1", "10.0.0.1"}, "10.0.0.1"},
		"two addresses and a new": {[]string{"10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.2"}, "10.0.0.3"},
	} {
		for kind, sent := range map[string]string{"silent": "", "half a header": "GET / HTTP/1.1\r\nHost:"} {
			t.Run(name+", "+kind, func(t *testing.T) {
				network := serveFake(t, ok, 4, 2)
				for _, from := range test.strangers {
					send(t, network.dial(t, from), sent)
				}
				if got := statusOf(t, network.dial(t, test.newcomer)); got != http.StatusOK {
					t.Errorf("the newcomer got %d, want 200", got)
				}
			})
		}
	}
}

// A kept connection between two requests makes room too, and is not the first to do so.
func TestIdleConnectionsMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := serveFake(t, ok, 4, 2)
		expect := func(name string, c net.Conn) {
			t.Helper()
			if got := statusOf(t, c); got != http.StatusOK {
				t.Errorf("%s got %d, want 200", name, got)
			}
			synctest.Wait() // until the connection is idle again
		}
		kept := network.dial(t, "10.0.0.1")
		network.dial(t, "10.0.0.1")
		synctest.Wait() // until both are accepted
		expect("the kept connection", kept)
		expect("a newcomer", network.dial(t, "10.0.0.1"))
		expect("the kept connection", kept) // as the one that has sent nothing was closed
		expect("another newcomer", network.dial(t, "10.0.0.1"))
	})
}

// A request under way is never cut off for a newcomer: the newcomer is closed.
func TestBusyConnectionsStay(t *testing.T) {
	entered := make(chan struct{})
	release := make(chan struct{})
	network := serveFake(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		entered <- struct{}{}
		<-release
	}), 2, 2)
	status := make(chan int, 2)
	for _, from := range []string{"10.0.0.1", "10.0.0.2"} {
		c := network.dial(t, from)
		go func() { status <- statusOf(t, c) }()
		<-entered
	}
	if got := statusOf(t, network.dial(t, "10.0.0.3")); got != 0 {
		t.Errorf("the newcomer got %d, want its connection closed", got)
	}
	close(release)
	for range 2 {
		if got := <-status; got != http.StatusOK {
			t.Errorf("a request under way got %d", got)
		}
	}
}

// What is closed, twice included, is counted no more.
func TestCountsOpenConnections(t *testing.T) {
	network := newFakeNetwork()
	l := newConnections(network, 4, 2)
	accept := func(from string) net.Conn {
		t.Helper()
		go network.dial(t, from)
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	first := accept("10.0.0.1")
	second := accept("10.0.0.1")
	accept("10.0.0.2")
	l.setState(second, http.StateActive)
	for range 2 {
		_ = first.Close()
		_ = second.Close()
	}
	l.setState(second, http.StateIdle) // which comes too late
	if l.open != 1 || len(l.clients) != 1 {
		t.Errorf("%d connections of %d addresses are open, want 1 of 1", l.open, len(l.clients))
	}
}
