// SPDX-License-Identifier: Apache-2.0

package event

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// IntegrationUnhealthy returns the event that an integration has not worked since a time. reason and message are
// those of its Ready condition.
func IntegrationUnhealthy(kind string, o metav1.Object, reason, message string, since time.Time) Event {
	e := integrationEvent(kind, o, reason, message, since)
	e.ID = fmt.Sprintf("%s.unhealthy.%d", o.GetUID(), since.Unix())
	e.Type = v1alpha1.EventIntegrationUnhealthy
	e.Severity = v1alpha1.SeverityHigh
	e.Data["title"] = fmt.Sprintf("%s %s does not work", kind, o.GetName())
	return e
}

// IntegrationRecovered returns the event that an integration has worked again since a time. reason and message are
// those of its Ready condition.
func IntegrationRecovered(kind string, o metav1.Object, reason, message string, since time.Time) Event {
	e := integrationEvent(kind, o, reason, message, since)
	e.ID = fmt.Sprintf("%s.recovered.%d", o.GetUID(), since.Unix())
	e.Type = v1alpha1.EventIntegrationRecovered
	e.Data["title"] = fmt.Sprintf("%s %s works again", kind, o.GetName())
	return e
}

// integrationEvent returns what all events of an integration have in common.
func integrationEvent(kind string, o metav1.Object, reason, message string, since time.Time) Event {
	return Event{
		Time:    since,
		Labels:  labels(o.GetLabels()),
		Subject: &v1alpha1.EventSubject{Kind: kind, Namespace: o.GetNamespace(), Name: o.GetName(), UID: string(o.GetUID())},
		Data:    map[string]any{"reason": truncate(reason), "message": truncate(message)},
	}
}
