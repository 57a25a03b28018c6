package listener

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// An address that has too many connections open gets no more, and another address still gets one.
func TestLimitsConnectionsPerAddress(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := newPerAddressLimiter(inner, 2)
	defer func() { _ = l.Close() }()
	accepted := make(chan net.Conn, 8)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	dial := func(from string) net.Conn {
		t.Helper()
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 10 * time.Second}
		c, err := dialer.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	dial("127.0.0.1")
	dial("127.0.0.1")
	first := <-accepted
	<-accepted
	third := dial("127.0.0.1")
	_ = third.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := third.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the third connection got %v, want it closed", err)
	}
	dial("127.0.0.2")
	if got := AddressOf((<-accepted).RemoteAddr().String()).String(); got != "127.0.0.2/32" {
		t.Errorf("a connection from %s was accepted, want one from the other address", got)
	}
	_ = first.Close()
	_ = first.Close() // which counts once
	dial("127.0.0.1")
	<-accepted
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.open) != 2 || l.open[AddressOf("127.0.0.1:1")] != 2 {
		t.Errorf("open connections: %v", l.open)
	}
}

func TestAddressOf(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.1:5":              "10.0.0.1/32",
		"[::ffff:10.0.0.1]:5":     "10.0.0.1/32",
		"[2001:db8::1]:5":         "2001:db8::/64",
		"[2001:db8::ffff%eth0]:5": "2001:db8::/64",
		"@":                       "invalid Prefix",
	} {
		if got := AddressOf(text).String(); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}
