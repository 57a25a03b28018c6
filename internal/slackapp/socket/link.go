// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"context"
	"encoding/json"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/inbound"
)

const (
	// handlingTime bounds how long an envelope takes. Slack waits 3 seconds for the reply.
	handlingTime = 2500 * time.Millisecond
	// drainTime is how long a connection is read after Slack announced its end. Slack closes it after some seconds.
	drainTime = 30 * time.Second
)

// link is an open connection.
type link struct {
	app    *app
	socket chat.Socket
	// greeted is when Slack said hello, after which it sends envelopes; nil before.
	greeted atomic.Pointer[time.Time]
	// leave receives why Slack is about to close the connection.
	leave chan string
	// ended is closed when the connection is.
	ended chan struct{}
}

func newLink(a *app, s chat.Socket) *link {
	return &link{app: a, socket: s, leave: make(chan string, 1), ended: make(chan struct{})}
}

// read handles the messages of a connection until it is closed. hello is called once Slack sends to it.
func (l *link) read(ctx context.Context, hello func()) {
	defer close(l.ended)
	defer func() {
		if l.greeted.Load() != nil {
			connectionsOpen.Dec()
		}
	}()
	for {
		raw, err := l.socket.Read()
		if err != nil {
			l.app.log.V(1).Info("A connection ended", "Reason", err.Error())
			return
		}
		m, err := decode(raw)
		switch {
		case m.EnvelopeID != "":
			l.handle(ctx, m, len(raw), err)
		case m.Type == typeHello && l.greeted.Load() == nil:
			now := l.app.hub.Clock.Now()
			l.greeted.Store(&now)
			connectionsOpen.Inc()
			hello()
		case m.Type == typeDisconnect:
			select {
			case l.leave <- m.Reason:
			default:
			}
		}
	}
}

// age returns for how long Slack has sent to the connection.
func (l *link) age() time.Duration {
	at := l.greeted.Load()
	if at == nil {
		return 0
	}
	return l.app.hub.Clock.Since(*at)
}

// handle handles an envelope of a size, while the next messages are read. It waits while too many are being handled.
func (l *link) handle(ctx context.Context, m message, size int, err error) {
	leave, enterErr := l.app.enter(ctx, size)
	if enterErr != nil { // the app ends
		return
	}
	go func() {
		defer leave()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), handlingTime)
		defer cancel()
		defer func() {
			if problem := recover(); problem != nil {
				countEnvelope(m, refused)
				l.app.log.Error(nil, "Handling an envelope panicked", "Panic", problem, "Stack", string(debug.Stack()))
			}
		}()
		l.answer(ctx, m, err)
	}()
}

// answer passes on an envelope and replies to it. An envelope that cannot be decoded is acknowledged too: it would not
// be understood later either. One that cannot be received now is not: Slack repeats an event, and shows the person that a
// command or click failed.
func (l *link) answer(ctx context.Context, m message, err error) {
	var request inbound.Request
	if err == nil {
		request, err = m.request()
	}
	if err != nil {
		l.app.log.V(1).Info("An envelope was not understood", "Type", m.Type, "Reason", err.Error())
		l.reply(m, nil, malformed)
		return
	}
	payload, err := l.app.receive(ctx, request, m.maxBody())
	if err != nil {
		countEnvelope(m, refused)
		l.app.log.V(1).Info("An envelope was not received", "Type", m.Type, "Reason", err.Error())
		return
	}
	l.reply(m, payload, acknowledged)
}

// reply replies to an envelope, which is counted with a result if that succeeds.
func (l *link) reply(m message, payload json.RawMessage, result string) {
	raw, err := m.reply(payload)
	if err == nil {
		err = l.app.send(l, raw)
	}
	if err != nil {
		result = lost
		l.app.log.Info("An envelope could not be acknowledged", "Type", m.Type, "Reason", err.Error())
	}
	countEnvelope(m, result)
}

// drain closes a connection that Slack is about to close, unless Slack does so first. Until then it is read: it may still
// bring envelopes, and takes the replies to earlier ones.
func (l *link) drain(ctx context.Context) {
	select {
	case <-l.ended:
	case <-ctx.Done(): // the app closes all its connections
	case <-l.app.hub.Clock.After(drainTime):
		_ = l.socket.Close() // it is gone in any case
	}
}
