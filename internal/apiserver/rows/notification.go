// SPDX-License-Identifier: Apache-2.0

package rows

import (
	"cmp"
	"time"
	"unique"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// The outcomes of a delivery that is not, or not on its own, a message.
const (
	// OutcomePending means that the delivery has not ended.
	OutcomePending = "Pending"
	// OutcomeMuted means that nothing is sent.
	OutcomeMuted = "Muted"
	// OutcomeDigested means that the message of a digest covers the event.
	OutcomeDigested = "Digested"
)

// Notification is the row of a Notification.
type Notification struct {
	Object
	EventID   ID
	EventType v1alpha1.EventType
	Rule      string
	// Subject is the object that the event is about; none if its name is empty.
	Subject    types.NamespacedName
	Kind       string
	SubjectUID ID
	// Run is the Notification itself if it is about a run of a suite: there are few, and lists of runs show them.
	Run *v1alpha1.Notification
	// EventTitle is the title that the event has, if any.
	EventTitle string
	// Members counts the Notifications that this one is a digest of.
	Members int
	// Outcome, Reason and Message are of the delivery, Since is when they became so, and At when it ended; when it began
	// while it has not.
	Outcome, Reason, Message string
	Since                    int64
	At                       int64
	// Integration is the one that the Notification names; empty if it names none.
	Integration types.NamespacedName
	// Channel is where it was sent or is to be, and ChannelName the same as the rule or the integration names it.
	Channel, ChannelName string
}

// OfNotification returns the row of a Notification.
func OfNotification(n *v1alpha1.Notification) *Notification {
	out := &Notification{
		Object: objectOf(n), EventID: IDOf(n.Spec.Event.ID), EventType: n.Spec.Event.Type, Rule: n.Spec.Rule.Name,
		Members: len(n.Spec.Members), Outcome: outcome(n), At: deliveryTime(n).UnixNano(),
		Integration: integration(n), Channel: channel(n),
		ChannelName: unique.Make(n.Status.Channel).Value(), // many have the same
	}
	if s := n.Subject(); s != nil {
		out.Subject = types.NamespacedName{Namespace: s.Namespace, Name: s.Name}
		out.Kind = s.Kind
		out.SubjectUID = IDOf(s.UID)
	}
	if c := condition.Get(n, v1alpha1.ConditionDelivered); c != nil {
		out.Reason = c.Reason
		out.Message = c.Message
		out.Since = c.LastTransitionTime.UnixNano()
	}
	if out.Kind == event.KindJob && n.Labels[v1alpha1.EventTypeLabel] == string(v1alpha1.EventTestRunCompleted) {
		out.Run = n
	}
	if out.Members == 0 {
		if e, err := event.Of(n); err == nil {
			out.EventTitle = e.Text("title")
			out.setOutsideRun(n, &e)
		}
	}
	return out
}

// setOutsideRun makes a run that is no Job the subject of the Notification about it: pages show runs alike.
func (n *Notification) setOutsideRun(of *v1alpha1.Notification, e *event.Event) {
	if run, ok := event.OutsideRunOf(e); ok {
		n.Run = of
		n.Kind = event.KindJob
		n.Subject = types.NamespacedName{Namespace: of.Namespace, Name: run.Name}
	}
}

// About returns what the Notification is about, as Kind/namespace/name: the subject of its event, or itself.
func (n *Notification) About() string {
	if n.Subject.Name != "" {
		return n.Kind + "/" + n.Subject.Namespace + "/" + n.Subject.Name
	}
	return v1alpha1.KindNotification + "/" + n.namespace + "/" + n.name
}

// Time returns when the delivery ended; when it began while it has not.
func (n *Notification) Time() time.Time { return time.Unix(0, n.At).UTC() }

// outcome returns the outcome of the delivery of a Notification. One that Slack refused for good, or that is too old,
// has failed.
func outcome(n *v1alpha1.Notification) string {
	c := condition.Get(n, v1alpha1.ConditionDelivered)
	switch {
	case c == nil:
		return OutcomePending
	case c.Status == metav1.ConditionTrue && c.Reason == v1alpha1.ReasonMuted:
		return OutcomeMuted
	case c.Status == metav1.ConditionTrue && c.Reason == v1alpha1.ReasonDigested:
		return OutcomeDigested
	case c.Status == metav1.ConditionTrue:
		return string(v1alpha1.OutcomeSucceeded)
	case c.Reason == v1alpha1.ReasonRejected || c.Reason == v1alpha1.ReasonExpired:
		return string(v1alpha1.OutcomeFailed)
	default:
		return OutcomePending
	}
}

// deliveryTime returns when the delivery of a Notification ended; when it began while it has not.
func deliveryTime(n *v1alpha1.Notification) time.Time {
	if n.Status.Message != nil && n.Status.Message.Time != nil {
		return n.Status.Message.Time.UTC()
	}
	if c := condition.Get(n, v1alpha1.ConditionDelivered); c != nil && outcome(n) != OutcomePending {
		return c.LastTransitionTime.UTC()
	}
	return n.CreationTimestamp.UTC()
}

// integration returns the integration that a Notification names; empty when it names none.
func integration(n *v1alpha1.Notification) types.NamespacedName {
	if m := n.Status.Message; m != nil && m.Integration != "" {
		return ParseKey(m.Integration)
	}
	if ref := n.Place().IntegrationRef; ref != nil {
		return types.NamespacedName{Namespace: cmp.Or(ref.Namespace, n.Namespace), Name: ref.Name}
	}
	return types.NamespacedName{}
}

// channel returns the channel to which a Notification was sent, or is to be.
func channel(n *v1alpha1.Notification) string {
	if m := n.Status.Message; m != nil && m.Channel != "" {
		return m.Channel
	}
	return string(n.Place().Channel)
}
