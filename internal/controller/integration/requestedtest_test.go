// SPDX-License-Identifier: Apache-2.0

package integration

import (
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
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/chat/chattest"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/index"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
	"github.com/voiceai-dev/integrations-operator/internal/ticket/tickettest"
)

var (
	slackName = types.NamespacedName{Namespace: "a", Name: "slack"}
	jiraName  = types.NamespacedName{Namespace: "a", Name: "jira"}
	tokenRef  = v1alpha1.SecretKeyReference{Name: "s", Key: "token"}

	revoked  = &fault.Fault{Kind: fault.Unauthorized, Scope: fault.Connection, Message: "the token was revoked"}
	archived = &fault.Fault{Kind: fault.NotFound, Scope: fault.Endpoint, Message: "the channel is archived"}
	down     = &fault.Fault{Kind: fault.Unavailable, Message: "no answer"}
)

// cluster has a SlackIntegration, a JiraIntegration, the Secret of both, and their reconcilers.
type cluster struct {
	t      *testing.T
	client client.Client
	slack  *chattest.Fake
	jira   *tickettest.Fake
	*SlackReconciler
	jiraReconciler *JiraReconciler
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, corev1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	builder := fake.NewClientBuilder().WithScheme(scheme).
		WithStatusSubresource(&v1alpha1.SlackIntegration{}, &v1alpha1.JiraIntegration{}).
		WithObjects(
			&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "s"}, Data: map[string][]byte{"token": []byte("x")}},
			slackIntegration("slack"),
			&v1alpha1.JiraIntegration{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "jira"}, Spec: v1alpha1.JiraIntegrationSpec{
				APIURL: "https://jira.example.com", ProjectKey: "VOICE", Bearer: &v1alpha1.JiraBearerAuth{TokenSecretRef: tokenRef},
			}},
		)
	for _, f := range index.Fields() {
		builder = builder.WithIndex(f.Object, f.Name, f.Values)
	}
	c := &cluster{t: t, client: builder.Build(), slack: &chattest.Fake{}, jira: &tickettest.Fake{}}
	ignore := func(types.NamespacedName) {}
	options := connection.Options{Clock: clock.RealClock{}, EnqueueItem: ignore, EnqueueIntegration: ignore}
	box := &outbox.Outbox{Client: c.client, Clock: clock.RealClock{}}
	c.SlackReconciler = &SlackReconciler{
		Client: c.client, Live: c.client, Clock: clock.RealClock{}, Slack: connection.NewSlackPool(options),
		Outbox: box, Enqueuer: &kit.Enqueuer{}, Dial: c.slack.Dial,
	}
	c.jiraReconciler = &JiraReconciler{
		Client: c.client, Live: c.client, Clock: clock.RealClock{}, Jira: connection.NewJiraPool(options),
		Outbox: box, Enqueuer: &kit.Enqueuer{}, Dial: c.jira.Dial,
		PendingUpdates: &kit.PendingUpdates{}, KnownTickets: &kit.KnownTickets{}, EnqueueDefect: ignore,
	}
	return c
}

func slackIntegration(name string) *v1alpha1.SlackIntegration {
	return &v1alpha1.SlackIntegration{
		ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: name, UID: types.UID(name)},
		Spec: v1alpha1.SlackIntegrationSpec{
			DefaultChannel: "#alerts", Default: true, Bot: &v1alpha1.SlackBot{TokenSecretRef: tokenRef},
		},
	}
}

// reconcileSlack reconciles the SlackIntegration and returns it.
func (c *cluster) reconcileSlack() *v1alpha1.SlackIntegration {
	c.t.Helper()
	_, _ = c.Reconcile(c.t.Context(), ctrl.Request{NamespacedName: slackName}) // the queue retries after an error
	i := &v1alpha1.SlackIntegration{}
	if err := c.client.Get(c.t.Context(), slackName, i); err != nil {
		c.t.Fatal(err)
	}
	return i
}

// reconcileJira reconciles the JiraIntegration and returns it.
func (c *cluster) reconcileJira() *v1alpha1.JiraIntegration {
	c.t.Helper()
	_, _ = c.jiraReconciler.Reconcile(c.t.Context(), ctrl.Request{NamespacedName: jiraName})
	i := &v1alpha1.JiraIntegration{}
	if err := c.client.Get(c.t.Context(), jiraName, i); err != nil {
		c.t.Fatal(err)
	}
	return i
}

