// SPDX-License-Identifier: Apache-2.0

package notification

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

var (
	lost        = fault.New(fault.Ambiguous, "the connection broke")
	unavailable = fault.New(fault.Unavailable, "Slack answered with status 502")
	archived    = &fault.Fault{Kind: fault.NotFound, Scope: fault.Endpoint, Message: "channel #alerts is archived"}
	refused     = fault.New(fault.Invalid, "the message is too long")
	revoked     = &fault.Fault{Kind: fault.Unauthorized, Scope: fault.Connection, Message: "the token was revoked"}
	wait90      = &fault.Fault{Kind: fault.RateLimited, Scope: fault.Endpoint, Message: "slow down", RetryAfter: 90 * time.Second}
)

// answers makes posts fail with some errors in order, and then succeed. Slack keeps a message that fails with lost.
func (w *world) answers(errs ...error) {
	w.slack.OnPost(func(m chat.Message) error {
		n := w.slack.Calls()
		if n > len(errs) {
			return nil
		}
		if errors.Is(errs[n-1], lost) {
			w.slack.Keep(m)
		}
		return errs[n-1]
	})
}

// about makes a Notification's event one about an integration.
func about(event v1alpha1.EventType, uid string) func(*v1alpha1.Notification) {
	return func(n *v1alpha1.Notification) {
		n.Spec.Event.Type = event
		n.Spec.Event.Subject = &v1alpha1.EventSubject{Kind: v1alpha1.KindSlackIntegration, Name: "slack", UID: uid}
	}
}

