// SPDX-License-Identifier: Apache-2.0

package action

import (
	"cmp"
	"context"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// states are the values of spec.state of a Defect.
var states = []v1alpha1.State{
	v1alpha1.StateOpen, v1alpha1.StateInProgress, v1alpha1.StateResolved, v1alpha1.StateClosed,
}

// Move is a change of a Defect's state.
type Move struct {
	Target
	State v1alpha1.State
	// Check refuses the change of a Defect that is not as the caller knows it. Its error is returned as it is.
	// Optional.
	Check func(*v1alpha1.Defect) error
}

// MoveDefect sets the wanted state of a Defect, and returns the Defect. The operator moves its ticket too.
func (a *Actions) MoveDefect(ctx context.Context, m Move) (*v1alpha1.Defect, error) {
	if err := a.require(ctx, m.Caller, Defects.Access("update", m.NamespacedName)); err != nil {
		return nil, err
	}
	if !slices.Contains(states, m.State) {
		return nil, &InvalidError{Field: "state", Message: "must be Open, InProgress, Resolved or Closed"}
	}
	return a.updateDefect(ctx, m.NamespacedName, func(d *v1alpha1.Defect) (changed bool, err error) {
		if m.Check != nil {
			if err := m.Check(d); err != nil {
				return false, err
			}
		}
		if wanted := cmp.Or(d.PendingState(), d.Status.State); d.Spec.State == m.State && (wanted == m.State || wanted == "") {
			return false, nil
		}
		if err := CheckUnmanaged(d, "spec", "state"); err != nil {
			return false, err
		}
		if d.Spec.State == m.State { // Jira or a new occurrence has moved it since
			now := a.Clock.Now().UTC().Format(time.RFC3339Nano)
			metav1.SetMetaDataAnnotation(&d.ObjectMeta, v1alpha1.StateRequestedAtAnnotation, now)
		}
		d.Spec.State = m.State
		d.SetChangedBy(m.Caller.GetName())
		return true, nil
	})
}

// Ticket is the Jira ticket of a Defect, or how far its creation is.
type Ticket struct {
	// Key and URL are empty until the ticket exists.
	Key, URL string
	Message  string
}

// RequestTicket requests a Jira ticket for a Defect. Repeated requests lead to one ticket. A ticket that Jira refused is
// tried again.
func (a *Actions) RequestTicket(ctx context.Context, t Target) (Ticket, error) {
	if err := a.require(ctx, t.Caller, Defects.Access("update", t.NamespacedName)); err != nil {
		return Ticket{}, err
	}
	var ticket Ticket
	_, err := a.updateDefect(ctx, t.NamespacedName, func(d *v1alpha1.Defect) (changed bool, err error) {
		var requested bool
		if ticket, requested = ticketOf(d); requested {
			return false, nil
		}
		now := a.Clock.Now().UTC().Format(time.RFC3339Nano)
		metav1.SetMetaDataAnnotation(&d.ObjectMeta, v1alpha1.TicketRequestedAtAnnotation, now)
		metav1.SetMetaDataAnnotation(&d.ObjectMeta, v1alpha1.TicketRequestedByAnnotation, t.Caller.GetName())
		return true, nil
	})
	return ticket, err
}

// ticketOf returns the ticket of a Defect, and reports whether it exists or was requested and not refused since.
func ticketOf(d *v1alpha1.Defect) (t Ticket, requested bool) {
	handled := ""
	if ticket := d.Status.Jira; ticket != nil {
		if ticket.Key != "" {
			return Ticket{Key: ticket.Key, URL: ticket.URL, Message: "The ticket exists"}, true
		}
		handled = ticket.TicketRequestedAt
	}
	t.Message = "Ticket requested: the Defect shows it once Jira has created it"
	at := text.Truncate(text.OneLine(d.Annotations[v1alpha1.TicketRequestedAtAnnotation]), 64) // as the status has it
	if at == "" || at == handled {
		return t, false
	}
	c := condition.Get(d, v1alpha1.ConditionTicketed)
	switch {
	case c == nil || c.Status == metav1.ConditionTrue:
		return t, true
	case slices.Contains(refusals, c.Reason):
		t.Message = "Ticket requested again. It was refused before: " + c.Message
		return t, false
	}
	t.Message = c.Message
	return t, true
}

// refusals are the reasons of Ticketed with which Jira refused a ticket. A new request retries it.
var refusals = []string{v1alpha1.ReasonInvalid, v1alpha1.ReasonUnauthorized, v1alpha1.ReasonNotFound}

// updateDefect applies change to a Defect, and updates it if that changed anything.
func (a *Actions) updateDefect(
	ctx context.Context, key types.NamespacedName, change func(*v1alpha1.Defect) (changed bool, err error),
) (*v1alpha1.Defect, error) {
	var err error
	for range MaxAttempts {
		d := &v1alpha1.Defect{}
		stored, readErr := a.updater().readInto(ctx, key, d)
		if readErr != nil {
			return nil, readErr
		}
		before := d.DeepCopy()
		changed, refused := change(d)
		if refused != nil {
			return nil, refused
		}
		if !changed {
			return d, nil
		}
		if err = a.updater().write(ctx, stored, before, d); err == nil {
			return d, nil
		}
		if !apierrors.IsConflict(err) {
			break
		}
	}
	return nil, err
}
