// SPDX-License-Identifier: Apache-2.0

package notification

import (
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/chat/chattest"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/index"
	"github.com/voiceai-dev/integrations-operator/internal/leadership"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
)

// delivering is a Reconciler with one Notification for one default SlackIntegration.
type delivering struct {
	t      *testing.T
	client client.Client
	slack  *chattest.Fake
	*Reconciler
}

var (
	theNotification = types.NamespacedName{Namespace: "a", Name: "n"}
	theIntegration  = types.NamespacedName{Namespace: "a", Name: "slack"}
)

func newDelivering(t *testing.T, spec v1alpha1.SlackIntegrationSpec) *delivering {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	spec.Default = true
	builder := fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&v1alpha1.Notification{}).WithObjects(
		&v1alpha1.SlackIntegration{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "slack"}, Spec: spec},
		&v1alpha1.Notification{
			ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "n", UID: "u", CreationTimestamp: metav1.NewTime(time.Now())},
			Spec: v1alpha1.NotificationSpec{Event: v1alpha1.NotificationEvent{
				ID: "e", Type: v1alpha1.EventSystemAlertFiring, Time: metav1.NewTime(time.Now()),
			}},
		})
	for _, f := range index.Fields() {
		builder = builder.WithIndex(f.Object, f.Name, f.Values)
	}
	d := &delivering{t: t, client: builder.Build(), slack: &chattest.Fake{}}
	d.restart()
	return d
}

// restart makes a new Reconciler, which knows nothing but the stored objects.
func (d *delivering) restart() {
	ignore := func(types.NamespacedName) {}
	start := leadership.Start{Local: time.Now(), Server: time.Now()}
	d.Reconciler = &Reconciler{
		Client: d.client, Clock: clock.RealClock{}, Enqueuer: &kit.Enqueuer{}, Recorder: events.NewFakeRecorder(100),
		Expiry: 24 * time.Hour, Retention: 48 * time.Hour, CallTimeout: 30 * time.Second,
		Outbox:      &outbox.Outbox{Clock: clock.RealClock{}},
		Slack:       connection.NewSlackPool(connection.Options{Clock: clock.RealClock{}, EnqueueItem: ignore, EnqueueIntegration: ignore}),
		LeaderSince: func() leadership.Start { return start },
	}
	d.prepare()
}

// connect connects the integration with what a version of its spec and Secret leads to.
func (d *delivering) connect(version string) {
	d.t.Helper()
	c, err := d.slack.Dial(chat.Config{WebhookURL: "https://hooks.example.com"})
	if err != nil {
		d.t.Fatal(err)
	}
	conn := d.Slack.Get(theIntegration)
	conn.Connect(connection.SlackClient{Poster: c}, version, connection.Limits{Concurrency: 1})
	conn.Resume()
}

// reconcileFor reconciles the Notification every second.
func (d *delivering) reconcileFor(seconds int) *v1alpha1.Notification {
	d.t.Helper()
	for range seconds {
		if _, err := d.Reconcile(d.t.Context(), ctrl.Request{NamespacedName: theNotification}); err != nil {
			d.t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
	}
	n := &v1alpha1.Notification{}
	if err := d.client.Get(d.t.Context(), theNotification, n); err != nil {
		d.t.Fatal(err)
	}
	return n
}

// TestMessageWhoseAttemptsAreUsedUp posts to a URL that is not an incoming webhook: it may show the message each time.
// The message is posted a few times, and not again after a restart, but with another URL.
func TestMessageWhoseAttemptsAreUsedUp(t *testing.T) {
	for name, last := range map[string]fault.Fault{
		"in doubt until the end":    {Kind: fault.Ambiguous, MaxAttempts: 3, Message: "not an incoming webhook"},
		"stopping the integration":  {Kind: fault.Unauthorized, Scope: fault.Connection, MaxAttempts: 3, Message: "not an incoming webhook"},
		"refused for another cause": {Kind: fault.Invalid, MaxAttempts: 3, Message: "not an incoming webhook"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDelivering(t, v1alpha1.SlackIntegrationSpec{Webhook: &v1alpha1.SlackWebhook{}})
				d.connect("v1")
				d.slack.OnPost(func(chat.Message) error {
					f := last
					if d.slack.Calls() < 3 {
						f = fault.Fault{Kind: fault.Ambiguous, MaxAttempts: 3, Message: "not an incoming webhook"}
					}
					return &f
				})
				expect := func(n *v1alpha1.Notification, calls int, status metav1.ConditionStatus, reason string) {
					t.Helper()
					if got := d.slack.Calls(); got != calls || !condition.Is(n, v1alpha1.ConditionDelivered, status, reason) {
						t.Fatalf("%d posts, %+v; want %d, %s", got, n.Status, calls, reason)
					}
				}
				expect(d.reconcileFor(3600), 3, metav1.ConditionFalse, v1alpha1.ReasonRejected)
				d.restart()
				expect(d.reconcileFor(60), 3, metav1.ConditionFalse, v1alpha1.ReasonRejected)
				d.connect("v1")
				expect(d.reconcileFor(600), 3, metav1.ConditionFalse, v1alpha1.ReasonRejected)
				d.connect("v2")
				expect(d.reconcileFor(600), 4, metav1.ConditionFalse, v1alpha1.ReasonRejected)
				d.slack.OnPost(nil)
				d.connect("v3")
				n := d.reconcileFor(60)
				expect(n, 5, metav1.ConditionTrue, v1alpha1.ReasonSent)
				if n.Status.RefusedBy != "" {
					t.Errorf("delivered, and refused by %s", n.Status.RefusedBy)
				}
			})
		})
	}
}
