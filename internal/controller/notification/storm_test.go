// SPDX-License-Identifier: Apache-2.0

package notification

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/digest"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// slow are the limits of a channel that takes a message a second: ten within digest.StormAfter.
var slow = connection.Limits{Concurrency: 1, LanePerSecond: 1, LaneBurst: 1}

// inStorm runs a test with a connected bot and a rule.
func inStorm(t *testing.T, l connection.Limits, r *v1alpha1.NotificationRule, test func(*world, *v1alpha1.SlackIntegration)) {
	t.Helper()
	inWorld(t, func(w *world) {
		i := bot()
		w.create(i, r)
		w.connect(i, l)
		test(w, i)
	})
}

// alerts stores so many Notifications of a rule, named n0, n1 and so on.
func (w *world) alerts(n int, by *v1alpha1.NotificationRule) {
	w.t.Helper()
	for at := range n {
		w.create(alert(fmt.Sprintf("n%d", at), by))
	}
}

// wantEachOnce fails the test unless all of n0, n1 and so on are delivered, and each is in one message that Slack accepted,
// and returns how many were in digests.
func (w *world) wantEachOnce(n int) (digested int) {
	w.t.Helper()
	covered := map[string]int{}
	for _, name := range w.posted() {
		members := w.get(name).Spec.Members
		if len(members) == 0 {
			covered[name]++
		}
		for _, m := range members {
			covered[string(m)]++
			digested++
			d := w.get(string(m))
			if d.Status.Digest != name || d.Status.Message == nil || d.Status.Message.TS != w.get(name).Status.Message.TS {
				w.t.Errorf("%s is in %s, and its status says %+v", m, name, d.Status)
			}
			w.wantOutcome(string(m), "True/Digested", "Sent in digest "+name)
		}
	}
	for at := range n {
		name := fmt.Sprintf("n%d", at)
		if covered[name] != 1 {
			w.t.Errorf("%s is in %d messages", name, covered[name])
		}
		if got := w.outcome(name); !strings.HasPrefix(got, "True/") {
			w.t.Errorf("%s is %q", name, got)
		}
		if w.delivered[name] != "reached" {
			w.t.Errorf("the rule's statistics say %q of %s", w.delivered[name], name)
		}
	}
	return digested
}

// TestStorm checks that what a channel cannot take in time goes out in digests, and that a storm ends.
func TestStorm(t *testing.T) {
	for name, c := range map[string]struct {
		limits   connection.Limits
		alerts   int
		messages int
		digested int
	}{
		"no limit":         {limits, 40, 40, 0},
		"as many as fit":   {slow, 11, 11, 0},
		"one more":         {slow, 12, 4, 9},
		"many":             {slow, 40, 4, 37},
		"a faster channel": {connection.Limits{Concurrency: 1, LanePerSecond: 4, LaneBurst: 1}, 40, 40, 0},
		"a slower channel": {connection.Limits{Concurrency: 1, LanePerSecond: 0.05, LaneBurst: 1}, 3, 2, 2},
	} {
		t.Run(name, func(t *testing.T) {
			r := ruleOf("rule")
			inStorm(t, c.limits, r, func(w *world, _ *v1alpha1.SlackIntegration) {
				begin := time.Now()
				w.alerts(c.alerts, r)
				w.run(time.Minute)
				if got := w.wantEachOnce(c.alerts); got != c.digested || len(w.posted()) != c.messages {
					t.Errorf("%d messages with %d in digests, want %d with %d", len(w.posted()), got, c.messages, c.digested)
				}
				for _, d := range w.digests() {
					if late := d.CreationTimestamp.Sub(begin); late > digest.Window {
						t.Errorf("a digest was stored after %s", late)
					}
					w.wantOutcome(d.Name, "True/Sent", "")
				}
				w.create(alert("afterwards", r))
				w.run(2 * time.Second)
				w.wantOutcome("afterwards", "True/Sent", "")
			})
		})
	}
}

// TestStormGoesOn checks that what arrives during a storm waits for the next digest, which waits for the last one.
func TestStormGoesOn(t *testing.T) {
	r := ruleOf("rule")
	inStorm(t, slow, r, func(w *world, _ *v1alpha1.SlackIntegration) {
		w.slack.OnPost(func(chat.Message) error { time.Sleep(5 * time.Second); return nil })
		n := 0
		for range 20 {
			for range 6 {
				w.create(alert(fmt.Sprintf("n%d", n), r))
				n++
			}
			w.run(time.Second)
		}
		w.run(time.Minute)
		w.wantEachOnce(n)
		if got := len(w.posted()); got > 8 {
			t.Errorf("%d messages for %d alerts in 20 s by a channel that takes one in 5 s", got, n)
		}
	})
}

