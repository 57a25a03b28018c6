// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// EventType is the type of an event.
// +kubebuilder:validation:Enum=TestRunCompleted;DefectCreated;DefectTicketed;DefectStateChanged;EdgeCaseDiscovered;SystemAlertFiring;SystemAlertResolved;IntegrationUnhealthy;IntegrationRecovered
type EventType string

const (
	// EventTestRunCompleted means that a Job with the suite label finished, failed or exceeded its deadline.
	EventTestRunCompleted EventType = "TestRunCompleted"
	// EventDefectCreated means that a Defect of category Defect was created.
	EventDefectCreated EventType = "DefectCreated"
	// EventDefectTicketed means that a Defect got its Jira ticket.
	EventDefectTicketed EventType = "DefectTicketed"
	// EventDefectStateChanged means that the state of a Defect changed.
	EventDefectStateChanged EventType = "DefectStateChanged"
	// EventEdgeCaseDiscovered means that a Defect of category EdgeCase was created.
	EventEdgeCaseDiscovered EventType = "EdgeCaseDiscovered"
	// EventSystemAlertFiring means that an alert about the system under test started firing.
	EventSystemAlertFiring EventType = "SystemAlertFiring"
	// EventSystemAlertResolved means that an alert about the system under test was resolved.
	EventSystemAlertResolved EventType = "SystemAlertResolved"
	// EventIntegrationUnhealthy means that an integration stopped working.
	EventIntegrationUnhealthy EventType = "IntegrationUnhealthy"
	// EventIntegrationRecovered means that an integration works again.
	EventIntegrationRecovered EventType = "IntegrationRecovered"
)

// NotificationRuleSpec selects events and their destination. An event matches if its type is listed and it meets
// selector, minSeverity and when, as far as they are set. Events older than the rule never match. Neither do runs
// that ended before the spec last changed.
type NotificationRuleSpec struct {
	// eventTypes are the types of events that can match: TestRunCompleted, DefectCreated, DefectTicketed,
	// DefectStateChanged, EdgeCaseDiscovered, SystemAlertFiring, SystemAlertResolved, IntegrationUnhealthy or
	// IntegrationRecovered.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=9
	EventTypes []EventType `json:"eventTypes"`

	// selector selects events by the labels of the Defect, Job or alert that they are about. If empty, it selects all.
	// +optional
	Selector *LabelSelector `json:"selector,omitempty"`

	// minSeverity is the lowest severity that matches. Events without a severity match too. If empty, every severity
	// matches.
	// +optional
	MinSeverity Severity `json:"minSeverity,omitempty"`

	// when is a CEL expression over event (type, severity, labels, subject, data) that must be true, such as
	// event.severity == "Critical" || event.data.suite == "billing". An event for which it cannot be evaluated, for
	// example because it uses data that the event does not have, does not match and is recorded in status.lastError. Use
	// has(event.data.suite) to test for data.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	When string `json:"when,omitempty"`

	// integrationRef names the SlackIntegration to use. Defaults to the default one of this namespace.
	// +optional
	IntegrationRef *IntegrationReference `json:"integrationRef,omitempty"`

	// channel is the channel to post to. Defaults to the integration's default channel. Must be empty for an incoming
	// webhook, whose channel is fixed.
	// +optional
	Channel SlackChannel `json:"channel,omitempty"`

	// mentions are notified by the message: here, channel, a user ID (U...) or a user group ID (S...).
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=10
	Mentions []Mention `json:"mentions,omitempty"`

	// mentionsOnFailure are further mentions in messages about runs that failed and about Defects, by the suite and the
	// tests that failed.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	MentionsOnFailure []FailureMention `json:"mentionsOnFailure,omitempty"`

	// template replaces the text of the message.
	// +optional
	Template *MessageTemplate `json:"template,omitempty"`

	// grouping collects events for some time and sends them as one digest.
	// +optional
	Grouping *Grouping `json:"grouping,omitempty"`

	// muteWindows are times at which this rule sends nothing. The messages are recorded as Muted instead.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	MuteWindows []MuteWindow `json:"muteWindows,omitempty"`

	// suspend stops the rule from matching.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
}

// Mention names who is notified by a message.
// +kubebuilder:validation:MinLength=3
// +kubebuilder:validation:MaxLength=32
// +kubebuilder:validation:XValidation:rule="self.matches('^(here|channel|[UWS][A-Z0-9]{2,24})$')",message="must be here, channel, a user ID such as U0123456789 or a user group ID such as S0123456789"
type Mention string

