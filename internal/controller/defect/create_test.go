// SPDX-License-Identifier: Apache-2.0

package defect

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
	"github.com/voiceai-dev/integrations-operator/internal/ticket/tickettest"
)

// refusal returns a fault that names the fields which Jira refused.
func refusal(fields map[string]string) *fault.Fault {
	return &fault.Fault{Kind: fault.Invalid, Fields: fields, Message: "Jira refused the request (400)"}
}

// TestCreateTicketWithoutRefusedFields leaves out what a ticket can do without, all at once, and says what Jira requires.
func TestCreateTicketWithoutRefusedFields(t *testing.T) {
	fields := []v1alpha1.JiraField{
		{Name: "Team", Type: "Option", Template: "Voice"}, {Name: "Area", Type: "Option", Template: "North"},
		{Name: "Suite", Type: "Option", Template: "{{ .suite }}"},
	}
	accept := func(ticket.Draft) error { return nil }
	refuse := func(names ...string) func(ticket.Draft) error {
		return func(d ticket.Draft) error {
			refused := map[string]string{}
			for _, n := range names {
				if d.Fields[n] != "" || n == "priority" && d.Priority != "" {
					refused[n] = n + " is odd"
				}
			}
			if len(refused) == 0 {
				return nil
			}
			return refusal(refused)
		}
	}
	require := func(name string) func(ticket.Draft) error {
		return func(d ticket.Draft) error {
			if d.Fields[name] == "" && (name != "priority" || d.Priority == "") {
				return refusal(map[string]string{name: name + " is required"})
			}
			return refuse(name)(d)
		}
	}
	for name, c := range map[string]struct {
		known    []string
		create   func(ticket.Draft) error
		creates  int
		priority string
		omitted  []string
		message  string
	}{
		"accepted":      {nil, accept, 1, "High", nil, ""},
		"one":           {nil, refuse("Team"), 2, "High", []string{"Team: Team is odd"}, ""},
		"two":           {nil, refuse("Team", "Area"), 2, "High", []string{"Area: Area is odd", "Team: Team is odd"}, ""},
		"with priority": {nil, refuse("Team", "priority"), 2, "", []string{"Team: Team is odd"}, ""},
		"the summary":   {nil, func(ticket.Draft) error { return refusal(map[string]string{"summary": "too long"}) }, 1, "", nil, "(400)"},
		"the summary too": {nil, func(ticket.Draft) error { return refusal(map[string]string{"summary": "too long", "Team": "odd"}) },
			1, "", nil, "(400)"},
		"no field is named": {nil, func(ticket.Draft) error { return refusal(nil) }, 1, "", nil, "(400)"},
		"one field, as an adapter that names only one": {nil, func(d ticket.Draft) error {
			if d.Fields["Team"] == "" {
				return nil
			}
			return &fault.Fault{Kind: fault.Invalid, Field: "Team", Message: "odd"}
		}, 2, "High", []string{"Team: odd"}, ""},
		"refused, then required": {nil, require("Team"), 2, "", nil, "(400). Left out of the ticket: Team: Team is odd"},
		"empty and required": {nil, require("Suite"), 1, "", nil,
			"(400). Left out of the ticket: Suite: its template is empty for this Defect"},
		"an unknown priority is required": {[]string{"P1"}, require("priority"), 1, "", nil,
			`(400). Left out of the ticket: priority: the project does not have "High"`},
		"another field is required": {nil, func(ticket.Draft) error { return refusal(map[string]string{"customfield_1": "required"}) },
			1, "", nil, "(400)"},
	} {
		t.Run(name, func(t *testing.T) {
			jira := &tickettest.Fake{}
			jira.OnCreate(c.create)
			tracker, err := jira.Dial(ticket.Config{})
			if err != nil {
				t.Fatal(err)
			}
			d := &v1alpha1.Defect{Spec: v1alpha1.DefectSpec{Title: "x", Severity: v1alpha1.SeverityHigh}}
			got, err := createTicket(t.Context(), connection.JiraClient{Tracker: tracker, Project: ticket.Project{Priorities: c.known}},
				d, &v1alpha1.JiraIntegrationSpec{Fields: fields})
			if jira.Creates() != c.creates {
				t.Errorf("%d calls, want %d", jira.Creates(), c.creates)
			}
			if c.message != "" {
				if err == nil || !strings.HasSuffix(err.Error(), c.message) {
					t.Errorf("got %v, want the end %q", err, c.message)
				}
				return
			}
			if err != nil || got.Key == "" || got.Priority != c.priority {
				t.Errorf("%+v, %v", got, err)
			}
			if d := cmp.Diff(c.omitted, got.Omitted); d != "" {
				t.Error(d)
			}
		})
	}
}

// wantingTicket makes the Defect of a test one that gets a ticket.
func wantingTicket(d *v1alpha1.Defect, i *v1alpha1.JiraIntegration) {
	d.Status.Jira = nil
	d.Status.Events = []v1alpha1.EventID{"u1.created"}
	d.Spec.Category = v1alpha1.CategoryDefect
	i.Spec.Default = true
	i.Spec.AutoCreate = &v1alpha1.JiraAutoCreate{Enabled: true}
}

// TestRefusedTicketIsRetried checks that a refused ticket is not tried again and again, but when a person requests it, and
// when the probe finds that Jira asks for something else.
func TestRefusedTicketIsRetried(t *testing.T) {
	follow(t, nil, wantingTicket, func(f *follower) {
		required := true
		f.jira.OnCreate(func(ticket.Draft) error {
			if required {
				return refusal(map[string]string{"customfield_10077": "Affected team is required."})
			}
			return nil
		})
		conn := f.Jira.Get(client.ObjectKey{Namespace: "a", Name: "jira"})
		want := func(when string, creates int) {
			t.Helper()
			f.settle()
			if f.jira.Creates() != creates {
				t.Errorf("%s: %d calls, want %d", when, f.jira.Creates(), creates)
			}
		}
		want("at first", 1)
		if c := condition.Get(f.defect, v1alpha1.ConditionStalled); c == nil || c.Reason != v1alpha1.ReasonInvalid {
			t.Errorf("conditions %+v, want Stalled", f.defect.Status.Conditions)
		}
		time.Sleep(10 * time.Minute)
		want("a while later", 1)
		f.request("2026-03-04T11:00:00Z")
		want("requested", 2)
		want("the same request", 2)
		f.request("2026-03-04T12:00:00Z")
		want("requested again", 3)
		conn.RetryRefused()
		want("after another change in Jira", 4)
		required = false
		conn.RetryRefused()
		want("fixed", 5)
		if !condition.Is(f.defect, v1alpha1.ConditionTicketed, metav1.ConditionTrue, v1alpha1.ReasonFiled) ||
			f.defect.Status.Jira.Key != "VOICE-1" {
			t.Errorf("status %+v, want the ticket VOICE-1", f.defect.Status)
		}
		conn.RetryRefused()
		want("created", 5)
		if n := len(f.jira.Drafts()); n != 1 {
			t.Errorf("%d tickets, want 1", n)
		}
	})
}

// request requests the Defect's ticket by annotation.
func (f *follower) request(at string) {
	f.t.Helper()
	metav1.SetMetaDataAnnotation(&f.defect.ObjectMeta, v1alpha1.TicketRequestedAtAnnotation, at)
	if err := f.Client.Update(f.t.Context(), f.defect); err != nil {
		f.t.Fatal(err)
	}
	synctest.Wait()
}
