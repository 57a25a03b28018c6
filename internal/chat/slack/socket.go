// SPDX-License-Identifier: Apache-2.0

package slack

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/slack-go/slack"

	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/transport"
)

const (
	// maxSocketMessage bounds a message of Slack, in bytes. A click comes with its whole message, and a form with its whole
	// view.
	maxSocketMessage = 512 << 10
	// socketWriteTimeout bounds how long a reply takes to be sent. Slack waits 3 seconds for it.
	socketWriteTimeout = 3 * time.Second
	// socketPing is how often a connection is checked, and socketSilence how long Slack may be silent.
	socketPing    = 10 * time.Second
	socketSilence = 30 * time.Second
	// closeTimeout bounds how long closing a connection takes.
	closeTimeout = time.Second
)

const badAppToken = "Slack rejected the app-level token (%s). Generate one with the scope connections:write on the app's page " +
	"Basic Information, and put it into the Secret."

// appTokenCodes are errors of apps.connections.open that are not in codes and are due to the token
// (https://docs.slack.dev/reference/methods/apps.connections.open).
var appTokenCodes = []string{
	"not_allowed_token_type", "no_permission", "access_denied", "accesslimited", "forbidden_team", "two_factor_setup_required",
	"user_removed_from_team",
}

// OpenSocket opens a connection of Socket Mode. It implements chat.OpenSocket.
//
// It does not use the client of slack-go for that: it closes the old connection before it opens the next, does not reply
// to messages that it cannot decode, and ignores why Slack closes a connection.
func (d Dialer) OpenSocket(ctx context.Context, c chat.SocketConfig) (chat.Socket, error) {
	base, err := d.base(c.APIURL)
	if err != nil {
		return nil, err
	}
	account := transport.Account{Namespace: c.Namespace, Secrets: []string{c.Token}}
	api := slack.New("", slack.OptionAppLevelToken(c.Token), slack.OptionAPIURL(base.String()),
		slack.OptionHTTPClient(transport.New(d.Options, account)))
	_, address, err := api.StartSocketModeContext(transport.ForProbe(ctx))
	if err != nil {
		return nil, socketFault(err)
	}
	to, err := url.Parse(address)
	if err != nil || to.Host == "" || to.Scheme != "wss" && (to.Scheme != "ws" || base.Scheme != "http") {
		return nil, fault.New(fault.Unavailable, "Slack's answer to apps.connections.open has no wss URL. %s", checkURL)
	}
	conn, err := transport.DialWebSocket(ctx, d.Options, account, to)
	if err != nil {
		return nil, socketFault(err)
	}
	return newSocket(conn, socketPing, socketSilence), nil
}

// socketFault returns the fault of a connection that could not be opened.
func socketFault(err error) *fault.Fault {
	if refusal := transport.RefusalOf(err); refusal != nil {
		return refusal
	}
	f := fault.From(classify(err, "", harmless))
	if f.Kind == fault.Unauthorized || slices.Contains(appTokenCodes, f.Code) {
		return &fault.Fault{Kind: fault.Unauthorized, Scope: fault.Connection, Code: f.Code, Message: fmt.Sprintf(badAppToken, f.Code)}
	}
	return f
}

// socket is an open connection of Socket Mode.
type socket struct {
	conn *websocket.Conn
	// silence is how long Slack may be silent.
	silence time.Duration
	writing sync.Mutex
	closing sync.Once
	closed  chan struct{}
}

func newSocket(conn *websocket.Conn, ping, silence time.Duration) *socket {
	s := &socket{conn: conn, silence: silence, closed: make(chan struct{})}
	conn.SetReadLimit(maxSocketMessage)
	pong := conn.PingHandler()
	conn.SetPingHandler(func(data string) error {
		s.heard()
		return pong(data)
	})
	conn.SetPongHandler(func(string) error {
		s.heard()
		return nil
	})
	s.heard()
	go s.ping(ping)
	return s
}

// heard extends the time in which the next sign of life is due.
func (s *socket) heard() { _ = s.conn.SetReadDeadline(time.Now().Add(s.silence)) } // fails only if it is closed

// ping keeps a connection that works from being silent.
func (s *socket) ping(every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-s.closed:
			return
		case now := <-ticker.C:
			_ = s.conn.WriteControl(websocket.PingMessage, nil, now.Add(socketWriteTimeout)) // Read returns why it fails
		}
	}
}

// Read returns the next message.
func (s *socket) Read() ([]byte, error) {
	_, message, err := s.conn.ReadMessage()
	if err != nil {
		return nil, err
	}
	s.heard()
	return message, nil
}

// Write sends a message in one frame.
func (s *socket) Write(message []byte) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.conn.SetWriteDeadline(time.Now().Add(socketWriteTimeout)); err != nil {
		return err
	}
	return s.conn.WriteMessage(websocket.TextMessage, message)
}

// Close announces the end of the connection to Slack, and closes it without waiting for an answer: Slack keeps the connection open
// after it has answered.
func (s *socket) Close() error {
	var err error
	s.closing.Do(func() {
		close(s.closed)
		bye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
		_ = s.conn.WriteControl(websocket.CloseMessage, bye, time.Now().Add(closeTimeout)) // it may be broken already
		err = s.conn.Close()
	})
	return err
}
