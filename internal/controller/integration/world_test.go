// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

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
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
	"github.com/voiceai-dev/integrations-operator/internal/ticket/tickettest"
)

const (
	unhealthyEvent = v1alpha1.EventIntegrationUnhealthy
	recoveredEvent = v1alpha1.EventIntegrationRecovered
	// maxRetryDelay is the longest delay of the queue between retries.
	maxRetryDelay = 20 * time.Second
)

// item is an integration in the queue of a world.
type item struct {
	kind string
	types.NamespacedName
}

// world is a cluster, a Slack, a Jira and the reconcilers of integrations. Its queue is that of their controllers: it holds
// what watches and connections enqueue. A world lives in a bubble of synctest.
type world struct {
	t              *testing.T
	client         client.Client
	slack          *chattest.Fake
	jira           *tickettest.Fake
	slackReconcile *SlackReconciler
	jiraReconcile  *JiraReconciler
	leader         leadership.Start
	recorder       *events.FakeRecorder
	// failing returns the error of a request to the API server; nil when it succeeds.
	failing func(verb string, o client.Object) error
	// probeSlack and probeJira return what probes find; probes are when they were made, in seconds since the world began.
	probeSlack func(chat.Config) (chat.Workspace, error)
	probeJira  func(ticket.Config) (ticket.Project, error)
	probes     []int
	begin      time.Time
	// writes counts the status updates.
	writes int

	queue *kittest.Queue[item]

	mu sync.Mutex
	// defects are the Defects that were enqueued, waiting the objects that wait for a call.
	defects, waiting []string
}

// inWorld runs a test in a new world, which has the Secret "s" and a rule for the health of integrations.
func inWorld(t *testing.T, test func(*world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.create(
			&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "s"}, Data: map[string][]byte{"token": []byte("x")}},
			&v1alpha1.NotificationRule{
				ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "health"},
				Spec:       v1alpha1.NotificationRuleSpec{EventTypes: []v1alpha1.EventType{unhealthyEvent, recoveredEvent}},
			},
		)
		test(w)
	})
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, slack: &chattest.Fake{}, jira: &tickettest.Fake{}, begin: time.Now(),
		queue: kittest.NewQueue[item](maxRetryDelay), failing: func(string, client.Object) error { return nil },
	}
	w.queue.Reconcile = w.reconcile
	w.probeSlack = func(c chat.Config) (chat.Workspace, error) {
		isBot := c.WebhookURL == ""
		return chat.Workspace{Team: "Voice", TeamID: "T1", BotUserID: "U1", Verified: isBot, CanFind: isBot}, nil
	}
	w.probeJira = func(ticket.Config) (ticket.Project, error) {
		return ticket.Project{Deployment: ticket.Cloud, Account: "Bot", Priorities: []string{"Highest", "High", "Medium", "Low"}}, nil
	}
	w.slack.OnProbe(func(c chat.Config) (chat.Workspace, error) { w.recordProbe(); return w.probeSlack(c) })
	w.jira.OnProbe(func(c ticket.Config) (ticket.Project, error) { w.recordProbe(); return w.probeJira(c) })
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, corev1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	builder := fake.NewClientBuilder().WithScheme(scheme).
		WithStatusSubresource(&v1alpha1.SlackIntegration{}, &v1alpha1.JiraIntegration{}, &v1alpha1.Defect{}).
		WithInterceptorFuncs(w.interceptors())
	for _, f := range index.Fields() {
		builder = builder.WithIndex(f.Object, f.Name, f.Values)
	}
	w.client = builder.Build()
	w.restart()
	return w
}

func (w *world) recordProbe() { w.probes = append(w.probes, int(time.Since(w.begin)/time.Second)) }

// lastUID counts the objects that were created.
var lastUID int

// interceptors makes the API server fill in what it does, and fail as the test wants.
func (w *world) interceptors() interceptor.Funcs {
	return interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			if err := w.failing("get", o); err != nil {
				return err
			}
			return c.Get(ctx, key, o, opts...)
		},
		List: func(ctx context.Context, c client.WithWatch, l client.ObjectList, opts ...client.ListOption) error {
			if err := w.failing(kittest.Listed(l, opts), nil); err != nil {
				return err
			}
			return c.List(ctx, l, opts...)
		},
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if err := w.failing("create", o); err != nil {
				return err
			}
			lastUID++
			o.SetUID(types.UID(fmt.Sprintf("uid-%d", lastUID)))
			o.SetGeneration(1)
			o.SetCreationTimestamp(metav1.NewTime(time.Now().Truncate(time.Second)))
			return c.Create(ctx, o, opts...)
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
			w.writes++
			return c.SubResource(sub).Update(ctx, o, opts...)
		},
	}
}

