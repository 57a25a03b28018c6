// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/listener"
)

// pipes is a listener whose connections are in memory, so that a test has the time of its bubble.
type pipes struct {
	accepted chan net.Conn
	closed   chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accepted:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return textAddr("edge") }

// textAddr is an address as text.
type textAddr string

func (textAddr) Network() string  { return "tcp" }
func (a textAddr) String() string { return string(a) }

// connFrom is a connection from an address.
type connFrom struct {
	net.Conn
	address textAddr
}

func (c connFrom) RemoteAddr() net.Addr { return c.address }

// site is an edge with one route, and its clients.
type site struct {
	t     *testing.T
	pipes *pipes
	in    *intake
	open  []net.Conn
}

// newSite serves a route until the test ends.
func newSite(t *testing.T, v Verifier) *site {
	route := newRoute("flooded", v, &recorder{response: Response{Result: Accepted}})
	route.Limits.BodyBytes = 1 << 20
	s := &site{t: t, in: newIntake(), pipes: &pipes{accepted: make(chan net.Conn), closed: make(chan struct{})}}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- listener.New("edge", "", newHandler([]Route{route}, s.in)).Serve(ctx, s.pipes) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		for _, c := range s.open {
			_ = c.Close()
		}
		time.Sleep(time.Minute) // until net/http has given up every connection
	})
	return s
}

// dial connects from a host.
func (s *site) dial(host string) net.Conn {
	client, server := net.Pipe()
	s.open = append(s.open, client)
	s.pipes.accepted <- connFrom{server, textAddr(host + ":1")}
	return client
}

// send writes a request, from its own goroutine: a server that has given up a body does not read it.
func (s *site) send(c net.Conn, header map[string]string, body string) {
	s.sendTo("POST /flooded/a/b", c, header, body)
}

// sendTo writes a request with a method and path.
func (s *site) sendTo(target string, c net.Conn, header map[string]string, body string) {
	text := target + " HTTP/1.1\r\nHost: edge\r\n"
	for name, value := range header {
		text += name + ": " + value + "\r\n"
	}
	go func() { _, _ = c.Write([]byte(text + "\r\n" + body)) }()
}

// header returns the header of a request with a key and a declared length.
func header(key string, length int) map[string]string {
	return map[string]string{keyHeader: key, "Content-Length": fmt.Sprint(length)}
}

// status returns the status of the next answer.
func (s *site) status(r *bufio.Reader) int {
	s.t.Helper()
	answer, err := http.ReadResponse(r, nil)
	if err != nil {
		s.t.Errorf("there is no answer: %v", err)
		return 0
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

// expectServed checks that signed requests from a host are all handled.
func (s *site) expectServed(host string) {
	s.t.Helper()
	for i := range 40 {
		c := s.dial(host)
		h := header("good", 5)
		h[idHeader] = fmt.Sprint(i)
		s.send(c, h, "hello")
		if got := s.status(bufio.NewReader(c)); got != http.StatusOK {
			s.t.Errorf("signed request %d was answered %d, want 200", i, got)
		}
	}
}

// Strangers who send many requests take nothing from those who sign theirs, behind the same address too.
func TestStrangersTakeNoPlace(t *testing.T) {
	for name, test := range map[string]struct {
		declared, sent int
		key            string
	}{
		"half-sent":               {1 << 20, 10, "bad"},
		"half-sent and large":     {1 << 20, 200 << 10, "bad"},
		"half-sent with no byte":  {1 << 20, 0, "bad"},
		"complete and unsigned":   {10, 10, "bad"},
		"large and unsigned":      {300 << 10, 300 << 10, "bad"},
		"declared beyond a limit": {1 << 40, 10, "bad"},
		"without a key":           {1 << 20, 10, ""},
	} {
		for _, hosts := range []int{1, 100} {
			t.Run(fmt.Sprintf("%s from %d addresses", name, hosts), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newSite(t, &keyVerifier{})
					for i := range 600 {
						c := s.dial(fmt.Sprintf("10.0.0.%d", i%hosts))
						s.send(c, header(test.key, test.declared), strings.Repeat("x", test.sent))
					}
					synctest.Wait()
					s.expectServed("10.0.0.0")
					s.expectServed("10.0.1.0")
				})
			})
		}
	}
}

// TestStrayRequestsTakeNoPlace sends requests that no route serves, with bodies that do not come. net/http would wait for
// these bodies with the connections that its listener has for an address.
func TestStrayRequestsTakeNoPlace(t *testing.T) {
	for name, target := range map[string]string{
		"unknown path": "POST /nothing", "another method": "PUT /flooded/a/b", "a path to clean": "POST //flooded/a/b",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, &keyVerifier{})
				for range 1100 {
					c := s.dial("10.0.0.1")
					go func() { _, _ = io.Copy(io.Discard, c) }()
					s.sendTo(target, c, header("", 1<<10), "x")
				}
				time.Sleep(time.Second) // net/http closes a connection half a second after its answer
				s.expectServed("10.0.0.1")
			})
		})
	}
}

// TestBodyInTwoParts sends a signed body in two parts, while strangers behind the same address send halves.
func TestBodyInTwoParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &keyVerifier{})
		flood := func() {
			for range 300 {
				s.send(s.dial("10.0.0.1"), header("bad", 1<<10), strings.Repeat("x", 512))
			}
			synctest.Wait()
		}
		flood()
		c := s.dial("10.0.0.1")
		s.send(c, header("good", 1<<10), strings.Repeat("x", 512))
		flood()
		time.Sleep(time.Second / 2)
		go func() { _, _ = c.Write([]byte(strings.Repeat("x", 512))) }()
		if got := s.status(bufio.NewReader(c)); got != http.StatusOK {
			t.Errorf("answered %d, want 200", got)
		}
	})
}