// TestStormIsOfOneNamespace checks that digests hold the Notifications of one namespace: no one reads another's.
func TestStormIsOfOneNamespace(t *testing.T) {
	r := ruleOf("rule")
	inWorld(t, func(w *world) {
		i := bot(func(i *v1alpha1.SlackIntegration) {
			i.Spec.AllowedNamespaces = &v1alpha1.AllowedNamespaces{From: v1alpha1.NamespacesFromAll}
		})
		w.create(i, r)
		w.connect(i, slow)
		ref := func(n *v1alpha1.Notification) {
			n.Spec.IntegrationRef = &v1alpha1.IntegrationReference{Namespace: "a", Name: "slack"}
		}
		for n := range 8 {
			elsewhere := alert(fmt.Sprintf("m%d", n), r, ref)
			elsewhere.Namespace = "b"
			w.create(alert(fmt.Sprintf("n%d", n), r, ref), elsewhere)
		}
		w.run(time.Minute)
		namespaces := map[string]bool{}
		for _, d := range w.digests() {
			namespaces[d.Namespace] = true
			for _, m := range d.Spec.Members {
				if want := map[string]string{"a": "n", "b": "m"}[d.Namespace]; !strings.HasPrefix(string(m), want) {
					t.Errorf("a digest of namespace %s has %s", d.Namespace, m)
				}
			}
		}
		all := &v1alpha1.NotificationList{}
		if err := w.client.List(t.Context(), all); err != nil {
			t.Fatal(err)
		}
		for _, n := range all.Items {
			if !condition.IsSettled(&n) {
				t.Errorf("%s/%s was not delivered", n.Namespace, n.Name)
			}
		}
		if len(namespaces) == 0 {
			t.Error("no digests")
		}
	})
}

// TestGrouping checks what a rule gathers: the events with the same values, for its window.
func TestGrouping(t *testing.T) {
	r := ruleOf("rule", groupingFor(60, "severity"))
	inStorm(t, limits, r, func(w *world, _ *v1alpha1.SlackIntegration) {
		w.create(alert("n0", r), alert("n1", r, severity(v1alpha1.SeverityLow)))
		w.run(30 * time.Second)
		w.create(alert("n2", r), alert("n3", r))
		w.run(29 * time.Second)
		w.wantCalls(0, 0, 0)
		w.wantOutcome("n0", "False/Pending Reconciling", "Waits until 2000-01-01T00:02:00Z for other notifications of its group")
		w.run(2 * time.Second)
		if got := w.wantEachOnce(4); got != 3 || len(w.posted()) != 2 {
			t.Errorf("posted %q", w.posted())
		}
		w.wantOutcome("n1", "True/Sent", "") // alone
		if n := len(w.digests()); n != 1 {
			t.Errorf("%d digests", n)
		}
		w.create(alert("n4", r))
		w.run(9 * time.Second)
		w.wantOutcome("n4", "", "")
		w.run(50 * time.Second)
		w.wantOutcome("n4", "False/Pending Reconciling", "")
		w.run(2 * time.Second)
		w.wantOutcome("n4", "True/Sent", "")
	})
}

// TestGroupWhoseWindowEndedBefore checks that what a leader finds whose window ended before its term is sent in one digest.
func TestGroupWhoseWindowEndedBefore(t *testing.T) {
	r := ruleOf("rule", groupingFor(60))
	inStorm(t, limits, r, func(w *world, i *v1alpha1.SlackIntegration) {
		w.create(alert("n0", r), alert("n1", r), alert("n2", r))
		time.Sleep(time.Hour)
		w.restart()
		w.connect(i, limits)
		w.settle()
		w.wantCalls(0, 0, 0)
		w.run(time.Minute)
		if got := w.wantEachOnce(3); got != 3 || len(w.digests()) != 1 {
			t.Errorf("%d in %d digests, posted %q", got, len(w.digests()), w.posted())
		}
	})
}

