// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 defines the integrations.voiceai.dev API: integrations with Slack and Jira, notification rules,
// defects, their evidence, and notifications.
//
// Every status, and the spec of a Notification, is atomic: each has one writer, the operator. Tracking the ownership
// of its fields in metadata.managedFields took a quarter of the API server's time for a write and a third of the
// object's size.
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

// AddToScheme registers the kinds of this package. It always returns nil; scheme builders expect an error in its
// signature.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&SlackIntegration{}, &SlackIntegrationList{},
		&JiraIntegration{}, &JiraIntegrationList{},
		&NotificationRule{}, &NotificationRuleList{},
		&Defect{}, &DefectList{},
		&Notification{}, &NotificationList{},
		&Evidence{}, &EvidenceList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}

// Names of the kinds, as used in references and activities.
const (
	KindSlackIntegration = "SlackIntegration"
	KindJiraIntegration  = "JiraIntegration"
	KindNotificationRule = "NotificationRule"
	KindDefect           = "Defect"
	KindNotification     = "Notification"
	KindEvidence         = "Evidence"
)

const (
	// SuiteLabel marks CronJobs (suites) and Jobs (runs) with the id of their test suite. The operator copies it to
	// Notifications.
	SuiteLabel = "integrations.voiceai.dev/suite"

	// RuleLabel is set on every Notification: the name of the rule that matched, shortened to the length of a label
	// value.
	RuleLabel = "integrations.voiceai.dev/rule"

	// EventTypeLabel is set on every Notification: the type of its event.
	EventTypeLabel = "integrations.voiceai.dev/event-type"

	// DigestLabel is "true" on a Notification that is a digest of others.
	DigestLabel = "integrations.voiceai.dev/digest"

	// FindingLabel is set on a Notification about a Defect: a hash of what identifies the finding, see Defect.Finding.
	FindingLabel = "integrations.voiceai.dev/finding"

	// LastArrivedAtAnnotation on a Notification is when its event arrived again from outside, at most half the maximum
	// event age ago. An alert that fires for days keeps its Notification, so that it is announced once.
	LastArrivedAtAnnotation = "integrations.voiceai.dev/last-arrived-at"

	// TicketRequestedAtAnnotation on a Defect requests a ticket now, regardless of spec.jira.create. Its value is the
	// RFC 3339 time of the request. status.jira.ticketRequestedAt repeats the value that was last handled.
	TicketRequestedAtAnnotation = "integrations.voiceai.dev/ticket-requested-at"

	// TicketRequestedByAnnotation on a Defect names the person who requested its ticket, in the thread about the Defect.
	TicketRequestedByAnnotation = "integrations.voiceai.dev/ticket-requested-by"

	// ChangedByAnnotation on a Defect names the person who changed spec.state, as <state>/<person>. Clients that change
	// the state on behalf of a person set it. Comments on the ticket mention the person while spec.state is still that
	// state.
	ChangedByAnnotation = "integrations.voiceai.dev/changed-by"

	// StateRequestedAtAnnotation on a Defect requests spec.state once more: its value then did not change, but the state
	// did, as by Jira or a new occurrence. Its value is the RFC 3339 time of the request. status.stateRequestedAt repeats
	// the value that was last handled.
	StateRequestedAtAnnotation = "integrations.voiceai.dev/state-requested-at"

	// JiraChangedAtAnnotation on a Defect hints that its ticket changed in Jira, so that the operator reads the ticket
	// again. Its value is the RFC 3339 time of the hint. status.jira.jiraChangedAt repeats the value that was last
	// handled.
	JiraChangedAtAnnotation = "integrations.voiceai.dev/jira-changed-at"

	// SlackChangedAtAnnotation on a SlackIntegration hints that Slack revoked its token or uninstalled the app, so that the
	// operator checks the credentials at once. Its value is the RFC 3339 time of the hint.
	SlackChangedAtAnnotation = "integrations.voiceai.dev/slack-changed-at"

	// SlackGroupsChangedAtAnnotation on a SlackIntegration is when the user groups of its workspace last changed, so that
	// every replica lists them again.
	SlackGroupsChangedAtAnnotation = "integrations.voiceai.dev/slack-groups-changed-at"

	// SlackChannelAnnotationPrefix and the ID of a channel make an annotation of a SlackIntegration, which says what
	// happened to the channel in Slack: Archived, Deleted or Renamed.
	SlackChannelAnnotationPrefix = "channel.integrations.voiceai.dev/"

	// SlackAnswerAnnotationPrefix begins the annotations of a SlackIntegration that record answers which people in Slack wait
	// for: of an act that takes long, or whose run has not ended. The operator writes and removes them.
	SlackAnswerAnnotationPrefix = "answer.integrations.voiceai.dev/"

	// ExpiresAnnotation on a Secret is when the credential in it expires, as an RFC 3339 time or a date, which neither Slack
	// nor Jira reports.
	ExpiresAnnotation = "integrations.voiceai.dev/expires"

	// ResultsAnnotation on a Job holds the result of a test run, as JSON.
	ResultsAnnotation = "integrations.voiceai.dev/results"
)

// What SlackChannelAnnotationPrefix says of a channel.
const (
	// ChannelArchived means that the channel was archived.
	ChannelArchived = "Archived"
	// ChannelDeleted means that the channel was deleted.
	ChannelDeleted = "Deleted"
	// ChannelRenamed means that the channel has another name.
	ChannelRenamed = "Renamed"
)