// FailureMention mentions people if certain tests or suites failed.
// +structType=atomic
// +kubebuilder:validation:XValidation:rule="has(self.suites) && self.suites.size() > 0 || has(self.tests) && self.tests.size() > 0",message="must have suites or tests"
type FailureMention struct {
	// suites are the suites that it is about; all if empty. A * stands for any text.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=20
	Suites []NamePattern `json:"suites,omitempty"`

	// tests are the names of the tests that it is about, as the test cases of Defects have them; all if empty. A * stands
	// for any text.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=20
	Tests []NamePattern `json:"tests,omitempty"`

	// mentions are notified by the message: here, channel, a user ID (U...) or a user group ID (S...).
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=10
	Mentions []Mention `json:"mentions"`
}

// NamePattern is a name in which each * stands for any text.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=256
type NamePattern string

// MessageTemplate is the text of a message, as Go templates over the event. Values are escaped automatically.
// +structType=atomic
type MessageTemplate struct {
	// title is the first line. Defaults to the standard one.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Title string `json:"title,omitempty"`

	// body is the text below the title. Defaults to the standard facts.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=8192
	Body string `json:"body,omitempty"`
}

// Grouping collects events into digests.
// +structType=atomic
type Grouping struct {
	// by are the fields (suite, severity, type) or label keys whose values all events of one digest share. If empty, all
	// events of the rule go together.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=5
	By []GroupKey `json:"by,omitempty"`

	// windowSeconds is how long events are collected.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=86400
	WindowSeconds int32 `json:"windowSeconds"`
}

// GroupKey is a field or label key that the events of one digest share.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=317
type GroupKey string

// Weekday is a day of the week.
// +kubebuilder:validation:Enum=Monday;Tuesday;Wednesday;Thursday;Friday;Saturday;Sunday
type Weekday string

// MuteWindow is a daily period. It may cross midnight and belongs to the day on which it starts.
// +kubebuilder:validation:XValidation:rule="self.start != self.end",message="start and end must differ; for a whole day, use 00:00 to 24:00",fieldPath=".end"
// +kubebuilder:validation:XValidation:rule="self.start != '24:00'",message="start must be before 24:00; for the beginning of a day, use 00:00",fieldPath=".start"
type MuteWindow struct {
	// days are the days on which the window starts, Monday to Sunday. If empty, every day.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=7
	Days []Weekday `json:"days,omitempty"`

	// start is when the window starts, as 15:04, from 00:00 to 23:59.
	// +required
	Start TimeOfDay `json:"start"`

	// end is when the window ends, as 15:04. 24:00 is the end of the day. An end before start is on the next day.
	// +required
	End TimeOfDay `json:"end"`

	// timeZone is an IANA time zone such as Europe/Berlin. Defaults to UTC.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$')",message="must be an IANA time zone such as Europe/Berlin"
	TimeZone string `json:"timeZone,omitempty"`
}

// TimeOfDay is a time of day in hours and minutes.
// +kubebuilder:validation:MinLength=5
// +kubebuilder:validation:MaxLength=5
// +kubebuilder:validation:XValidation:rule="self.matches('^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$')",message="must be a time of day such as 15:04, from 00:00 to 24:00"
type TimeOfDay string

// Condition types of a NotificationRule, both always present.
const (
	// ConditionAccepted is True when the rule is valid. Its message also mentions an event for which spec.when could not
	// be evaluated.
	//
	// Possible reasons when True: "Accepted". When False: "InvalidSelector", "InvalidExpression", "InvalidTemplate",
	// "InvalidTimeZone".
	ConditionAccepted = "Accepted"

	// ConditionResolvedRefs is True when the integration exists, may be used and has the channel.
	//
	// Possible reasons when True: "ResolvedRefs". When False: "IntegrationNotFound", "IntegrationNotAllowed",
	// "IntegrationAmbiguous", "InvalidChannel".
	ConditionResolvedRefs = "ResolvedRefs"
)

// Reasons of a NotificationRule's conditions.
const (
	// ReasonInvalidSelector means that spec.selector is invalid.
	ReasonInvalidSelector = "InvalidSelector"
	// ReasonInvalidExpression means that spec.when does not compile.
	ReasonInvalidExpression = "InvalidExpression"
	// ReasonInvalidTemplate means that spec.template does not compile.
	ReasonInvalidTemplate = "InvalidTemplate"
	// ReasonInvalidTimeZone means that a mute window names an unknown time zone.
	ReasonInvalidTimeZone = "InvalidTimeZone"
	// ReasonResolvedRefs means that the rule's integration and channel can be used.
	ReasonResolvedRefs = "ResolvedRefs"
	// ReasonEvaluationFailed means that spec.when could not be evaluated for the last event that it was to decide about.
	ReasonEvaluationFailed = "EvaluationFailed"
	// ReasonInvalidChannel means that the integration cannot post to the rule's channel.
	ReasonInvalidChannel = "InvalidChannel"
)