// TestDelivery delivers one Notification, and checks what Slack got and what the status says after a while.
func TestDelivery(t *testing.T) {
	for name, c := range map[string]struct {
		integration *v1alpha1.SlackIntegration
		rule        *v1alpha1.NotificationRule
		with        func(*v1alpha1.Notification)
		answers     []error
		after       time.Duration
		want        string
		contains    string
		// posts, finds are how often Slack was called. A bot's first message in a channel is followed by a search.
		posts, finds int
		attempts     int32
		// next is when the status says that the next attempt is, after the first; 0 when it does not.
		next time.Duration
	}{
		"sent":                         {after: time.Second, want: "True/Sent", contains: "Slack accepted the message", posts: 1, finds: 1, attempts: 1},
		"sent by an incoming webhook":  {integration: bot(webhook), after: time.Second, want: "True/Sent", posts: 1, attempts: 1},
		"muted":                        {rule: ruleOf("rule", muted), after: time.Hour, want: "True/Muted", contains: "Muted by rule rule until 1 January 2000, 12:00 UTC"},
		"unavailable, then sent":       {answers: []error{unavailable, unavailable}, after: time.Minute, want: "True/Sent", posts: 3, finds: 1, attempts: 3},
		"unavailable":                  {answers: []error{unavailable, unavailable}, want: "False/Retrying Reconciling", contains: "502", posts: 1, attempts: 1, next: time.Second},
		"rate limited":                 {answers: []error{wait90}, after: 89 * time.Second, want: "False/RateLimited Reconciling", contains: "slow down", posts: 1, attempts: 1, next: 90 * time.Second},
		"rate limited, then sent":      {answers: []error{wait90}, after: 91 * time.Second, want: "True/Sent", posts: 2, finds: 1, attempts: 2},
		"in doubt":                     {answers: []error{lost}, want: "False/Retrying Reconciling", contains: "may have been posted all the same", posts: 1, attempts: 1, next: 35 * time.Second},
		"in doubt, then found":         {answers: []error{lost}, after: time.Minute, want: "True/Sent", posts: 1, finds: 1, attempts: 1},
		"in doubt by webhook":          {integration: bot(webhook), answers: []error{lost}, after: time.Minute, want: "True/Sent", posts: 2, attempts: 2},
		"channel archived":             {answers: []error{archived, archived}, after: 4 * time.Minute, want: "False/Rejected Stalled", contains: "archived", posts: 1, attempts: 1},
		"channel archived, then not":   {answers: []error{archived}, after: 8 * time.Minute, want: "True/Sent", posts: 2, finds: 1, attempts: 2},
		"content refused":              {answers: []error{refused, refused}, after: 19 * time.Minute, want: "False/Rejected Stalled", contains: "too long", posts: 1, attempts: 1},
		"token revoked":                {answers: []error{revoked}, after: time.Hour, want: "False/IntegrationPaused Reconciling", contains: "SlackIntegration a/slack: the token was revoked", posts: 1, attempts: 1},
		"no channel of its own":        {integration: bot(webhook), rule: ruleOf("rule", toOther), with: to("#other"), after: time.Hour, want: "False/InvalidChannel Stalled", contains: "incoming webhook"},
		"no such integration":          {rule: ruleOf("rule", byOther), with: func(n *v1alpha1.Notification) { n.Spec.IntegrationRef = &v1alpha1.IntegrationReference{Name: "other"} }, after: time.Hour, want: "False/IntegrationNotFound Stalled", contains: "other"},
		"event that cannot be decoded": {with: func(n *v1alpha1.Notification) { n.Spec.Event.Data = &runtime.RawExtension{Raw: []byte(`[1]`)} }, after: time.Hour, want: "False/Rejected Stalled"},
		"unhealthy, by another":        {with: about(v1alpha1.EventIntegrationUnhealthy, "other"), after: time.Second, want: "True/Sent", posts: 1, finds: 1, attempts: 1},
		"unhealthy, by itself":         {with: about(v1alpha1.EventIntegrationUnhealthy, "self"), after: time.Hour, want: "True/Muted", contains: "cannot announce that itself"},
		"recovered, by itself":         {with: about(v1alpha1.EventIntegrationRecovered, "self"), after: time.Second, want: "True/Sent", posts: 1, finds: 1, attempts: 1},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				i := c.integration
				if i == nil {
					i = bot()
				}
				r := c.rule
				if r == nil {
					r = ruleOf("rule")
				}
				w.create(i, r)
				w.connect(i, limits)
				w.answers(c.answers...)
				n := alert("n", r)
				if c.with != nil {
					c.with(n)
				}
				if subject := n.Spec.Event.Subject; subject != nil && subject.UID == "self" {
					subject.UID = string(i.UID)
				}
				w.create(n)
				w.settle()
				begin := time.Now()
				if c.next > 0 {
					if at := w.get("n").Status.NextAttemptTime; at == nil || at.Sub(begin) > c.next+time.Second || at.Sub(begin) < c.next/2-time.Second {
						t.Errorf("the next attempt is at %v, want about %s from now, %s", at, c.next, begin)
					}
				}
				w.run(c.after)
				w.wantOutcome("n", c.want, c.contains)
				w.wantCalls(c.posts, 0, c.finds)
				n = w.get("n")
				if n.Status.Attempts != c.attempts {
					t.Errorf("%d attempts, want %d", n.Status.Attempts, c.attempts)
				}
				if c.want == "True/Sent" && (n.Status.UncertainSince != nil || n.Status.NextAttemptTime != nil) {
					t.Errorf("sent, and the status is %+v", n.Status)
				}
			})
		})
	}
}

// TestSentMessage checks what the status says of a message, and what Slack was sent.
func TestSentMessage(t *testing.T) {
	inWorld(t, func(w *world) {
		i := bot()
		r := ruleOf("rule", mentioning("U1", "U2"))
		w.create(i, r)
		w.connect(i, limits)
		w.create(alert("n", r, data(map[string]any{"summary": "Latency is high"})), alert("own", r, to("#own")))
		w.settle()
		m := w.get("n").Status.Message
		if m == nil || m.Integration != "a/slack" || m.Channel != "C1" || m.TS != "1700000000.000001" || m.ThreadRole != v1alpha1.ThreadFirst ||
			!m.Time.Time.Equal(time.Now()) {
			t.Errorf("the status shows the message as %+v", m)
		}
		sent := w.slack.Messages()
		if len(sent) != 2 || sent[0].Channel != "#alerts" || sent[1].Channel != "#own" ||
			sent[0].DeliveryID != string(w.get("n").UID) ||
			!strings.Contains(textOf(sent[0]), "<@U1>") || !strings.Contains(textOf(sent[0]), "<@U2>") {
			t.Errorf("Slack got %+v", sent)
		}
		health, succeeded, failed := w.Slack.Get(client.ObjectKeyFromObject(i)).Record.Snapshot()
		if len(health.Activities) != 2 || succeeded != 2 || failed != 0 || health.Activities[1].Object != "Notification/a/n" ||
			health.Activities[1].Action != connection.ActionPost || health.Activities[1].Detail != "#alerts" {
			t.Errorf("recorded %+v, %d succeeded, %d failed", health.Activities, succeeded, failed)
		}
		for name, want := range map[string]string{"n": "#alerts", "own": "#own"} {
			if got := w.get(name).Status.Channel; got != want {
				t.Errorf("the status of %s shows the channel %q, want %q", name, got, want)
			}
		}
		if w.delivered["n"] != "reached" {
			t.Errorf("the rule's statistics say %q", w.delivered["n"])
		}
	})
}

