package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// NotificationSpec is one delivery: which event is told, by which rule, and where. It cannot be changed.
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="spec is immutable: a Notification records what is to be delivered; delete it to call it off"
type NotificationSpec struct {
	// rule that matched the event.
	// +required
	Rule RuleReference `json:"rule"`

	// integrationRef names the SlackIntegration that delivers it; the default one of this namespace when empty.
	// +optional
	IntegrationRef *IntegrationReference `json:"integrationRef,omitempty"`

	// channel it goes to; the integration's default channel when empty.
	// +optional
	Channel SlackChannel `json:"channel,omitempty"`

	// event that is told. Of a digest it is the newest of its members' events.
	// +required
	Event NotificationEvent `json:"event"`

	// members are the Notifications of this namespace, by name and in the order of their names, that this one tells together: it is a digest when
	// there are any.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=1000
	Members []NotificationName `json:"members,omitempty"`
}

// NotificationName is the name of a Notification.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=253
type NotificationName string

// RuleReference names a NotificationRule of the same namespace.
type RuleReference struct {
	// name of the rule.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// uid of the rule, so that a later one of the same name is not taken for it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	UID string `json:"uid"`
}

// NotificationEvent is something that happened.
type NotificationEvent struct {
	// id identifies the event: the same thing told twice has the same id.
	// +required
	ID EventID `json:"id"`

	// type says what kind of thing happened, such as DefectCreated.
	// +required
	Type EventType `json:"type"`

	// time at which it happened.
	// +required
	Time metav1.Time `json:"time"`

	// severity of it, where it has one.
	// +optional
	Severity Severity `json:"severity,omitempty"`

	// labels of what it is about.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, size(k) <= 317)",message="a key may have at most 317 characters"
	Labels map[string]EventLabel `json:"labels,omitempty"`

	// subject is the object it is about, where there is one.
	// +optional
	Subject *EventSubject `json:"subject,omitempty"`

	// data are the facts, which differ with the type of event. At most 64 entries.
	// +optional
	// +kubebuilder:validation:Type=object
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:pruning:PreserveUnknownFields
	Data *runtime.RawExtension `json:"data,omitempty"`
}

// EventLabel is the value of an event's label.
// +kubebuilder:validation:MaxLength=1024
type EventLabel string

// EventSubject is the object an event is about.
type EventSubject struct {
	// kind of the object.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Kind string `json:"kind"`

	// namespace of the object.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`

	// name of the object.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// uid of the object.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	UID string `json:"uid,omitempty"`
}

const (
	// ConditionDelivered is True when nothing more is to be sent. Always present.
	//
	// Possible reasons when True: "Sent", "Digested" (told in a digest), "Muted" (a mute window held). When False: "Pending",
	// "RateLimited", "Retrying", "IntegrationPaused", "Suspended", "Rejected" (Slack refused it for good, or until somebody changes
	// what the message names), "Expired" (too old to be of use).
	ConditionDelivered = "Delivered"
)

// Reasons of a Notification's conditions.
const (
	ReasonSent      = "Sent"
	ReasonDigested  = "Digested"
	ReasonMuted     = "Muted"
	ReasonPending   = "Pending"
	ReasonRetrying  = "Retrying"
	ReasonRejected  = "Rejected"
	ReasonExpired   = "Expired"
	ReasonDelivered = "Delivered"
)

// NotificationStatus is what became of the delivery.
type NotificationStatus struct {
	// conditions are Ready and Delivered, and Reconciling or Stalled while they hold.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of the spec that this status describes; -1 before the first.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// attempts counts the calls to Slack for it.
	// +optional
	Attempts int32 `json:"attempts,omitempty"`

	// nextAttemptTime is when it will be tried again.
	// +optional
	NextAttemptTime *metav1.Time `json:"nextAttemptTime,omitempty"`

	// uncertainSince is when a call to Slack ended without an answer. The channel is asked for the message before it is sent again, where
	// that is possible.
	// +optional
	UncertainSince *metav1.Time `json:"uncertainSince,omitempty"`

	// message is the message in Slack.
	// +optional
	Message *PostedMessage `json:"message,omitempty"`

	// digest is the name of the Notification whose message tells this one.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Digest string `json:"digest,omitempty"`
}

// PostedMessage is a message in Slack.
type PostedMessage struct {
	// integration is the SlackIntegration it was sent with, as namespace/name.
	// +optional
	// +kubebuilder:validation:MaxLength=320
	Integration string `json:"integration,omitempty"`

	// channel is the channel's ID; empty when posted by incoming webhook.
	// +optional
	// +kubebuilder:validation:MaxLength=81
	Channel string `json:"channel,omitempty"`

	// ts identifies the message in the channel; empty when posted by incoming webhook.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	TS string `json:"ts,omitempty"`

	// permalink opens the message.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Permalink string `json:"permalink,omitempty"`

	// time at which Slack accepted it.
	// +optional
	Time *metav1.Time `json:"time,omitempty"`
}

// Notification is one delivery to Slack, made by the operator when an event matches a rule. Together they are the outbox and the
// activity log; each is removed some time after it was delivered.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:categories=voiceai,shortName=notif
// +kubebuilder:printcolumn:name="Event",type=string,JSONPath=`.spec.event.type`
// +kubebuilder:printcolumn:name="Subject",type=string,JSONPath=`.spec.event.subject.name`
// +kubebuilder:printcolumn:name="Rule",type=string,JSONPath=`.spec.rule.name`
// +kubebuilder:printcolumn:name="Channel",type=string,JSONPath=`.spec.channel`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Delivered")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Attempts",type=integer,JSONPath=`.status.attempts`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Delivered")].message`,priority=1
type Notification struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is what is to be delivered.
	// +required
	// +structType=atomic
	Spec NotificationSpec `json:"spec"`

	// status is what became of it.
	// +optional
	// +structType=atomic
	// +kubebuilder:default:={"observedGeneration":-1}
	Status NotificationStatus `json:"status,omitzero"`
}

// NotificationList is a list of Notifications.
// +kubebuilder:object:root=true
type NotificationList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []Notification `json:"items"`
}

// GetConditions returns the conditions, for those who set and read them.
func (n *Notification) GetConditions() *[]metav1.Condition { return &n.Status.Conditions }

// SetObservedGeneration records which generation of the spec the status describes.
func (n *Notification) SetObservedGeneration(g int64) { n.Status.ObservedGeneration = g }
