// SPDX-License-Identifier: Apache-2.0

package notification

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/digest"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/index"
	"github.com/voiceai-dev/integrations-operator/internal/leadership"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
	"github.com/voiceai-dev/integrations-operator/internal/rule"
)

// grouping is a Reconciler with Notifications n0, n1, … of a rule that groups, whose window is over.
type grouping struct {
	*Reconciler
	t    *testing.T
	rule *rule.Compiled
	// failing returns what becomes of storing a digest: an error before, or after it was stored.
	failing func() (before, after error)
}

func newGrouping(t *testing.T, notifications int) *grouping {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	g := &grouping{t: t, failing: func() (before, after error) { return nil, nil }}
	compiled, err := (&outbox.Outbox{Clock: clock.RealClock{}}).Compile(&v1alpha1.NotificationRule{Spec: v1alpha1.NotificationRuleSpec{
		EventTypes: []v1alpha1.EventType{v1alpha1.EventSystemAlertFiring}, Grouping: &v1alpha1.Grouping{WindowSeconds: 60},
	}})
	if err != nil {
		t.Fatal(err)
	}
	g.rule = compiled
	builder := fake.NewClientBuilder().WithScheme(scheme)
	for i := range notifications {
		builder = builder.WithObjects(&v1alpha1.Notification{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "a", Name: fmt.Sprintf("n%d", i), UID: types.UID(fmt.Sprintf("u%d", i)),
				CreationTimestamp: metav1.NewTime(time.Now().Add(-time.Hour)),
			},
			Spec: v1alpha1.NotificationSpec{Rule: v1alpha1.RuleReference{Name: "rule", UID: "r1"}},
		})
	}
	for _, f := range index.Fields() {
		builder = builder.WithIndex(f.Object, f.Name, f.Values)
	}
	c := builder.WithInterceptorFuncs(interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			before, after := g.failing()
			if before != nil {
				return before
			}
			if err := c.Create(ctx, o, opts...); err != nil {
				return err
			}
			return after
		},
	}).Build()
	ignore := func(types.NamespacedName) {}
	g.Reconciler = &Reconciler{
		Client: c, Clock: clock.RealClock{}, Enqueuer: &kit.Enqueuer{}, Expiry: 24 * time.Hour,
		Slack: connection.NewSlackPool(connection.Options{
			Clock: clock.RealClock{}, EnqueueItem: ignore, EnqueueIntegration: ignore,
		}),
		LeaderSince: func() leadership.Start { return leadership.Start{} },
	}
	g.prepare()
	return g
}

// scope returns a reconcile of a Notification.
func (g *grouping) scope(name string) *scope {
	g.t.Helper()
	n := &v1alpha1.Notification{}
	if err := g.Client.Get(g.t.Context(), types.NamespacedName{Namespace: "a", Name: name}, n); err != nil {
		g.t.Fatal(err)
	}
	return &scope{
		notification: n, before: n.DeepCopy(), now: time.Now(), rule: g.rule, channel: "C1",
		event:       event.Event{Type: v1alpha1.EventSystemAlertFiring},
		integration: &v1alpha1.SlackIntegration{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "slack"}},
	}
}

// add adds a Notification to its group.
func (g *grouping) add(name string) digest.Key {
	s := g.scope(name)
	key, due, _ := g.groupOf(s)
	g.groups.Add(key, s.key(), due)
	return key
}

// digests returns how many digests have a Notification as a member.
func (g *grouping) digests(name string) int {
	g.t.Helper()
	found, err := index.DigestsWith(g.t.Context(), g.Client, "a", name)
	if err != nil {
		g.t.Fatal(err)
	}
	return len(found)
}

// TestDigestWhoseAnswerWasLost has the API server store a digest without answering, or refuse it for now. Another
// Notification joins before the next try. Each is in one digest.
func TestDigestWhoseAnswerWasLost(t *testing.T) {
	lost := errors.New("no answer")
	for name, c := range map[string]struct{ before, after error }{
		"stored":     {nil, lost},
		"not stored": {lost, nil},
	} {
		g := newGrouping(t, 4)
		key := g.add("n1")
		g.failing = func() (before, after error) { return c.before, c.after }
		if o, held := g.holdForDigest(t.Context(), g.scope("n0")); !held || o.Err == nil {
			t.Fatalf("%s: held %v, %+v", name, held, o)
		}
		g.failing = func() (before, after error) { return nil, nil }
		g.add("n2")
		g.groups.Postpone(key, time.Now())
		if o, held := g.holdForDigest(t.Context(), g.scope("n3")); !held || o.Err != nil {
			t.Fatalf("%s: held %v, %+v", name, held, o)
		}
		for i := range 4 {
			if n := g.digests(fmt.Sprintf("n%d", i)); n != 1 {
				t.Errorf("%s: n%d is in %d digests", name, i, n)
			}
		}
		if _, left := g.unconfirmed.Load(key); left {
			t.Errorf("%s: the digest still counts as unconfirmed", name)
		}
	}
}

// TestStoredDigestIsFound has a former leader's digest in the cache when its members are grouped again.
func TestStoredDigestIsFound(t *testing.T) {
	g := newGrouping(t, 4)
	former := newDigest([]*v1alpha1.Notification{g.scope("n0").notification, g.scope("n1").notification})
	if err := g.Client.Create(t.Context(), former); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"n0", "n1", "n2"} {
		g.add(name)
	}
	if o, held := g.holdForDigest(t.Context(), g.scope("n3")); !held || o.Err != nil {
		t.Fatalf("held %v, %+v", held, o)
	}
	for i := range 4 {
		if n := g.digests(fmt.Sprintf("n%d", i)); n != 1 {
			t.Errorf("n%d is in %d digests", i, n)
		}
	}
}

// TestLastOfAGroupIsSentAlone checks that one Notification makes no digest.
func TestLastOfAGroupIsSentAlone(t *testing.T) {
	g := newGrouping(t, 1)
	if o, held := g.holdForDigest(t.Context(), g.scope("n0")); held || o.Err != nil || g.digests("n0") != 0 {
		t.Errorf("held %v, %+v, in %d digests", held, o, g.digests("n0"))
	}
}

// TestGroupIsOfOneChannel has the rule's channel changed while Notifications wait: they go to their own channels.
func TestGroupIsOfOneChannel(t *testing.T) {
	g := newGrouping(t, 2)
	g.add("n0")
	moved := g.scope("n1")
	moved.channel = "C2"
	if _, held := g.holdForDigest(t.Context(), moved); held {
		t.Error("held for a digest, though nothing else waits for its channel")
	}
	if g.digests("n0") != 0 {
		t.Error("a digest was stored for two channels")
	}
}
