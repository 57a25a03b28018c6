// Package transport makes the HTTP clients with which the adapters call out, and tells whether a call that failed had been sent.
package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// timeout of a whole call. Jira takes many seconds to create an issue when it is busy; an answer that comes late is worth more than
	// none, after which it has to be found out what happened.
	timeout = 30 * time.Second
	// connectTimeout of each step before a request is sent. Nothing is in doubt then, so that it can be short.
	connectTimeout = 10 * time.Second
	// maxAnswer bounds an answer's body. The longest sensible ones are pages of a search or of a channel's history.
	maxAnswer = 8 << 20
)

// New is a client that follows no redirect to another host, so that credentials stay where they belong. fence is asked whenever something is
// about to leave this process, which does not when it returns an error: much time may pass between the decision to call and that moment, on a busy machine or
// one that was frozen. nil lets everything through.
func New(fence func() error) *http.Client {
	dialer := &net.Dialer{Timeout: connectTimeout, KeepAlive: 30 * time.Second, Control: refuseLinkLocal}
	dial := dialer.DialContext
	if fence != nil {
		dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &fenced{c, fence}, nil
		}
	}
	return &http.Client{
		Timeout: timeout,
		Transport: bounded{&http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: dial, ForceAttemptHTTP2: true,
			TLSHandshakeTimeout: connectTimeout, MaxIdleConns: 64, MaxIdleConnsPerHost: 32, IdleConnTimeout: 90 * time.Second,
			MaxResponseHeaderBytes: 256 << 10,
		}},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if req.URL.Host != via[0].URL.Host || req.URL.Scheme != via[0].URL.Scheme {
				return fmt.Errorf("redirected to another host, %s: mend the URL", req.URL.Host)
			}
			if len(via) > 3 {
				return errors.New("redirected more than 3 times")
			}
			return nil
		},
	}
}

// fenced is a connection on which nothing is written while the fence is up.
type fenced struct {
	net.Conn
	fence func() error
}

// Write sends bytes. Nothing of them was sent when the fence is why it failed.
func (f *fenced) Write(p []byte) (int, error) {
	if err := f.fence(); err != nil {
		return 0, err
	}
	return f.Conn.Write(p)
}

// refuseLinkLocal keeps calls from addresses that are good on one machine or network segment only, where clouds serve credentials to whoever asks
// (169.254.169.254, for one). Other addresses inside a cluster are where a Jira may be.
func refuseLinkLocal(_, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return err
	}
	if ip = ip.Unmap().WithZone(""); ip.IsLinkLocalUnicast() || ip.IsLinkLocalMulticast() || ip == metadataIPv6 {
		return fmt.Errorf("%s is a link-local address, which no integration may reach", ip)
	}
	return nil
}

// metadataIPv6 is where a cloud serves credentials by IPv6.
var metadataIPv6 = netip.MustParseAddr("fd00:ec2::254")

// bounded lets no answer be longer than maxAnswer.
type bounded struct{ next http.RoundTripper }

// RoundTrip sends a request.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.next.RoundTrip(r)
	if err == nil {
		res.Body = http.MaxBytesReader(nil, res.Body, maxAnswer)
	}
	return res, err
}

// Trace notes whether a request began to be written. What was not cannot have had an effect.
func Trace(ctx context.Context) (traced context.Context, sent func() bool) {
	var wrote atomic.Bool
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteHeaderField: func(string, []string) { wrote.Store(true) },
		WroteHeaders:     func() { wrote.Store(true) },
	}), wrote.Load
}

// Cause is the reason of a failed call without the URL, which may be a secret.
func Cause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var unknown *net.DNSError
	switch {
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return errors.New("no answer in time")
	case errors.As(err, &unknown): // its text names the cluster's name server
		return fmt.Errorf("looking up %s: %s", unknown.Name, unknown.Err)
	case errors.As(err, new(*http.MaxBytesError)):
		return fmt.Errorf("the answer is longer than %d MiB", maxAnswer>>20)
	case errors.Is(err, context.Canceled):
		return errors.New("the call was cancelled")
	}
	return err
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}
