package listener

import (
	"net"
	"net/netip"
	"sync"
)

// fair closes connections of an address that has most of them open already. Of IPv6 a whole /64 counts as one address, which is what one customer has.
type fair struct {
	net.Listener
	most int

	mu   sync.Mutex
	open map[netip.Prefix]int
}

func newFair(l net.Listener, most int) *fair {
	return &fair{Listener: l, most: most, open: map[netip.Prefix]int{}}
}

// Accept is the next connection that is not one too many.
func (f *fair) Accept() (net.Conn, error) {
	for {
		c, err := f.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := origin(c.RemoteAddr())
		if f.enter(from) {
			return &counted{c, sync.OnceFunc(func() { f.leave(from) })}, nil
		}
		_ = c.Close() // nobody was promised anything
	}
}

func (f *fair) enter(from netip.Prefix) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open[from] >= f.most {
		return false
	}
	f.open[from]++
	return true
}

func (f *fair) leave(from netip.Prefix) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open[from]--; f.open[from] == 0 {
		delete(f.open, from)
	}
}

// origin is what counts as one address; all that are none count together.
func origin(a net.Addr) netip.Prefix {
	at, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Prefix{}
	}
	address, bits := at.Addr().Unmap(), 64
	if address.Is4() {
		bits = 32
	}
	from, _ := address.WithZone("").Prefix(bits) // there are as many
	return from
}

// counted is a connection that leaves when it is closed.
type counted struct {
	net.Conn
	leave func()
}

// Close closes it.
func (c *counted) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
