// SPDX-License-Identifier: Apache-2.0

package listener

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"sync"
)

// connections bounds how many connections are open, in all and from one address. A connection beyond a limit takes the
// place of one that waits: one without a request whose header has arrived. Such a connection has nothing under way, so a
// client that opens many and sends nothing keeps no other client out.
type connections struct {
	net.Listener
	maxOpen, maxPerAddress int

	mu sync.Mutex
	// open counts the open connections.
	open int
	// clients are the addresses that have a connection open.
	clients map[netip.Prefix]*client
}

// client is what one address has open.
type client struct {
	open int
	// waiting are the connections without a request, the one that has waited longest first.
	waiting list.List
}

func newConnections(l net.Listener, maxOpen, maxPerAddress int) *connections {
	return &connections{Listener: l, maxOpen: maxOpen, maxPerAddress: maxPerAddress, clients: map[netip.Prefix]*client{}}
}

// Accept returns the next connection. It closes a waiting one if that is one too many, or the new one if none waits.
func (l *connections) Accept() (net.Conn, error) {
	for {
		inner, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &connection{Conn: inner, of: l, address: AddressOf(inner.RemoteAddr().String())}
		evicted, ok := l.add(c)
		if evicted != nil {
			_ = evicted.Conn.Close()
		}
		if ok {
			return c, nil
		}
		_ = inner.Close() // the client has sent nothing that could be lost
	}
}

// add adds a connection, unless a limit is reached and every connection is busy. It returns the connection that it
// removed for the new one, if any, which is to be closed.
func (l *connections) add(c *connection) (evicted *connection, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	own := l.clients[c.address]
	switch {
	case own != nil && own.open >= l.maxPerAddress:
		evicted = own.longestWaiting()
	case l.open >= l.maxOpen:
		evicted = l.mostWaiting().longestWaiting()
	}
	if evicted != nil {
		l.remove(evicted)
	} else if l.open >= l.maxOpen || own != nil && own.open >= l.maxPerAddress {
		return nil, false
	}
	own = l.clients[c.address]
	if own == nil {
		own = &client{}
		l.clients[c.address] = own
	}
	l.open++
	own.open++
	c.waits = own.waiting.PushBack(c)
	return evicted, true
}

// mostWaiting returns the client with the most waiting connections; nil without any client.
func (l *connections) mostWaiting() *client {
	var most *client
	for _, c := range l.clients {
		if most == nil || c.waiting.Len() > most.waiting.Len() {
			most = c
		}
	}
	return most
}

// longestWaiting returns the connection that has waited longest; nil if none waits.
func (c *client) longestWaiting() *connection {
	if c == nil || c.waiting.Len() == 0 {
		return nil
	}
	return c.waiting.Front().Value.(*connection)
}

// remove forgets a connection. It may be called again. The caller holds mu.
func (l *connections) remove(c *connection) {
	if c.removed {
		return
	}
	c.removed = true
	own := l.clients[c.address]
	if c.waits != nil {
		own.waiting.Remove(c.waits)
		c.waits = nil
	}
	l.open--
	if own.open--; own.open == 0 {
		delete(l.clients, c.address)
	}
}

// setState records whether a connection waits. It is a hook of http.Server.
func (l *connections) setState(conn net.Conn, state http.ConnState) {
	if encrypted, ok := conn.(*tls.Conn); ok {
		conn = encrypted.NetConn()
	}
	c, ok := conn.(*connection)
	if !ok {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.removed {
		return
	}
	waiting := &l.clients[c.address].waiting
	switch {
	case state == http.StateActive && c.waits != nil:
		waiting.Remove(c.waits)
		c.waits = nil
	case state == http.StateIdle && c.waits == nil:
		c.waits = waiting.PushBack(c)
	}
}

// connection is an open connection of a client.
type connection struct {
	net.Conn
	of      *connections
	address netip.Prefix
	// waits is the connection's place among those that wait; nil while it has a request.
	waits   *list.Element
	removed bool
}

// Close closes the connection and makes room for another.
func (c *connection) Close() error {
	c.of.mu.Lock()
	c.of.remove(c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}