// TestGroupsOfDifferentRules checks that rules group on their own, and that a rule without grouping does not wait.
func TestGroupsOfDifferentRules(t *testing.T) {
	r := ruleOf("rule", groupingFor(60))
	inStorm(t, limits, r, func(w *world, _ *v1alpha1.SlackIntegration) {
		other := ruleOf("other", groupingFor(60))
		single := ruleOf("single")
		w.create(other, single)
		w.create(alert("n0", r), alert("n1", r), alert("n2", other), alert("n3", other), alert("n4", single))
		w.settle()
		w.wantPosted("n4")
		w.run(62 * time.Second)
		if got := w.wantEachOnce(5); got != 4 || len(w.digests()) != 2 {
			t.Errorf("%d in %d digests", got, len(w.digests()))
		}
	})
}

// TestLongWindow checks that a window that is longer than a Notification may wait ends before that.
func TestLongWindow(t *testing.T) {
	r := ruleOf("rule", groupingFor(100*3600))
	inStorm(t, limits, r, func(w *world, _ *v1alpha1.SlackIntegration) {
		w.alerts(2, r)
		w.run(21*time.Hour - time.Second)
		w.wantCalls(0, 0, 0)
		w.run(2 * time.Second)
		if got := w.wantEachOnce(2); got != 2 {
			t.Errorf("%d in digests", got)
		}
	})
}

// TestGroupWaitsForItsChannel checks that a group does not add to a backlog: its digest waits, and grows.
func TestGroupWaitsForItsChannel(t *testing.T) {
	r := ruleOf("rule", groupingFor(2))
	inStorm(t, slow, r, func(w *world, i *v1alpha1.SlackIntegration) {
		w.slack.OnPost(func(chat.Message) error { time.Sleep(3 * time.Second); return nil })
		single := ruleOf("single")
		w.create(single)
		for n := range 11 {
			w.create(alert(fmt.Sprintf("single%d", n), single))
		}
		w.settle()
		w.alerts(3, r)
		w.run(2 * time.Second)
		if n := len(w.digests()); n != 0 {
			t.Errorf("%d digests while the channel has a backlog of %d", n, w.Slack.Get(client.ObjectKeyFromObject(i)).Lane("#alerts").Backlog())
		}
		w.run(2 * time.Minute)
		if got := w.wantEachOnce(3); got != 3 || len(w.digests()) != 1 {
			t.Errorf("%d in %d digests", got, len(w.digests()))
		}
	})
}

// TestDigestOfManyMembers checks that a digest has no more members than fit, and that one that is left is sent alone.
func TestDigestOfManyMembers(t *testing.T) {
	r := ruleOf("rule", groupingFor(60))
	for _, more := range []int{1, 2} {
		t.Run(fmt.Sprint(more), func(t *testing.T) {
			inStorm(t, limits, r.DeepCopy(), func(w *world, _ *v1alpha1.SlackIntegration) {
				w.fast = true
				n := digest.MaxMembers + more
				by := ruleOf("rule")
				if err := w.client.Get(t.Context(), client.ObjectKeyFromObject(by), by); err != nil {
					t.Fatal(err)
				}
				w.alerts(n, by)
				w.run(62 * time.Second)
				want := n
				if more == 1 {
					want--
				}
				if got := w.wantEachOnce(n); got != want || len(w.posted()) != 2 {
					t.Errorf("%d in digests, want %d; %d messages", got, want, len(w.posted()))
				}
			})
		})
	}
}

// TestDigest checks what a digest is made of.
func TestDigest(t *testing.T) {
	r := ruleOf("rule", groupingFor(60))
	inStorm(t, limits, r, func(w *world, _ *v1alpha1.SlackIntegration) {
		to := func(n *v1alpha1.Notification) {
			n.Spec.Channel = "#own"
			n.Spec.IntegrationRef = &v1alpha1.IntegrationReference{Name: "slack"}
		}
		same := func(n *v1alpha1.Notification) { n.Spec.Event.ID = "twice" }
		w.create(
			alert("n0", r, to, severity(v1alpha1.SeverityMedium), at(-time.Minute)),
			alert("n1", r, to, severity(v1alpha1.SeverityCritical), at(-time.Hour)),
			alert("n2", r, to, severity(v1alpha1.SeverityLow), at(-time.Second)),
			alert("n3", r, to, severity(v1alpha1.SeverityHigh), at(-time.Minute), same),
			alert("n4", r, to, severity(v1alpha1.SeverityHigh), at(-time.Minute), same),
		)
		newest := w.get("n2").Spec.Event.Time
		w.run(62 * time.Second)
		all := w.digests()
		if len(all) != 1 {
			t.Fatalf("%d digests", len(all))
		}
		spec := all[0].Spec
		if spec.Rule.Name != "rule" || spec.IntegrationRef == nil || spec.Channel != "#own" || spec.Event.Severity != v1alpha1.SeverityCritical ||
			!spec.Event.Time.Equal(&newest) || spec.Event.Type != v1alpha1.EventSystemAlertFiring ||
			string(spec.Event.ID) != "digest."+strings.TrimPrefix(all[0].Name, "digest-") {
			t.Errorf("the digest is %+v", spec)
		}
		if !slices.IsSorted(spec.Members) || len(spec.Members) != 5 {
			t.Errorf("the digest has %q", spec.Members)
		}
		if m := w.slack.Messages(); len(m) != 1 || m[0].Channel != "#own" || !strings.Contains(m[0].Text, "4 events") {
			t.Errorf("posted %+v", m)
		}
		w.wantEachOnce(5)
	})
}

