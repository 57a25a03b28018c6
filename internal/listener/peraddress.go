package listener

import (
	"net"
	"net/netip"
	"sync"
)

// perAddressLimiter closes new connections from an address that has too many open. A /64 of IPv6 counts as one
// address, as it is what one customer gets.
type perAddressLimiter struct {
	net.Listener
	max int

	mu sync.Mutex
	// open counts the open connections by address.
	open map[netip.Prefix]int
}

func newPerAddressLimiter(l net.Listener, maxOpen int) *perAddressLimiter {
	return &perAddressLimiter{Listener: l, max: maxOpen, open: map[netip.Prefix]int{}}
}

// Accept returns the next connection within the limit.
func (l *perAddressLimiter) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		address := AddressOf(c.RemoteAddr().String())
		if l.acquire(address) {
			return &countedConn{c, sync.OnceFunc(func() { l.release(address) })}, nil
		}
		_ = c.Close() // the client has sent nothing that could be lost
	}
}

func (l *perAddressLimiter) acquire(address netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[address] >= l.max {
		return false
	}
	l.open[address]++
	return true
}

func (l *perAddressLimiter) release(address netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[address]--; l.open[address] == 0 {
		delete(l.open, address)
	}
}

// AddressOf returns the prefix that counts as one address, of an IP address and port. Everything else counts as the same
// one.
func AddressOf(hostPort string) netip.Prefix {
	at, err := netip.ParseAddrPort(hostPort)
	if err != nil {
		return netip.Prefix{}
	}
	address := at.Addr().Unmap()
	bits := 64
	if address.Is4() {
		bits = 32
	}
	prefix, _ := address.WithZone("").Prefix(bits) // an address has at least so many bits
	return prefix
}

// countedConn is a connection that is released when it is closed.
type countedConn struct {
	net.Conn
	release func()
}

// Close closes the connection.
func (c *countedConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}
