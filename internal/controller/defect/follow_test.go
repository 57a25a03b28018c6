// SPDX-License-Identifier: Apache-2.0

package defect

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

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
	"github.com/voiceai-dev/integrations-operator/internal/controller/defect/attach"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/index"
	"github.com/voiceai-dev/integrations-operator/internal/leadership"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
	"github.com/voiceai-dev/integrations-operator/internal/ticket/tickettest"
)

const (
	oldSite = "https://old.example.com"
	newSite = "https://new.example.com"
)

// jiraName is the name of the integration of a follower.
var jiraName = types.NamespacedName{Namespace: "a", Name: "jira"}

// follower is a Reconciler of one Defect with a ticket, VOICE-1 at oldSite, whose JiraIntegration a/jira leads to a fake.
// It runs in a bubble of synctest.
type follower struct {
	*Reconciler
	t      *testing.T
	jira   *tickettest.Fake
	defect *v1alpha1.Defect
}

// follow runs a test of a follower whose objects were changed, and whose Jira has the given drafts.
func follow(t *testing.T, drafts []ticket.Draft, change func(*v1alpha1.Defect, *v1alpha1.JiraIntegration), test func(*follower)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		at := metav1.NewTime(time.Now().Add(-time.Hour))
		d := &v1alpha1.Defect{
			ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "d", UID: "u1", Generation: 1, CreationTimestamp: at},
			Spec:       v1alpha1.DefectSpec{Title: "x", Severity: v1alpha1.SeverityHigh},
			Status: v1alpha1.DefectStatus{
				ObservedGeneration: 1, State: v1alpha1.StateOpen, Occurrences: 1, FirstSeenTime: &at, LastSeenTime: &at,
				Events: []v1alpha1.EventID{"u1.created", "u1.ticketed"},
				Jira: &v1alpha1.DefectTicket{
					Integration: "a/jira", Key: "VOICE-1", ID: "10001", Site: oldSite, Status: "To Do", StatusCategory: "new",
					CreatedTime: &at, ToldOccurrences: 1,
				},
			},
		}
		integration := &v1alpha1.JiraIntegration{
			ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "jira", UID: "i1", Generation: 1},
			Spec:       v1alpha1.JiraIntegrationSpec{APIURL: oldSite},
		}
		change(d, integration)
		f := &follower{t: t, jira: &tickettest.Fake{}, defect: d}
		for _, draft := range drafts {
			f.jira.Keep(draft)
		}
		f.Reconciler = newFollowing(t, f.jira, d, integration)
		test(f)
	})
}

// newFollowing returns a Reconciler in a cluster with a Defect and an integration, which leads to a fake.
func newFollowing(
	t *testing.T, jira *tickettest.Fake, d *v1alpha1.Defect, integration *v1alpha1.JiraIntegration, more ...client.Object,
) *Reconciler {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	builder := fake.NewClientBuilder().WithScheme(scheme).WithObjects(d, integration).WithObjects(more...).WithStatusSubresource(d)
	for _, field := range index.Fields() {
		builder = builder.WithIndex(field.Object, field.Name, field.Values)
	}
	c := builder.Build()
	ignore := func(types.NamespacedName) {}
	pool := connection.NewJiraPool(connection.Options{Clock: clock.RealClock{}, EnqueueItem: ignore, EnqueueIntegration: ignore})
	r := &Reconciler{
		Client: c, Clock: clock.RealClock{}, PendingUpdates: &kit.PendingUpdates{}, KnownTickets: &kit.KnownTickets{}, Jira: pool,
		LeaderSince: func() leadership.Start { return leadership.Start{} },
		Outbox:      &outbox.Outbox{Client: c, Live: c, Clock: clock.RealClock{}, MaxEventAge: 24 * time.Hour},
	}
	r.Files = attach.New(c, c, pool, newSlackPool())
	connect(t, r, jira, integration)
	r.KnownTickets.MarkRead(client.ObjectKeyFromObject(integration), string(integration.Spec.APIURL))
	return r
}

// newSlackPool returns a pool without connections.
func newSlackPool() *connection.SlackPool {
	ignore := func(types.NamespacedName) {}
	return connection.NewSlackPool(connection.Options{Clock: clock.RealClock{}, EnqueueItem: ignore, EnqueueIntegration: ignore})
}

// connect connects an integration to a fake, as its reconciler does when a probe succeeds.
func connect(t *testing.T, r *Reconciler, jira *tickettest.Fake, i *v1alpha1.JiraIntegration) {
	t.Helper()
	tracker, err := jira.Dial(ticket.Config{})
	if err != nil {
		t.Fatal(err)
	}
	conn := r.Jira.Get(client.ObjectKeyFromObject(i))
	conn.Connect(connection.JiraClient{Tracker: tracker}, "v1", connection.Limits{Concurrency: 4})
	conn.Resume()
}