// change changes an object.
func (c *cluster) change(o client.Object, change func()) {
	c.t.Helper()
	if err := c.client.Get(c.t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
		c.t.Fatal(err)
	}
	change()
	if err := c.client.Update(c.t.Context(), o); err != nil {
		c.t.Fatal(err)
	}
}

// request requests a test of an integration, a second after the last one.
func (c *cluster) request(o client.Object) {
	c.t.Helper()
	time.Sleep(time.Second)
	c.change(o, func() {
		o.SetAnnotations(map[string]string{v1alpha1.TestRequestedAtAnnotation: time.Now().Format(time.RFC3339Nano)})
	})
}

func (c *cluster) onPost(err error) { c.slack.OnPost(func(chat.Message) error { return err }) }

func (c *cluster) onProbe(err error) {
	c.slack.OnProbe(func(chat.Config) (chat.Workspace, error) {
		return chat.Workspace{TeamID: "T1", Verified: true, CanFind: true}, err
	})
}

// expectTest fails unless the last test is of the request, and ended as wanted together with the Ready condition.
func (c *cluster) expectTest(
	o kit.Object, t *v1alpha1.IntegrationTest, outcome v1alpha1.Outcome, part string, ready metav1.ConditionStatus,
) {
	c.t.Helper()
	if t == nil || t.RequestedAt != o.GetAnnotations()[v1alpha1.TestRequestedAtAnnotation] ||
		t.Outcome != outcome || !strings.Contains(t.Message, part) {
		c.t.Fatalf("the test is %+v, want %s with %q", t, outcome, part)
	}
	if !condition.Is(o, v1alpha1.ConditionReady, ready, "") {
		c.t.Fatalf("Ready is %+v, want %s", condition.Get(o, v1alpha1.ConditionReady), ready)
	}
}

// TestRequestedTestOfSlack checks that a test calls Slack whatever the conditions say, and that they say at once what
// the test found.
func TestRequestedTestOfSlack(t *testing.T) {
	const yes, no = metav1.ConditionTrue, metav1.ConditionFalse
	const good, bad = v1alpha1.OutcomeSucceeded, v1alpha1.OutcomeFailed
	for name, steps := range map[string][]struct {
		probe, post error
		outcome     v1alpha1.Outcome
		part        string
		ready       metav1.ConditionStatus
		posts       int // how many calls of Post there were in all
	}{
		"works":                         {{nil, nil, good, "accepted the message", yes, 1}},
		"token revoked, and good again": {{revoked, nil, bad, "revoked", no, 0}, {nil, nil, good, "", yes, 1}},
		"posting refused, and allowed":  {{nil, revoked, bad, "revoked", no, 1}, {nil, nil, good, "", yes, 2}},
		"posting refused for long":      {{nil, revoked, bad, "", no, 1}, {nil, revoked, bad, "", no, 2}, {nil, nil, good, "", yes, 3}},
		"down, and up":                  {{down, nil, bad, "no answer", no, 0}, {nil, nil, good, "", yes, 1}},
		"posts unanswered":              {{nil, down, bad, "no answer", no, 1}, {nil, nil, good, "", yes, 2}},
		"channel archived":              {{nil, archived, bad, "archived", yes, 1}, {nil, nil, good, "", yes, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t)
				if i := c.reconcileSlack(); !condition.Is(i, v1alpha1.ConditionReady, yes, "") {
					t.Fatalf("not Ready at first: %+v", i.Status)
				}
				for _, s := range steps {
					c.onProbe(s.probe)
					c.onPost(s.post)
					c.request(slackIntegration("slack"))
					i := c.reconcileSlack()
					c.expectTest(i, i.Status.LastTest, s.outcome, s.part, s.ready)
					if c.slack.Calls() != s.posts {
						t.Fatalf("%d posts, want %d", c.slack.Calls(), s.posts)
					}
					if s.outcome == bad {
						healthy := condition.Get(i, v1alpha1.ConditionReady)
						if !strings.Contains(healthy.Message, s.part) {
							t.Errorf("Ready says %q, want %q", healthy.Message, s.part)
						}
					}
					c.reconcileSlack() // the request is dealt with
					if c.slack.Calls() != s.posts {
						t.Fatalf("%d posts after another reconcile, want %d", c.slack.Calls(), s.posts)
					}
				}
			})
		})
	}
}