// TestMentionsOfDigest checks that a digest mentions whom its members' rules mention, each once, and ten at most.
func TestMentionsOfDigest(t *testing.T) {
	for name, c := range map[string]struct {
		first, second []string
		want          []string
	}{
		"none":            {nil, nil, nil},
		"of one rule":     {[]string{"U1"}, nil, []string{"U1"}},
		"of both":         {[]string{"U1", "U2"}, []string{"U2", "U3"}, []string{"U1", "U2", "U3"}},
		"ten at the most": {[]string{"U1", "U2", "U3", "U4", "U5", "U6"}, []string{"U7", "U8", "U9", "UA", "UB", "UC"}, []string{"U1", "U2", "U3", "U4", "U5", "U6", "U7", "U8", "U9", "UA"}},
	} {
		t.Run(name, func(t *testing.T) {
			first := ruleOf("first", mentioning(c.first...))
			inStorm(t, slow, first, func(w *world, _ *v1alpha1.SlackIntegration) {
				second := ruleOf("second", mentioning(c.second...))
				w.create(second)
				for n := range 10 {
					w.create(alert(fmt.Sprintf("n%d", 2*n), first), alert(fmt.Sprintf("n%d", 2*n+1), second))
				}
				w.run(time.Minute)
				w.wantEachOnce(20)
				m := w.slack.Messages()
				text := textOf(m[len(m)-1])
				var got []string
				for _, part := range strings.Split(text, "<@")[1:] {
					user, _, _ := strings.Cut(part, ">")
					got = append(got, user)
				}
				slices.Sort(got)
				if !slices.Equal(got, c.want) {
					t.Errorf("mentions %q, want %q", got, c.want)
				}
			})
		})
	}
}

// TestMembersFollowTheirDigest checks what the status of members says for each outcome of their digest.
func TestMembersFollowTheirDigest(t *testing.T) {
	for name, c := range map[string]struct {
		// act happens when the digest was stored, before it is sent.
		act      func(w *world, i *v1alpha1.SlackIntegration, d *v1alpha1.Notification)
		after    time.Duration
		want     string
		contains string
		digest   string
	}{
		"sent": {func(*world, *v1alpha1.SlackIntegration, *v1alpha1.Notification) {}, time.Second, "True/Digested", "together with others", "True/Sent"},
		"rejected": {func(w *world, _ *v1alpha1.SlackIntegration, _ *v1alpha1.Notification) {
			w.slack.OnPost(func(chat.Message) error { return archived })
		}, time.Second, "False/Rejected Stalled", ": channel #alerts is archived", "False/Rejected Stalled"},
		"tried again": {func(w *world, _ *v1alpha1.SlackIntegration, _ *v1alpha1.Notification) {
			w.slack.OnPost(func(chat.Message) error { return wait90 })
		}, time.Second, "False/RateLimited Reconciling", "In digest ", "False/RateLimited Reconciling"},
		"sent when the channel is back": {func(w *world, _ *v1alpha1.SlackIntegration, _ *v1alpha1.Notification) {
			w.answers(archived)
		}, 8 * time.Minute, "True/Digested", "", "True/Sent"},
	} {
		t.Run(name, func(t *testing.T) {
			r := ruleOf("rule", groupingFor(60))
			inStorm(t, limits, r, func(w *world, i *v1alpha1.SlackIntegration) {
				w.alerts(3, r)
				w.settle()
				c.act(w, i, nil)
				w.run(60*time.Second + c.after)
				all := w.digests()
				if len(all) != 1 {
					t.Fatalf("%d digests", len(all))
				}
				w.wantOutcome(all[0].Name, c.digest, "")
				for n := range 3 {
					name := fmt.Sprintf("n%d", n)
					w.wantOutcome(name, c.want, c.contains)
					if got := w.get(name).Status.Digest; (got != "") != (c.want != "" && !strings.Contains(c.want, "Reconciling")) {
						t.Errorf("the status names digest %q", got)
					}
				}
			})
		})
	}
}