// restart replaces the operator by one that knows nothing but the stored objects, and leads from now on.
func (w *world) restart() {
	w.t.Helper()
	w.leader = leadership.Start{Local: time.Now(), Server: time.Now()}
	w.recorder = events.NewFakeRecorder(10_000)
	box := &outbox.Outbox{
		Client: w.client, Live: w.client, Clock: clock.RealClock{}, MaxEventAge: time.Hour,
		LeaderSince: func() time.Time { return w.leader.Server },
	}
	options := func(kind string) connection.Options {
		return connection.Options{
			Clock:              clock.RealClock{},
			EnqueueItem:        func(n types.NamespacedName) { w.mu.Lock(); defer w.mu.Unlock(); w.waiting = append(w.waiting, n.Name) },
			EnqueueIntegration: func(n types.NamespacedName) { w.enqueue(item{kind, n}) },
		}
	}
	w.slackReconcile = &SlackReconciler{
		Client: w.client, Live: w.client, Recorder: w.recorder, Clock: clock.RealClock{}, Outbox: box, Enqueuer: &kit.Enqueuer{},
		Slack: connection.NewSlackPool(options(v1alpha1.KindSlackIntegration)), Dial: w.slack.Dial,
	}
	w.jiraReconcile = &JiraReconciler{
		Client: w.client, Live: w.client, Recorder: w.recorder, Clock: clock.RealClock{}, Outbox: box, Enqueuer: &kit.Enqueuer{},
		Jira: connection.NewJiraPool(options(v1alpha1.KindJiraIntegration)), Dial: w.jira.Dial,
		PendingUpdates: &kit.PendingUpdates{}, KnownTickets: &kit.KnownTickets{}, CallTimeout: 30 * time.Second,
		EnqueueDefect: func(n types.NamespacedName) { w.defects = append(w.defects, n.Name) },
	}
	w.queue.Clear()
	for _, list := range []newList{slackIntegrations, jiraIntegrations} {
		into, items := list()
		if err := w.client.List(w.t.Context(), into); err != nil {
			w.t.Fatal(err)
		}
		for _, o := range items() {
			w.enqueue(itemOf(o))
		}
	}
}

func itemOf(o client.Object) item {
	kind := v1alpha1.KindSlackIntegration
	if _, ok := o.(*v1alpha1.JiraIntegration); ok {
		kind = v1alpha1.KindJiraIntegration
	}
	return item{kind, client.ObjectKeyFromObject(o)}
}

func (w *world) enqueue(i item) { w.queue.Add(i) }

// changed enqueues what the watches do when an object was created, changed or deleted.
func (w *world) changed(o client.Object) {
	ctx := w.t.Context()
	add := func(kind string, requests []ctrl.Request) {
		for _, r := range requests {
			w.enqueue(item{kind, r.NamespacedName})
		}
	}
	switch o.(type) {
	case *corev1.Secret:
		add(v1alpha1.KindSlackIntegration, integrationsForSecret(w.client, slackIntegrations)(ctx, o))
		add(v1alpha1.KindJiraIntegration, integrationsForSecret(w.client, jiraIntegrations)(ctx, o))
	case *v1alpha1.SlackIntegration:
		w.enqueue(itemOf(o))
		add(v1alpha1.KindSlackIntegration, enqueueDefaults(w.client, slackIntegrations)(ctx, o))
	case *v1alpha1.JiraIntegration:
		w.enqueue(itemOf(o))
		add(v1alpha1.KindJiraIntegration, enqueueDefaults(w.client, jiraIntegrations)(ctx, o))
	}
}

// create creates objects, with the status that they have.
func (w *world) create(objects ...client.Object) {
	w.t.Helper()
	for _, o := range objects {
		before := o.DeepCopyObject().(client.Object)
		if err := w.client.Create(w.t.Context(), o); err != nil {
			w.t.Fatal(err)
		}
		if d, ok := o.(*v1alpha1.Defect); ok {
			d.Status = before.(*v1alpha1.Defect).Status
			if err := w.client.Status().Update(w.t.Context(), d); err != nil {
				w.t.Fatal(err)
			}
		}
		w.changed(o)
	}
}

// change changes the metadata and spec of an object, as a user does.
func change[T client.Object](w *world, o T, with func(T)) {
	w.t.Helper()
	if err := w.client.Get(w.t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
		w.t.Fatal(err)
	}
	with(o)
	o.SetGeneration(o.GetGeneration() + 1)
	if err := w.client.Update(w.t.Context(), o); err != nil {
		w.t.Fatal(err)
	}
	w.changed(o)
}

func (w *world) delete(o client.Object) {
	w.t.Helper()
	if err := w.client.Delete(w.t.Context(), o); err != nil {
		w.t.Fatal(err)
	}
	w.changed(o)
}