// TestMessageOfDeletedRule checks that what a rule matched is sent after the rule was deleted, and not as another rule of
// its name says.
func TestMessageOfDeletedRule(t *testing.T) {
	for name, replaced := range map[string]bool{"deleted": false, "replaced": true} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				i := bot()
				former := ruleOf("rule")
				w.create(i, former)
				w.delete(former)
				if replaced {
					w.create(ruleOf("rule", muted, mentioning("U1")))
				}
				w.connect(i, limits)
				w.create(alert("n", former))
				w.settle()
				w.wantOutcome("n", "True/Sent", "")
				if strings.Contains(textOf(w.slack.Messages()[0]), "U1") {
					t.Error("the message mentions whom another rule mentions")
				}
			})
		})
	}
}

// TestMentionsOnFailure mentions people by what failed, in a message of its own and in a digest.
func TestMentionsOnFailure(t *testing.T) {
	onFailure := func(r *v1alpha1.NotificationRule) {
		r.Spec.MentionsOnFailure = []v1alpha1.FailureMention{
			{Tests: []v1alpha1.NamePattern{"books*"}, Mentions: []v1alpha1.Mention{"U2"}},
			{Tests: []v1alpha1.NamePattern{"cancels"}, Mentions: []v1alpha1.Mention{"U3"}},
		}
	}
	for name, more := range map[string][]func(*v1alpha1.NotificationRule){"own": nil, "digest": {groupingFor(60)}} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				i := bot()
				rule := ruleOf("rule", append(more, mentioning("U1"), onFailure)...)
				w.create(i, rule)
				w.connect(i, limits)
				n := alert("n", rule)
				n.Spec.Event.Data = &runtime.RawExtension{Raw: []byte(`{"title":"t","testCase":"books a table"}`)}
				w.create(n, alert("other", rule))
				w.run(2 * time.Minute)
				sent := ""
				for _, m := range w.slack.Messages() {
					sent += textOf(m)
				}
				if !strings.Contains(sent, "<@U1> <@U2>") || strings.Contains(sent, "U3") {
					t.Errorf("Slack got %s", sent)
				}
			})
		})
	}
}

// TestRuleThatCannotBeRead checks that nothing is sent while it is not known whether the rule mutes it.
func TestRuleThatCannotBeRead(t *testing.T) {
	inWorld(t, func(w *world) {
		i := bot()
		r := ruleOf("rule", muted)
		w.create(i, r)
		w.connect(i, limits)
		w.failing = func(verb string, o client.Object) error {
			if _, ok := o.(*v1alpha1.NotificationRule); ok && verb == "get" {
				return errors.New("the API server is away")
			}
			return nil
		}
		w.create(alert("n", r))
		w.run(10 * time.Second)
		w.wantOutcome("n", "False/Progressing Reconciling", "reading NotificationRule rule: the API server is away")
		w.failing = func(string, client.Object) error { return nil }
		w.run(10 * time.Second)
		w.wantOutcome("n", "True/Muted", "")
		w.wantCalls(0, 0, 0)
	})
}