// TestDigestThatExpires checks that members expire with the integration that their digest waits for.
func TestDigestThatExpires(t *testing.T) {
	r := ruleOf("rule", groupingFor(60))
	inStorm(t, limits, r, func(w *world, i *v1alpha1.SlackIntegration) {
		w.alerts(2, r)
		w.slack.OnPost(func(chat.Message) error { return archived })
		w.run(expiry + 2*time.Minute)
		for n := range 2 {
			w.wantOutcome(fmt.Sprintf("n%d", n), "False/Expired Stalled", "archived")
		}
		w.wantOutcome(w.digests()[0].Name, "False/Expired Stalled", "")
		w.run(retention)
		if len(w.digests()) != 0 || w.exists("n0") || w.exists("n1") {
			t.Error("they are still there after the retention")
		}
	})
}

// TestDeletedDigest checks that the members of a digest that is deleted before it was sent are sent alone.
func TestDeletedDigest(t *testing.T) {
	for name, c := range map[string]struct {
		restart bool
		within  time.Duration
	}{
		"by the operator that stored it": {false, digest.CacheLag + 2*time.Second},
		"by another one":                 {true, once35},
	} {
		t.Run(name, func(t *testing.T) {
			r := ruleOf("rule", groupingFor(60))
			inStorm(t, limits, r, func(w *world, i *v1alpha1.SlackIntegration) {
				w.slack.OnPost(func(chat.Message) error { return archived })
				w.alerts(2, r)
				w.run(61 * time.Second)
				d := w.digests()[0]
				change(w, r, func(r *v1alpha1.NotificationRule) { r.Spec.Grouping = nil })
				w.slack.OnPost(nil)
				if c.restart {
					w.restart()
					w.connect(i, limits)
				}
				w.delete(&d)
				w.run(c.within)
				for n := range 2 {
					w.wantOutcome(fmt.Sprintf("n%d", n), "True/Sent", "")
				}
				if got := len(w.posted()); got != 2 {
					t.Errorf("posted %q", w.posted())
				}
			})
		})
	}
}

// once35 is how long after a restart what may have been sent is looked up, and then sent.
const once35 = 40 * time.Second

// TestDigestWithoutMembers checks that a digest is not sent when its members were deleted, and is sent for those that are
// left.
func TestDigestWithoutMembers(t *testing.T) {
	for name, c := range map[string]struct {
		remove []string
		want   string
		text   string
	}{
		"some are left": {[]string{"n0"}, "True/Sent", "2 events"},
		"none is left":  {[]string{"n0", "n1", "n2"}, "True/Muted", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := ruleOf("rule", groupingFor(60))
			inStorm(t, limits, r, func(w *world, i *v1alpha1.SlackIntegration) {
				w.alerts(3, r)
				w.settle()
				w.failing = func(verb string, o client.Object) error {
					if verb == "created" {
						for _, name := range c.remove {
							w.delete(w.get(name))
						}
					}
					return nil
				}
				w.run(61 * time.Second)
				d := w.digests()[0]
				w.wantOutcome(d.Name, c.want, "")
				m := w.slack.Messages()
				if c.text == "" && len(m) != 0 || c.text != "" && (len(m) != 1 || !strings.Contains(m[0].Text, c.text)) {
					t.Errorf("posted %+v", m)
				}
				if c.want == "True/Muted" {
					w.wantOutcome(d.Name, c.want, "Nothing is left to send")
				}
			})
		})
	}
}

