// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Condition types of a Defect, always present but for Quarantined.
const (
	// ConditionTicketed is True when the ticket exists, or none is wanted. A False status never blocks the Defect
	// itself.
	//
	// Possible reasons when True: "Filed", "FiledWithoutPriority", "FiledWithoutFields", "NotWanted". When False:
	// "Filing", "Searching", "IntegrationNotFound", "IntegrationNotAllowed", "IntegrationAmbiguous",
	// "IntegrationPaused", "SecretNotFound", "SecretKeyNotFound", "SecretInvalid", "Suspended", or the reason why Jira
	// refused: "Invalid", "Unauthorized", "NotFound",
	// "Conflict", "RateLimited", "Unavailable", "Ambiguous".
	ConditionTicketed = "Ticketed"

	// ConditionSynced is True when the Defect and its ticket agree: Jira has every update, and the ticket still exists.
	//
	// Possible reasons when True: "InStep", "NoTicket". When False: "Syncing", "TicketMissing", "IntegrationNotFound",
	// "IntegrationPaused", "SecretNotFound", "SecretKeyNotFound", "SecretInvalid", "Suspended", or the reason why Jira refused, as for
	// Ticketed.
	ConditionSynced = "Synced"

	// ConditionNotified is True when every notification about the Defect was delivered.
	//
	// Possible reasons when True: "Notified", "NoRuleMatched". When False: "Delivering", "NotDelivered".
	// Unknown: "Removed". Ready does not depend on it.
	ConditionNotified = "Notified"

	// ConditionQuarantined is present if spec.quarantine is set. It is True while failures of the test fail no run.
	//
	// Possible reasons when True: "InQuarantine". When False: "NotStarted", "Broken", "QuarantineExpired". Ready does not
	// depend on it.
	ConditionQuarantined = "Quarantined"
)

// Reasons of a Defect's conditions.
const (
	// ReasonFiled means that the ticket exists; status.jira names it.
	ReasonFiled = "Filed"
	// ReasonFiledWithoutPriority means that the ticket exists, without its priority, which Jira does not know.
	ReasonFiledWithoutPriority = "FiledWithoutPriority"
	// ReasonNotWanted means that neither the Defect nor the integration requests a ticket.
	ReasonNotWanted = "NotWanted"
	// ReasonFiling means that the operator is creating the ticket, or is about to.
	ReasonFiling = "Filing"
	// ReasonSearching means that a ticket may exist already. The operator looks it up before it creates another one.
	ReasonSearching = "Searching"
	// ReasonInStep means that the Defect and its ticket agree.
	ReasonInStep = "InStep"
	// ReasonNoTicket means that there is no ticket to keep in sync.
	ReasonNoTicket = "NoTicket"
	// ReasonSyncing means that the operator is moving the ticket or commenting on it.
	ReasonSyncing = "Syncing"
	// ReasonTicketMissing means that the ticket no longer exists in Jira, or that the account may not see it.
	ReasonTicketMissing = "TicketMissing"
	// ReasonFiledWithoutFields means that the ticket exists, without some of the integration's fields. The message lists
	// them and explains why.
	ReasonFiledWithoutFields = "FiledWithoutFields"
	// ReasonNotified means that every notification about the Defect was delivered.
	ReasonNotified = "Notified"
	// ReasonNoRuleMatched means that no rule matched an event of the Defect.
	ReasonNoRuleMatched = "NoRuleMatched"
	// ReasonDelivering means that notifications are being delivered.
	ReasonDelivering = "Delivering"
	// ReasonNotDelivered means that a notification was given up, or waits until a person fixes something. The message
	// explains which and why. The Defect is Ready all the same.
	ReasonNotDelivered = "NotDelivered"
	// ReasonRemoved means that notifications were removed before they were delivered.
	ReasonRemoved = "Removed"
	// ReasonInQuarantine means that failures of the test fail no run.
	ReasonInQuarantine = "InQuarantine"
	// ReasonNotStarted means that the quarantine begins later.
	ReasonNotStarted = "NotStarted"
	// ReasonBroken means that the test failed in each of its last five runs of the quarantine, so that it is not flaky.
	// Its failures fail its runs again.
	ReasonBroken = "Broken"
	// ReasonQuarantineExpired means that the quarantine is over. Failures of the test fail its runs again.
	ReasonQuarantineExpired = "QuarantineExpired"
)

// DefectStatus is the observed state of a Defect.
type DefectStatus struct {
	// conditions are Ready, Ticketed, Synced and Notified, plus Quarantined if spec.quarantine is set, and Reconciling or
	// Stalled while they are True.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of the spec that this status describes; -1 before the first.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// state is the effective state of the Defect. The most recent of a change of spec.state, a change in Jira and a new
	// occurrence decides it.
	// +optional
	State State `json:"state,omitempty"`

	// stateChange is the last change of state; empty before the first.
	// +optional
	StateChange *StateChange `json:"stateChange,omitempty"`

	// wantedState is the spec.state that was last applied. The operator compares it with spec.state to detect a change.
	// +optional
	WantedState State `json:"wantedState,omitempty"`

	// stateRequestedAt is the annotation state-requested-at that was last handled.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	StateRequestedAt string `json:"stateRequestedAt,omitempty"`

	// jira is the ticket.
	// +optional
	Jira *DefectTicket `json:"jira,omitempty"`

	// events are the ids of the most recent events of this Defect that all rules have evaluated and whose Notifications
	// are stored.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	Events []EventID `json:"events,omitempty"`

	// occurrences counts how often the defect was seen.
	// +optional
	Occurrences int64 `json:"occurrences,omitempty"`

	// firstSeenTime is when the defect was first seen.
	// +optional
	FirstSeenTime *metav1.Time `json:"firstSeenTime,omitempty"`

	// lastSeenTime is when the defect was last seen.
	// +optional
	LastSeenTime *metav1.Time `json:"lastSeenTime,omitempty"`

	// resolvedTime is when the defect was last resolved.
	// +optional
	ResolvedTime *metav1.Time `json:"resolvedTime,omitempty"`

	// regressions counts how often the defect occurred again after it was resolved.
	// +optional
	Regressions int64 `json:"regressions,omitempty"`

	// history is what the outcomes of the defect's test show; empty until a run is known.
	// +optional
	History *DefectHistory `json:"history,omitempty"`

	// evidence is what became of the files in spec.evidence; empty when there are none.
	// +optional
	Evidence *DefectEvidenceStatus `json:"evidence,omitempty"`

	// messages are the messages in Slack that show this Defect, one for each rule.
	// +optional
	// +listType=map
	// +listMapKey=rule
	// +kubebuilder:validation:MaxItems=32
	Messages []DefectMessage `json:"messages,omitempty"`
}

