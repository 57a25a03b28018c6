// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/index"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
	"github.com/voiceai-dev/integrations-operator/internal/ticket/tickettest"
)

// connected is a reconciler of one JiraIntegration whose Jira is a fake. It runs in a bubble of synctest.
type connected struct {
	*JiraReconciler
	t           *testing.T
	jira        *tickettest.Fake
	integration *v1alpha1.JiraIntegration
	// enqueued counts how often each waiting object was enqueued.
	enqueued map[string]int
}

// connect runs a test of an integration.
func connect(t *testing.T, test func(*connected)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		scheme := runtime.NewScheme()
		for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, corev1.AddToScheme} {
			if err := add(scheme); err != nil {
				t.Fatal(err)
			}
		}
		i := &v1alpha1.JiraIntegration{
			ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "jira", UID: "i1", Generation: 1},
			Spec: v1alpha1.JiraIntegrationSpec{APIURL: "https://jira.example.com", ProjectKey: "VOICE", Bearer: &v1alpha1.JiraBearerAuth{
				TokenSecretRef: v1alpha1.SecretKeyReference{Name: "s", Key: "jira"},
			}},
		}
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "s"}, Data: map[string][]byte{"jira": []byte("token")}}
		builder := fake.NewClientBuilder().WithScheme(scheme).WithObjects(i, secret).WithStatusSubresource(i)
		for _, field := range index.Fields() {
			builder = builder.WithIndex(field.Object, field.Name, field.Values)
		}
		c := builder.Build()
		out := &connected{t: t, jira: &tickettest.Fake{}, integration: i, enqueued: map[string]int{}}
		pool := connection.NewJiraPool(connection.Options{
			Clock:              clock.RealClock{},
			EnqueueItem:        func(n types.NamespacedName) { out.enqueued[n.Name]++ },
			EnqueueIntegration: func(types.NamespacedName) {},
		})
		out.JiraReconciler = &JiraReconciler{
			Client: c, Live: c, Clock: clock.RealClock{}, Jira: pool, Dial: out.jira.Dial,
			Outbox:         &outbox.Outbox{Client: c, Live: c, Clock: clock.RealClock{}, MaxEventAge: 24 * time.Hour},
			PendingUpdates: &kit.PendingUpdates{}, KnownTickets: &kit.KnownTickets{}, EnqueueDefect: func(types.NamespacedName) {},
		}
		test(out)
	})
}

// reconcile reconciles, and returns when to do so again.
func (c *connected) reconcile() time.Duration {
	c.t.Helper()
	key := client.ObjectKeyFromObject(c.integration)
	result, err := c.Reconcile(c.t.Context(), ctrl.Request{NamespacedName: key})
	if err != nil {
		c.t.Fatal(err)
	}
	synctest.Wait()
	if err := c.Client.Get(c.t.Context(), key, c.integration); err != nil {
		c.t.Fatal(err)
	}
	return result.RequeueAfter
}

// want checks a condition.
func (c *connected) want(kind string, status metav1.ConditionStatus, reason, contains string) {
	c.t.Helper()
	got := condition.Get(c.integration, kind)
	if got == nil || got.Status != status || got.Reason != reason || !strings.Contains(got.Message, contains) {
		c.t.Errorf("%s is %+v, want %s, %s with %q", kind, got, status, reason, contains)
	}
}

