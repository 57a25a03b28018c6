// SPDX-License-Identifier: Apache-2.0

package slackapp_test

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/button"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/inbound"
)

const user = "slack:T1:U1"

// TestCommands checks what a person who may do everything reads.
func TestCommands(t *testing.T) {
	for text, want := range map[string][]string{
		"":                         {"/voiceai run SUITE", "/voiceai whoami"},
		"help":                     {"/voiceai defects [SEVERITY] [SUITE]"},
		"status":                   {"Slack qa/slack", "Runs in progress*: none", "1 Critical", "1 High"},
		"defects":                  {"Open defects 1 to 2 of 2", "Agent hangs up: a", "[Resolve]", "qa/b"},
		"defects critical":         {"1 to 1 of 1", "hangs up: b"},
		"defects high":             {"1 to 1 of 1", "hangs up: a"},
		"defects low":              {"There is no open defect of severity Low"},
		"defects boking":           {"Did you mean booking?"},
		"defect a":                 {"Agent hangs up: a", "[Create ticket]", "[Start work]", "[Resolve]", "[Won't fix]"},
		"defect qa/a":              {"Agent hangs up: a"},
		"defect c":                 {"[Reopen]"},
		"defect zz-unknown-x":      {"there is no defect zz-unknown-x in qa"},
		"defect other/a":           {"reaches the namespaces qa, and not other"},
		"ticket a":                 {"Ticket requested", "No ticket can be created: Namespace qa has no default JiraIntegration"},
		"run booking":              {"Run qa/booking-", "was started"},
		"run bookin":               {"there is no suite bookin in qa: did you mean booking?\n"},
		"run zz-unknown-x":         {"there is no suite zz-unknown-x in qa: label a CronJob integrations.voiceai.dev/suite=zz-unknown-x."},
		"run":                      {"Write `/voiceai run SUITE`: starts a run"},
		"runs":                     {"There is no run"},
		"runs zz-unknown-x":        {"Suite zz-unknown-x has no run."},
		"defect a\u2060":           {"Agent hangs up: a"},
		"whoami":                   {"You are the user `slack:T1:U1`", "slack:T1", ":white_check_mark: start runs"},
		"stauts":                   {"There is no command stauts. Did you mean `/voiceai status`? `/voiceai help` lists all commands."},
		"quux":                     {"The commands are status, run, runs", "see `/voiceai help`"},
		"<http://x.y|run> booking": {"was started"},
	} {
		t.Run(text, func(t *testing.T) {
			w := newWorld(t, allow(everything()...), slackIntegration(), secret(), booking(),
				defect("a"), defect("b", func(d *v1alpha1.Defect) { d.Spec.Severity = v1alpha1.SeverityCritical }),
				defect("c", inState(v1alpha1.StateResolved)))
			got := w.send(0, command(text)) + "\n"
			for _, part := range want {
				if !strings.Contains(got, part) {
					t.Errorf("%q is answered\n%s\nwithout %q", text, got, part)
				}
			}
		})
	}
}

