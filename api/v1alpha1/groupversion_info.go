// Package v1alpha1 contains the kinds of the integrations.voiceai.dev API group: how to reach Slack and Jira, who hears of
// what, and the work itself.
//
// A status is atomic to the API server, and so is the spec of a Notification, which never changes: each has one writer, the operator, and to keep
// book of who owns which field of it (metadata.managedFields) took a quarter of the API server's time for each write and a third of the object.
// +kubebuilder:object:generate=true
// +groupName=integrations.voiceai.dev
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the API group and version of the kinds in this package.
var GroupVersion = schema.GroupVersion{Group: "integrations.voiceai.dev", Version: "v1alpha1"}

// AddToScheme registers the kinds of this package. The error is always nil; its form is what scheme builders expect.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&SlackIntegration{}, &SlackIntegrationList{},
		&JiraIntegration{}, &JiraIntegrationList{},
		&NotificationRule{}, &NotificationRuleList{},
		&Defect{}, &DefectList{},
		&Notification{}, &NotificationList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}

// The names of the kinds, as they stand in references and activities.
const (
	KindSlackIntegration = "SlackIntegration"
	KindJiraIntegration  = "JiraIntegration"
	KindNotificationRule = "NotificationRule"
	KindDefect           = "Defect"
	KindNotification     = "Notification"
)

const (
	// SuiteLabel marks CronJobs (suites) and Jobs (runs) with the id of their test suite. The operator puts it on Notifications too.
	SuiteLabel = "integrations.voiceai.dev/suite"

	// RuleLabel is on every Notification: the name of the rule that matched, shortened to a label's length.
	RuleLabel = "integrations.voiceai.dev/rule"

	// EventTypeLabel is on every Notification: the type of its event.
	EventTypeLabel = "integrations.voiceai.dev/event-type"

	// DigestLabel is "true" on a Notification that tells others together.
	DigestLabel = "integrations.voiceai.dev/digest"

	// TicketRequestedAtAnnotation on a Defect asks for a ticket now, whatever spec.jira.create says. Its value is the RFC 3339
	// time of the request; status.jira.ticketRequestedAt repeats the one last honoured.
	TicketRequestedAtAnnotation = "integrations.voiceai.dev/ticket-requested-at"

	// ChangedByAnnotation on a Defect says who changed spec.state, and to what: <state>/<who>. What changes it for a person sets it; comments on the
	// ticket repeat it, as long as the state is still that.
	ChangedByAnnotation = "integrations.voiceai.dev/changed-by"

	// JiraChangedAtAnnotation on a Defect hints that its ticket changed in Jira, so that it is read again. Its value is the RFC 3339 time of the
	// hint; status.jira.jiraChangedAt repeats the one last honoured.
	JiraChangedAtAnnotation = "integrations.voiceai.dev/jira-changed-at"

	// ResultsAnnotation on a Job is the result of a test run, as JSON.
	ResultsAnnotation = "integrations.voiceai.dev/results"
)