// settle reconciles until nothing more is done at once, and returns the last result.
func (f *follower) settle() (last ctrl.Result) {
	f.t.Helper()
	for range 8 {
		last = f.reconcile()
		synctest.Wait()
	}
	f.read()
	return last
}

// reconcile reconciles the Defect once.
func (f *follower) reconcile() ctrl.Result {
	f.t.Helper()
	result, err := f.Reconcile(f.t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(f.defect)})
	if err != nil {
		f.t.Fatal(err)
	}
	return result
}

// read reads the Defect as it is stored.
func (f *follower) read() {
	f.t.Helper()
	if err := f.Client.Get(f.t.Context(), client.ObjectKeyFromObject(f.defect), f.defect); err != nil {
		f.t.Fatal(err)
	}
}

// edit changes the metadata and spec of the Defect, as a user does.
func (f *follower) edit(change func(*v1alpha1.Defect)) {
	f.t.Helper()
	f.read()
	change(f.defect)
	f.defect.Generation++
	if err := f.Client.Update(f.t.Context(), f.defect); err != nil {
		f.t.Fatal(err)
	}
}

func (f *follower) create(objects ...client.Object) {
	f.t.Helper()
	for _, o := range objects {
		if err := f.Client.Create(f.t.Context(), o); err != nil {
			f.t.Fatal(err)
		}
	}
}

// integration returns the integration a/jira as it is stored.
func (f *follower) integration() *v1alpha1.JiraIntegration {
	f.t.Helper()
	i := &v1alpha1.JiraIntegration{}
	if err := f.Client.Get(f.t.Context(), jiraName, i); err != nil {
		f.t.Fatal(err)
	}
	return i
}

// conn returns the connection of the integration a/jira.
func (f *follower) conn() *connection.Connection[connection.JiraClient, ticket.Ticket] {
	return f.Jira.Get(jiraName)
}

// wantCondition checks a condition's status and reason, such as True/Filed, and what its message contains.
func (f *follower) wantCondition(conditionType, want, contains string) {
	f.t.Helper()
	c := condition.Get(f.defect, conditionType)
	if c == nil || string(c.Status)+"/"+c.Reason != want || !strings.Contains(c.Message, contains) {
		f.t.Errorf("%s is %+v, want %s with %q", conditionType, c, want, contains)
	}
}

// wantSynced checks the Synced condition's reason and what its message contains.
func (f *follower) wantSynced(reason, contains string) {
	f.t.Helper()
	c := condition.Get(f.defect, v1alpha1.ConditionSynced)
	if c == nil || c.Reason != reason || !strings.Contains(c.Message, contains) {
		f.t.Errorf("Synced is %+v, want %s with %q", c, reason, contains)
	}
}

// wantUntouched checks that VOICE-1 was neither moved, nor commented on, nor linked.
func (f *follower) wantUntouched() {
	f.t.Helper()
	if i, comments, links := f.jira.Issue("VOICE-1"); i.Status != "To Do" || len(comments) > 0 || len(links) > 0 {
		f.t.Errorf("VOICE-1 is %q with %d comments and %d links of ours", i.Status, len(comments), len(links))
	}
}

var (
	ours    = []ticket.Draft{{Marker: "defect-u1"}}
	foreign = []ticket.Draft{{Summary: "Pay the salaries"}}
)

func resolve(d *v1alpha1.Defect) {
	d.Spec.State = v1alpha1.StateResolved
	d.Generation++
}

func TestTicketIsMovedOnItsSite(t *testing.T) {
	follow(t, ours, func(d *v1alpha1.Defect, _ *v1alpha1.JiraIntegration) { resolve(d) }, func(f *follower) {
		f.settle()
		if i, comments, _ := f.jira.Issue("VOICE-1"); i.Status != "Done" || len(comments) != 1 || f.jira.Gets("VOICE-1") != 0 {
			t.Errorf("VOICE-1 is %q with %d comments, read %d times", i.Status, len(comments), f.jira.Gets("VOICE-1"))
		}
		f.wantSynced(v1alpha1.ReasonInStep, "in sync")
	})
}

// TestForeignIssueIsNotTheTicket has the integration lead to another site, where another issue has the ticket's number.
func TestForeignIssueIsNotTheTicket(t *testing.T) {
	for name, change := range map[string]func(*v1alpha1.Defect, *v1alpha1.JiraIntegration){
		"to be moved": func(d *v1alpha1.Defect, i *v1alpha1.JiraIntegration) {
			i.Spec.APIURL = newSite
			resolve(d)
		},
		"reported by a webhook": func(d *v1alpha1.Defect, i *v1alpha1.JiraIntegration) {
			i.Spec.APIURL = newSite
			d.Annotations = map[string]string{v1alpha1.JiraChangedAtAnnotation: "now"}
		},
		"nothing to do": func(_ *v1alpha1.Defect, i *v1alpha1.JiraIntegration) { i.Spec.APIURL = newSite },
	} {
		t.Run(name, func(t *testing.T) {
			follow(t, foreign, change, func(f *follower) {
				f.settle()
				f.wantSynced(v1alpha1.ReasonTicketMissing, newSite)
				if f.defect.Status.Jira.Key != "VOICE-1" || f.defect.Status.Jira.Site != oldSite {
					t.Errorf("the ticket is now %+v", f.defect.Status.Jira)
				}
				f.wantUntouched()
			})
		})
	}
}

