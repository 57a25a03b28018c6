// SPDX-License-Identifier: Apache-2.0

package view

import (
	"fmt"

	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/rows"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// DeliveringIntegration returns the integration that a Notification names, or else the default one of its namespace;
// empty when there is none.
func (m *Model) DeliveringIntegration(n *rows.Notification) types.NamespacedName {
	if n.Integration.Name != "" {
		return n.Integration
	}
	for _, o := range m.Slack.Newest() {
		if o.Namespace == n.GetNamespace() && o.Spec.Default {
			return types.NamespacedName{Namespace: o.Namespace, Name: o.Name}
		}
	}
	return types.NamespacedName{}
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

// Title returns the title of what a Notification is about; empty when it has none.
func (m *Model) Title(n *rows.Notification) string {
	if n.Members > 0 {
		return fmt.Sprintf("%d notifications in one message", n.Members)
	}
	if n.Kind == v1alpha1.KindDefect {
		d, ok := m.Defects.Get(types.NamespacedName{Namespace: n.GetNamespace(), Name: n.Subject.Name})
		if ok && d.UID == n.SubjectUID {
			return text.OneLine(d.Title)
		}
	}
	return n.EventTitle
}
