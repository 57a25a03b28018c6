// Package transport makes the HTTP clients with which the adapters call Slack and Jira, and reports whether a call
// that failed had been sent.
package transport

import (
	"cmp"
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
	// DefaultTimeout bounds a whole call. A busy Jira takes many seconds to create an issue. Waiting for a late answer is
	// better than having to look up what the call did.
	DefaultTimeout = 30 * time.Second
	// connectTimeout bounds each step before a request is sent. It can be short, as nothing is ambiguous by then.
	connectTimeout = 10 * time.Second
	// maxAnswer bounds the body of an answer, in bytes. The longest ones are pages of a search or of a channel's
	// history.
	maxAnswer = 8 << 20
	// maxAnswerHeader bounds the header of an answer, in bytes.
	maxAnswerHeader = 256 << 10
	// maxRedirects bounds how many redirects a call follows.
	maxRedirects = 3
)

// New returns a client that follows no redirect to another host, so that credentials stay where they belong.
//
// The client calls fence right before it writes to a connection, and writes nothing if fence returns an error. Much
// time may pass between the decision to call and that moment, on a busy machine or one that was frozen. A nil fence
// allows every write. timeout bounds a whole call; 0 means DefaultTimeout.
func New(fence func() error, timeout time.Duration) *http.Client {
	dialer := &net.Dialer{Timeout: connectTimeout, KeepAlive: 30 * time.Second, Control: refuseLinkLocal}
	dial := dialer.DialContext
	if fence != nil {
		dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &fencedConn{c, fence}, nil
		}
	}
	return &http.Client{
		Timeout: cmp.Or(timeout, DefaultTimeout),
		Transport: boundedTransport{&http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            dial,
			ForceAttemptHTTP2:      true,
			TLSHandshakeTimeout:    connectTimeout,
			MaxIdleConns:           64,
			MaxIdleConnsPerHost:    32,
			IdleConnTimeout:        90 * time.Second,
			MaxResponseHeaderBytes: maxAnswerHeader,
		}},
		CheckRedirect: checkRedirect,
	}
}

// checkRedirect returns an error for a redirect that must not be followed.
func checkRedirect(req *http.Request, via []*http.Request) error {
	if req.URL.Host != via[0].URL.Host || req.URL.Scheme != via[0].URL.Scheme {
		return fmt.Errorf("redirected to another host, %s: fix the URL", req.URL.Host)
	}
	if len(via) > maxRedirects {
		return fmt.Errorf("redirected more than %d times", maxRedirects)
	}
	return nil
}

// fencedConn is a connection that writes nothing while its fence returns an error.
type fencedConn struct {
	net.Conn
	fence func() error
}

// Write sends bytes. If it returns the fence's error, it has sent none of them.
func (c *fencedConn) Write(p []byte) (int, error) {
	if err := c.fence(); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// refuseLinkLocal returns an error for an address that is valid on one machine or network segment only. Clouds serve
// credentials to any client at such addresses, for example 169.254.169.254. Other addresses inside a cluster are
// allowed, because a Jira may be there.
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
		return fmt.Errorf("%s is a link-local address, which integrations may not use", ip)
	}
	return nil
}

// metadataIPv6 is where a cloud serves credentials over IPv6.
var metadataIPv6 = netip.MustParseAddr("fd00:ec2::254")

// boundedTransport limits the body of each answer to maxAnswer.
type boundedTransport struct{ next http.RoundTripper }

// RoundTrip sends a request.
func (b boundedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.next.RoundTrip(r)
	if err == nil {
		res.Body = http.MaxBytesReader(nil, res.Body, maxAnswer)
	}
	return res, err
}

// Trace returns a context for one call, and a function that reports whether any of the request was written. A request
// of which nothing was written cannot have had an effect.
func Trace(ctx context.Context) (traced context.Context, sent func() bool) {
	var wrote atomic.Bool
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteHeaderField: func(string, []string) { wrote.Store(true) },
		WroteHeaders:     func() { wrote.Store(true) },
	}), wrote.Load
}

// Cause returns the reason of a failed call without the URL, which may be a secret.
func Cause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var lookup *net.DNSError
	switch {
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return errors.New("no answer in time")
	case errors.As(err, &lookup): // its own text contains the cluster's name server
		return fmt.Errorf("looking up %s: %s", lookup.Name, lookup.Err)
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
