// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"context"
	"fmt"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

// slot keeps one of an app's connections open.
type slot struct {
	app     *app
	backoff backoff
	// again makes the slot connect at once.
	again chan struct{}
	// fault is why there is no connection; nil if there is one. app.mu protects it.
	fault *fault.Fault
}

// run keeps a connection open until ctx ends.
func (s *slot) run(ctx context.Context) {
	for ctx.Err() == nil {
		l, f := s.connect(ctx)
		if ctx.Err() != nil {
			return
		}
		countReconnect(f, l != nil)
		var age time.Duration
		if l != nil {
			age = l.age()
		}
		wait := s.backoff.after(f, age)
		if age > 0 && s.backoff.failures == 1 && f.Code == "" {
			f = nil // connections break: it is a problem if none can be opened
		}
		s.app.failed(s, f)
		s.wait(ctx, wait)
	}
}

// wait waits, unless the slot is to connect at once.
func (s *slot) wait(ctx context.Context, d time.Duration) {
	select { // an earlier request was for an earlier wait
	case <-s.again:
	default:
	}
	if d <= 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-s.again:
		s.backoff = backoff{}
	case <-s.app.hub.Clock.After(d):
	}
}

// connect opens a connection and returns it once it is closed or to be replaced, with the fault that this is; nil if Slack
// replaces it as usual. It returns no connection if none could be opened.
func (s *slot) connect(ctx context.Context) (*link, *fault.Fault) {
	socket, err := s.app.hub.Open(ctx, s.app.config)
	if err != nil {
		return nil, fault.From(err)
	}
	l := newLink(s.app, socket)
	s.app.add(l)
	go func() {
		l.read(ctx, func() { s.app.greeted(s) })
		s.app.remove(l)
	}()
	return l, l.end(ctx)
}

// end returns once a connection is closed or to be replaced, with the fault that this is; nil if Slack replaces it as usual.
func (l *link) end(ctx context.Context) *fault.Fault {
	select {
	case reason := <-l.leave:
		go l.drain(ctx)
		return faultOf(reason)
	case <-ctx.Done():
		return nil
	case <-l.ended:
	}
	select {
	case reason := <-l.leave: // Slack closed it at once
		return faultOf(reason)
	default:
		return fault.New(fault.Unavailable, "Slack closed the connection")
	}
}

// faultOf returns the fault that a reason for which Slack closes a connection is; nil for a usual one.
func faultOf(reason string) *fault.Fault {
	message := ""
	switch reason {
	case chat.CodeLinkDisabled:
		message = "Socket Mode is turned off for the app. Turn it on, on the app's page Socket Mode, or remove spec.appTokenSecretRef."
	case chat.CodeTooManyWebSockets:
		message = "Slack allows 10 connections for an app, and others have them. Stop what else connects with this app-level " +
			"token, or make an app of its own for it."
	default:
		return nil
	}
	return &fault.Fault{Kind: fault.Unavailable, Code: reason, Message: fmt.Sprintf("%s (%s)", message, reason)}
}
