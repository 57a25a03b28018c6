// SPDX-License-Identifier: Apache-2.0

// Package slackapp is the operator's app in Slack: what a person sees and does there, whatever the transport. A
// transport, such as the edge, verifies and decodes what Slack sends and hands it over as a Delivery. The Dispatcher
// finds the person and what they may act on, lets package action do it as a SubjectAccessReview of Kubernetes allows,
// and answers within the time that Slack waits, or later by the response URL. Nothing goes unanswered.
//
// Every replica runs a Dispatcher. It needs no leadership: the API server decides what a person may do, and the names of
// what is created derive from the request, so that a request that two replicas receive has one effect.
package slackapp

import (
	"context"
	"encoding/json"
	"errors"
	"runtime/debug"
	"sync"
	"time"

	"k8s.io/utils/clock"
	"k8s.io/utils/lru"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/answer"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/clients"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/inbound"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/members"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/owed"
)

// What the acts of people amount to is done by the operator, after a review of the person's permission.
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create
// +kubebuilder:rbac:groups=batch,resources=cronjobs,verbs=get;list;watch
// +kubebuilder:rbac:groups=batch,resources=jobs,verbs=create
// +kubebuilder:rbac:groups=integrations.voiceai.dev,resources=defects,verbs=create;update
// +kubebuilder:rbac:groups=integrations.voiceai.dev,resources=slackintegrations,verbs=patch

const (
	// ackWithin is how long an answer may take before Slack is answered without it. Slack waits 3 seconds, and a click
	// shows a spinner until then.
	ackWithin = 900 * time.Millisecond
	// ackAtLatest is when Slack is answered although it is not recorded yet that the person is owed an answer.
	ackAtLatest = 1500 * time.Millisecond
	// actTimeout bounds an act, and answerTimeout each way of answering it.
	actTimeout    = 15 * time.Second
	answerTimeout = 4 * time.Second
	// drainTimeout bounds how long a process that ends waits for acts.
	drainTimeout = 10 * time.Second
	// maxActs bounds how many acts are under way.
	maxActs = 1024
	// maxSeen bounds how many requests are remembered, and seenFor how long.
	maxSeen = 16384
	seenFor = 2 * time.Hour
)

// ErrBusy is the error of a request that cannot be accepted now. The other side shows that it failed, or repeats it.
var ErrBusy = errors.New("too many requests of Slack are being handled, or the process ends")

// Delivery is a verified request.
type Delivery struct {
	inbound.Request
	// Integrations are those with whose secret or token the request is proven, at least one. If none of them belongs to the
	// request's workspace, they only serve to say so.
	Integrations []*v1alpha1.SlackIntegration
	// MaxBody bounds the body of the answer, in bytes; 0 for no bound. A longer answer goes to the response URL.
	MaxBody int
}

// Codec encodes answers for Slack.
type Codec struct {
	Response   func(chat.Response) (json.RawMessage, error)
	FormAnswer func(next *chat.Form, problems map[string]string) (json.RawMessage, error)
}

// Options are the dependencies of a Dispatcher.
type Options struct {
	// Client reads from the cache, Live from the API server.
	Client client.Client
	Live   client.Reader
	// Authorizer reviews permissions by the API server.
	Authorizer action.Authorizer
	Clock      clock.WithTicker
	// Dial makes a client without calling Slack.
	Dial         func(chat.Config) (chat.App, error)
	Codec        Codec
	DashboardURL string
}

// Dispatcher answers what Slack sends. It is safe for concurrent use.
type Dispatcher struct {
	Options
	clients *clients.Clients
	members *members.Members
	book    *owed.Book

	mu sync.Mutex
	// seen holds when a request was received, by its origin and ID, and when a person asked an admin for a permission.
	seen *lru.Cache
	// acts counts those under way. closed is set once the process ends.
	acts   int
	closed bool
	idle   sync.WaitGroup
}

// New returns a Dispatcher.
func New(o Options) *Dispatcher {
	return &Dispatcher{Options: o, clients: clients.New(clients.Options{Client: o.Client, Live: o.Live, Dial: o.Dial}),
		members: members.New(o.Clock), book: owed.NewBook(o.Client), seen: lru.New(maxSeen)}
}

// Receive starts what a request asks for, and returns the body of the answer to it: the result, if that is there in
// time and belongs into the answer. After an error Slack repeats an event, and shows that a command or click failed.
func (d *Dispatcher) Receive(ctx context.Context, in Delivery) (json.RawMessage, error) {
	if in.Event != nil && in.Event.Type == inbound.URLVerification {
		return json.Marshal(map[string]string{"challenge": in.Event.Challenge})
	}
	if err := d.begin(); err != nil {
		return nil, err
	}
	t := d.newTimers()
	defer t.stop()
	repeated := d.isRepeated(in)
	if repeated && in.Event != nil {
		d.end()
		return nil, nil
	}
	s := d.newSession(in)
	if change := s.hint(); change != nil {
		defer d.end()
		err := s.recordHint(ctx, change)
		if err != nil {
			d.forget(seenKey(in))
		}
		return nil, err
	}
	s.isRepeated = repeated
	s.incur()
	go func() {
		defer d.end()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), actTimeout)
		defer cancel()
		s.run(ctx)
		s.settle(ctx)
	}()
	s.wait(ctx, t)
	return s.takeBody(), nil
}

// begin counts an act that starts.
func (d *Dispatcher) begin() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || d.acts >= maxActs {
		return ErrBusy
	}
	d.acts++
	d.idle.Add(1)
	return nil
}

func (d *Dispatcher) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.acts--
	d.idle.Done()
}

// isRepeated reports whether a request was received before, and remembers it.
func (d *Dispatcher) isRepeated(in Delivery) bool {
	return in.ID() != "" && d.isSeen(seenKey(in))
}

// isSeen reports whether something was done before, and remembers it.
func (d *Dispatcher) isSeen(key string) bool {
	now := d.Clock.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	if at, ok := d.seen.Get(key); ok && now.Sub(at.(time.Time)) < seenFor {
		return true
	}
	d.seen.Add(key, now)
	return false
}

// seenKey identifies a request among all that the same integration proves.
func seenKey(in Delivery) string {
	return string(in.Kind()) + "/" + string(in.Integrations[0].UID) + "/" + in.TeamID + "/" + in.ID()
}

// forget forgets what could not be done and is repeated.
func (d *Dispatcher) forget(key string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seen.Remove(key)
}

// Start waits for ctx to end, and then for the acts under way. It implements the manager's Runnable.
func (d *Dispatcher) Start(ctx context.Context) error {
	<-ctx.Done()
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.idle.Wait()
	}()
	select {
	case <-ended:
	case <-d.Clock.After(drainTimeout):
	}
	return nil
}

// NeedLeaderElection returns false: every replica answers.
func (d *Dispatcher) NeedLeaderElection() bool { return false }

// run does what a request asks for and answers it.
func (s *session) run(ctx context.Context) {
	defer close(s.done)
	defer func() {
		if problem := recover(); problem != nil {
			ctrl.LoggerFrom(ctx).Error(nil, "Answering Slack panicked", "Panic", problem, "Stack", string(debug.Stack()))
			s.answer(ctx, answer.Sentence("The operator had an internal error, which its log describes. "+
				"Check whether it was done before you try again."))
		}
	}()
	s.app = s.clients.Get(ctx, s.from) // which may read the token
	switch {
	case s.Command != nil:
		s.answer(ctx, s.command(ctx, s.Command.Text))
	case s.Interaction != nil:
		s.interact(ctx)
	default:
		s.event(ctx)
	}
}
