// SPDX-License-Identifier: Apache-2.0

package defect

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/render"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// priorityField is the field of a ticket's priority.
const priorityField = "priority"

// attempt is a ticket that is being created, perhaps without some of its fields.
type attempt struct {
	draft ticket.Draft
	spec  *v1alpha1.JiraIntegrationSpec
	// wantedPriority is the priority before it was left out.
	wantedPriority string
	// omitted says which of spec.fields were left out, each with the reason, and noPriority why there is no priority.
	omitted    []string
	noPriority string
}

// createTicket creates a ticket. Fields that Jira refuses are left out, all at once: a refused create created nothing.
func createTicket(
	ctx context.Context,
	c connection.JiraClient,
	d *v1alpha1.Defect,
	spec *v1alpha1.JiraIntegrationSpec,
) (ticket.Ticket, error) {
	a := attempt{spec: spec, wantedPriority: spec.Priorities.For(d.Spec.Severity)}
	a.draft, a.omitted = render.Draft(d, spec, c.Project.Priorities)
	if a.draft.Priority == "" {
		a.noPriority = fmt.Sprintf("the project does not have %q", a.wantedPriority)
	}
	t, err := c.Create(ctx, a.draft)
	for f := fault.From(err); f != nil && f.Kind == fault.Invalid; f = fault.From(err) {
		if !a.leaveOut(refusedFields(f)) {
			return t, a.explain(f, t.Omitted)
		}
		t, err = c.Create(ctx, a.draft)
	}
	t.Priority = a.draft.Priority
	t.Omitted = append(a.omitted, t.Omitted...)
	return t, err
}

// refusedFields returns the fields that a fault names, each with the reason.
func refusedFields(f *fault.Fault) map[string]string {
	if f.Fields == nil && f.Field != "" {
		return map[string]string{f.Field: f.Error()}
	}
	return f.Fields
}

// leaveOut leaves out the fields that Jira refused. It reports whether a ticket can do without all of them.
func (a *attempt) leaveOut(refused map[string]string) bool {
	for name := range refused {
		if a.draft.Fields[name] == "" && (name != priorityField || a.draft.Priority == "") {
			return false
		}
	}
	for _, name := range slices.Sorted(maps.Keys(refused)) {
		if a.draft.Fields[name] != "" {
			a.omitted = append(a.omitted, name+": "+refused[name])
			delete(a.draft.Fields, name)
			continue
		}
		a.draft.Priority = ""
		a.noPriority = refused[name]
	}
	return len(refused) > 0
}

// explain returns a refusal together with what was left out before, which may be what Jira requires. omitted is what
// the tracker left out.
func (a *attempt) explain(f *fault.Fault, omitted []string) error {
	leftOut := slices.Concat(a.omitted, omitted)
	refused := refusedFields(f)
	if _, ok := refused[priorityField]; ok && a.noPriority != "" {
		leftOut = append(leftOut, priorityField+": "+a.noPriority)
	}
	for _, field := range a.spec.Fields {
		_, ok := refused[field.Name]
		explained := slices.ContainsFunc(leftOut, func(s string) bool { return strings.HasPrefix(s, field.Name+": ") })
		if ok && !explained && a.draft.Fields[field.Name] == "" {
			leftOut = append(leftOut, field.Name+": its template is empty for this Defect")
		}
	}
	if len(leftOut) == 0 {
		return f
	}
	explained := *f
	explained.Err = nil
	explained.Message = fmt.Sprintf("%s. Left out of the ticket: %s",
		strings.TrimSuffix(f.Error(), "."), strings.Join(leftOut, "; "))
	return &explained
}
