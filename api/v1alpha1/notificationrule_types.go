package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// EventType says what kind of thing happened.
// +kubebuilder:validation:Enum=TestRunCompleted;DefectCreated;DefectTicketed;DefectStateChanged;EdgeCaseDiscovered;SystemAlertFiring;SystemAlertResolved;IntegrationUnhealthy;IntegrationRecovered
type EventType string

const (
	// EventTestRunCompleted: a Job with the suite label finished, failed or ran out of time.
	EventTestRunCompleted EventType = "TestRunCompleted"
	// EventDefectCreated: a Defect of category Defect was created.
	EventDefectCreated EventType = "DefectCreated"
	// EventDefectTicketed: a Defect got its Jira ticket.
	EventDefectTicketed EventType = "DefectTicketed"
	// EventDefectStateChanged: a Defect moved to another state.
	EventDefectStateChanged EventType = "DefectStateChanged"
	// EventEdgeCaseDiscovered: a Defect of category EdgeCase was created.
	EventEdgeCaseDiscovered EventType = "EdgeCaseDiscovered"
	// EventSystemAlertFiring: an alert about the system under test began.
	EventSystemAlertFiring EventType = "SystemAlertFiring"
	// EventSystemAlertResolved: an alert about the system under test ended.
	EventSystemAlertResolved EventType = "SystemAlertResolved"
	// EventIntegrationUnhealthy: an integration stopped working.
	EventIntegrationUnhealthy EventType = "IntegrationUnhealthy"
	// EventIntegrationRecovered: it works again.
	EventIntegrationRecovered EventType = "IntegrationRecovered"
)

// NotificationRuleSpec says which events go where. An event matches when its type is listed and selector, minSeverity and when, as far
// as given, all hold. Events older than the rule never match, and neither do runs that ended before its spec was last changed.
type NotificationRuleSpec struct {
	// eventTypes that the rule is for: TestRunCompleted, DefectCreated, DefectTicketed, DefectStateChanged, EdgeCaseDiscovered,
	// SystemAlertFiring, SystemAlertResolved, IntegrationUnhealthy or IntegrationRecovered.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=9
	EventTypes []EventType `json:"eventTypes"`

	// selector chooses events by their labels: those of the Defect, Job or alert they are about. All when empty.
	// +optional
	Selector *LabelSelector `json:"selector,omitempty"`

	// minSeverity is the least severity that matches; events without one match too. All when empty.
	// +optional
	MinSeverity Severity `json:"minSeverity,omitempty"`

	// when is a CEL expression over event (type, severity, labels, subject, data) that must be true, such as
	// event.severity == "Critical" || event.data.suite == "billing". An event for which it cannot be worked out, as when it asks for data that are
	// not there, does not match, and shows in status.lastError: has(event.data.suite) asks whether they are.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	When string `json:"when,omitempty"`

	// integrationRef names the SlackIntegration to use; the default one of this namespace when empty.
	// +optional
	IntegrationRef *IntegrationReference `json:"integrationRef,omitempty"`

	// channel to post to; the integration's default channel when empty. Must be empty for an incoming webhook, whose channel is fixed.
	// +optional
	Channel SlackChannel `json:"channel,omitempty"`

	// mentions are those whom the message pings: here, channel, a user's ID (U...) or a user group's ID (S...).
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=10
	Mentions []Mention `json:"mentions,omitempty"`

	// template replaces the text of the message.
	// +optional
	Template *MessageTemplate `json:"template,omitempty"`

	// grouping collects events for a while and sends them as one digest.
	// +optional
	Grouping *Grouping `json:"grouping,omitempty"`

	// muteWindows are times at which nothing is sent for this rule; what would have been is recorded as Muted.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	MuteWindows []MuteWindow `json:"muteWindows,omitempty"`

	// suspend stops the rule from matching.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
}

// Mention is someone a message pings.
// +kubebuilder:validation:MinLength=3
// +kubebuilder:validation:MaxLength=32
// +kubebuilder:validation:XValidation:rule="self.matches('^(here|channel|[UWS][A-Z0-9]{2,24})$')",message="must be here, channel, a user ID such as U0123456789 or a user group ID such as S0123456789"
type Mention string

// MessageTemplate is the text of a message, as Go templates over the event. Values are escaped already.
type MessageTemplate struct {
	// title is the first line; the usual one when empty.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Title string `json:"title,omitempty"`

	// body is what follows it; the usual facts when empty.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=8192
	Body string `json:"body,omitempty"`
}

