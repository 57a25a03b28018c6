// SPDX-License-Identifier: Apache-2.0

package notification

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/chat/chattest"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit/kittest"
	"github.com/voiceai-dev/integrations-operator/internal/index"
	"github.com/voiceai-dev/integrations-operator/internal/leadership"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
)

const (
	expiry      = 24 * time.Hour
	retention   = 48 * time.Hour
	callTimeout = 30 * time.Second
)

// world is a cluster, a Slack and an operator that delivers Notifications from one to the other. Its queue is that of
// the controller: it holds what watches, lanes and groups enqueue. A world lives in a bubble of synctest.
type world struct {
	*Reconciler
	t      *testing.T
	client client.Client
	slack  *chattest.Fake
	leader leadership.Start
	// failing returns the error of a request to the API server; nil when it succeeds.
	failing func(verb string, o client.Object) error
	// delivered has what the rules' statistics record of each Notification, by name.
	delivered map[string]string
	recorder  *events.FakeRecorder
	// writes counts the status updates.
	writes int
	// fast makes the world list digests by their names, digestNames: the fake client reads all objects for a list.
	fast bool
	// lagging makes the cache not show new digests until catchUp.
	lagging     bool
	digestNames []types.NamespacedName

	queue *kittest.Queue[types.NamespacedName]
}

// lastUID counts the objects that were created. UIDs are unique because metrics are kept by them.
var lastUID atomic.Int64

// requests adapts the queue of a world to an Enqueuer.
type requests struct {
	workqueue.TypedRateLimitingInterface[reconcile.Request]
	w *world
}

func (r requests) Add(req reconcile.Request) { r.w.enqueue(req.NamespacedName) }

// inWorld runs a test in a new world. The operator has been the leader for a minute.
func inWorld(t *testing.T, test func(*world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		time.Sleep(time.Minute)
		test(w)
	})
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, slack: &chattest.Fake{}, queue: kittest.NewQueue[types.NamespacedName](5 * time.Minute),
		delivered: map[string]string{}, failing: func(string, client.Object) error { return nil },
	}
	w.queue.Reconcile = func(n types.NamespacedName) (ctrl.Result, error) {
		return w.Reconcile(w.t.Context(), ctrl.Request{NamespacedName: n})
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, corev1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	builder := fake.NewClientBuilder().WithScheme(scheme).
		WithStatusSubresource(&v1alpha1.Notification{}, &v1alpha1.Defect{}, &v1alpha1.SlackIntegration{}).
		WithInterceptorFuncs(w.watches())
	for _, f := range index.Fields() {
		builder = builder.WithIndex(f.Object, f.Name, f.Values)
	}
	w.client = builder.Build()
	w.restart()
	return w
}

