package listener

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// TestOneAddressLeavesRoom has one address open more connections than it may, and another one come then.
func TestOneAddressLeavesRoom(t *testing.T) {
	open, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := newFair(open, 2)
	defer func() { _ = f.Close() }()
	accepted := make(chan net.Conn, 8)
	go func() {
		for {
			c, err := f.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	dial := func(from string) net.Conn {
		t.Helper()
		c, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 10 * time.Second}).Dial("tcp", open.Addr().String())
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
		t.Errorf("one too many got %v, want it closed", err)
	}
	dial("127.0.0.2")
	if got := origin((<-accepted).RemoteAddr()).String(); got != "127.0.0.2/32" {
		t.Errorf("%s was let in, want the other one", got)
	}
	_, _ = first.Close(), first.Close() // which counts once
	dial("127.0.0.1")
	<-accepted
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.open) != 2 || f.open[origin(strange("127.0.0.1:1"))] != 2 {
		t.Errorf("open are %v", f.open)
	}
}

// strange is an address as text.
type strange string

func (strange) Network() string  { return "tcp" }
func (s strange) String() string { return string(s) }

func TestWhatIsOneAddress(t *testing.T) {
	for text, want := range map[strange]string{
		"10.0.0.1:5": "10.0.0.1/32", "[::ffff:10.0.0.1]:5": "10.0.0.1/32", "[2001:db8::1]:5": "2001:db8::/64", "[2001:db8::ffff%eth0]:5": "2001:db8::/64", "@": "invalid Prefix",
	} {
		if got := origin(text).String(); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}