// TestRequestedTestOfAWebhook checks that a test of a webhook that was refused posts again: there is no other way to
// check it.
func TestRequestedTestOfAWebhook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		webhook := slackIntegration("slack")
		c.change(webhook, func() {
			webhook.Spec.Bot = nil
			webhook.Spec.Webhook = &v1alpha1.SlackWebhook{URLSecretRef: tokenRef}
		})
		expectReason := func(i *v1alpha1.SlackIntegration, want string) {
			t.Helper()
			if got := condition.Get(i, v1alpha1.ConditionAuthenticated); got.Reason != want {
				t.Fatalf("Authenticated has reason %s, want %s", got.Reason, want)
			}
		}
		expectReason(c.reconcileSlack(), v1alpha1.ReasonUnverified)
		for _, err := range []error{revoked, revoked, nil, revoked, nil} {
			c.onPost(err)
			c.request(webhook)
			i := c.reconcileSlack()
			if err == nil {
				c.expectTest(i, i.Status.LastTest, v1alpha1.OutcomeSucceeded, "accepted", metav1.ConditionTrue)
				expectReason(i, v1alpha1.ReasonAccepted)
				expectReason(c.reconcileSlack(), v1alpha1.ReasonAccepted)
			} else {
				c.expectTest(i, i.Status.LastTest, v1alpha1.OutcomeFailed, "revoked", metav1.ConditionFalse)
			}
			after := c.reconcileSlack()
			if got, want := condition.Get(after, v1alpha1.ConditionReady), condition.Get(i, v1alpha1.ConditionReady); got.Status != want.Status {
				t.Fatalf("Ready is %s after another reconcile, was %s", got.Status, want.Status)
			}
		}
		if c.slack.Calls() != 5 {
			t.Errorf("%d posts, want 5", c.slack.Calls())
		}
	})
}

// TestRequestedTestWithoutACall checks what a test says that cannot be made.
func TestRequestedTestWithoutACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.reconcileSlack()
		o := slackIntegration("slack")
		expect := func(part string, ready metav1.ConditionStatus) {
			t.Helper()
			c.request(o)
			i := c.reconcileSlack()
			c.expectTest(i, i.Status.LastTest, v1alpha1.OutcomeFailed, part, ready)
			if c.slack.Calls() != 0 {
				t.Errorf("%d posts, want none", c.slack.Calls())
			}
		}
		c.change(o, func() { o.Spec.Suspend = true; o.Generation++ })
		expect("spec.suspend is true", metav1.ConditionTrue)
		c.change(o, func() { o.Spec.Suspend = false; o.Generation++ })
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "s"}}
		c.change(secret, func() { secret.Data = nil })
		expect(`no value for key "token"`, metav1.ConditionFalse)
		c.change(secret, func() { secret.Data = map[string][]byte{"token": []byte("y")} })
		c.request(o)
		i := c.reconcileSlack()
		c.expectTest(i, i.Status.LastTest, v1alpha1.OutcomeSucceeded, "", metav1.ConditionTrue)
	})
}

// TestRequestedTestIsMadeOnce checks that a test is not made again when the cache does not show its result yet.
func TestRequestedTestIsMadeOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.reconcileSlack()
		o := slackIntegration("slack")
		c.request(o)
		first := c.reconcileSlack().Status.LastTest
		stale := slackIntegration("slack")
		if err := c.client.Get(t.Context(), slackName, stale); err != nil {
			t.Fatal(err)
		}
		stale.Status.LastTest = nil
		if err := c.client.Status().Update(t.Context(), stale); err != nil {
			t.Fatal(err)
		}
		again := c.reconcileSlack().Status.LastTest
		if c.slack.Calls() != 1 || again == nil || again.RequestedAt != first.RequestedAt || again.Outcome != first.Outcome {
			t.Errorf("%d posts, the test is %+v, was %+v", c.slack.Calls(), again, first)
		}
	})
}