// watches makes the API server fill in what it does, and enqueues Notifications as the controller's watches do.
func (w *world) watches() interceptor.Funcs {
	return interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			o.SetName(key.Name)
			if err := w.failing("get", o); err != nil {
				return err
			}
			return c.Get(ctx, key, o, opts...)
		},
		List: func(ctx context.Context, c client.WithWatch, l client.ObjectList, opts ...client.ListOption) error {
			if err := w.failing(kittest.Listed(l, opts), nil); err != nil {
				return err
			}
			if w.lagging && strings.HasSuffix(kittest.Listed(l, opts), "by member") {
				return nil
			}
			if w.fast && strings.HasSuffix(kittest.Listed(l, opts), "by member") {
				into := l.(*v1alpha1.NotificationList)
				for _, d := range w.digestNames {
					n := &v1alpha1.Notification{}
					if err := c.Get(ctx, d, n); err != nil {
						return err
					}
					into.Items = append(into.Items, *n)
				}
				return nil
			}
			return c.List(ctx, l, opts...)
		},
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if err := w.failing("create", o); err != nil {
				return err
			}
			o.SetUID(types.UID(fmt.Sprintf("uid-%d", lastUID.Add(1))))
			o.SetGeneration(1)
			o.SetCreationTimestamp(metav1.NewTime(time.Now().Truncate(time.Second)))
			if err := c.Create(ctx, o, opts...); err != nil {
				return err
			}
			if isDigest(o) {
				w.digestNames = append(w.digestNames, client.ObjectKeyFromObject(o))
			}
			if !isDigest(o) || !w.lagging {
				w.shown(ctx, o)
			}
			return w.failing("created", o)
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			if err := w.failing("delete", o); err != nil {
				return err
			}
			if err := c.Delete(ctx, o, opts...); err != nil {
				return err
			}
			if isDigest(o) {
				w.enqueueAll(membersOf(ctx, o))
			}
			w.changed(o)
			return nil
		},
		SubResourceUpdate: func(
			ctx context.Context, c client.Client, sub string, o client.Object, opts ...client.SubResourceUpdateOption,
		) error {
			before := o.DeepCopyObject().(client.Object)
			if err := c.Get(ctx, client.ObjectKeyFromObject(o), before); err != nil {
				return err
			}
			if err := w.failing("update", o); err != nil {
				return err
			}
			if err := c.SubResource(sub).Update(ctx, o, opts...); err != nil {
				return err
			}
			w.writes++
			stored := o.DeepCopyObject().(client.Object)
			if err := c.Get(ctx, client.ObjectKeyFromObject(o), stored); err != nil {
				return err
			}
			if stored.SetResourceVersion(before.GetResourceVersion()); equality.Semantic.DeepEqual(before, stored) {
				return nil // the API server reports no change
			}
			if _, ok := o.(*v1alpha1.Notification); ok && outcomeChanged(before, o) {
				if isDigest(o) {
					w.enqueueAll(membersOf(ctx, o))
				}
				w.enqueueAll(w.enqueueSiblings(ctx, o))
			}
			w.changed(o)
			return nil
		},
	}
}

// shown enqueues what the watches do when the cache shows a new object.
func (w *world) shown(ctx context.Context, o client.Object) {
	if isDigest(o) {
		w.enqueueAll(membersOf(ctx, o))
	}
	w.changed(o)
}

// catchUp lets the cache show the digests again.
func (w *world) catchUp() {
	w.t.Helper()
	w.lagging = false
	for _, d := range w.digests() {
		w.shown(w.t.Context(), &d)
	}
}

// changed enqueues a Notification that was changed.
func (w *world) changed(o client.Object) {
	if _, ok := o.(*v1alpha1.Notification); ok {
		w.enqueue(client.ObjectKeyFromObject(o))
	}
}

func (w *world) enqueueAll(all []reconcile.Request) {
	for _, r := range all {
		w.enqueue(r.NamespacedName)
	}
}

func (w *world) enqueue(n types.NamespacedName) { w.queue.Add(n) }

// restart replaces the operator by one that knows nothing but the stored objects, and leads from now on.
func (w *world) restart() {
	w.t.Helper()
	w.leader = leadership.Start{Local: time.Now(), Server: time.Now()}
	w.recorder = events.NewFakeRecorder(10_000)
	w.Reconciler = &Reconciler{
		Client: w.client, Clock: clock.RealClock{}, Enqueuer: &kit.Enqueuer{}, Recorder: w.recorder,
		Expiry: expiry, Retention: retention, CallTimeout: callTimeout, DashboardURL: "https://voice.example.com/",
		Outbox: &outbox.Outbox{Client: w.client, Clock: clock.RealClock{}},
		Slack: connection.NewSlackPool(connection.Options{
			Clock: clock.RealClock{}, EnqueueItem: w.enqueue, EnqueueIntegration: func(types.NamespacedName) {},
		}),
		LeaderSince: func() leadership.Start { return w.leader },
		RecordDelivery: func(n *v1alpha1.Notification, reached bool) {
			w.delivered[n.Name] = map[bool]string{true: "reached", false: "failed"}[reached]
		},
	}
	if err := w.Enqueuer.Source().Start(w.t.Context(), requests{w: w}); err != nil {
		w.t.Fatal(err)
	}
	w.prepare()
	w.queue.Clear()
	w.enqueueEverything()
}