// Grouping collects events into digests.
type Grouping struct {
	// by are the labels or fields of the event (suite, severity, type, or a label's key) that events of one digest share; all events of
	// the rule go together when empty.
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

// GroupKey is what events of one digest share.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=317
type GroupKey string

// Weekday is a day of the week.
// +kubebuilder:validation:Enum=Monday;Tuesday;Wednesday;Thursday;Friday;Saturday;Sunday
type Weekday string

// MuteWindow is a daily span of time. It may cross midnight; it belongs to the day it starts on.
// +kubebuilder:validation:XValidation:rule="self.start != self.end",message="start and end must differ: for a whole day use 00:00 to 24:00",fieldPath=".end"
// +kubebuilder:validation:XValidation:rule="self.start != '24:00'",message="start must be before 24:00, which is the end of the day: use 00:00",fieldPath=".start"
type MuteWindow struct {
	// days on which it starts, Monday to Sunday; every day when empty.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=7
	Days []Weekday `json:"days,omitempty"`

	// start of the window, as 15:04, from 00:00 to 23:59.
	// +required
	Start TimeOfDay `json:"start"`

	// end of the window, as 15:04; 24:00 is the end of the day. Before start it is on the next day.
	// +required
	End TimeOfDay `json:"end"`

	// timeZone is an IANA name such as Europe/Berlin; UTC when empty.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$')",message="must be an IANA time zone such as Europe/Berlin"
	TimeZone string `json:"timeZone,omitempty"`
}

// TimeOfDay is hours and minutes.
// +kubebuilder:validation:MinLength=5
// +kubebuilder:validation:MaxLength=5
// +kubebuilder:validation:XValidation:rule="self.matches('^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$')",message="must be a time of day as 15:04, from 00:00 to 24:00"
type TimeOfDay string

// Condition types of a NotificationRule, both always present.
const (
	// ConditionAccepted is True when the rule makes sense by itself. Its message tells when spec.when could not be worked out for an event all the
	// same.
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
	ReasonInvalidSelector   = "InvalidSelector"
	ReasonInvalidExpression = "InvalidExpression"
	ReasonInvalidTemplate   = "InvalidTemplate"
	ReasonInvalidTimeZone   = "InvalidTimeZone"
	ReasonResolvedRefs      = "ResolvedRefs"
	ReasonInvalidChannel    = "InvalidChannel"
)

// NotificationRuleStatus is what became of the rule.
type NotificationRuleStatus struct {
	// conditions are Ready, Accepted and ResolvedRefs, and Reconciling or Stalled while they hold.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of the spec that this status describes; -1 before the first.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// since is when the spec was last changed: a run that ended before it is not told by it, though the operator looks at it again when it
	// starts. Empty when the spec was never changed.
	// +optional
	Since *metav1.Time `json:"since,omitempty"`

	// matchedTotal counts the events that matched.
	// +optional
	MatchedTotal int64 `json:"matchedTotal,omitempty"`

	// sentTotal counts the notifications that reached Slack.
	// +optional
	SentTotal int64 `json:"sentTotal,omitempty"`

	// failedTotal counts the notifications that Slack refused or that were given up, each once.
	// +optional
	FailedTotal int64 `json:"failedTotal,omitempty"`

	// errorsTotal counts the events for which spec.when could not be worked out. They did not match.
	// +optional
	ErrorsTotal int64 `json:"errorsTotal,omitempty"`

	// lastError is the last of those events, since the spec was last changed.
	// +optional
	LastError *RuleError `json:"lastError,omitempty"`

	// calledOff are the events whose Notifications were deleted last, by id: this rule does not tell them again, though the operator, or whoever
	// sent them, may come upon them again. Defects keep theirs in their own status.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=128
	CalledOff []EventID `json:"calledOff,omitempty"`

	// lastMatchTime is when an event last matched.
	// +optional
	LastMatchTime *metav1.Time `json:"lastMatchTime,omitempty"`

	// preview is the message that the template makes of an example event.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Preview string `json:"preview,omitempty"`
}

// RuleError is an event for which spec.when could not be worked out.
type RuleError struct {
	// time at which it was tried.
	// +required
	Time metav1.Time `json:"time"`

	// eventID is the id of the event.
	// +required
	EventID EventID `json:"eventID"`

	// eventType is what kind of thing had happened.
	// +required
	EventType EventType `json:"eventType"`

	// message says what was wrong.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message"`
}

// NotificationRule says which events are told to whom in Slack.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:categories=voiceai,shortName=nrule
// +kubebuilder:printcolumn:name="Events",type=string,JSONPath=`.spec.eventTypes`
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
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is which events go where.
	// +required
	Spec NotificationRuleSpec `json:"spec"`

	// status is what became of it.
	// +optional
	// +structType=atomic
	// +kubebuilder:default:={"observedGeneration":-1}
	Status NotificationRuleStatus `json:"status,omitzero"`
}

// NotificationRuleList is a list of NotificationRules.
// +kubebuilder:object:root=true
type NotificationRuleList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []NotificationRule `json:"items"`
}

// GetConditions returns the conditions, for those who set and read them.
func (r *NotificationRule) GetConditions() *[]metav1.Condition { return &r.Status.Conditions }

// SetObservedGeneration records which generation of the spec the status describes.
func (r *NotificationRule) SetObservedGeneration(g int64) { r.Status.ObservedGeneration = g }