// TestExpiry checks that a Notification is given up when it is too old, with the last reason, and not a moment earlier.
func TestExpiry(t *testing.T) {
	for name, c := range map[string]struct {
		answers  error
		connect  bool
		contains string
		posts    bool
	}{
		"not tried":  {nil, false, "Given up after 24h0m0s; it was not tried", false},
		"was failed": {fault.New(fault.Invalid, "Slack refused it"), true, "Given up after 24h0m0s; last: Slack refused it", true},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				i := bot()
				r := ruleOf("rule")
				w.create(i, r)
				if c.connect {
					w.connect(i, limits)
				}
				w.slack.OnPost(func(chat.Message) error { return c.answers })
				w.create(alert("n", r))
				w.run(expiry - time.Second)
				if got := w.outcome("n"); strings.Contains(got, v1alpha1.ReasonExpired) {
					t.Errorf("it is %s after less than %s", got, expiry)
				}
				w.run(2 * time.Second)
				w.wantOutcome("n", "False/Expired Stalled", c.contains)
				w.slack.OnPost(nil)
				calls := w.slack.Calls()
				if (calls > 0) != c.posts {
					t.Errorf("%d posts", calls)
				}
				w.connect(i, limits)
				w.run(time.Hour)
				w.wantCalls(calls, 0, 0)
				if w.delivered["n"] != "failed" {
					t.Errorf("the rule's statistics say %q", w.delivered["n"])
				}
				w.run(retention - expiry)
				if w.exists("n") {
					t.Error("it is still there after the retention")
				}
			})
		})
	}
}

// TestRemoval checks that a Notification that needs no call is removed after the retention, whatever became of it.
func TestRemoval(t *testing.T) {
	for name, by := range map[string]*v1alpha1.NotificationRule{"sent": ruleOf("rule"), "muted": ruleOf("rule", muted)} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				i := bot()
				w.create(i, by.DeepCopy())
				r := ruleOf("rule")
				if err := w.client.Get(t.Context(), client.ObjectKeyFromObject(by), r); err != nil {
					t.Fatal(err)
				}
				w.connect(i, limits)
				w.create(alert("n", r))
				w.run(retention - time.Second)
				if !w.exists("n") {
					t.Fatal("removed too early")
				}
				w.run(2 * time.Second)
				if w.exists("n") {
					t.Error("it is still there")
				}
			})
		})
	}
}

// TestPausedIntegration checks that a Notification says why it waits, and is sent once its integration works.
func TestPausedIntegration(t *testing.T) {
	suspended := &fault.Fault{Kind: fault.Unavailable, Code: v1alpha1.ReasonSuspended, Message: "spec.suspend is true"}
	for name, c := range map[string]struct {
		pause    *fault.Fault
		want     string
		contains string
	}{
		"not checked yet": {nil, "", ""},
		"suspended":       {suspended, "False/Suspended", "SlackIntegration a/slack: spec.suspend is true"},
		"down":            {unavailable, "False/IntegrationPaused Reconciling", "SlackIntegration a/slack: Slack answered with status 502"},
		"token revoked":   {revoked, "False/IntegrationPaused Reconciling", "SlackIntegration a/slack: the token was revoked"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				i := bot()
				r := ruleOf("rule")
				w.create(i, r)
				conn := w.Slack.Get(client.ObjectKeyFromObject(i))
				if c.pause != nil {
					w.connect(i, limits)
					conn.Pause(c.pause)
				}
				w.create(alert("n", r))
				w.run(time.Hour)
				w.wantOutcome("n", c.want, c.contains)
				w.wantCalls(0, 0, 0)
				w.connect(i, limits)
				w.settle()
				w.wantOutcome("n", "True/Sent", "")
			})
		})
	}
}

// TestSlowCall checks that the status says what a Notification waits for when Slack takes long to answer.
func TestSlowCall(t *testing.T) {
	inWorld(t, func(w *world) {
		i := bot()
		r := ruleOf("rule")
		w.create(i, r)
		w.connect(i, limits)
		w.slack.OnPost(func(chat.Message) error { time.Sleep(10 * time.Second); return nil })
		w.create(alert("n", r))
		w.run(time.Second)
		w.wantOutcome("n", "", "")
		w.run(3 * time.Second)
		w.wantOutcome("n", "False/Pending Reconciling", "Waiting for Slack to accept the message")
		w.run(10 * time.Second)
		w.wantOutcome("n", "True/Sent", "")
		w.wantCalls(1, 0, 1)
	})
}

// TestRetryKeepsTheStatus checks that the status does not change while a failed call is made again.
func TestRetryKeepsTheStatus(t *testing.T) {
	inWorld(t, func(w *world) {
		i := bot()
		r := ruleOf("rule")
		w.create(i, r)
		w.connect(i, limits)
		w.slack.OnPost(func(chat.Message) error {
			if w.slack.Calls() == 1 {
				return wait90
			}
			time.Sleep(time.Second)
			return nil
		})
		w.create(alert("n", r))
		w.settle()
		before := w.get("n")
		w.run(90*time.Second + 500*time.Millisecond)
		w.wantCalls(2, 0, 0)
		if after := w.get("n"); after.ResourceVersion != before.ResourceVersion {
			t.Errorf("the status was %+v and is %+v while the call is made again", before.Status, after.Status)
		}
		w.run(time.Second)
		w.wantOutcome("n", "True/Sent", "")
	})
}