func (w *world) enqueueEverything() {
	all := &v1alpha1.NotificationList{}
	if err := w.client.List(w.t.Context(), all); err != nil {
		w.t.Fatal(err)
	}
	w.enqueueAll(kit.Requests(kit.Pointers(all.Items)))
}

// create creates objects with the status that they have.
func (w *world) create(objects ...client.Object) {
	w.t.Helper()
	for _, o := range objects {
		before := o.DeepCopyObject().(client.Object)
		if o.GetNamespace() == "" {
			o.SetNamespace("a")
		}
		if err := w.client.Create(w.t.Context(), o); err != nil {
			w.t.Fatal(err)
		}
		switch o := o.(type) {
		case *v1alpha1.Defect:
			o.Status = before.(*v1alpha1.Defect).Status
			w.updateStatus(o)
		case *v1alpha1.SlackIntegration:
			o.Status = before.(*v1alpha1.SlackIntegration).Status
			w.updateStatus(o)
		}
	}
}

func (w *world) updateStatus(o client.Object) {
	w.t.Helper()
	if err := w.client.Status().Update(w.t.Context(), o); err != nil {
		w.t.Fatal(err)
	}
}

// change changes the metadata and spec of an object, as a user does.
func change[T client.Object](w *world, o T, change func(T)) {
	w.t.Helper()
	if err := w.client.Get(w.t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
		w.t.Fatal(err)
	}
	change(o)
	o.SetGeneration(o.GetGeneration() + 1)
	if err := w.client.Update(w.t.Context(), o); err != nil {
		w.t.Fatal(err)
	}
	if _, ok := any(o).(*v1alpha1.SlackIntegration); ok {
		w.enqueueAll(w.enqueueUndelivered(w.t.Context(), o))
	}
	if _, ok := any(o).(*v1alpha1.NotificationRule); ok {
		w.enqueueAll(w.enqueueUndeliverable(w.t.Context(), o))
	}
	w.changed(o)
}

func (w *world) delete(o client.Object) {
	w.t.Helper()
	if err := w.client.Delete(w.t.Context(), o); err != nil {
		w.t.Fatal(err)
	}
}

// limits are those of the integrations that connect without others.
var limits = connection.Limits{Concurrency: 1}