// NotificationRuleStatus is the observed state of a NotificationRule.
type NotificationRuleStatus struct {
	// conditions are Ready, Accepted and ResolvedRefs, plus Reconciling or Stalled while they are True.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of the spec that this status describes; -1 before the first.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// since is when the spec last changed. The rule ignores runs that ended before, even if the operator reads them
	// again when it starts. Empty if the spec never changed.
	// +optional
	Since *metav1.Time `json:"since,omitempty"`

	// events are the types of spec.eventTypes in one line, for kubectl get.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Events string `json:"events,omitempty"`

	// matchedTotal counts the events that matched.
	// +optional
	MatchedTotal int64 `json:"matchedTotal,omitempty"`

	// sentTotal counts the notifications that reached Slack.
	// +optional
	SentTotal int64 `json:"sentTotal,omitempty"`

	// failedTotal counts the notifications that Slack refused or that were given up, each once.
	// +optional
	FailedTotal int64 `json:"failedTotal,omitempty"`

	// errorsTotal counts the events for which spec.when could not be evaluated. They did not match.
	// +optional
	ErrorsTotal int64 `json:"errorsTotal,omitempty"`

	// lastError is the most recent of these events since the spec last changed.
	// +optional
	LastError *RuleError `json:"lastError,omitempty"`

	// lastFailure is the notification that was not delivered. Empty once a later one is delivered, the notification is
	// removed, or the spec changes.
	// +optional
	LastFailure *RuleFailure `json:"lastFailure,omitempty"`

	// calledOff are the ids of the events whose Notifications were deleted most recently. The rule ignores these events,
	// even if the operator or a sender announces them again. Events of Defects are recorded in the Defect's
	// status.events instead.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=128
	CalledOff []EventID `json:"calledOff,omitempty"`

	// lastMatchTime is when an event last matched.
	// +optional
	LastMatchTime *metav1.Time `json:"lastMatchTime,omitempty"`

	// preview is the message that the template produces for an example event.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Preview string `json:"preview,omitempty"`
}

// RuleError is an event for which spec.when could not be evaluated.
type RuleError struct {
	// time is when the evaluation failed.
	// +required
	Time metav1.Time `json:"time"`

	// eventID is the id of the event.
	// +required
	EventID EventID `json:"eventID"`

	// eventType is the type of the event.
	// +required
	EventType EventType `json:"eventType"`

	// message explains what was wrong.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message"`
}

// RuleFailure is a notification that was not delivered.
type RuleFailure struct {
	// time is when that was recorded.
	// +required
	Time metav1.Time `json:"time"`

	// notification is the name of the Notification.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Notification string `json:"notification"`

	// message explains why.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message"`
}

// NotificationRule selects events and sends them to a channel in Slack.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:metadata:annotations="argocd.argoproj.io/sync-options=Prune=false,Delete=false"
// +kubebuilder:metadata:annotations="helm.sh/resource-policy=keep"
// +kubebuilder:metadata:annotations="kustomize.toolkit.fluxcd.io/prune=disabled"
// +kubebuilder:resource:categories=voiceai,shortName=nrule
// +kubebuilder:printcolumn:name="Events",type=string,JSONPath=`.status.events`
// +kubebuilder:printcolumn:name="Channel",type=string,JSONPath=`.spec.channel`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Matched",type=integer,JSONPath=`.status.matchedTotal`,priority=1
// +kubebuilder:printcolumn:name="Sent",type=integer,JSONPath=`.status.sentTotal`,priority=1
// +kubebuilder:printcolumn:name="Errors",type=integer,JSONPath=`.status.errorsTotal`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
type NotificationRule struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec selects events and their destination.
	// +required
	Spec NotificationRuleSpec `json:"spec"`

	// status is the observed state of the rule.
	// +optional
	// +structType=atomic
	// +default={"observedGeneration":-1}
	Status NotificationRuleStatus `json:"status,omitzero"`
}

// NotificationRuleList is a list of NotificationRules.
// +kubebuilder:object:root=true
type NotificationRuleList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []NotificationRule `json:"items"`
}

// GetConditions returns a pointer to the conditions of the status.
func (r *NotificationRule) GetConditions() *[]metav1.Condition { return &r.Status.Conditions }

// SetObservedGeneration records the generation of the spec that the status describes.
func (r *NotificationRule) SetObservedGeneration(g int64) { r.Status.ObservedGeneration = g }