// stuckVerifier verifies nothing but the key "good" until the request ends.
type stuckVerifier struct{ keyVerifier }

func (v *stuckVerifier) Verify(ctx context.Context, request Request) (Origin, error) {
	if request.Header.Get(keyHeader) != "good" {
		<-ctx.Done()
	}
	return v.keyVerifier.Verify(ctx, request)
}

// A request takes a slot once it is verified, not while it is.
func TestUnverifiedRequestsTakeNoSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &stuckVerifier{})
		for range 300 {
			s.send(s.dial("10.0.0.1"), header("bad", 1), "x")
		}
		synctest.Wait()
		s.expectServed("10.0.0.1")
	})
}

func TestIdleConnectionsTakeNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &keyVerifier{})
		for range 200 {
			s.dial("10.0.0.1")
		}
		s.expectServed("10.0.0.1")
	})
}

// A body has 3 seconds, and more the more of it has arrived.
func TestCutsOffASlowBody(t *testing.T) {
	for name, test := range map[string]struct {
		bytes int // each second
		want  int
		after time.Duration
	}{
		"stalled":     {0, http.StatusRequestTimeout, grace},
		"trickling":   {1000, http.StatusRequestTimeout, grace},
		"fast enough": {256 << 10, http.StatusOK, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, &keyVerifier{})
				c := s.dial("10.0.0.1")
				s.send(c, header("good", 1<<20), strings.Repeat("x", test.bytes))
				start := time.Now()
				go func() {
					for range 9 {
						time.Sleep(time.Second)
						_, _ = c.Write([]byte(strings.Repeat("x", test.bytes)))
					}
				}()
				if got := s.status(bufio.NewReader(c)); got != test.want {
					t.Errorf("answered %d, want %d", got, test.want)
				}
				if took := time.Since(start).Truncate(time.Second); took != test.after {
					t.Errorf("answered after %s, want %s", took, test.after)
				}
				_ = c.Close()
				time.Sleep(time.Minute)
				if s.in.used != 0 || len(s.in.arriving) != 0 || len(s.in.perAddress) != 0 {
					t.Errorf("%d bytes, %d bodies, %v remain", s.in.used, len(s.in.arriving), s.in.perAddress)
				}
			})
		})
	}
}

// Memory is reserved for what arrives, not for what a client declares.
func TestReservesWhatArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &keyVerifier{})
		for range 100 {
			s.send(s.dial("10.0.0.1"), header("bad", 1<<20), "x")
		}
		synctest.Wait()
		if s.in.used != 100*firstBuffer {
			t.Errorf("%d bytes are reserved, want %d", s.in.used, 100*firstBuffer)
		}
	})
}

// A body waits for the memory of those that are being verified, and is put off if that takes long.
func TestWaitsForRoom(t *testing.T) {
	for name, test := range map[string]struct {
		verifying time.Duration
		want      int
	}{
		"short": {roomTimeout / 2, http.StatusOK},
		"long":  {roomTimeout * 2, http.StatusServiceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, &keyVerifier{})
				s.in.maxBytes = firstBuffer
				other := s.in.begin(netip.Prefix{}, func(time.Time) {})
				if err := s.in.reserve(t.Context(), other, firstBuffer); err != nil {
					t.Fatal(err)
				}
				if err := s.in.complete(other); err != nil {
					t.Fatal(err)
				}
				time.AfterFunc(test.verifying, func() { s.in.release(other) })
				c := s.dial("10.0.0.1")
				s.send(c, header("good", 1), "x")
				if got := s.status(bufio.NewReader(c)); got != test.want {
					t.Errorf("answered %d, want %d", got, test.want)
				}
				time.Sleep(time.Minute)
			})
		})
	}
}

func TestServesPipelinedRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &keyVerifier{})
		c := s.dial("10.0.0.1")
		one := "POST /flooded/a/b HTTP/1.1\r\nHost: edge\r\n" + keyHeader + ": good\r\nContent-Length: 1\r\n\r\nx"
		go func() { _, _ = c.Write([]byte(strings.Repeat(one, 3))) }()
		r := bufio.NewReader(c)
		for range 3 {
			if got := s.status(r); got != http.StatusOK {
				t.Errorf("answered %d, want 200", got)
			}
		}
		time.Sleep(5 * grace) // the deadline of a body ends with it
		go func() { _, _ = c.Write([]byte(one)) }()
		if got := s.status(r); got != http.StatusOK {
			t.Errorf("after a pause, answered %d, want 200", got)
		}
	})
}

// A client that asks before it sends its body is answered without it if it has no signature.
func TestExpectContinue(t *testing.T) {
	for name, test := range map[string]struct {
		key  string
		want []int
	}{
		"no key":        {"", []int{http.StatusUnauthorized}},
		"nothing comes": {"good", []int{http.StatusContinue, http.StatusRequestTimeout}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, &keyVerifier{})
				c := s.dial("10.0.0.1")
				h := header(test.key, 5)
				h["Expect"] = "100-continue"
				s.send(c, h, "")
				r := bufio.NewReader(c)
				for _, want := range test.want {
					if got := s.status(r); got != want {
						t.Errorf("answered %d, want %d", got, want)
					}
				}
			})
		})
	}
}
