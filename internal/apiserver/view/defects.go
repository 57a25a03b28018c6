// SPDX-License-Identifier: Apache-2.0

package view

import (
	"cmp"
	"strings"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/page"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// DefectSummary is a Defect in a list.
type DefectSummary struct {
	Namespace        string             `json:"namespace" doc:"Its namespace."`
	Name             string             `json:"name" doc:"Its name."`
	Title            string             `json:"title" doc:"What is wrong, in a line."`
	Severity         v1alpha1.Severity  `json:"severity" enum:"Critical,High,Medium,Low" doc:"How bad it is."`
	Category         v1alpha1.Category  `json:"category" enum:"Defect,EdgeCase" doc:"What kind of finding it is."`
	State            v1alpha1.State     `json:"state" enum:"Open,InProgress,Resolved,Closed" doc:"Its state."`
	Suite            string             `json:"suite,omitempty" doc:"The suite that found it."`
	Run              string             `json:"run,omitempty" doc:"The run that found it."`
	TestCase         string             `json:"testCase,omitempty" doc:"The test that found it."`
	TicketKey        string             `json:"ticketKey,omitempty" doc:"The key of its Jira issue."`
	TicketURL        string             `json:"ticketURL,omitempty" doc:"Opens that issue."`
	Occurrences      int64              `json:"occurrences" doc:"How often it was seen."`
	Strip            string             `json:"strip,omitempty" doc:"The outcomes of its test in the last 20 runs, the newest last: P passed, F failed, ~ flaky, - not run."`
	Stability        v1alpha1.Stability `json:"stability,omitempty" enum:"Stable,Flaky" doc:"Whether its test is flaky, by its last 20 runs."`
	FlakeRatePercent int32              `json:"flakeRatePercent,omitempty" doc:"In how many of 100 of its last runs its test flaked."`
	CreatedTime      time.Time          `json:"createdTime" doc:"When it was created."`
	LastSeenTime     *time.Time         `json:"lastSeenTime,omitempty" doc:"When it was last seen."`
}

// DefectFilter selects and orders Defects. Its zero value selects all.
type DefectFilter struct {
	State     v1alpha1.State     `query:"state" enum:"Open,InProgress,Resolved,Closed,Unresolved" doc:"Only those in this state; Unresolved are those that are Open or InProgress."`
	Severity  v1alpha1.Severity  `query:"severity" enum:"Critical,High,Medium,Low" doc:"Only those of this severity."`
	Suite     string             `query:"suite" maxLength:"63" doc:"Only those of this suite."`
	Run       string             `query:"run" maxLength:"253" doc:"Only those of this run."`
	Stability v1alpha1.Stability `query:"stability" enum:"Stable,Flaky" doc:"Only those whose test is flaky, or was and is stable again."`
	Ticket    string             `query:"ticket" maxLength:"64" doc:"Only the one with this Jira key; none for those without a ticket, any for those with one."`
	Reason    string             `query:"reason" maxLength:"253" doc:"Only those whose condition Stalled has this reason."`
	Detail    string             `query:"detail" maxLength:"1024" doc:"Only those whose condition Stalled has this message."`
	Text      string             `query:"q" maxLength:"200" doc:"Only those whose title, name or test case contains this."`
	Sort      string             `query:"sort" enum:"newest,severity,lastSeen" default:"newest" doc:"The order."`
}

const (
	// unresolved selects the Defects that are Open or InProgress.
	unresolved = "Unresolved"
	// anyTicket and noTicket select by whether there is a ticket.
	anyTicket  = "any"
	noTicket   = "none"
	bySeverity = "severity"
	byLastSeen = "lastSeen"
)

// DefectQuery is a query for Defects.
type DefectQuery struct {
	// Namespace is empty for all.
	Namespace string
	// Category is empty for all.
	Category v1alpha1.Category
	DefectFilter
	page.Params
}

// ListDefects returns a page of the Defects that a query selects.
func (m *Model) ListDefects(q DefectQuery) (page.List[DefectSummary], error) {
	found, err := page.NewPager[*v1alpha1.Defect](q.Sort, q.Params)
	if err != nil {
		return page.List[DefectSummary]{}, err
	}
	q.Text = strings.ToLower(q.Text)
	for _, d := range m.Defects.Newest() {
		if q.selects(d) {
			found.Add(placeOfDefect(d, q.Sort), d)
		}
	}
	return page.Collect(found, DefectSummaryOf), nil
}

// selects reports whether a query, the text of which is in lower case, selects a Defect.
func (q *DefectQuery) selects(d *v1alpha1.Defect) bool {
	switch {
	case q.Namespace != "" && d.Namespace != q.Namespace,
		q.Category != "" && categoryOf(d) != q.Category,
		q.State == unresolved && !IsUnresolved(d),
		q.State != "" && q.State != unresolved && stateOf(d) != q.State,
		q.Severity != "" && d.Spec.Severity != q.Severity,
		q.Suite != "" && d.Spec.Suite != q.Suite,
		q.Run != "" && d.Spec.Run != q.Run,
		q.Stability != "" && stabilityOf(d) != q.Stability:
		return false
	}
	return q.selectsTicket(d) && q.selectsText(d) && q.selectsNeed(d)
}

func (q *DefectQuery) selectsTicket(d *v1alpha1.Defect) bool {
	key := ""
	if d.Status.Jira != nil {
		key = d.Status.Jira.Key
	}
	switch q.Ticket {
	case "":
		return true
	case noTicket:
		return key == ""
	case anyTicket:
		return key != ""
	}
	return key == q.Ticket
}

func (q *DefectQuery) selectsNeed(d *v1alpha1.Defect) bool {
	if q.Reason == "" && q.Detail == "" {
		return true
	}
	stalled := condition.Get(d, v1alpha1.ConditionStalled)
	return stalled != nil && (q.Reason == "" || q.Reason == stalled.Reason) && (q.Detail == "" || q.Detail == stalled.Message)
}

func (q *DefectQuery) selectsText(d *v1alpha1.Defect) bool {
	return q.Text == "" || strings.Contains(strings.ToLower(d.Spec.Title), q.Text) ||
		strings.Contains(d.Name, q.Text) || strings.Contains(strings.ToLower(d.Spec.TestCase), q.Text)
}

func placeOfDefect(d *v1alpha1.Defect, order string) page.Place {
	p := page.Place{Time: d.CreationTimestamp.UnixNano(), Namespace: d.Namespace, Name: d.Name}
	switch {
	case order == bySeverity:
		p.Rank = int64(d.Spec.Severity.Rank())
	case order == byLastSeen && d.Status.LastSeenTime != nil:
		p.Time = d.Status.LastSeenTime.UnixNano()
	}
	return p
}

// DefectSummaryOf returns a Defect as lists have it.
func DefectSummaryOf(d *v1alpha1.Defect) DefectSummary {
	out := DefectSummary{
		Namespace: d.Namespace, Name: d.Name, Title: text.OneLine(d.Spec.Title), Severity: d.Spec.Severity, Category: categoryOf(d),
		State: stateOf(d), Suite: d.Spec.Suite, Run: d.Spec.Run, TestCase: d.Spec.TestCase,
		Occurrences: d.Status.Occurrences, CreatedTime: d.CreationTimestamp.UTC(), LastSeenTime: timeOf(d.Status.LastSeenTime),
	}
	if h := d.Status.History; h != nil {
		out.Strip = h.Strip
		out.Stability = h.Stability
		out.FlakeRatePercent = h.FlakeRatePercent
	}
	if d.Status.Jira != nil {
		out.TicketKey = d.Status.Jira.Key
		out.TicketURL = d.Status.Jira.URL
	}
	return out
}

func categoryOf(d *v1alpha1.Defect) v1alpha1.Category {
	return cmp.Or(d.Spec.Category, v1alpha1.CategoryDefect)
}

// stabilityOf returns the stability of a Defect's test; empty when it is not known.
func stabilityOf(d *v1alpha1.Defect) v1alpha1.Stability {
	if d.Status.History == nil {
		return ""
	}
	return d.Status.History.Stability
}

// stateOf returns the state of a Defect; the wanted state before the operator has handled it.
func stateOf(d *v1alpha1.Defect) v1alpha1.State {
	return cmp.Or(d.Status.State, d.Spec.State, v1alpha1.StateOpen)
}

// IsUnresolved reports whether a Defect is Open or InProgress.
func IsUnresolved(d *v1alpha1.Defect) bool {
	state := stateOf(d)
	return state == v1alpha1.StateOpen || state == v1alpha1.StateInProgress
}