// TestUnknownSite has a status without a site, of before it was recorded: the ticket is read before it is written to.
func TestUnknownSite(t *testing.T) {
	change := func(d *v1alpha1.Defect, _ *v1alpha1.JiraIntegration) {
		d.Status.Jira.Site = ""
		d.Status.Jira.Key = "VOICE-7"
		resolve(d)
	}
	follow(t, foreign, change, func(f *follower) {
		f.settle()
		f.wantSynced(v1alpha1.ReasonTicketMissing, "VOICE-7")
		f.wantUntouched()
	})
	follow(t, ours, change, func(f *follower) { // it was moved to another project
		f.settle()
		j := f.defect.Status.Jira
		if i, _, _ := f.jira.Issue("VOICE-1"); i.Status != "Done" || j.Key != "VOICE-1" || j.Site != oldSite {
			t.Errorf("VOICE-1 is %q, the ticket %+v", i.Status, j)
		}
	})
}

// TestSiteThatMoved has the ticket move to another site with its label, as in a migration to Cloud.
func TestSiteThatMoved(t *testing.T) {
	follow(t, ours, func(d *v1alpha1.Defect, i *v1alpha1.JiraIntegration) {
		i.Spec.APIURL = newSite
		resolve(d)
	}, func(f *follower) {
		f.settle()
		if i, _, _ := f.jira.Issue("VOICE-1"); i.Status != "Done" || f.defect.Status.Jira.Site != newSite {
			t.Errorf("VOICE-1 is %q, the ticket %+v", i.Status, f.defect.Status.Jira)
		}
		f.wantSynced(v1alpha1.ReasonInStep, "in sync")
	})
}

// TestMissingTicketIsLookedForAgain hides a ticket for a while, as a permission does.
func TestMissingTicketIsLookedForAgain(t *testing.T) {
	follow(t, nil, func(d *v1alpha1.Defect, _ *v1alpha1.JiraIntegration) {
		d.Annotations = map[string]string{v1alpha1.JiraChangedAtAnnotation: "now"}
	}, func(f *follower) {
		result := f.settle()
		f.wantSynced(v1alpha1.ReasonTicketMissing, "It is looked for again at")
		if result.RequeueAfter != 5*time.Minute {
			t.Errorf("reconciled again after %s", result.RequeueAfter)
		}
		f.jira.Keep(ours[0])
		time.Sleep(time.Minute)
		f.settle()
		if f.jira.Gets("VOICE-1") != 0 {
			t.Error("looked for too early")
		}
		time.Sleep(4 * time.Minute)
		f.settle()
		f.wantSynced(v1alpha1.ReasonInStep, "in sync")
	})
}

func TestMissingLook(t *testing.T) {
	since := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for after, want := range map[time.Duration]struct {
		due  int
		next time.Duration
	}{
		0:                             {0, 5 * time.Minute},
		5*time.Minute - 1:             {0, 5 * time.Minute},
		5 * time.Minute:               {1, 20 * time.Minute},
		20 * time.Minute:              {2, time.Hour},
		time.Hour:                     {3, 2 * time.Hour},
		2*time.Hour - 1:               {3, 2 * time.Hour},
		2 * time.Hour:                 {4, 3 * time.Hour},
		100*time.Hour + 1*time.Minute: {102, 101 * time.Hour},
	} {
		if due, next := missingLook(since, since.Add(after)); due != want.due || next.Sub(since) != want.next {
			t.Errorf("after %s: %d due, next after %s, want %d, %s", after, due, next.Sub(since), want.due, want.next)
		}
	}
}

// TestRevokedNamespace has the integration's owner no longer allow the Defect's namespace.
func TestRevokedNamespace(t *testing.T) {
	follow(t, ours, func(d *v1alpha1.Defect, _ *v1alpha1.JiraIntegration) {
		d.Namespace = "b"
		resolve(d)
	}, func(f *follower) {
		result := f.settle()
		f.wantUntouched()
		f.wantSynced(v1alpha1.ReasonIntegrationNotAllowed, "namespace b")
		if result.RequeueAfter == 0 {
			t.Error("never reconciled again, though no watch reports that the namespace is allowed")
		}
	})
}