// TestStoryBesideDigest checks that a Defect whose creation was in a digest gets a first message with the next event.
func TestStoryBesideDigest(t *testing.T) {
	inStory(t, func(s *story) {
		change(s.world, s.rule, groupingFor(60))
		s.create(alert("n0", s.rule))
		s.created()
		s.run(62 * time.Second)
		s.wantOutcome("created", "True/Digested", "")
		change(s.world, s.rule, func(r *v1alpha1.NotificationRule) { r.Spec.Grouping = nil })
		s.moved("fixed", v1alpha1.StateResolved, v1alpha1.CauseSpec)
		s.settle()
		s.wantRole("fixed", v1alpha1.ThreadFirst)
		s.wantCalls(2, 0, 1)
		s.create(s.notification("again", s.rule, event.DefectTicketed(s.defect, time.Now().Add(time.Second))))
		s.settle()
		s.wantRole("again", v1alpha1.ThreadReply)
	})
}

// TestStormOfPausedIntegration checks that what waits for a digest says that its integration is paused.
func TestStormOfPausedIntegration(t *testing.T) {
	r := ruleOf("rule", groupingFor(60))
	inStorm(t, limits, r, func(w *world, i *v1alpha1.SlackIntegration) {
		w.Slack.Get(client.ObjectKeyFromObject(i)).Pause(unavailable)
		w.alerts(2, r)
		w.settle()
		w.wantOutcome("n0", "False/IntegrationPaused Reconciling", "SlackIntegration a/slack: Slack answered with status 502")
	})
}

// TestDigestThatCannotBeStored checks that no Notification is lost or sent twice while the API server does not store
// digests, refuses one, or cannot be read.
func TestDigestThatCannotBeStored(t *testing.T) {
	away := errors.New("the API server is away")
	for name, fail := range map[string]func(verb string, o client.Object) error{
		"cannot be stored": func(verb string, o client.Object) error {
			if verb == "create" && isDigest(o) {
				return away
			}
			return nil
		},
		"is stored without an answer": func(verb string, o client.Object) error {
			if verb == "created" && isDigest(o) {
				return away
			}
			return nil
		},
		"members cannot be read": func(verb string, o client.Object) error {
			if n, ok := o.(*v1alpha1.Notification); ok && verb == "get" && n.Name == "n1" {
				return away
			}
			return nil
		},
		"digests cannot be read": func(verb string, _ client.Object) error {
			if verb == "list NotificationList by member" {
				return away
			}
			return nil
		},
		"rules cannot be read": func(verb string, o client.Object) error {
			if _, ok := o.(*v1alpha1.NotificationRule); ok && verb == "get" {
				return away
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := ruleOf("rule", groupingFor(60))
			inStorm(t, limits, r, func(w *world, _ *v1alpha1.SlackIntegration) {
				w.alerts(3, r)
				w.settle()
				begin := time.Now()
				w.failing = func(verb string, o client.Object) error {
					if since := time.Since(begin); since > 50*time.Second && since < 90*time.Second {
						return fail(verb, o)
					}
					return nil
				}
				w.run(85 * time.Second)
				w.failing = func(string, client.Object) error { return nil }
				w.run(35 * time.Second)
				w.wantEachOnce(3)
			})
		})
	}
}

// TestRulesOfDigestAreUnknown checks that a digest is sent although its members' rules were deleted.
func TestRulesOfDigestAreUnknown(t *testing.T) {
	r := ruleOf("rule", groupingFor(60))
	inStorm(t, limits, r, func(w *world, _ *v1alpha1.SlackIntegration) {
		w.alerts(2, r)
		w.settle()
		w.failing = func(verb string, o client.Object) error {
			if verb == "created" {
				w.delete(r)
			}
			return nil
		}
		w.run(61 * time.Second)
		w.failing = func(string, client.Object) error { return nil }
		w.wantEachOnce(2)
	})
}

// TestDigestThatTheCacheDoesNotShow checks that members are in one digest although the cache shows it late.
func TestDigestThatTheCacheDoesNotShow(t *testing.T) {
	r := ruleOf("rule", groupingFor(60))
	inStorm(t, limits, r, func(w *world, _ *v1alpha1.SlackIntegration) {
		w.alerts(3, r)
		w.lagging = true
		w.run(60 * time.Second)
		for range digest.CacheLag / time.Second {
			for n := range 3 {
				w.enqueue(client.ObjectKeyFromObject(w.get(fmt.Sprintf("n%d", n))))
			}
			w.run(time.Second)
		}
		w.wantCalls(0, 0, 0)
		w.catchUp()
		w.settle()
		if got := w.wantEachOnce(3); got != 3 || len(w.digests()) != 1 {
			t.Errorf("%d in %d digests", got, len(w.digests()))
		}
	})
}

