// SPDX-License-Identifier: Apache-2.0

package slack_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/gorilla/websocket"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/chat/slack"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox"
	sandboxslack "github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack/sockets"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/socket"
	"github.com/voiceai-dev/integrations-operator/internal/transport"
)

// loopback allows the clients of a test to connect to it.
var loopback = transport.Options{Reach: transport.Reach{AllowLoopback: true}}

// receiver is an app in the sandbox that receives by Socket Mode, and counts each request.
type receiver struct {
	hub  *socket.Hub
	box  *sandbox.Sandbox
	base string
	// changed receives something when the state of the connections changes.
	changed chan struct{}

	mu  sync.Mutex
	got map[string]int
}

var integrationName = types.NamespacedName{Namespace: "qa", Name: "slack"}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	box := sandbox.New(sandbox.Options{SlackPatience: 2 * time.Minute}) // which a slow machine does not exceed
	server := httptest.NewServer(box)
	t.Cleanup(server.Close)
	if err := box.Slack().SetApp(sandboxslack.App{SocketMode: true}); err != nil {
		t.Fatal(err)
	}
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	i := &v1alpha1.SlackIntegration{ObjectMeta: metav1.ObjectMeta{Namespace: integrationName.Namespace, Name: integrationName.Name}}
	r := &receiver{box: box, base: server.URL, changed: make(chan struct{}, 1), got: map[string]int{}}
	r.hub = socket.New(socket.Options{
		Open: slack.Dialer{Options: loopback}.OpenSocket, Receive: r.receive, Clock: clock.RealClock{}, Log: logr.Discard(),
		Client: fake.NewClientBuilder().WithScheme(scheme).WithObjects(i).Build(),
	})
	r.hub.Enqueue = func(types.NamespacedName) {
		select {
		case r.changed <- struct{}{}:
		default:
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = r.hub.Start(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return r
}

func (r *receiver) receive(_ context.Context, d slackapp.Delivery) (json.RawMessage, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case d.Command != nil:
		r.got[d.Command.Text]++
		return json.Marshal(map[string]string{"text": "to " + d.Command.Text})
	case d.Event != nil:
		r.got[d.Event.Text]++
	}
	return nil, nil
}

// connect connects and waits until the state is as wanted.
func (r *receiver) connect(version, token string, isWanted func(chat.SocketState) bool) {
	r.hub.Keep(integrationName, version, chat.SocketConfig{Token: token, APIURL: r.base + "/api/", Namespace: "qa"})
	for !isWanted(r.hub.State(integrationName)) {
		<-r.changed
	}
}

func isConnected(s chat.SocketState) bool { return s.Connected }

var ann = sandboxslack.Person{User: sandboxslack.Ann, Channel: sandboxslack.AlertsChannel}

// TestRefreshUnderLoad sends commands and events while connections are replaced all the time: each arrives once, and is
// answered.
func TestRefreshUnderLoad(t *testing.T) {
	const workers, each = 8, 60
	r := newReceiver(t)
	r.connect("1", sandboxslack.AppToken, isConnected)
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			for i := range each {
				text := fmt.Sprintf("%d-%d", worker, i)
				var err error
				if i%3 == 0 {
					err = r.box.Slack().Send(t.Context(), map[string]any{"type": "app_mention", "user": ann.User, "text": text})
				} else {
					err = r.box.Slack().Run(t.Context(), ann, text)
				}
				if err != nil {
					t.Errorf("%s: %v", text, err)
				}
				if worker == 0 && i%10 == 0 {
					r.box.Slack().Sockets().DisconnectOldest([]string{sockets.Warning, sockets.RefreshRequested}[i/10%2])
				}
			}
		})
	}
	group.Wait()
	counts := r.box.Slack().Sockets().Counts()
	if len(r.got) != workers*each || counts.Acknowledged != workers*each || counts.Dropped > 0 {
		t.Errorf("%d requests arrived, %+v", len(r.got), counts)
	}
	if counts.Replaced < 2 || counts.Opened < counts.Replaced {
		t.Errorf("connections were replaced %d times, %d were opened", counts.Replaced, counts.Opened)
	}
	for text, n := range r.got {
		if n != 1 {
			t.Errorf("%s arrived %d times", text, n)
		}
	}
	answers := map[string]int{}
	for _, p := range r.box.Slack().Privates(ann.Channel) {
		answers[p.Text]++
	}
	for text, n := range answers {
		if n != 1 || !strings.HasPrefix(text, "to ") {
			t.Errorf("%q was shown %d times", text, n)
		}
	}
}

