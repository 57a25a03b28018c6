// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp"
)

// connected is a connection that the test has the other end of.
type connected struct {
	config chat.SocketConfig
	at     time.Duration
	sent   chan []byte
	closed chan struct{}
	once   sync.Once

	mu      sync.Mutex
	replies []string
	broken  bool
}

func (c *connected) Read() ([]byte, error) {
	select {
	case m := <-c.sent:
		return m, nil
	case <-c.closed:
		return nil, io.EOF
	}
}

func (c *connected) Write(m []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken || c.isClosed() {
		return errors.New("broken pipe")
	}
	c.replies = append(c.replies, string(m))
	return nil
}

func (c *connected) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

func (c *connected) isClosed() bool {
	select {
	case <-c.closed:
		return true
	default:
		return false
	}
}

// say sends a message to the app and waits until it was handled.
func (c *connected) say(format string, args ...any) {
	c.sent <- fmt.Appendf(nil, format, args...)
	synctest.Wait()
}

// hear returns the replies so far.
func (c *connected) hear() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.replies...)
}

// world is a Slack and a hub, in a bubble of synctest.
type world struct {
	*Hub
	t     *testing.T
	begin time.Time
	stop  context.CancelFunc
	ended chan struct{}
	// receive acts on requests.
	receive func(context.Context, slackapp.Delivery) (json.RawMessage, error)

	mu sync.Mutex
	// refuse is why no connection can be opened; nil if one can.
	refuse   error
	all      []*connected
	enqueued []string
	// refused are when connections were refused.
	refused []time.Duration
}

func inWorld(t *testing.T, test func(*world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, begin: time.Now(), ended: make(chan struct{})}
		w.receive = func(context.Context, slackapp.Delivery) (json.RawMessage, error) { return nil, nil }
		scheme := runtime.NewScheme()
		if err := v1alpha1.AddToScheme(scheme); err != nil {
			t.Fatal(err)
		}
		w.Hub = New(Options{
			Open: w.open, Clock: clock.RealClock{}, Log: logr.Discard(),
			Client: fake.NewClientBuilder().WithScheme(scheme).WithObjects(integration("a", "T2"), integration("b", "T1")).Build(),
			Receive: func(ctx context.Context, d slackapp.Delivery) (json.RawMessage, error) {
				return w.receive(ctx, d)
			},
		})
		w.Enqueue = func(n types.NamespacedName) {
			w.mu.Lock()
			defer w.mu.Unlock()
			s := w.State(n)
			w.enqueued = append(w.enqueued, fmt.Sprintf("%s %t %v", n.Namespace, s.Connected, s.Fault))
		}
		ctx, cancel := context.WithCancel(t.Context())
		w.stop = cancel
		go func() {
			defer close(w.ended)
			_ = w.Start(ctx)
		}()
		synctest.Wait()
		test(w)
		cancel()
		<-w.ended
		for _, c := range w.connections() {
			if !c.isClosed() {
				t.Error("a connection is open after the end")
			}
		}
	})
}

func integration(namespace, team string) client.Object {
	i := &v1alpha1.SlackIntegration{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "slack"}}
	i.Status.TeamID = team
	return i
}

func (w *world) open(_ context.Context, c chat.SocketConfig) (chat.Socket, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refuse != nil {
		w.refused = append(w.refused, time.Since(w.begin))
		return nil, w.refuse
	}
	s := &connected{config: c, at: time.Since(w.begin), sent: make(chan []byte, 8), closed: make(chan struct{})}
	w.all = append(w.all, s)
	return s, nil
}

// events returns the states for which integrations were enqueued, and forgets them.
func (w *world) events() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.enqueued
	w.enqueued = nil
	return all
}

// setRefuse sets why no connection can be opened.
func (w *world) setRefuse(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refuse = err
}

// refusals returns when connections were refused.
func (w *world) refusals() []time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]time.Duration(nil), w.refused...)
}

func (w *world) connections() []*connected {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]*connected(nil), w.all...)
}

// keep keeps connections for the integration of a namespace, and waits until they are open.
func (w *world) keep(namespace, version, token string) []*connected {
	before := len(w.connections())
	w.Keep(name(namespace), version, chat.SocketConfig{Token: token, Namespace: namespace})
	synctest.Wait()
	opened := w.connections()[before:]
	for _, c := range opened {
		c.say(`{"type":"hello","num_connections":1}`)
	}
	return opened
}

func name(namespace string) types.NamespacedName {
	return types.NamespacedName{Namespace: namespace, Name: "slack"}
}

// pass lets time pass.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