// connect connects an integration, as its reconciler does when a probe succeeds.
func (w *world) connect(o *v1alpha1.SlackIntegration, l connection.Limits) {
	w.t.Helper()
	config := chat.Config{Token: "xoxb-1"}
	if o.Spec.Webhook != nil {
		config = chat.Config{WebhookURL: "https://hooks.example.com"}
	}
	c, err := w.slack.Dial(config)
	if err != nil {
		w.t.Fatal(err)
	}
	found, err := c.Probe(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	conn := w.Slack.Get(client.ObjectKeyFromObject(o))
	conn.Connect(connection.SlackClient{Poster: c, Workspace: found}, fmt.Sprint(l), l) // other limits are another version
	conn.Resume()
}

// settle reconciles what was enqueued until nothing is.
func (w *world) settle() { w.t.Helper(); w.queue.Settle(w.t) }

// run lets the operator work for a while.
func (w *world) run(d time.Duration) { w.t.Helper(); w.queue.Run(w.t, d) }

// get returns a Notification.
func (w *world) get(name string) *v1alpha1.Notification {
	w.t.Helper()
	n := &v1alpha1.Notification{}
	if err := w.client.Get(w.t.Context(), types.NamespacedName{Namespace: "a", Name: name}, n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// exists reports whether there is a Notification.
func (w *world) exists(name string) bool {
	w.t.Helper()
	err := w.client.Get(w.t.Context(), types.NamespacedName{Namespace: "a", Name: name}, &v1alpha1.Notification{})
	if client.IgnoreNotFound(err) != nil {
		w.t.Fatal(err)
	}
	return !apierrors.IsNotFound(err)
}

// digests returns the digests by name.
func (w *world) digests() []v1alpha1.Notification {
	w.t.Helper()
	all := &v1alpha1.NotificationList{}
	if err := w.client.List(w.t.Context(), all, client.MatchingLabels{v1alpha1.DigestLabel: "true"}); err != nil {
		w.t.Fatal(err)
	}
	return all.Items
}

// outcome returns the Delivered condition of a Notification as status and reason, such as "True/Sent", and how a failure
// goes on; empty when there is none.
func (w *world) outcome(name string) string {
	w.t.Helper()
	n := w.get(name)
	c := condition.Get(n, v1alpha1.ConditionDelivered)
	if c == nil {
		return ""
	}
	out := string(c.Status) + "/" + c.Reason
	for _, progress := range []string{v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled} {
		if condition.Get(n, progress) != nil {
			out += " " + progress
		}
	}
	return out
}

// wantOutcome fails the test unless a Notification's outcome is as wanted, with a message that contains a text.
func (w *world) wantOutcome(name, want, contains string) {
	w.t.Helper()
	got := w.outcome(name)
	message := ""
	if c := condition.Get(w.get(name), v1alpha1.ConditionDelivered); c != nil {
		message = c.Message
	}
	if got != want || !strings.Contains(message, contains) {
		w.t.Errorf("%s is %q: %q, want %q: %q", name, got, message, want, contains)
	}
	wantReady := strings.HasPrefix(want, "True") || want == "False/Suspended"
	if isReady := condition.Is(w.get(name), v1alpha1.ConditionReady, "True", ""); isReady != wantReady {
		w.t.Errorf("%s is %q, and is Ready: %v", name, got, isReady)
	}
}

// wantCalls fails the test unless Slack got so many calls of Post, accepted so many updates and answered so many searches.
func (w *world) wantCalls(posts, updates, finds int) {
	w.t.Helper()
	if w.slack.Calls() != posts || len(w.slack.Updates()) != updates || w.slack.Finds() != finds {
		w.t.Errorf("Slack got %d posts, %d updates, %d searches; want %d, %d, %d",
			w.slack.Calls(), len(w.slack.Updates()), w.slack.Finds(), posts, updates, finds)
	}
}

// posted returns the accepted messages: each as the Notification's name, and what it replies to.
func (w *world) posted() []string {
	w.t.Helper()
	all := &v1alpha1.NotificationList{}
	if err := w.client.List(w.t.Context(), all); err != nil {
		w.t.Fatal(err)
	}
	names := map[string]string{}
	for _, n := range all.Items {
		names[string(n.UID)] = n.Name
	}
	var out []string
	for _, m := range w.slack.Messages() {
		name := names[m.DeliveryID]
		if m.ThreadTS != "" {
			name += " in " + strings.TrimLeft(strings.TrimPrefix(m.ThreadTS, "1700000000."), "0")
		}
		out = append(out, name)
	}
	return out
}

// wantPosted fails the test unless Slack accepted these messages in this order.
func (w *world) wantPosted(want ...string) {
	w.t.Helper()
	if got := w.posted(); !slices.Equal(got, want) {
		w.t.Errorf("posted %q, want %q", got, want)
	}
}

// textOf returns all text of a message.
func textOf(m chat.Message) string { return m.Text + fmt.Sprint(m.Blocks) }

// bot returns the default SlackIntegration with a bot token.
func bot(with ...func(*v1alpha1.SlackIntegration)) *v1alpha1.SlackIntegration {
	i := &v1alpha1.SlackIntegration{
		ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "slack"},
		Spec:       v1alpha1.SlackIntegrationSpec{Default: true, DefaultChannel: "#alerts", Bot: &v1alpha1.SlackBot{}},
	}
	for _, change := range with {
		change(i)
	}
	return i
}

// webhook makes a SlackIntegration an incoming webhook.
func webhook(i *v1alpha1.SlackIntegration) {
	i.Spec.Bot = nil
	i.Spec.Webhook = &v1alpha1.SlackWebhook{}
}

// ruleOf returns a NotificationRule for all events.
func ruleOf(name string, with ...func(*v1alpha1.NotificationRule)) *v1alpha1.NotificationRule {
	r := &v1alpha1.NotificationRule{
		ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: name},
		Spec: v1alpha1.NotificationRuleSpec{EventTypes: []v1alpha1.EventType{
			v1alpha1.EventSystemAlertFiring, v1alpha1.EventDefectCreated, v1alpha1.EventDefectTicketed, v1alpha1.EventDefectStateChanged,
		}},
	}
	for _, change := range with {
		change(r)
	}
	return r
}

// muted mutes a rule until noon.
func muted(r *v1alpha1.NotificationRule) {
	r.Spec.MuteWindows = []v1alpha1.MuteWindow{{Start: "00:00", End: "12:00"}}
}

// toOther sends to another channel.
func toOther(r *v1alpha1.NotificationRule) { r.Spec.Channel = "#other" }

// byOther sends with another integration.
func byOther(r *v1alpha1.NotificationRule) {
	r.Spec.IntegrationRef = &v1alpha1.IntegrationReference{Name: "other"}
}

// mentioning makes a rule mention users.
func mentioning(users ...string) func(*v1alpha1.NotificationRule) {
	return func(r *v1alpha1.NotificationRule) {
		for _, u := range users {
			r.Spec.Mentions = append(r.Spec.Mentions, v1alpha1.Mention(u))
		}
	}
}

// grouping makes a rule group its events.
func groupingFor(seconds int32, by ...v1alpha1.GroupKey) func(*v1alpha1.NotificationRule) {
	return func(r *v1alpha1.NotificationRule) {
		r.Spec.Grouping = &v1alpha1.Grouping{By: by, WindowSeconds: seconds}
	}
}

// alert returns a Notification of an alert, by a rule that may be stored or not.
func alert(name string, by *v1alpha1.NotificationRule, with ...func(*v1alpha1.Notification)) *v1alpha1.Notification {
	n := &v1alpha1.Notification{
		ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: name},
		Spec: v1alpha1.NotificationSpec{
			Rule: v1alpha1.RuleReference{Name: by.Name, UID: string(by.UID)},
			Event: v1alpha1.NotificationEvent{
				ID: v1alpha1.EventID("event-of-" + name), Type: v1alpha1.EventSystemAlertFiring, Time: metav1.NewTime(time.Now()),
				Severity: v1alpha1.SeverityHigh,
			},
		},
	}
	for _, change := range with {
		change(n)
	}
	return n
}

// to sends a Notification to a channel.
func to(channel v1alpha1.SlackChannel) func(*v1alpha1.Notification) {
	return func(n *v1alpha1.Notification) { n.Spec.Channel = channel }
}

// severity sets the severity of a Notification's event.
func severity(s v1alpha1.Severity) func(*v1alpha1.Notification) {
	return func(n *v1alpha1.Notification) { n.Spec.Event.Severity = s }
}

// at sets the time of a Notification's event, relative to now.
func at(d time.Duration) func(*v1alpha1.Notification) {
	return func(n *v1alpha1.Notification) { n.Spec.Event.Time = metav1.NewTime(time.Now().Add(d)) }
}

// data sets the data of a Notification's event.
func data(v map[string]any) func(*v1alpha1.Notification) {
	return func(n *v1alpha1.Notification) {
		raw, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		n.Spec.Event.Data = &runtime.RawExtension{Raw: raw}
	}
}
