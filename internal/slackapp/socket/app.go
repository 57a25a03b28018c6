// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/go-logr/logr"
	"golang.org/x/sync/semaphore"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/inbound"
)

const (
	// slotsOfApp is how many connections an app has: while Slack replaces one, it sends by the other.
	slotsOfApp = 2
	// maxHandled bounds the envelopes of an app that are being handled, in bytes. Each counts as minEnvelope at least.
	maxHandled  = 8 << 20
	minEnvelope = 64 << 10
)

// app is what connects with one app-level token, for all integrations that have it: Slack sends each envelope to one of an
// app's connections.
type app struct {
	hub    *Hub
	config chat.SocketConfig
	log    logr.Logger
	// handled bounds the envelopes that are being handled.
	handled *semaphore.Weighted
	stop    context.CancelFunc
	// ready is closed once Slack sends to the app, stopped once the connections are closed.
	ready, stopped chan struct{}

	mu      sync.Mutex
	members map[types.NamespacedName]bool
	links   map[*link]bool
	slots   []*slot
	// state is the state that the members were enqueued for last.
	state chat.SocketState
}

func newApp(h *Hub, config chat.SocketConfig) *app {
	a := &app{
		hub: h, config: config, log: h.Log, handled: semaphore.NewWeighted(maxHandled), ready: make(chan struct{}),
		stopped: make(chan struct{}), members: map[types.NamespacedName]bool{}, links: map[*link]bool{},
	}
	for range slotsOfApp {
		a.slots = append(a.slots, &slot{app: a, again: make(chan struct{}, 1)})
	}
	return a
}

// run keeps the connections open until ctx ends. Then it waits for the envelopes that are being handled.
func (a *app) run(ctx context.Context) {
	defer close(a.stopped)
	var slots sync.WaitGroup
	for _, s := range a.slots {
		slots.Go(func() { s.run(ctx) })
	}
	slots.Wait()
	drained, cancel := context.WithTimeout(context.WithoutCancel(ctx), handlingTime)
	defer cancel()
	_ = a.handled.Acquire(drained, maxHandled) // whether in time or not, the connections are closed now
	a.mu.Lock()
	links := slices.Collect(maps.Keys(a.links))
	a.mu.Unlock()
	for _, l := range links {
		_ = l.socket.Close() // it is gone in any case
	}
}

// connectAgain makes the slots that wait connect at once.
func (a *app) connectAgain() {
	for _, s := range a.slots {
		select {
		case s.again <- struct{}{}:
		default:
		}
	}
}

// enter waits until an envelope of a size can be handled, and returns what is to be called afterwards.
func (a *app) enter(ctx context.Context, size int) (leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	own := int64(min(max(size, minEnvelope), maxHandled))
	all := int64(min(size, maxHandledByAll))
	if err := a.handled.Acquire(ctx, own); err != nil {
		return nil, err
	}
	if err := a.hub.handled.Acquire(ctx, all); err != nil {
		a.handled.Release(own)
		return nil, err
	}
	return func() {
		a.hub.handled.Release(all)
		a.handled.Release(own)
	}, nil
}

// errNoMember is the error of a request for integrations that are gone.
var errNoMember = errors.New("no integration has the app-level token any more")

// receive passes on a request for the integrations of the app. maxBody bounds the body of the answer.
func (a *app) receive(ctx context.Context, r inbound.Request, maxBody int) (json.RawMessage, error) {
	d := slackapp.Delivery{Request: r, MaxBody: maxBody}
	for _, name := range a.names() {
		i := &v1alpha1.SlackIntegration{}
		switch err := a.hub.Client.Get(ctx, name, i); {
		case apierrors.IsNotFound(err):
		case err != nil:
			return nil, err
		default:
			d.Integrations = append(d.Integrations, i)
		}
	}
	if len(d.Integrations) == 0 {
		return nil, errNoMember
	}
	slices.SortStableFunc(d.Integrations, func(x, y *v1alpha1.SlackIntegration) int { // those of the workspace come first
		return rank(x, r.TeamID) - rank(y, r.TeamID)
	})
	return a.hub.Receive(ctx, d)
}

// rank returns 0 for an integration of a workspace, 1 for others.
func rank(i *v1alpha1.SlackIntegration, team string) int {
	if i.Status.TeamID == team {
		return 0
	}
	return 1
}

// names returns the names of the integrations, in order.
func (a *app) names() []types.NamespacedName {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.SortedFunc(maps.Keys(a.members), func(x, y types.NamespacedName) int {
		return cmp.Or(cmp.Compare(x.Namespace, y.Namespace), cmp.Compare(x.Name, y.Name))
	})
}

// send sends a reply by the connection on which the envelope came or, if that is closed, by another one of the app.
func (a *app) send(by *link, reply []byte) error {
	err := by.socket.Write(reply)
	if err == nil {
		return nil
	}
	a.mu.Lock()
	links := slices.Collect(maps.Keys(a.links))
	a.mu.Unlock()
	for _, l := range links {
		if l != by && l.greeted.Load() != nil && l.socket.Write(reply) == nil {
			return nil
		}
	}
	return err
}

// setMember adds or removes an integration, and returns how many there are.
func (a *app) setMember(name types.NamespacedName, isMember bool) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if isMember {
		a.members[name] = true
	} else {
		delete(a.members, name)
	}
	return len(a.members)
}

func (a *app) add(l *link) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.links[l] = true
}

// remove forgets a connection that is closed.
func (a *app) remove(l *link) {
	a.mu.Lock()
	delete(a.links, l)
	a.mu.Unlock()
	a.report()
}

// greeted records that Slack sends to a slot's connection.
func (a *app) greeted(s *slot) {
	a.mu.Lock()
	s.fault = nil
	select {
	case <-a.ready:
	default:
		close(a.ready)
	}
	a.mu.Unlock()
	a.report()
}

// failed records why a slot has no connection; nil if it is being replaced.
func (a *app) failed(s *slot, f *fault.Fault) {
	a.mu.Lock()
	s.fault = f
	a.mu.Unlock()
	a.report()
}

// currentState returns the state of the connections.
func (a *app) currentState() chat.SocketState {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stateOfLinks()
}

// stateOfLinks implements currentState. It needs the lock.
func (a *app) stateOfLinks() chat.SocketState {
	s := chat.SocketState{}
	for _, slot := range a.slots {
		if slot.fault != nil && s.Fault == nil {
			s.Fault = slot.fault
		}
	}
	select {
	case <-a.ready:
		s.Connected = s.Fault == nil // if there is no connection, one is being replaced
	default:
	}
	for l := range a.links {
		s.Connected = s.Connected || l.greeted.Load() != nil
	}
	return s
}

// report enqueues the integrations if the state has changed.
func (a *app) report() {
	a.mu.Lock()
	before := a.state
	a.state = a.stateOfLinks()
	now := a.state
	a.mu.Unlock()
	if now.Connected == before.Connected && isAlike(now.Fault, before.Fault) {
		return
	}
	names := a.names()
	a.log.Info("Socket Mode", "SlackIntegrations", names, "Connected", now.Connected, "Problem", textOf(now.Fault))
	for _, name := range names {
		a.hub.Enqueue(name)
	}
}

// textOf returns the text of a fault; empty for none.
func textOf(f *fault.Fault) string {
	if f == nil {
		return ""
	}
	return f.Error()
}

// isAlike reports whether two faults are of the same kind. Their texts may have the ports of connections.
func isAlike(x, y *fault.Fault) bool {
	if x == nil || y == nil {
		return x == y
	}
	return x.Kind == y.Kind && x.Code == y.Code
}
