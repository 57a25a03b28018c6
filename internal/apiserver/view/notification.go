// SPDX-License-Identifier: Apache-2.0

package view

import (
	"cmp"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// The outcomes of a delivery that is not, or not on its own, a message.
const (
	// OutcomePending means that the delivery has not ended.
	OutcomePending = "Pending"
	// outcomeMuted means that nothing is sent.
	outcomeMuted = "Muted"
	// outcomeDigested means that the message of a digest covers the event.
	outcomeDigested = "Digested"
)

// OutcomeOf returns the outcome of the delivery of a Notification. One that Slack refused for good, or that is too
// old, has failed.
func OutcomeOf(n *v1alpha1.Notification) string {
	c := condition.Get(n, v1alpha1.ConditionDelivered)
	switch {
	case c == nil:
		return OutcomePending
	case c.Status == metav1.ConditionTrue && c.Reason == v1alpha1.ReasonMuted:
		return outcomeMuted
	case c.Status == metav1.ConditionTrue && c.Reason == v1alpha1.ReasonDigested:
		return outcomeDigested
	case c.Status == metav1.ConditionTrue:
		return string(v1alpha1.OutcomeSucceeded)
	case c.Reason == v1alpha1.ReasonRejected || c.Reason == v1alpha1.ReasonExpired:
		return string(v1alpha1.OutcomeFailed)
	default:
		return OutcomePending
	}
}

// DeliveryTime returns when the delivery of a Notification ended; when it began while it has not.
func DeliveryTime(n *v1alpha1.Notification) time.Time {
	if n.Status.Message != nil && n.Status.Message.Time != nil {
		return n.Status.Message.Time.UTC()
	}
	if c := condition.Get(n, v1alpha1.ConditionDelivered); c != nil && OutcomeOf(n) != OutcomePending {
		return c.LastTransitionTime.UTC()
	}
	return n.CreationTimestamp.UTC()
}

// integrationOf returns the integration that a Notification names; empty when it names none.
func integrationOf(n *v1alpha1.Notification) types.NamespacedName {
	if m := n.Status.Message; m != nil && m.Integration != "" {
		return ParseKey(m.Integration)
	}
	if ref := n.Place().IntegrationRef; ref != nil {
		return types.NamespacedName{Namespace: cmp.Or(ref.Namespace, n.Namespace), Name: ref.Name}
	}
	return types.NamespacedName{}
}

// DeliveringIntegration returns the integration that a Notification names, or else the default one of its namespace;
// empty when there is none.
func (m *Model) DeliveringIntegration(n *v1alpha1.Notification) types.NamespacedName {
	if named := integrationOf(n); named.Name != "" {
		return named
	}
	for _, o := range m.Slack.Newest() {
		if o.Namespace == n.Namespace && o.Spec.Default {
			return types.NamespacedName{Namespace: o.Namespace, Name: o.Name}
		}
	}
	return types.NamespacedName{}
}

// channelOf returns the channel to which a Notification was sent, or is to be.
func channelOf(n *v1alpha1.Notification) string {
	if m := n.Status.Message; m != nil && m.Channel != "" {
		return m.Channel
	}
	return string(n.Place().Channel)
}

// channelName returns the name of a channel as an integration knows it; empty when it does not.
func (m *Model) channelName(integration types.NamespacedName, id string) string {
	o, ok := m.Slack.Get(integration)
	if !ok {
		return ""
	}
	for _, c := range o.Status.Channels {
		if c.ID == id {
			return c.Name
		}
	}
	return ""
}

// TitleOf returns the title of what a Notification is about; empty when it has none.
func (m *Model) TitleOf(n *v1alpha1.Notification) string {
	if members := len(n.Spec.Members); members > 0 {
		return fmt.Sprintf("%d notifications in one message", members)
	}
	if d, ok := m.subjectDefect(n); ok {
		return text.OneLine(d.Spec.Title)
	}
	e, err := event.Of(n)
	if err != nil {
		return ""
	}
	return e.Text("title")
}

// subjectDefect returns the Defect that a Notification is about, if there is one and it exists.
func (m *Model) subjectDefect(n *v1alpha1.Notification) (*v1alpha1.Defect, bool) {
	subject := n.Subject()
	if subject == nil || subject.Kind != v1alpha1.KindDefect {
		return nil, false
	}
	d, ok := m.Defects.Get(types.NamespacedName{Namespace: n.Namespace, Name: subject.Name})
	if !ok || string(d.UID) != subject.UID {
		return nil, false
	}
	return d, true
}