// TestRequiredFieldThatNothingFillsIn checks that an integration is not Ready while Jira refuses every ticket, and says
// why. Its calls go on. When the probe finds it fixed, what Jira refused is retried.
func TestRequiredFieldThatNothingFillsIn(t *testing.T) {
	connect(t, func(c *connected) {
		project := ticket.Project{Deployment: ticket.Cloud, Priorities: []string{"Highest", "High", "Medium", "Low"}, Form: "1",
			Blockers: []string{`Jira requires "Affected team" (customfield_10077)`}, Problems: []string{`field "Area" is odd`}}
		c.jira.OnProbe(func(ticket.Config) (ticket.Project, error) { return project, nil })
		again := c.reconcile()
		const why = `Jira refuses all tickets: Jira requires "Affected team" (customfield_10077); field "Area" is odd`
		c.want(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonInvalid, why)
		c.want(v1alpha1.ConditionHealthy, metav1.ConditionFalse, v1alpha1.ReasonInvalid, why)
		c.want(v1alpha1.ConditionAuthenticated, metav1.ConditionTrue, v1alpha1.ReasonAccepted, "")
		c.want(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonInvalid, why)
		conn := c.Jira.Get(client.ObjectKeyFromObject(c.integration))
		if again <= 0 || again > time.Minute || conn.PauseFault() != nil {
			t.Errorf("probed again after %s, paused for %v; want a minute at most, and no pause", again, conn.PauseFault())
		}
		for name, err := range map[string]error{
			"refused": fault.New(fault.Invalid, "Affected team is required."), "created": nil, "down": fault.New(fault.Unavailable, "503"),
		} {
			conn.Lane("create").Submit(connection.Request[connection.JiraClient, ticket.Ticket]{
				Key: types.NamespacedName{Namespace: "a", Name: name}, Operation: connection.Operation{Name: "create"},
				Call: func(context.Context, connection.JiraClient) (ticket.Ticket, error) { return ticket.Ticket{}, err },
			})
		}
		synctest.Wait()
		clear(c.enqueued)
		probes := c.jira.Probes()
		for range 5 { // as when a refused ticket is recorded in the status
			c.reconcile()
		}
		if c.jira.Probes() != probes {
			t.Errorf("%d probes within a minute", c.jira.Probes()-probes)
		}
		c.want(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonInvalid, why)
		if c.enqueued["refused"] != 0 {
			t.Error("a refused ticket is retried though nothing changed")
		}

		project.Blockers = nil
		project.Problems = nil
		project.Form = "2"
		time.Sleep(time.Minute)
		clear(c.enqueued)
		c.reconcile()
		c.want(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady, "")
		if c.enqueued["refused"] != 1 || len(c.enqueued) != 1 {
			t.Errorf("enqueued %v, want the refused ticket only", c.enqueued)
		}
	})
}

// TestBadURL checks that an integration whose URL leads elsewhere does not say that its credentials were accepted.
func TestBadURL(t *testing.T) {
	connect(t, func(c *connected) {
		c.jira.OnProbe(func(ticket.Config) (ticket.Project, error) {
			return ticket.Project{}, &fault.Fault{Kind: fault.Invalid, Scope: fault.Connection, Code: "301", Field: "Credentials",
				Message: "Jira redirects to another address. Set spec.apiURL to https://b.example.com"}
		})
		c.reconcile()
		c.want(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonInvalid, "Set spec.apiURL to https://b.example.com")
		c.want(v1alpha1.ConditionAuthenticated, metav1.ConditionUnknown, v1alpha1.ReasonUnavailable, "")
		c.want(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonInvalid, "")
	})
}

// TestTestOfBlockedIntegration checks that a test on request fails for a field that nothing fills in.
func TestTestOfBlockedIntegration(t *testing.T) {
	connect(t, func(c *connected) {
		c.jira.OnProbe(func(ticket.Config) (ticket.Project, error) {
			return ticket.Project{Deployment: ticket.Cloud, Form: "1", Blockers: []string{`Jira requires "Affected team"`}}, nil
		})
		metav1.SetMetaDataAnnotation(&c.integration.ObjectMeta, v1alpha1.TestRequestedAtAnnotation, time.Now().UTC().Format(time.RFC3339Nano))
		if err := c.Client.Update(t.Context(), c.integration); err != nil {
			t.Fatal(err)
		}
		c.reconcile()
		last := c.integration.Status.LastTest
		if last == nil || last.Outcome != v1alpha1.OutcomeFailed || !strings.Contains(last.Message, "Affected team") {
			t.Errorf("the test is %+v, want it failed for the field", last)
		}
	})
}
