// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// NotificationSpec describes one delivery: the event, the rule that matched it, and the destination. It is immutable.
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="spec is immutable because it records what the operator delivers; to cancel the delivery, delete the Notification"
type NotificationSpec struct {
	// rule is the rule that matched the event.
	// +required
	Rule RuleReference `json:"rule"`

	// integrationRef names the SlackIntegration that delivers the message. Defaults to the default one of this
	// namespace.
	// +optional
	IntegrationRef *IntegrationReference `json:"integrationRef,omitempty"`

	// channel is the destination. Defaults to the integration's default channel.
	// +optional
	Channel SlackChannel `json:"channel,omitempty"`

	// event is what the message is about. For a digest it is the most recent event of its members.
	// +required
	Event NotificationEvent `json:"event"`

	// members are the names of the Notifications of this namespace that this digest combines, in alphabetical order.
	// Empty unless this is a digest.
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
	// name is the name of the rule.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// uid is the UID of the rule. It distinguishes the rule from a later one of the same name.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	UID string `json:"uid"`
}

// NotificationEvent is an event that a rule matched.
type NotificationEvent struct {
	// id identifies the event. An event that is announced twice keeps its id.
	// +required
	ID EventID `json:"id"`

	// type is the type of the event, such as DefectCreated.
	// +required
	Type EventType `json:"type"`

	// time is when the event happened.
	// +required
	Time metav1.Time `json:"time"`

	// severity is the severity of the event, if it has one.
	// +optional
	Severity Severity `json:"severity,omitempty"`

	// labels are the labels of the object that the event is about.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, size(k) <= 317)",message="a key must have at most 317 characters"
	Labels map[string]EventLabel `json:"labels,omitempty"`

	// subject is the object that the event is about, if there is one.
	// +optional
	Subject *EventSubject `json:"subject,omitempty"`

	// data are the facts of the event, which depend on its type. At most 64 entries.
	// +optional
	// +kubebuilder:validation:Type=object
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:pruning:PreserveUnknownFields
	Data *runtime.RawExtension `json:"data,omitempty"`
}

// EventLabel is the value of an event's label.
// +kubebuilder:validation:MaxLength=1024
type EventLabel string

// EventSubject is the object that an event is about.
type EventSubject struct {
	// kind is the kind of the object.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Kind string `json:"kind"`

	// namespace is the namespace of the object.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`

	// name is the name of the object.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// uid is the UID of the object.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	UID string `json:"uid,omitempty"`
}

const (
	// ConditionDelivered is True when nothing is left to send. Always present.
	//
	// Possible reasons when True: "Sent", "Digested", "Muted". When False: "Pending", "RateLimited", "Retrying",
	// "IntegrationPaused", "Suspended", "Rejected", "Expired", or what is wrong with the integration's Secret:
	// "SecretNotFound", "SecretKeyNotFound", "SecretInvalid".
	ConditionDelivered = "Delivered"
)

// Reasons of a Notification's conditions.
const (
	// ReasonSent means that Slack accepted the message.
	ReasonSent = "Sent"
	// ReasonDigested means that the message of a digest covers this event.
	ReasonDigested = "Digested"
	// ReasonMuted means that nothing was sent because of a mute window.
	ReasonMuted = "Muted"
	// ReasonPending means that the message waits to be sent.
	ReasonPending = "Pending"
	// ReasonRetrying means that an attempt failed and another one follows.
	ReasonRetrying = "Retrying"
	// ReasonRejected means that Slack refused the message permanently, or until the channel or user that it names is
	// fixed, or that the URL of the integration is not an incoming webhook.
	ReasonRejected = "Rejected"
	// ReasonExpired means that the message was given up because it is too old to be useful.
	ReasonExpired = "Expired"
	// ReasonDelivered means that nothing is left to send.
	ReasonDelivered = "Delivered"
)

// NotificationStatus is the observed state of a delivery.
type NotificationStatus struct {
	// conditions are Ready and Delivered, plus Reconciling or Stalled while they are True.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of the spec that this status describes; -1 before the first.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// attempts counts the calls to Slack for this delivery.
	// +optional
	Attempts int32 `json:"attempts,omitempty"`

	// nextAttemptTime is when the operator tries again.
	// +optional
	NextAttemptTime *metav1.Time `json:"nextAttemptTime,omitempty"`

	// uncertainSince is when a call to Slack ended without an answer. Where possible, the operator looks up the message
	// in the channel before it sends it again.
	// +optional
	UncertainSince *metav1.Time `json:"uncertainSince,omitempty"`

	// refusedBy identifies the integration's spec and Secret with which the message was given up, such as a URL that is
	// not an incoming webhook. The message is sent again when one of them changes.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	RefusedBy string `json:"refusedBy,omitempty"`

	// redirected is where the message goes instead of the place in the spec: the message was refused, and the rule names
	// another place since.
	// +optional
	Redirected *NotificationPlace `json:"redirected,omitempty"`

	// channel is the channel or user to which the message was sent or is to be, as the rule or the integration names it;
	// empty for an incoming webhook.
	// +optional
	// +kubebuilder:validation:MaxLength=81
	Channel string `json:"channel,omitempty"`

	// message is the message in Slack.
	// +optional
	Message *PostedMessage `json:"message,omitempty"`

	// digest is the name of the digest Notification whose message covers this one.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Digest string `json:"digest,omitempty"`
}