// TestIntegrationChanges checks that a Notification is tried again when the integration that refused it changes.
func TestIntegrationChanges(t *testing.T) {
	inWorld(t, func(w *world) {
		r := ruleOf("rule")
		i := bot(webhook)
		w.create(i, r)
		w.connect(i, limits)
		w.answers(refused)
		w.create(alert("refused", r))
		w.settle()
		other := ruleOf("other", toOther)
		w.create(other)
		w.create(alert("elsewhere", other, to("#other")))
		w.settle()
		w.wantOutcome("refused", "False/Rejected Stalled", "too long")
		w.wantOutcome("elsewhere", "False/InvalidChannel Stalled", "")
		change(w, i, func(i *v1alpha1.SlackIntegration) { i.Spec = bot().Spec })
		w.settle()
		w.wantOutcome("refused", "True/Sent", "")
		w.wantOutcome("elsewhere", "True/Sent", "")
	})
}

// TestNamespaceThatIsNotAllowed checks that a Notification looks again after a while whether its namespace may use an
// integration: the labels of namespaces are not watched.
func TestNamespaceThatIsNotAllowed(t *testing.T) {
	inWorld(t, func(w *world) {
		i := bot(func(i *v1alpha1.SlackIntegration) {
			i.Namespace = "shared"
			i.Spec.AllowedNamespaces = &v1alpha1.AllowedNamespaces{
				From: v1alpha1.NamespacesFromSelector, Selector: &v1alpha1.LabelSelector{MatchLabels: map[string]v1alpha1.LabelValue{"team": "voice"}},
			}
		})
		shared := &v1alpha1.IntegrationReference{Namespace: "shared", Name: "slack"}
		r := ruleOf("rule", func(r *v1alpha1.NotificationRule) { r.Spec.IntegrationRef = shared })
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "a"}}
		if err := w.client.Create(t.Context(), ns); err != nil {
			t.Fatal(err)
		}
		w.create(i, r)
		w.connect(i, limits)
		w.create(alert("n", r, func(n *v1alpha1.Notification) { n.Spec.IntegrationRef = shared }))
		w.run(time.Second)
		w.wantOutcome("n", "False/IntegrationNotAllowed Reconciling", "")
		w.run(time.Minute)
		w.wantOutcome("n", "False/IntegrationNotAllowed Stalled", "")
		ns.Labels = map[string]string{"team": "voice"}
		if err := w.client.Update(t.Context(), ns); err != nil {
			t.Fatal(err)
		}
		w.run(5 * time.Minute)
		w.wantOutcome("n", "True/Sent", "")
		if m := w.get("n").Status.Message; m.Integration != "shared/slack" {
			t.Errorf("sent by %s", m.Integration)
		}
	})
}