// TestNextDigestWaits checks that one digest at a time waits for its turn in a channel: meanwhile the next one grows.
func TestNextDigestWaits(t *testing.T) {
	r := ruleOf("rule")
	inStorm(t, slow, r, func(w *world, _ *v1alpha1.SlackIntegration) {
		w.slack.OnPost(func(chat.Message) error { time.Sleep(time.Minute); return nil })
		n := 0
		for range 5 {
			for range 14 {
				w.create(alert(fmt.Sprintf("n%d", n), r))
				n++
			}
			w.run(10 * time.Second)
		}
		w.run(5 * time.Minute)
		w.wantEachOnce(n)
		if got := len(w.digests()); got != 2 {
			t.Errorf("%d digests, want the first one and the one that waited for it", got)
		}
	})
}

// TestDeletedDigestOfStorm checks that what was withdrawn from a channel's lane for a digest that is deleted is sent.
func TestDeletedDigestOfStorm(t *testing.T) {
	r := ruleOf("rule")
	inStorm(t, slow, r, func(w *world, _ *v1alpha1.SlackIntegration) {
		w.slack.OnPost(func(chat.Message) error { time.Sleep(30 * time.Second); return nil })
		w.alerts(13, r)
		w.run(5 * time.Second)
		all := w.digests()
		if len(all) != 1 {
			t.Fatalf("%d digests", len(all))
		}
		w.delete(&all[0])
		w.slack.OnPost(nil)
		w.run(2 * time.Minute)
		w.wantEachOnce(13)
	})
}

// TestDigestThatMayBeStored checks what becomes of a group to which another Notification comes before its digest is known
// to be stored. The cache does not show what was stored.
func TestDigestThatMayBeStored(t *testing.T) {
	away := errors.New("the API server is away")
	refused := apierrors.NewInvalid(schema.GroupKind{Kind: v1alpha1.KindNotification}, "digest", nil)
	for name, c := range map[string]struct {
		verb    string
		err     error
		members []int // of each digest
		counted string
	}{
		"no answer":  {"created", away, []int{3}, "0 in 0s"},
		"not stored": {"create", away, []int{3}, "1 in 3s"},
		"refused":    {"create", refused, []int{4}, "1 in 4s"},
	} {
		t.Run(name, func(t *testing.T) {
			registered := digestSizes
			defer func() { digestSizes = registered }()
			digestSizes = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "sizes"})
			r := ruleOf("rule", groupingFor(60))
			inStorm(t, limits, r, func(w *world, _ *v1alpha1.SlackIntegration) {
				w.alerts(3, r)
				w.settle()
				w.lagging = true
				w.failing = func(verb string, o client.Object) error {
					if verb == c.verb && isDigest(o) {
						return c.err
					}
					return nil
				}
				w.run(60 * time.Second)
				w.failing = func(string, client.Object) error { return nil }
				w.create(alert("n3", r))
				w.run(5 * time.Second)
				w.catchUp()
				w.run(2 * time.Minute)
				w.wantEachOnce(4)
				var members []int
				for _, d := range w.digests() {
					members = append(members, len(d.Spec.Members))
				}
				if !slices.Equal(members, c.members) {
					t.Errorf("digests of %v, want %v", members, c.members)
				}
				if got := values(t, digestSizes)[0]; got != c.counted {
					t.Errorf("counted %s, want %s", got, c.counted)
				}
			})
		})
	}
}

// TestStormBetweenTwoOfAThread has a Notification taken into a digest that another one about the same Defect waits for,
// whose event comes first: neither waits for ever.
func TestStormBetweenTwoOfAThread(t *testing.T) {
	inStory(t, func(s *story) {
		s.created()
		s.run(time.Minute)
		s.connect(s.integration, slow)
		s.alerts(3, s.rule)
		s.ticketed()
		s.run(time.Millisecond)
		s.moved("a-moved", v1alpha1.StateResolved, v1alpha1.CauseSpec) // the same second
		for n := range 30 {
			s.create(alert(fmt.Sprintf("later%d", n), s.rule))
		}
		s.run(5 * time.Minute)
		if len(s.digests()) == 0 {
			t.Fatal("there is no storm")
		}
		s.wantOutcome("ticketed", "True/Digested", "")
		s.wantOutcome("a-moved", "True/Sent", "")
	})
}