// TestPages turns the pages of the open defects.
func TestPages(t *testing.T) {
	w := newWorld(t, allow(everything()...), slackIntegration(), secret())
	for i := range 12 {
		d := defect(fmt.Sprintf("d%02d", i), func(d *v1alpha1.Defect) {
			d.CreationTimestamp = metav1.NewTime(noon.Add(time.Duration(-i) * time.Minute))
		})
		if err := w.client.Create(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	got := w.send(0, command("defects"))
	if !strings.Contains(got, "1 to 5 of 12") || !strings.Contains(got, "qa/d00") || strings.Contains(got, "[Newer]") {
		t.Errorf("the first page is\n%s", got)
	}
	got = w.send(0, clickOn("voiceai_older", `{"i":"uid-slack","f":10}`, "1"))
	if !strings.Contains(got, "11 to 12 of 12") || !strings.Contains(got, "qa/d11\n") ||
		!strings.Contains(got, "[Newer]") || strings.Contains(got, "[Older]") {
		t.Errorf("the last page is\n%s", got)
	}
}

// TestEachAct tries each act with each permission alone, as users and as user groups have them. It is allowed exactly
// with what it amounts to.
func TestEachAct(t *testing.T) {
	acts := map[string]struct {
		request inbound.Request
		needs   string
		allowed string
	}{
		"run":     {command("run booking"), "create jobs", "was started"},
		"runs":    {command("runs"), "list jobs", "There is no run"},
		"defects": {command("defects"), "list defects", "Open defects"},
		"defect":  {command("defect a"), "get defects", "hangs up"},
		"resolve": {click("voiceai_resolve", about("a")), "update defects", "You moved the Defect: it is resolved"},
		"start":   {click("voiceai_start_work", about("a")), "update defects", "it is in progress"},
		"won't":   {click("voiceai_wont_fix", about("a")), "update defects", "it is closed"},
		"ticket":  {click("voiceai_create_ticket", about("a")), "update defects", "Ticket requested"},
		"rerun":   {click("voiceai_rerun", about("booking")), "create jobs", "was started"},
	}
	for name, act := range acts {
		for _, right := range []string{"list defects", "get defects", "update defects", "create defects", "list jobs", "create jobs"} {
			for _, who := range []string{user, "slack:T1", "slack:T1:S1", "slack:T2", "slack:T1:U2"} {
				for _, namespace := range []string{"qa", "other"} {
					t.Run(name+"/"+who+" "+right+" "+namespace, func(t *testing.T) {
						w := newWorld(t, allow(who+" "+right+" "+namespace), slackIntegration(), secret(), booking(), defect("a"))
						w.slack.OnGroups = func() (map[string][]string, error) { return map[string][]string{ann: {"S1"}}, nil }
						got := w.send(0, act.request)
						isMe := who == user || who == "slack:T1" || who == "slack:T1:S1"
						if want := isMe && right == act.needs && namespace == "qa"; strings.Contains(got, act.allowed) != want {
							t.Errorf("with %s %s in %s it is answered\n%s\nwant it allowed: %v", who, right, namespace, got, want)
						} else if !want && !strings.Contains(got, "You may not "+act.needs) {
							t.Errorf("the refusal does not name the missing permission:\n%s", got)
						}
					})
				}
			}
		}
	}
}

// TestOneObject acts on the one Defect that a Role allows by resourceNames, and on no other.
func TestOneObject(t *testing.T) {
	w := newWorld(t, allow(user+" get defects qa a", user+" update defects qa a"), slackIntegration(), secret(), defect("a"), defect("b"))
	for text, want := range map[string]string{
		"defect a": "hangs up: a", "ticket a": "Ticket requested", "ticket qa/a": "Ticket requested",
		"defect b": "You may not get defects", "ticket qa/b": "You may not get defects", "defects": "You may not list defects",
	} {
		if got := w.send(0, command(text)); !strings.Contains(got, want) {
			t.Errorf("%q is answered\n%s\nwithout %q", text, got, want)
		}
	}
}

// TestWhoAmI shows one grant for each namespace, of all that the person lacks. No two grants of a person have one name.
func TestWhoAmI(t *testing.T) {
	var names []string
	for _, c := range []struct{ has, lacks []string }{
		{nil, []string{"list slackintegrations", "list jiraintegrations", "list defects", "get defects", "update defects",
			"create defects", "list jobs", "create jobs"}},
		{everything()[:6], []string{"list jobs", "create jobs"}},
		{everything()[:7], []string{"create jobs"}},
		{everything(), nil},
	} {
		w := newWorld(t, allow(c.has...), slackIntegration(), secret())
		_, yaml, _ := strings.Cut(w.send(0, command("whoami")), "```")
		role, binding, _ := strings.Cut(yaml, "---")
		for _, lacks := range c.lacks {
			verb, resource, _ := strings.Cut(lacks, " ")
			if !strings.Contains(role, "  - "+resource+"\n  verbs:\n  - "+verb+"\n") {
				t.Errorf("without %s the Role is\n%s", lacks, role)
			}
		}
		if got := strings.Count(role, "verbs:"); got != len(c.lacks) || got > 0 && !strings.Contains(binding, "name: "+user) {
			t.Errorf("the Role has %d rules, want %d, and the RoleBinding is\n%s", got, len(c.lacks), binding)
		}
		_, name, _ := strings.Cut(role, "  name: ")
		name, _, _ = strings.Cut(name, "\n")
		if slices.Contains(names, name) {
			t.Errorf("two grants have the name %q", name)
		}
		names = append(names, name)
	}
}

// TestStatusIsInOrder lists integrations by name and runs from the newest on, whatever the order of the cache.
func TestStatusIsInOrder(t *testing.T) {
	w := newWorld(t, allow(everything()...), slackIntegration(), secret())
	for i, name := range []string{"b", "c", "a"} {
		slack := slackIntegration()
		slack.ObjectMeta = meta(name)
		j := &batchv1.Job{ObjectMeta: meta("run-" + name)}
		j.Labels = map[string]string{v1alpha1.SuiteLabel: "booking"}
		j.CreationTimestamp = metav1.NewTime(noon.Add(time.Duration(i) * time.Minute))
		w.create(slack)
		w.create(j)
	}
	got := w.send(0, command("status"))
	at := -1
	for _, part := range []string{"qa/a", "qa/b", "qa/c", "qa/slack", "qa/run-a", "qa/run-c", "qa/run-b"} {
		next := strings.Index(got, part)
		if next <= at {
			t.Errorf("%s is not in its place in\n%s", part, got)
		}
		at = next
	}
}

// TestStatusOfIntegrations checks that only an integration that works as its spec asks is green.
func TestStatusOfIntegrations(t *testing.T) {
	for reason, want := range map[string]string{
		v1alpha1.ReasonHealthy:    ":large_green_circle: Slack qa/a\n",
		v1alpha1.ReasonDegraded:   ":large_yellow_circle: Slack qa/a: a message",
		v1alpha1.ReasonUnverified: ":white_circle: Slack qa/a: a message",
	} {
		slack := slackIntegration()
		slack.ObjectMeta = meta("a")
		condition.True(slack, v1alpha1.ConditionHealthy, reason, "a message")
		condition.Ready(slack, v1alpha1.ReasonReady, "a message")
		w := newWorld(t, allow(everything()...), slackIntegration(), secret(), slack)
		if got := w.send(0, command("status")); !strings.Contains(got, want) {
			t.Errorf("%s: got\n%s\nwant %s", reason, got, want)
		}
	}
}

// TestUnknownMembership is denied with the reason, and asks Slack once.
func TestUnknownMembership(t *testing.T) {
	w := newWorld(t, allow("slack:T1:S1 list defects qa"), slackIntegration(), secret())
	w.slack.OnGroups = func() (map[string][]string, error) {
		return nil, &fault.Fault{Kind: fault.Unauthorized, Code: "missing_scope", Message: "The bot token lacks a scope"}
	}
	for _, text := range []string{"defects", "defects high", "defects low"} {
		if got := w.send(0, command(text)); !strings.Contains(got, "lacks the scope usergroups:read") {
			t.Errorf("the refusal is\n%s", got)
		}
	}
	if n := w.slack.Lists(); n != 1 {
		t.Errorf("the user groups were listed %d times, want once", n)
	}
	w.clock.Step(time.Minute)
	w.slack.OnGroups = func() (map[string][]string, error) { return map[string][]string{ann: {"S1"}}, nil }
	if got := w.send(0, command("defects critical")); !strings.Contains(got, "There is no open defect") {
		t.Errorf("once the scope is there, the answer is\n%s", got)
	}
}

// TestMembershipIsListedOncePerTeam lists the user groups once for all requests of five minutes.
func TestMembershipIsListedOncePerTeam(t *testing.T) {
	w := newWorld(t, allow("slack:T1:S1 list defects qa"), slackIntegration(), secret())
	w.slack.OnGroups = func() (map[string][]string, error) { return map[string][]string{ann: {"S1"}}, nil }
	for i := range 20 {
		r := command("defects")
		r.Command.TriggerID = fmt.Sprint(i)
		w.send(0, r)
	}
	if n := w.slack.Lists(); n != 1 {
		t.Errorf("%d lists in five minutes, want 1", n)
	}
	w.clock.Step(5*time.Minute + time.Second)
	w.send(0, command("defects"))
	if n := w.slack.Lists(); n != 2 {
		t.Errorf("%d lists after five minutes, want 2", n)
	}
}

// TestAPersonOfAnotherWorkspace has the groups of no workspace but the own one.
func TestAPersonOfAnotherWorkspace(t *testing.T) {
	rights := allow("slack:T1 list defects qa", "slack:T1:S1 list defects qa", "slack:T1:U1 list defects qa")
	w := newWorld(t, rights, slackIntegration(), secret(), defect("a"))
	w.slack.OnGroups = func() (map[string][]string, error) { return map[string][]string{ann: {"S1"}}, nil }
	of := func(r inbound.Request) inbound.Request {
		if r.Command != nil {
			r.Command.TeamID = "T2"
		} else {
			r.Interaction.TeamID = "T2"
		}
		return r
	}
	const why = "You belong to the workspace T2, whose user groups cannot be read here"
	for what, c := range map[string]struct {
		request inbound.Request
		want    []string
	}{
		"a command": {of(command("defects")), []string{"You may not list defects", "slack:T2:U1", why, "the group slack:T2."}},
		"a click":   {of(click(button.Resolve, about("a"))), []string{"You may not update defects", "slack:T2:U1", why}},
		"whoami":    {of(command("whoami")), []string{"You are the user `slack:T2:U1`, in the groups `slack:T2`", why, "kind: RoleBinding"}},
	} {
		got := w.send(0, c.request)
		for _, part := range c.want {
			if !strings.Contains(got, part) {
				t.Errorf("%s of a person of T2 is answered\n%s\nwithout %q", what, got, part)
			}
		}
	}
	w.review.allowed["slack:T2 list defects qa"] = true
	r := of(command("defects"))
	r.Command.TriggerID = "again"
	if got := w.send(0, r); !strings.Contains(got, "Agent hangs up") || strings.Contains(got, why) {
		t.Errorf("a person of T2 who may list defects is answered\n%s", got)
	}
	if n := w.slack.Lists(); n != 0 {
		t.Errorf("the user groups of T1 were read %d times for a person of T2", n)
	}
}

// TestStrangeIDs are no users.
func TestStrangeIDs(t *testing.T) {
	for _, id := range []string{"", "U1:S1", "u1", "U1 U2", strings.Repeat("U", 40)} {
		w := newWorld(t, allow(everything()...), slackIntegration(), secret())
		r := command("defects")
		r.Command.ID = id
		if got := w.send(0, r); !strings.Contains(got, "Slack did not say who you are") {
			t.Errorf("%q is answered\n%s", id, got)
		}
	}
}

var errUnreachable = &net.OpError{Op: "dial", Err: errors.New("connection refused")}