// TestMessageUnderWay has Slack accept a message while the rule is muted, the integration is removed or stops being the
// default. It was sent, and the status says so.
func TestMessageUnderWay(t *testing.T) {
	for kind, of := range map[string]func(*v1alpha1.SlackIntegration){"bot": func(*v1alpha1.SlackIntegration) {}, "webhook": webhook} {
		for name, meanwhile := range map[string]func(*world, *v1alpha1.SlackIntegration, *v1alpha1.NotificationRule){
			"muted": func(w *world, _ *v1alpha1.SlackIntegration, r *v1alpha1.NotificationRule) { change(w, r, muted) },
			"integration removed": func(w *world, i *v1alpha1.SlackIntegration, _ *v1alpha1.NotificationRule) {
				w.delete(i)
				w.Slack.Close(client.ObjectKeyFromObject(i))
			},
			"another default": func(w *world, i *v1alpha1.SlackIntegration, _ *v1alpha1.NotificationRule) {
				change(w, i, func(i *v1alpha1.SlackIntegration) { i.Spec.Default = false })
				other := bot(func(i *v1alpha1.SlackIntegration) { i.Name = "other" })
				w.create(other)
				w.connect(other, limits)
			},
			"another channel": func(w *world, i *v1alpha1.SlackIntegration, _ *v1alpha1.NotificationRule) {
				change(w, i, func(i *v1alpha1.SlackIntegration) { i.Spec.DefaultChannel = "#new" })
			},
		} {
			t.Run(kind+", "+name, func(t *testing.T) {
				inWorld(t, func(w *world) {
					i := bot(of)
					r := ruleOf("rule")
					w.create(i, r)
					w.connect(i, limits)
					release := make(chan struct{})
					w.slack.OnPost(func(chat.Message) error { <-release; return nil })
					w.create(alert("n", r))
					w.run(10 * time.Second)
					w.wantCalls(1, 0, 0)
					meanwhile(w, i, r)
					w.run(time.Minute)
					close(release)
					w.settle()
					w.wantOutcome("n", "True/Sent", "")
					if m := w.get("n").Status.Message; m == nil || m.Integration != "a/slack" {
						t.Errorf("the message is %+v, want that of a/slack", m)
					}
					if w.slack.Calls() != 1 {
						t.Errorf("%d posts", w.slack.Calls())
					}
				})
			})
		}
	}
}

// TestFailureUnderWay has a post fail in doubt while another integration becomes the default: it is looked up and sent where
// it may be already.
func TestFailureUnderWay(t *testing.T) {
	inWorld(t, func(w *world) {
		i := bot()
		r := ruleOf("rule")
		w.create(i, r)
		w.connect(i, limits)
		w.slack.OnPost(func(m chat.Message) error {
			time.Sleep(10 * time.Second)
			w.slack.Keep(m)
			return lost
		})
		w.create(alert("n", r))
		w.run(time.Second)
		change(w, i, func(i *v1alpha1.SlackIntegration) { i.Spec.Default = false })
		other := bot(func(i *v1alpha1.SlackIntegration) { i.Name = "other" })
		w.create(other)
		w.connect(other, limits)
		w.enqueueEverything()
		w.run(2 * time.Minute)
		w.wantOutcome("n", "True/Sent", "")
		w.wantCalls(1, 0, 1)
		if m := w.get("n").Status.Message; m.Integration != "a/slack" {
			t.Errorf("found with %s", m.Integration)
		}
	})
}

// TestStatusThatCannotBeWritten checks that a message is sent once although its status could not be written for a while,
// even if the Notification expires meanwhile.
func TestStatusThatCannotBeWritten(t *testing.T) {
	for _, away := range []time.Duration{10 * time.Second, expiry + time.Hour} {
		t.Run(away.String(), func(t *testing.T) {
			inWorld(t, func(w *world) {
				i := bot()
				r := ruleOf("rule")
				w.create(i, r)
				w.connect(i, limits)
				w.create(alert("n", r))
				begin := time.Now()
				w.failing = func(verb string, o client.Object) error {
					if verb == "update" && time.Since(begin) < away {
						return errors.New("the API server is away")
					}
					return nil
				}
				w.run(away + 5*time.Minute)
				w.wantOutcome("n", "True/Sent", "")
				w.wantCalls(1, 0, 1)
			})
		})
	}
}

// TestStatusWrites checks that one status write records each failed attempt, and one that it was sent.
func TestStatusWrites(t *testing.T) {
	inWorld(t, func(w *world) {
		i := bot()
		r := ruleOf("rule")
		w.create(i, r)
		w.connect(i, limits)
		w.answers(unavailable, wait90, unavailable)
		w.create(alert("n", r))
		w.writes = 0
		w.run(5 * time.Minute)
		w.wantOutcome("n", "True/Sent", "")
		if w.writes != 4 {
			t.Errorf("%d status writes, want 4", w.writes)
		}
	})
}

// TestDeletedNotification checks that what is being deleted, or was, is not sent any more.
func TestDeletedNotification(t *testing.T) {
	for name, finalizers := range map[string][]string{"deleted": nil, "being deleted": {"example.com/hold"}} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				i := bot()
				r := ruleOf("rule")
				w.create(i, r)
				n := alert("n", r, func(n *v1alpha1.Notification) { n.Finalizers = finalizers })
				w.create(n)
				w.settle() // it waits in the lane
				w.delete(n)
				if finalizers == nil {
					w.settle()
				}
				w.connect(i, limits)
				w.settle()
				if finalizers == nil {
					w.wantCalls(0, 0, 0)
				}
				w.run(retention + time.Hour)
				if got := w.exists("n"); got != (finalizers != nil) {
					t.Errorf("it is there: %v", got)
				}
			})
		})
	}
}

