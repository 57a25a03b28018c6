// SPDX-License-Identifier: Apache-2.0

package rows

import (
	"cmp"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/history"
)

// Defect is the row of a Defect.
type Defect struct {
	Object
	UID             ID
	Title, TestCase string
	Severity        v1alpha1.Severity
	Category        v1alpha1.Category
	State           v1alpha1.State
	Suite, Run      string
	Stability       v1alpha1.Stability // empty if it is not known
	LastSeen        int64              // nanoseconds since 1970; 0 if it is not known
	TicketKey       string
	jira            string
	ticketed        int64
	// runs are those that may have changed something about it.
	runs    []ID
	Stalled *Stalled // nil if it is not
}

// Stalled is why nothing more happens to a Defect by itself.
type Stalled struct {
	// Unmet is the condition that has the reason.
	Unmet, Reason, Message string
	Since                  time.Time
}

// OfDefect returns the row of a Defect.
func OfDefect(d *v1alpha1.Defect) *Defect {
	out := &Defect{
		Object: objectOf(d), UID: IDOf(d.UID), Title: d.Spec.Title, TestCase: d.Spec.TestCase, Severity: d.Spec.Severity,
		Category: Category(d), State: State(d), Suite: d.Spec.Suite, Run: d.Spec.Run, LastSeen: nanoseconds(d.Status.LastSeenTime),
	}
	if h := d.Status.History; h != nil {
		out.Stability = h.Stability
	}
	for _, run := range history.RunsOf(d) {
		out.runs = append(out.runs, IDOf(run))
	}
	out.runs = slices.Clip(out.runs)
	if t := d.Status.Jira; t != nil && t.Key != "" {
		out.TicketKey = t.Key
		out.jira = t.Integration
		out.ticketed = nanoseconds(t.CreatedTime)
	}
	if c := condition.Get(d, v1alpha1.ConditionStalled); c != nil {
		out.Stalled = &Stalled{
			Unmet: unmet(d, c.Reason), Reason: c.Reason, Message: condition.Get(d, v1alpha1.ConditionReady).Message,
			Since: c.LastTransitionTime.UTC(),
		}
	}
	return out
}

// MayChangeIn reports whether a run may have changed something about the Defect. The Defect itself has what it changed.
func (d *Defect) MayChangeIn(run string) bool { return slices.Contains(d.runs, IDOf(run)) }

// IsUnresolved reports whether the Defect is Open or InProgress.
func (d *Defect) IsUnresolved() bool {
	return d.State == v1alpha1.StateOpen || d.State == v1alpha1.StateInProgress
}

// TicketCreated returns when an integration created the ticket, if that is known.
func (d *Defect) TicketCreated() (by types.NamespacedName, at time.Time, ok bool) {
	return ParseKey(d.jira), time.Unix(0, d.ticketed), d.ticketed != 0
}

// Category returns the category of a Defect.
func Category(d *v1alpha1.Defect) v1alpha1.Category {
	return cmp.Or(d.Spec.Category, v1alpha1.CategoryDefect)
}

// State returns the state of a Defect; the wanted state before the operator has handled it.
func State(d *v1alpha1.Defect) v1alpha1.State {
	return cmp.Or(d.Status.State, d.Spec.State, v1alpha1.StateOpen)
}

// unmet returns the condition of a Defect that has a reason.
func unmet(d *v1alpha1.Defect, reason string) string {
	for _, name := range []string{v1alpha1.ConditionTicketed, v1alpha1.ConditionSynced} {
		if condition.Is(d, name, metav1.ConditionFalse, reason) {
			return name
		}
	}
	return v1alpha1.ConditionReady
}

func nanoseconds(t *metav1.Time) int64 {
	if t == nil {
		return 0
	}
	return t.UnixNano()
}
