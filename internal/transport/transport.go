// SPDX-License-Identifier: Apache-2.0

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
	"net/url"
	"sync/atomic"
	"time"

	"golang.org/x/net/http/httpproxy"
)

const (
	// DefaultTimeout bounds a whole call. A busy Jira takes many seconds to create an issue. Waiting for a late answer is
	// better than having to look up what the call did.
	DefaultTimeout = 30 * time.Second
	// connectTimeout bounds each step before a request is sent. It can be short, as nothing is ambiguous by then.
	connectTimeout = 10 * time.Second
	// maxAnswerHeader bounds the header of an answer, in bytes.
	maxAnswerHeader = 32 << 10
	// streamWindow and connectionWindow bound what an HTTP/2 server may send before it is read, in bytes.
	streamWindow     = 64 << 10
	connectionWindow = 256 << 10
	// maxRedirects bounds how many redirects a call follows.
	maxRedirects = 3
)

// Options are what the clients of a process have in common.
type Options struct {
	// Fence is called right before a client writes to a connection. The client writes nothing if Fence returns an error.
	// Much time may pass between the decision to call and that moment, on a busy machine or one that was frozen. nil
	// allows every write.
	Fence func() error
	// Timeout bounds a whole call; 0 means DefaultTimeout.
	Timeout time.Duration
	// Reach is where clients may connect to.
	Reach Reach
	// Budget bounds the answers that clients read at once. nil gives each client a budget of its own.
	Budget *Budget
}

// Account is on whose behalf a client calls.
type Account struct {
	// Namespace is the namespace whose share of the Budget the calls use.
	Namespace string
	// Username is sent with the secret in basic authentication; empty for other authentication.
	Username string
	// Secrets are the texts that are removed from everything that comes back.
	Secrets []string
}

// New returns a client that follows no redirect to another host, so that credentials stay where they belong.
func New(o Options, a Account) *http.Client {
	proxy := httpproxy.FromEnvironment().ProxyFunc()
	base := &http.Transport{
		DialContext:            o.dial,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{MaxReceiveBufferPerStream: streamWindow, MaxReceiveBufferPerConnection: connectionWindow},
		TLSHandshakeTimeout:    connectTimeout,
		MaxIdleConns:           64,
		MaxIdleConnsPerHost:    32,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: maxAnswerHeader,
		Proxy:                  func(r *http.Request) (*url.URL, error) { return proxy(r.URL) },
	}
	budget := o.Budget
	if budget == nil {
		budget = NewBudget()
	}
	return &http.Client{
		Timeout: cmp.Or(o.Timeout, DefaultTimeout),
		Transport: &guardedTransport{
			next: base, proxy: base.Proxy, reach: o.Reach, budget: budget, namespace: a.Namespace, redactor: NewRedactor(a),
		},
		CheckRedirect: checkRedirect,
	}
}

// dial connects to an address that a client may connect to.
func (o Options) dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: connectTimeout, KeepAlive: 30 * time.Second}
	if !isProxied(ctx) {
		dialer.Control = o.Reach.control
	}
	c, err := dialer.DialContext(ctx, network, address)
	if err != nil || o.Fence == nil {
		return c, err
	}
	return &fencedConn{c, o.Fence}, nil
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
	var tooLong *TooLongError
	switch {
	case errors.As(err, &tooLong):
		return tooLong
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return errors.New("no answer in time")
	case errors.As(err, &lookup): // its own text contains the cluster's name server
		return fmt.Errorf("looking up %s: %s", lookup.Name, lookup.Err)
	case errors.Is(err, context.Canceled):
		return errors.New("the call was cancelled")
	}
	return err
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}