// TestHistoryProbe checks that a channel is searched once after the first message, so that the status says what delivery is
// guaranteed there, and that nothing waits for it.
func TestHistoryProbe(t *testing.T) {
	for name, c := range map[string]struct {
		of         func(*v1alpha1.SlackIntegration)
		find       error
		finds      int
		unreadable string
	}{
		"readable":            {func(*v1alpha1.SlackIntegration) {}, nil, 1, ""},
		"cannot be searched":  {func(*v1alpha1.SlackIntegration) {}, chat.ErrUnsupported, 1, "#alerts"},
		"no answer":           {func(*v1alpha1.SlackIntegration) {}, unavailable, 1, ""},
		"an incoming webhook": {webhook, nil, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				i := bot(c.of)
				r := ruleOf("rule")
				w.create(i, r)
				w.connect(i, limits)
				finds := 0
				w.slack.OnFind(func(channel string) error {
					finds++
					if channel != "C1" {
						t.Errorf("searched %s", channel)
					}
					time.Sleep(time.Minute)
					return c.find
				})
				for n := range 3 {
					w.create(alert(fmt.Sprintf("n%d", n), r))
					w.settle()
					w.wantOutcome(fmt.Sprintf("n%d", n), "True/Sent", "")
				}
				w.run(2 * time.Minute)
				if finds != c.finds {
					t.Errorf("%d searches, want %d", finds, c.finds)
				}
				if got := w.Slack.Get(client.ObjectKeyFromObject(i)).Record.UnreadableChannel(); got != c.unreadable {
					t.Errorf("the unreadable channel is %q, want %q", got, c.unreadable)
				}
			})
		})
	}
}

// TestEventsOfTransitions checks that Kubernetes events are recorded for a Notification that stalls, and not for one that
// is sent.
func TestEventsOfTransitions(t *testing.T) {
	inWorld(t, func(w *world) {
		i := bot()
		r := ruleOf("rule")
		w.create(i, r)
		w.connect(i, limits)
		w.create(alert("sent", r))
		w.settle()
		w.answers(nil, archived)
		w.create(alert("refused", r))
		w.settle()
		close(w.recorder.Events)
		var got []string
		for e := range w.recorder.Events {
			got = append(got, e)
		}
		if len(got) != 1 || !strings.HasPrefix(got[0], "Warning Rejected") {
			t.Errorf("recorded %q", got)
		}
		if condition.Get(w.get("sent"), v1alpha1.ConditionReady).Reason != v1alpha1.ReasonDelivered {
			t.Errorf("Ready of what was sent is %+v", condition.Get(w.get("sent"), v1alpha1.ConditionReady))
		}
	})
}

// TestIntegrationUnderWayCannotBeRead checks that a message whose post ended in doubt is not sent elsewhere while it cannot
// be read where it may be.
func TestIntegrationUnderWayCannotBeRead(t *testing.T) {
	inWorld(t, func(w *world) {
		i := bot()
		r := ruleOf("rule")
		w.create(i, r)
		w.connect(i, limits)
		w.answers(lost)
		w.create(alert("n", r))
		synctest.Wait()
		w.submit("n")
		change(w, i, func(i *v1alpha1.SlackIntegration) { i.Spec.Default = false })
		other := bot(func(i *v1alpha1.SlackIntegration) { i.Name = "other" })
		w.create(other)
		w.connect(other, limits)
		w.failing = func(verb string, o client.Object) error {
			if _, ok := o.(*v1alpha1.SlackIntegration); ok && verb == "get" {
				return errors.New("the API server is away")
			}
			return nil
		}
		w.run(time.Minute)
		w.wantOutcome("n", "False/Progressing Reconciling", "reading SlackIntegration a/slack: the API server is away")
		w.wantCalls(1, 0, 0)
		w.failing = func(string, client.Object) error { return nil }
		w.run(2 * time.Minute)
		w.wantOutcome("n", "True/Sent", "")
		w.wantPosted("n")
	})
}