// TestRequestedTestOfJira checks that a test probes Jira at once, and that the conditions follow.
func TestRequestedTestOfJira(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.reconcileJira()
		o := &v1alpha1.JiraIntegration{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "jira"}}
		gone := &fault.Fault{Kind: fault.NotFound, Scope: fault.Connection, Field: "Project", Message: "project VOICE does not exist"}
		for _, err := range []error{nil, gone, nil, down, nil, revoked, nil} {
			c.jira.OnProbe(func(ticket.Config) (ticket.Project, error) { return ticket.Project{Account: "bot"}, err })
			c.request(o)
			i := c.reconcileJira()
			if err == nil {
				c.expectTest(i, i.Status.LastTest, v1alpha1.OutcomeSucceeded, "Jira accepts the account bot,", metav1.ConditionTrue)
				continue
			}
			c.expectTest(i, i.Status.LastTest, v1alpha1.OutcomeFailed, err.Error(), metav1.ConditionFalse)
		}
	})
}

// TestRequestedTestOfJiraIsMadeOnce checks that a test of Jira is not made again when the cache does not show its result
// yet, and that one of a new integration of the same name is made.
func TestRequestedTestOfJiraIsMadeOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		request := map[string]string{v1alpha1.TestRequestedAtAnnotation: time.Now().Format(time.RFC3339Nano)}
		i := project(func(i *v1alpha1.JiraIntegration) { i.Annotations = request })
		w.create(i)
		w.settle()
		first := get(w, i).Status.LastTest
		i.Status.LastTest = nil
		if err := w.client.Status().Update(t.Context(), i); err != nil {
			t.Fatal(err)
		}
		w.enqueue(itemOf(i))
		w.settle()
		if again := get(w, i).Status.LastTest; first == nil || again == nil || again.RequestedAt != first.RequestedAt || len(w.probes) != 1 {
			t.Errorf("the test is %+v, was %+v, after %d probes", again, first, len(w.probes))
		}
		w.delete(i)
		w.settle()
		w.create(project(func(i *v1alpha1.JiraIntegration) { i.Annotations = request }))
		w.settle()
		if get(w, i).Status.LastTest == nil || len(w.probes) != 2 {
			t.Errorf("the test is %+v, after %d probes", i.Status.LastTest, len(w.probes))
		}
	})
}

// TestWhichRequestsAreMade checks that a request is made once, soon after it was made, and only if it has a time.
func TestWhichRequestsAreMade(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) string { return now.Add(d).Format(time.RFC3339Nano) }
	for name, c := range map[string]struct {
		annotation string
		last       *v1alpha1.IntegrationTest
		made       bool
	}{
		"none":                         {"", nil, false},
		"just now":                     {at(0), nil, true},
		"after a former one":           {at(0), &v1alpha1.IntegrationTest{RequestedAt: at(-time.Second)}, true},
		"made already":                 {at(0), &v1alpha1.IntegrationTest{RequestedAt: at(0)}, false},
		"a minute ago":                 {at(-time.Minute), nil, true},
		"more than a minute ago":       {at(-time.Minute - 1), nil, false},
		"not a time":                   {"now", nil, false},
		"as long as a status may hold": {"2026-03-01T12:00:00." + strings.Repeat("0", 43) + "Z", nil, true},
		"longer":                       {"2026-03-01T12:00:00." + strings.Repeat("0", 44) + "Z", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			i := slackIntegration("slack")
			i.Annotations = map[string]string{v1alpha1.TestRequestedAtAnnotation: c.annotation}
			next, last := (&requestedTests{}).next(i, c.last, now)
			if (next != nil) != c.made || last != c.last {
				t.Errorf("%q is to be made: %+v, the last is %+v", c.annotation, next, last)
			}
			if next != nil && (next.RequestedAt != c.annotation || !next.Time.Time.Equal(now)) {
				t.Errorf("the test is %+v", next)
			}
		})
	}
}