// TestUndecodablePayloads are acknowledged, so that Slack does not repeat them.
func TestUndecodablePayloads(t *testing.T) {
	r := newReceiver(t)
	r.connect("1", sandboxslack.AppToken, isConnected)
	for _, payload := range []string{`{"type":`, `[]`, `"x"`, `{}`, "\x00", `{"type":"block_actions","user":7}`} {
		for _, kind := range []string{"events_api", "interactive", "slash_commands", "new"} {
			_, err := r.box.Slack().Sockets().Send(t.Context(), sockets.Envelope{Type: kind, Payload: []byte(payload)})
			if err != nil {
				t.Errorf("%s %q: %v", kind, payload, err)
			}
		}
	}
	if len(r.got) > 0 {
		t.Errorf("handed over %v", r.got)
	}
}

// TestTokensForSocketMode checks which fault each token is, and that a new Secret connects at once.
func TestTokensForSocketMode(t *testing.T) {
	hasFault := func(s chat.SocketState) bool { return s.Fault != nil }
	for name, c := range map[string]struct {
		token  string
		state  sandboxslack.Token
		socket bool
		code   string
		kind   fault.Kind
		advice string
	}{
		"unknown":        {"xapp-unknown", sandboxslack.Token{}, true, "invalid_auth", fault.Unauthorized, "connections:write"},
		"revoked":        {"xapp-1", sandboxslack.Token{State: sandboxslack.Revoked}, true, "token_revoked", fault.Unauthorized, "connections:write"},
		"inactive":       {"xapp-1", sandboxslack.Token{State: sandboxslack.Inactive}, true, "account_inactive", fault.Unauthorized, "connections:write"},
		"without scope":  {"xapp-1", sandboxslack.Token{State: sandboxslack.Valid, Scopes: []string{}}, true, "missing_scope", fault.Unauthorized, "connections:write"},
		"of a bot":       {sandboxslack.BotToken, sandboxslack.Token{State: sandboxslack.Valid}, true, "not_allowed_token_type", fault.Unauthorized, "app-level token"},
		"turned off":     {sandboxslack.AppToken, sandboxslack.Token{State: sandboxslack.Valid}, false, chat.CodeLinkDisabled, fault.Unavailable, "page Socket Mode"},
		"of another app": {"xapp-other", sandboxslack.Token{}, true, "invalid_auth", fault.Unauthorized, "page Basic Information"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReceiver(t)
			if c.state.State != "" {
				if err := r.box.Slack().PutToken(c.token, c.state); err != nil {
					t.Fatal(err)
				}
			}
			if err := r.box.Slack().SetApp(sandboxslack.App{SocketMode: c.socket}); err != nil {
				t.Fatal(err)
			}
			r.connect("1", c.token, hasFault)
			f := r.hub.State(integrationName).Fault
			if f.Code != c.code || f.Kind != c.kind || !strings.Contains(f.Error(), c.advice) || strings.Contains(f.Error(), c.token) {
				t.Errorf("the fault is %s, %q: %s", f.Kind, f.Code, f)
			}
			if err := r.box.Slack().SetApp(sandboxslack.App{SocketMode: true}); err != nil {
				t.Fatal(err)
			}
			r.connect("2", sandboxslack.AppToken, isConnected)
			if err := r.box.Slack().Run(t.Context(), ann, "help"); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestTooManyWebSockets reports that others have all connections, and takes one once it is free.
func TestTooManyWebSockets(t *testing.T) {
	r := newReceiver(t)
	var others []*websocket.Conn
	for range 10 {
		c, res, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(r.base, "http")+"/link/?ticket="+
			r.box.Slack().Sockets().Ticket(), nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if _, _, err := c.ReadMessage(); err != nil { // hello
			t.Fatal(err)
		}
		others = append(others, c)
	}
	r.connect("1", sandboxslack.AppToken, func(s chat.SocketState) bool { return s.Fault != nil })
	if f := r.hub.State(integrationName).Fault; f.Code != chat.CodeTooManyWebSockets || !strings.Contains(f.Error(), "10 connections") {
		t.Errorf("the fault is %s", f)
	}
	r.box.Slack().Sockets().Break()
	for _, c := range others {
		_ = c.Close()
	}
	r.connect("2", sandboxslack.AppToken, isConnected)
}

// TestURLsOfConnections checks where a connection may lead, whatever Slack's answer says.
func TestURLsOfConnections(t *testing.T) {
	const unusual, refused = "no wss URL", transport.CodeAddressRefused
	for address, want := range map[string]string{
		"":                              unusual,
		"://":                           unusual,
		"http://127.0.0.1/":             unusual,
		"wss:///link":                   unusual,
		"wss://169.254.169.254/latest/": refused,
		"ws://[::ffff:169.254.169.254]/link?ticket=Secret123": refused,
		"wss://metadata.google.internal/":                     refused,
		"wss://2130706433/link":                               refused,
		"wss://localhost:1/link":                              "could not be reached",
	} {
		api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_ = json.NewEncoder(w).Encode(map[string]any{"ok": true, "url": address})
		}))
		_, err := slack.Dialer{Options: loopback}.OpenSocket(t.Context(), chat.SocketConfig{Token: "xapp-1", APIURL: api.URL})
		api.Close()
		f := fault.From(err)
		if f == nil || f.Code != want && !strings.Contains(f.Error(), want) || strings.Contains(f.Error(), "Secret123") {
			t.Errorf("%s: got %v, want %s", address, err, want)
		}
	}
	onlySlack := transport.Options{Reach: transport.Reach{AllowLoopback: true, AllowedHosts: []string{"127.0.0.1"}}}
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"ok":true,"url":"wss://evil.example.com/link"}`))
	}))
	defer api.Close()
	_, err := slack.Dialer{Options: onlySlack}.OpenSocket(t.Context(), chat.SocketConfig{Token: "xapp-1", APIURL: api.URL})
	if f := fault.From(err); f == nil || f.Code != refused || !strings.Contains(f.Error(), "--allowed-hosts") {
		t.Errorf("a host that is not allowed: got %v", err)
	}
	_, err = slack.Dialer{}.OpenSocket(t.Context(), chat.SocketConfig{Token: "xapp-1", APIURL: api.URL})
	if f := fault.From(err); f == nil || f.Code != refused {
		t.Errorf("an API on this machine: got %v", err)
	}
}

// TestHandshakes checks what is done about a server that opens no connection, or sends without end.
func TestHandshakes(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter)
		want   string
	}{
		"refused": {func(w http.ResponseWriter) { w.WriteHeader(http.StatusForbidden) }, "answered with status 403"},
		"echo":    {func(w http.ResponseWriter) { hijack(w, "HTTP/1.1 ticket=Secret123\r\n\r\n") }, "could not be reached"},
		"endless": {func(w http.ResponseWriter) {
			hijack(w, "HTTP/1.1 101 Switching Protocols\r\n"+strings.Repeat("X-A: "+strings.Repeat("a", 1000)+"\r\n", 1000))
		}, "longer than 256 KiB"},
	} {
		var server *httptest.Server
		server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/link" {
				c.answer(w)
				return
			}
			_, _ = fmt.Fprintf(w, `{"ok":true,"url":%q}`, "ws"+strings.TrimPrefix(server.URL, "http")+"/link?ticket=Secret123")
		}))
		_, err := slack.Dialer{Options: loopback}.OpenSocket(t.Context(), chat.SocketConfig{Token: "xapp-1", APIURL: server.URL})
		server.Close()
		f := fault.From(err)
		if f == nil || f.Kind != fault.Unavailable || !strings.Contains(f.Error(), c.want) || strings.Contains(f.Error(), "Secret123") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// hijack sends raw bytes.
func hijack(w http.ResponseWriter, raw string) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_, _ = c.Write([]byte(raw))
	_ = c.Close()
}

// TestTheFenceOfASocket keeps a replica that is not the leader any more from replying.
func TestTheFenceOfASocket(t *testing.T) {
	r := newReceiver(t)
	var mu sync.Mutex
	var fence error
	o := loopback
	o.Fence = func() error {
		mu.Lock()
		defer mu.Unlock()
		return fence
	}
	s, err := slack.Dialer{Options: o}.OpenSocket(t.Context(), chat.SocketConfig{Token: sandboxslack.AppToken, APIURL: r.base + "/api"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	mu.Lock()
	fence = errors.New("not the leader")
	mu.Unlock()
	if err := s.Write([]byte(`{"envelope_id":"e"}`)); !errors.Is(err, fence) {
		t.Errorf("Write returned %v", err)
	}
}