// NotificationPlace is where a message goes.
type NotificationPlace struct {
	// integrationRef names the SlackIntegration. Defaults to the namespace's default integration.
	// +optional
	IntegrationRef *IntegrationReference `json:"integrationRef,omitempty"`

	// channel is the channel or user that receives the message. Defaults to the integration's default channel.
	// +optional
	Channel SlackChannel `json:"channel,omitempty"`
}

// PostedMessage is a message in Slack.
type PostedMessage struct {
	// integration is the SlackIntegration that sent the message, as namespace/name.
	// +optional
	// +kubebuilder:validation:MaxLength=320
	Integration string `json:"integration,omitempty"`

	// channel is the channel's ID; empty for an incoming webhook.
	// +optional
	// +kubebuilder:validation:MaxLength=81
	Channel string `json:"channel,omitempty"`

	// ts is Slack's timestamp, which identifies the message in the channel; empty for an incoming webhook.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	TS string `json:"ts,omitempty"`

	// permalink is the address of the message.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Permalink string `json:"permalink,omitempty"`

	// threadRole is First for a message in the channel itself, to which messages about later events reply, and Reply for
	// those. It is empty for an incoming webhook.
	// +optional
	ThreadRole ThreadRole `json:"threadRole,omitempty"`

	// time is when Slack accepted the message.
	// +optional
	Time *metav1.Time `json:"time,omitempty"`
}

// ThreadRole is the place of a message in a thread.
// +kubebuilder:validation:Enum=First;Reply
type ThreadRole string

// The places of a message in a thread.
const (
	ThreadFirst ThreadRole = "First"
	ThreadReply ThreadRole = "Reply"
)

// Notification is one delivery to Slack. The operator creates it when an event matches a rule. Together the
// Notifications are the outbox and the activity log; the operator deletes each some time after its delivery.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:metadata:annotations="argocd.argoproj.io/sync-options=Prune=false,Delete=false"
// +kubebuilder:metadata:annotations="helm.sh/resource-policy=keep"
// +kubebuilder:metadata:annotations="kustomize.toolkit.fluxcd.io/prune=disabled"
// +kubebuilder:resource:shortName=notif
// +kubebuilder:printcolumn:name="Event",type=string,JSONPath=`.spec.event.type`
// +kubebuilder:printcolumn:name="Subject",type=string,JSONPath=`.spec.event.subject.name`
// +kubebuilder:printcolumn:name="Rule",type=string,JSONPath=`.spec.rule.name`
// +kubebuilder:printcolumn:name="Channel",type=string,JSONPath=`.status.channel`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Delivered")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Attempts",type=integer,JSONPath=`.status.attempts`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Delivered")].message`,priority=1
type Notification struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec describes the delivery.
	// +required
	// +structType=atomic
	Spec NotificationSpec `json:"spec"`

	// status is the observed state of the delivery.
	// +optional
	// +structType=atomic
	// +default={"observedGeneration":-1}
	Status NotificationStatus `json:"status,omitzero"`
}

// NotificationList is a list of Notifications.
// +kubebuilder:object:root=true
type NotificationList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []Notification `json:"items"`
}

// Place returns where the message goes.
func (n *Notification) Place() NotificationPlace {
	if n.Status.Redirected != nil {
		return *n.Status.Redirected
	}
	return NotificationPlace{IntegrationRef: n.Spec.IntegrationRef, Channel: n.Spec.Channel}
}

// GetConditions returns a pointer to the conditions of the status.
func (n *Notification) GetConditions() *[]metav1.Condition { return &n.Status.Conditions }

// SetObservedGeneration records the generation of the spec that the status describes.
func (n *Notification) SetObservedGeneration(g int64) { n.Status.ObservedGeneration = g }

// Subject returns the object that the event is about; nil if it is in another namespace than the Notification, whose
// creator may have no right to read it.
func (n *Notification) Subject() *EventSubject {
	if s := n.Spec.Event.Subject; s != nil && (s.Namespace == "" || s.Namespace == n.Namespace) {
		return s
	}
	return nil
}