// TestProbeAfterATest checks how soon an integration is probed again that was tested.
func TestProbeAfterATest(t *testing.T) {
	for name, c := range map[string]struct {
		ready metav1.ConditionStatus
		next  time.Duration
		want  time.Duration
	}{
		"works":               {metav1.ConditionTrue, time.Minute, time.Minute},
		"does not":            {metav1.ConditionFalse, time.Minute, 15 * time.Second},
		"does not, soon":      {metav1.ConditionFalse, time.Second, time.Second},
		"does not, for never": {metav1.ConditionFalse, 0, 0},
	} {
		i := slackIntegration("slack")
		condition.Set(i, v1alpha1.ConditionReady, c.ready, "Any", "any")
		if got := afterTest(i, c.next); got != c.want {
			t.Errorf("%s: probed after %s, want %s", name, got, c.want)
		}
	}
}

// TestRequestedTestOfAChannel checks that a test of one channel that is refused says nothing of the integration.
func TestRequestedTestOfAChannel(t *testing.T) {
	for channel, want := range map[string]string{"#other": works, "#alerts": degraded} {
		t.Run(channel, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.slack.OnPost(func(chat.Message) error { return archived })
				i := bot(func(i *v1alpha1.SlackIntegration) {
					i.Annotations = map[string]string{
						v1alpha1.TestRequestedAtAnnotation: time.Now().Format(time.RFC3339Nano), v1alpha1.TestChannelAnnotation: channel,
					}
				})
				w.create(i)
				w.settle()
				wantConditions(w, i, want, "")
				if last := i.Status.LastTest; last == nil || last.Outcome != v1alpha1.OutcomeFailed || last.Channel != channel {
					t.Errorf("the test is %+v", last)
				}
			})
		})
	}
}

// TestChecksOfJira checks which parts a test of Jira reports, up to the first one that is refused.
func TestChecksOfJira(t *testing.T) {
	at := func(field string) error {
		return &fault.Fault{Kind: fault.NotFound, Scope: fault.Connection, Field: field, Message: "not this " + field}
	}
	priorities := []string{"Highest", "High", "Medium", "Low"}
	for name, c := range map[string]struct {
		found   ticket.Project
		err     error
		checks  string
		message string
	}{
		"all": {ticket.Project{Priorities: priorities, Account: "Bot"}, nil, "+Credentials +Project +IssueType +Priorities +Fields",
			"Jira accepts the account Bot, project VOICE and its issue type"},
		"credentials": {ticket.Project{}, at("Credentials"), "-Credentials", "not this Credentials"},
		"project":     {ticket.Project{}, at("Project"), "+Credentials -Project", "not this Project"},
		"issue type":  {ticket.Project{}, at("IssueType"), "+Credentials +Project -IssueType", "not this IssueType"},
		"no answer":   {ticket.Project{}, down, "-Credentials", "no answer"},
		"priorities":  {ticket.Project{Priorities: priorities[1:]}, nil, "+Credentials +Project +IssueType -Priorities +Fields", "does not have the priority Highest"},
		"fields": {ticket.Project{Priorities: priorities, Problems: []string{"Area is odd"}}, nil,
			"+Credentials +Project +IssueType +Priorities -Fields", "Area is odd"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.probeJira = func(ticket.Config) (ticket.Project, error) { return c.found, c.err }
				i := project(func(i *v1alpha1.JiraIntegration) {
					i.Annotations = map[string]string{v1alpha1.TestRequestedAtAnnotation: time.Now().Format(time.RFC3339Nano)}
				})
				w.create(i)
				w.settle()
				last := get(w, i).Status.LastTest
				var checks []string
				for _, check := range last.Checks {
					sign := map[v1alpha1.Outcome]string{v1alpha1.OutcomeSucceeded: "+", v1alpha1.OutcomeFailed: "-"}[check.Outcome]
					checks = append(checks, sign+check.Name)
				}
				if got := strings.Join(checks, " "); got != c.checks || !strings.Contains(last.Message, c.message) {
					t.Errorf("the checks are %q: %q, want %q: %q", got, last.Message, c.checks, c.message)
				}
				if failed := strings.Contains(c.checks, "-"); failed != (last.Outcome == v1alpha1.OutcomeFailed) {
					t.Errorf("the outcome is %s", last.Outcome)
				}
			})
		})
	}
}
