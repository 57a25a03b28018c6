// SPDX-License-Identifier: Apache-2.0

package view

import (
	"context"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/page"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/rows"
	"github.com/voiceai-dev/integrations-operator/internal/index"
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
	Reason    string             `query:"reason" maxLength:"253" doc:"Only those that are Stalled for this reason."`
	Detail    string             `query:"detail" maxLength:"1024" doc:"Only those that are Stalled and whose condition Ready has this message."`
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
func (m *Model) ListDefects(ctx context.Context, q DefectQuery) (page.List[DefectSummary], error) {
	found, err := page.NewPager[*rows.Defect](q.Sort, q.Params)
	if err != nil {
		return page.List[DefectSummary]{}, err
	}
	q.Text = strings.ToLower(q.Text)
	for _, d := range m.Defects.Newest() {
		if q.selects(d) {
			found.Add(placeOfDefect(d, q.Sort), d)
		}
	}
	return page.Load(found, func(row *rows.Defect) (*DefectSummary, error) {
		d := &v1alpha1.Defect{}
		if err := m.cached.Get(ctx, row.Key(), d, index.AsCached); err != nil {
			return nil, client.IgnoreNotFound(err) // it was deleted meanwhile
		}
		return new(DefectSummaryOf(d)), nil
	})
}

// selects reports whether a query, the text of which is in lower case, selects a Defect.
func (q *DefectQuery) selects(d *rows.Defect) bool {
	switch {
	case q.Namespace != "" && d.GetNamespace() != q.Namespace,
		q.Category != "" && d.Category != q.Category,
		q.State == unresolved && !d.IsUnresolved(),
		q.State != "" && q.State != unresolved && d.State != q.State,
		q.Severity != "" && d.Severity != q.Severity,
		q.Suite != "" && d.Suite != q.Suite,
		q.Run != "" && d.Run != q.Run,
		q.Stability != "" && d.Stability != q.Stability:
		return false
	}
	return q.selectsTicket(d) && q.selectsText(d) && q.selectsNeed(d)
}

func (q *DefectQuery) selectsTicket(d *rows.Defect) bool {
	switch q.Ticket {
	case "":
		return true
	case noTicket:
		return d.TicketKey == ""
	case anyTicket:
		return d.TicketKey != ""
	}
	return d.TicketKey == q.Ticket
}

func (q *DefectQuery) selectsNeed(d *rows.Defect) bool {
	if q.Reason == "" && q.Detail == "" {
		return true
	}
	s := d.Stalled
	return s != nil && (q.Reason == "" || q.Reason == s.Reason) && (q.Detail == "" || q.Detail == s.Message)
}

func (q *DefectQuery) selectsText(d *rows.Defect) bool {
	return q.Text == "" || strings.Contains(strings.ToLower(d.Title), q.Text) ||
		strings.Contains(d.GetName(), q.Text) || strings.Contains(strings.ToLower(d.TestCase), q.Text)
}

func placeOfDefect(d *rows.Defect, order string) page.Place {
	p := page.Place{Time: d.Created(), Namespace: d.GetNamespace(), Name: d.GetName()}
	switch {
	case order == bySeverity:
		p.Rank = int64(d.Severity.Rank())
	case order == byLastSeen && d.LastSeen != 0:
		p.Time = d.LastSeen
	}
	return p
}

// DefectSummaryOf returns a Defect as lists have it.
func DefectSummaryOf(d *v1alpha1.Defect) DefectSummary {
	out := DefectSummary{
		Namespace: d.Namespace, Name: d.Name, Title: text.OneLine(d.Spec.Title), Severity: d.Spec.Severity, Category: rows.Category(d),
		State: rows.State(d), Suite: d.Spec.Suite, Run: d.Spec.Run, TestCase: d.Spec.TestCase,
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
