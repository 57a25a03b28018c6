package event

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// IntegrationUnhealthy is the event that an integration has not worked since a time. reason and message are those of its Ready condition.
func IntegrationUnhealthy(kind string, o metav1.Object, reason, message string, since time.Time) Event {
	e := ofIntegration(kind, o, reason, message, since, "unhealthy")
	e.Type, e.Severity = v1alpha1.EventIntegrationUnhealthy, v1alpha1.SeverityHigh
	e.Data["title"] = fmt.Sprintf("%s %s does not work", kind, o.GetName())
	return e
}

// IntegrationRecovered is the event that an integration works again, since a time.
func IntegrationRecovered(kind string, o metav1.Object, reason, message string, since time.Time) Event {
	e := ofIntegration(kind, o, reason, message, since, "recovered")
	e.Type = v1alpha1.EventIntegrationRecovered
	e.Data["title"] = fmt.Sprintf("%s %s works again", kind, o.GetName())
	return e
}

func ofIntegration(kind string, o metav1.Object, reason, message string, since time.Time, what string) Event {
	return Event{
		ID: fmt.Sprintf("%s.%s.%d", o.GetUID(), what, since.Unix()), Time: since, Labels: labels(o.GetLabels()),
		Subject: &v1alpha1.EventSubject{Kind: kind, Namespace: o.GetNamespace(), Name: o.GetName(), UID: string(o.GetUID())},
		Data:    map[string]any{"reason": cut(reason), "message": cut(message)},
	}
}
