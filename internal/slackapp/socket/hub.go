// SPDX-License-Identifier: Apache-2.0

// Package socket receives by Socket Mode what people do in Slack, for clusters that Slack cannot reach: it opens
// connections on which Slack sends the same as by HTTP, and hands it over, which package slackapp answers.
//
// Only the leader connects. Each app has two connections, so that there is always one while Slack replaces the other.
package socket

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/semaphore"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp"
)

const (
	// maxHandledByAll bounds the envelopes of all apps that are being handled, in bytes.
	maxHandledByAll = 32 << 20
	// maxAppsPerNamespace bounds the apps that the integrations of a namespace connect.
	maxAppsPerNamespace = 16
	// replaceWithin is how long the connections of a former token stay open until those of the next one are.
	replaceWithin = 10 * time.Second
)

// Options are the dependencies of a Hub.
type Options struct {
	// Open opens a connection.
	Open chat.OpenSocket
	// Receive acts on a request, as a slackapp.Dispatcher does.
	Receive func(context.Context, slackapp.Delivery) (json.RawMessage, error)
	// Client reads integrations from the cache.
	Client client.Reader
	Clock  clock.WithTicker
	Log    logr.Logger
}

// Hub keeps the connections of all apps. It is safe for concurrent use.
type Hub struct {
	Options
	// Enqueue enqueues an integration whose state has changed. Set it before use.
	Enqueue func(types.NamespacedName)
	handled *semaphore.Weighted

	mu sync.Mutex
	// ctx is that of Start; nil before. ended is set once it has ended, after which no app starts.
	ctx   context.Context
	ended bool
	apps  map[chat.SocketConfig]*app
	// members has the integrations.
	members map[types.NamespacedName]member
	running sync.WaitGroup
}

// member is an integration that receives by Socket Mode.
type member struct {
	// version identifies the spec and the Secret of the integration.
	version string
	// app is nil if its namespace has too many.
	app *app
}

// New returns a Hub.
func New(o Options) *Hub {
	return &Hub{
		Options: o, Enqueue: func(types.NamespacedName) {}, handled: semaphore.NewWeighted(maxHandledByAll),
		apps: map[chat.SocketConfig]*app{}, members: map[types.NamespacedName]member{},
	}
}

// Start opens the connections. It closes them when ctx ends, once the envelopes that are being handled are acknowledged.
// It implements the manager's Runnable.
func (h *Hub) Start(ctx context.Context) error {
	h.mu.Lock()
	h.ctx = ctx
	for _, a := range h.apps {
		h.start(a)
	}
	h.mu.Unlock()
	<-ctx.Done()
	h.mu.Lock()
	h.ended = true
	h.mu.Unlock()
	h.running.Wait()
	return nil
}

// NeedLeaderElection returns true: only the leader connects.
func (h *Hub) NeedLeaderElection() bool { return true }

// start runs an app. It needs the lock.
func (h *Hub) start(a *app) {
	if h.ctx == nil || h.ended {
		return
	}
	ctx, cancel := context.WithCancel(h.ctx)
	a.stop = cancel
	h.running.Go(func() { a.run(ctx) })
}

// Version returns the version for which an integration's connections are kept; empty if none are.
func (h *Hub) Version(name types.NamespacedName) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.members[name].version
}

// Keep keeps connections for an integration. A new version of the same token makes those that wait connect at once. A token
// is not used, and no version kept, if it would be one too many for the namespace.
func (h *Hub) Keep(name types.NamespacedName, version string, config chat.SocketConfig) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before := h.members[name]
	key := keyOf(config)
	a := h.apps[key]
	if a == nil {
		if h.countApps(name.Namespace, before.app) >= maxAppsPerNamespace {
			h.drop(name)
			h.members[name] = member{}
			return
		}
		a = newApp(h, config)
		h.apps[key] = a
		h.start(a)
	}
	h.members[name] = member{version, a}
	a.setMember(name, true)
	if before.app == a && before.version != version {
		a.connectAgain()
	}
	if before.app != nil && before.app != a {
		h.leave(before.app, name, a.ready)
	}
}

// countApps returns how many apps the integrations of a namespace connect, except one that is being replaced. It needs the
// lock.
func (h *Hub) countApps(namespace string, replaced *app) int {
	n := 0
	for _, a := range h.apps {
		if a.config.Namespace == namespace && a != replaced {
			n++
		}
	}
	return n
}

// keyOf returns what the integrations of an app have in common.
func keyOf(c chat.SocketConfig) chat.SocketConfig {
	c.Namespace = ""
	c.APIURL = strings.TrimRight(c.APIURL, "/")
	if c.APIURL == "https://slack.com/api" {
		c.APIURL = ""
	}
	return c
}

// Drop closes the connections of an integration, unless others use them.
func (h *Hub) Drop(name types.NamespacedName) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drop(name)
}

// drop does what Drop does. It needs the lock.
func (h *Hub) drop(name types.NamespacedName) {
	before := h.members[name]
	delete(h.members, name)
	if before.app != nil {
		h.leave(before.app, name, nil)
	}
}

// leave removes an integration from an app, and closes the connections of an app without any. If another app replaces it,
// the connections are used until that is ready, so that nothing is lost between them. leave needs the lock.
func (h *Hub) leave(a *app, name types.NamespacedName, replacement <-chan struct{}) {
	if replacement == nil || a.stop == nil || len(a.names()) > 1 {
		if left := a.setMember(name, false); left > 0 {
			return
		}
		replacement = nil
	}
	delete(h.apps, keyOf(a.config))
	switch {
	case a.stop == nil: // it has not started
	case replacement == nil:
		a.stop()
	default:
		go func() {
			select {
			case <-replacement:
			case <-a.stopped:
			case <-h.Clock.After(replaceWithin):
			}
			a.stop()
		}()
	}
}

// State returns the state of an integration's connections.
func (h *Hub) State(name types.NamespacedName) chat.SocketState {
	h.mu.Lock()
	m, ok := h.members[name]
	h.mu.Unlock()
	switch {
	case !ok:
		return chat.SocketState{}
	case m.app == nil:
		return chat.SocketState{Fault: &fault.Fault{
			Kind: fault.Invalid, Code: chat.CodeTooManyApps, Message: fmt.Sprintf("The integrations of namespace %s connect "+
				"%d other Slack apps, the most for a namespace. Remove spec.appTokenSecretRef of one of them, or use its app.",
				name.Namespace, maxAppsPerNamespace),
		}}
	}
	return m.app.currentState()
}