// setSecret replaces the data of the Secret "s".
func (w *world) setSecret(data map[string][]byte) {
	w.t.Helper()
	change(w, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "s"}}, func(s *corev1.Secret) { s.Data = data })
}

// settle reconciles what was enqueued until nothing is.
func (w *world) settle() { w.t.Helper(); w.queue.Settle(w.t) }

// run lets the operator work for a while.
func (w *world) run(d time.Duration) { w.t.Helper(); w.queue.Run(w.t, d) }

func (w *world) reconcile(next item) (ctrl.Result, error) {
	reconcile := w.slackReconcile.Reconcile
	if next.kind == v1alpha1.KindJiraIntegration {
		reconcile = w.jiraReconcile.Reconcile
	}
	return reconcile(w.t.Context(), ctrl.Request{NamespacedName: next.NamespacedName})
}

// get reads an object again.
func get[T client.Object](w *world, o T) T {
	w.t.Helper()
	if err := w.client.Get(w.t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
		w.t.Fatal(err)
	}
	return o
}

// conditionsOf returns the conditions of an integration: Authenticated, Healthy and Ready as status and reason, and how a
// failure goes on, such as "True/Accepted False/Invalid False/Invalid Stalled".
func conditionsOf(o kit.Object) string {
	var out []string
	for _, kind := range []string{v1alpha1.ConditionAuthenticated, v1alpha1.ConditionHealthy, v1alpha1.ConditionReady} {
		if c := condition.Get(o, kind); c != nil {
			out = append(out, string(c.Status)+"/"+c.Reason)
		}
	}
	for _, kind := range []string{v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled} {
		if condition.Get(o, kind) != nil {
			out = append(out, kind)
		}
	}
	return strings.Join(out, " ")
}

// wantConditions fails the test unless an integration has such conditions, and a message of Ready that contains a text.
func wantConditions[T kit.Object](w *world, o T, want, contains string) {
	w.t.Helper()
	get(w, o)
	message := ""
	if c := condition.Get(o, v1alpha1.ConditionReady); c != nil {
		message = c.Message
	}
	if got := conditionsOf(o); got != want || !strings.Contains(message, contains) {
		w.t.Errorf("%s is %q: %q, want %q: %q", o.GetName(), got, message, want, contains)
	}
}

// wantProbes fails the test unless so many probes were made, in these seconds.
func (w *world) wantProbes(want ...int) {
	w.t.Helper()
	if !slices.Equal(w.probes, want) {
		w.t.Errorf("probed after %v s, want %v", w.probes, want)
	}
}

// announced returns the types of the events that the rule for the health of integrations matched, in order.
func (w *world) announced() []v1alpha1.EventType {
	w.t.Helper()
	all := &v1alpha1.NotificationList{}
	if err := w.client.List(w.t.Context(), all); err != nil {
		w.t.Fatal(err)
	}
	slices.SortStableFunc(all.Items, func(a, b v1alpha1.Notification) int {
		return a.CreationTimestamp.Compare(b.CreationTimestamp.Time)
	})
	var out []v1alpha1.EventType
	for _, n := range all.Items {
		out = append(out, n.Spec.Event.Type)
	}
	return out
}

// slackConn and jiraConn return the connections of the integrations "slack" and "jira".
func (w *world) slackConn() *connection.Connection[connection.SlackClient, chat.Posted] {
	return w.slackReconcile.Slack.Get(slackName)
}

func (w *world) jiraConn() *connection.Connection[connection.JiraClient, ticket.Ticket] {
	return w.jiraReconcile.Jira.Get(jiraName)
}

// bot returns the SlackIntegration "slack", with a bot token.
func bot(with ...func(*v1alpha1.SlackIntegration)) *v1alpha1.SlackIntegration {
	i := &v1alpha1.SlackIntegration{
		ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "slack"},
		Spec:       v1alpha1.SlackIntegrationSpec{DefaultChannel: "#alerts", Bot: &v1alpha1.SlackBot{TokenSecretRef: tokenRef}},
	}
	for _, change := range with {
		change(i)
	}
	return i
}

// webhook makes a SlackIntegration an incoming webhook.
func webhook(i *v1alpha1.SlackIntegration) {
	i.Spec.Bot = nil
	i.Spec.Webhook = &v1alpha1.SlackWebhook{URLSecretRef: tokenRef}
}

// project returns the JiraIntegration "jira".
func project(with ...func(*v1alpha1.JiraIntegration)) *v1alpha1.JiraIntegration {
	i := &v1alpha1.JiraIntegration{
		ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "jira"},
		Spec: v1alpha1.JiraIntegrationSpec{
			APIURL: "https://jira.example.com", ProjectKey: "VOICE", Bearer: &v1alpha1.JiraBearerAuth{TokenSecretRef: tokenRef},
		},
	}
	for _, change := range with {
		change(i)
	}
	return i
}