// StateChangeCause is what changed the state of a Defect.
// +kubebuilder:validation:Enum=Spec;Jira;Regression;Passed
type StateChangeCause string

const (
	// CauseSpec means that spec.state was changed.
	CauseSpec StateChangeCause = "Spec"
	// CauseJira means that the ticket was moved in Jira.
	CauseJira StateChangeCause = "Jira"
	// CauseRegression means that the defect occurred again after it was resolved.
	CauseRegression StateChangeCause = "Regression"
	// CausePassed means that the test passed again, as often as spec.resolveAfterPasses requires.
	CausePassed StateChangeCause = "Passed"
)

// StateChange is one change of a Defect's state.
type StateChange struct {
	// number counts the changes, starting at 1.
	// +required
	// +kubebuilder:validation:Minimum=1
	Number int64 `json:"number"`

	// from is the previous state.
	// +required
	From State `json:"from"`

	// cause is Spec, Jira, Regression or Passed.
	// +required
	Cause StateChangeCause `json:"cause"`

	// time is when the state changed.
	// +required
	Time metav1.Time `json:"time"`
}

// EventID identifies an event.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=253
type EventID string

// DefectTicket is a Defect's Jira issue.
type DefectTicket struct {
	// integration is the JiraIntegration that created the ticket, as namespace/name.
	// +optional
	// +kubebuilder:validation:MaxLength=320
	Integration string `json:"integration,omitempty"`

	// key is the key, such as VOICE-42.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Key string `json:"key,omitempty"`

	// id is the numeric ID in Jira. It stays the same when the issue moves to another project.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	ID string `json:"id,omitempty"`

	// url is the address of the issue in the browser.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	URL string `json:"url,omitempty"`

	// site is spec.apiURL of the JiraIntegration when the ticket was last read or written. When the integration leads to
	// another site, the ticket is read there before anything is written to it.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Site string `json:"site,omitempty"`

	// marker is the label that identifies the ticket, when it was filed for another Defect of the same fingerprint or
	// name. Empty means defect-<uid> of this Defect.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Marker string `json:"marker,omitempty"`

	// status is the name of the status.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Status string `json:"status,omitempty"`

	// statusCategory is the category of that status: new, indeterminate or done.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	StatusCategory string `json:"statusCategory,omitempty"`

	// resolution is the name of the resolution.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Resolution string `json:"resolution,omitempty"`

	// assignee is the display name of the assignee.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Assignee string `json:"assignee,omitempty"`

	// createdTime is when the operator created the ticket, or found it.
	// +optional
	CreatedTime *metav1.Time `json:"createdTime,omitempty"`

	// lastSyncTime is when the operator last read a change from Jira, or wrote one to it.
	// +optional
	LastSyncTime *metav1.Time `json:"lastSyncTime,omitempty"`

	// updatedTime is Jira's own time of the last change of the issue that this status shows.
	// +optional
	UpdatedTime *metav1.MicroTime `json:"updatedTime,omitempty"`

	// moveTo is the state to which the ticket is being moved; empty when no move is pending.
	// +optional
	MoveTo State `json:"moveTo,omitempty"`

	// toldOccurrences is the number of occurrences that the ticket mentions.
	// +optional
	ToldOccurrences int64 `json:"toldOccurrences,omitempty"`

	// toldChange is the number of the last regression, or pass, that the ticket mentions, as in stateChange.
	// +optional
	ToldChange int64 `json:"toldChange,omitempty"`

	// lastCommentTime is when the operator last commented on the ticket.
	// +optional
	LastCommentTime *metav1.Time `json:"lastCommentTime,omitempty"`

	// jiraChangedAt is the value of the annotation jira-changed-at that was last handled.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	JiraChangedAt string `json:"jiraChangedAt,omitempty"`

	// backlink is the URL of the Defect that the ticket links to.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Backlink string `json:"backlink,omitempty"`

	// missingSince is when Jira first reported that the ticket does not exist; empty while it exists.
	// +optional
	MissingSince *metav1.Time `json:"missingSince,omitempty"`

	// ticketRequestedAt is the value of the annotation ticket-requested-at that was last handled.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	TicketRequestedAt string `json:"ticketRequestedAt,omitempty"`

	// uncertainSince is when a call that creates the ticket, or the operator that made the call, ended without an
	// answer. The operator looks up the ticket before it creates another one.
	// +optional
	UncertainSince *metav1.Time `json:"uncertainSince,omitempty"`
}

// DefectMessage is the message in Slack that shows a Defect for one rule.
type DefectMessage struct {
	// rule is the name of the NotificationRule.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Rule string `json:"rule"`

	// integration is the SlackIntegration, as namespace/name.
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
}
