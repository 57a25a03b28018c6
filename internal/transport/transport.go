// Package transport makes the HTTP clients with which the adapters call out, and tells whether a call that failed had been sent.
package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"
)

const (
	// timeout of a whole call. Jira takes many seconds to create an issue when it is busy; an answer that comes late is worth more than
	// none, after which it has to be found out what happened.
	timeout = 30 * time.Second
	// connectTimeout of each step before a request is sent. Nothing is in doubt then, so that it can be short.
	connectTimeout = 10 * time.Second
)

// New is a client that follows no redirect to another host, so that credentials stay where they belong.
func New() *http.Client {
	dialer := &net.Dialer{Timeout: connectTimeout, KeepAlive: 30 * time.Second}
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, ForceAttemptHTTP2: true,
			TLSHandshakeTimeout: connectTimeout, MaxIdleConns: 64, MaxIdleConnsPerHost: 32, IdleConnTimeout: 90 * time.Second,
			MaxResponseHeaderBytes: 256 << 10,
		},
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
	switch {
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return errors.New("no answer in time")
	case errors.Is(err, context.Canceled):
		return errors.New("the call was cancelled")
	}
	return err
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}
