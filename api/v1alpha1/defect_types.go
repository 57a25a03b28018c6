package v1alpha1

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// DefectSpec is one finding of a test, as a person or a Job writes it down.
// +kubebuilder:validation:XValidation:rule="has(self.fingerprint) == has(oldSelf.fingerprint) && (!has(self.fingerprint) || self.fingerprint == oldSelf.fingerprint)",message="fingerprint is immutable: it says which defect this is; create another Defect instead",fieldPath=".fingerprint"
type DefectSpec struct {
	// title says in one line what is wrong. It becomes the ticket's summary, shortened to 255 characters.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self.matches('[^\\\\s\\\\p{Z}]')",message="must not be blank: say in one line what is wrong"
	Title string `json:"title"`

	// severity says how bad it is: Critical, High, Medium or Low.
	// +required
	Severity Severity `json:"severity"`

	// category is Defect, which it is when empty, or EdgeCase for an unforeseen input worth a look.
	// +optional
	// +default="Defect"
	Category Category `json:"category,omitempty"`

	// description says what happened.
	// +optional
	// +kubebuilder:validation:MaxLength=16384
	Description string `json:"description,omitempty"`

	// stepsToReproduce says how to see it again.
	// +optional
	// +kubebuilder:validation:MaxLength=16384
	StepsToReproduce string `json:"stepsToReproduce,omitempty"`

	// expectedResult says what should have happened.
	// +optional
	// +kubebuilder:validation:MaxLength=16384
	ExpectedResult string `json:"expectedResult,omitempty"`

	// actualResult says what happened instead.
	// +optional
	// +kubebuilder:validation:MaxLength=16384
	ActualResult string `json:"actualResult,omitempty"`

	// suite is the id of the test suite that found it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$')",message="must be a suite's id, that is a label value: letters, digits, '-', '_' and '.', starting and ending with a letter or digit"
	Suite string `json:"suite,omitempty"`

	// run is the name of the Job that found it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Run string `json:"run,omitempty"`

	// testCase is the test that found it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	TestCase string `json:"testCase,omitempty"`

	// fingerprint identifies the defect from run to run, so that it is counted again instead of filed again. Immutable.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9._:/=+-]+$')",message="must consist of letters, digits and . _ : / = + -"
	Fingerprint string `json:"fingerprint,omitempty"`

	// occurrence is the last time it was seen. Whoever sees it again writes a newer one.
	// +optional
	Occurrence *Occurrence `json:"occurrence,omitempty"`

	// state is where the Defect is wanted to be. Each change of it moves the ticket; when empty, Jira alone decides.
	// +optional
	State State `json:"state,omitempty"`

	// jira says whether and where there is to be a ticket.
	// +optional
	Jira *DefectJira `json:"jira,omitempty"`
}

// Occurrence is one time at which a defect was seen.
type Occurrence struct {
	// time at which it was seen.
	// +required
	Time metav1.Time `json:"time"`

	// run is the name of the Job that saw it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Run string `json:"run,omitempty"`
}

// TicketCreation says whether a Defect gets a ticket.
// +kubebuilder:validation:Enum=Auto;Always;Never
type TicketCreation string

const (
	// TicketAuto leaves it to the integration's autoCreate.
	TicketAuto TicketCreation = "Auto"
	// TicketAlways makes one.
	TicketAlways TicketCreation = "Always"
	// TicketNever makes none, unless one is requested by annotation.
	TicketNever TicketCreation = "Never"
)

// DefectJira says whether and where there is to be a ticket.
type DefectJira struct {
	// integrationRef names the JiraIntegration; the default one of this namespace when empty. It cannot change once there is a ticket.
	// +optional
	IntegrationRef *IntegrationReference `json:"integrationRef,omitempty"`

	// create is Auto (the integration's autoCreate decides), Always or Never; Auto when empty.
	// +optional
	// +default="Auto"
	Create TicketCreation `json:"create,omitempty"`

	// labels are put on the ticket, next to those of the integration.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=20
	Labels []JiraLabel `json:"labels,omitempty"`
}

// Condition types of a Defect, all always present.
const (
	// ConditionTicketed is True when the ticket is there, or none is wanted.
	//
	// Possible reasons when True: "Filed", "FiledWithoutPriority", "FiledWithoutFields", "NotWanted". When False: "Filing", "Searching", "IntegrationNotFound",
	// "IntegrationNotAllowed", "IntegrationAmbiguous", "IntegrationPaused", "Suspended", or a reason why Jira refused: "Invalid",
	// "Unauthorized", "NotFound", "Conflict", "RateLimited", "Unavailable", "Ambiguous". The Defect itself is never blocked by it.
	ConditionTicketed = "Ticketed"

	// ConditionSynced is True when Defect and ticket agree: nothing waits to be said to Jira, and the ticket is still there.
	//
	// Possible reasons when True: "InStep", "NoTicket". When False: "Syncing", "TicketMissing", "IntegrationNotFound", "IntegrationPaused",
	// "Suspended", or a reason why Jira refused, as for Ticketed.
	ConditionSynced = "Synced"

	// ConditionNotified is True when all that is to be said of the Defect was said.
	//
	// Possible reasons when True: "Notified", "NoRuleMatched". When False: "Delivering", "DeliveryFailed", "RulesUnknown".
	ConditionNotified = "Notified"
)

// Reasons of a Defect's conditions.
const (
	// ReasonFiled: the ticket is there; status.jira says where.
	ReasonFiled = "Filed"
	// ReasonFiledWithoutPriority: the ticket is there, without the priority, which Jira does not know.
	ReasonFiledWithoutPriority = "FiledWithoutPriority"
	// ReasonNotWanted: neither the Defect nor the integration asks for a ticket.
	ReasonNotWanted = "NotWanted"
	// ReasonFiling: the ticket is being made, or is about to be.
	ReasonFiling = "Filing"
	// ReasonSearching: a ticket may be there already; it is looked for before another one is made.
	ReasonSearching = "Searching"
	// ReasonInStep: Defect and ticket agree.
	ReasonInStep = "InStep"
	// ReasonNoTicket: there is no ticket to be in step with.
	ReasonNoTicket = "NoTicket"
	// ReasonSyncing: the ticket is being moved or commented on.
	ReasonSyncing = "Syncing"
	// ReasonTicketMissing: Jira does not have the ticket any more, or the account may not see it.
	ReasonTicketMissing = "TicketMissing"
	// ReasonFiledWithoutFields: the ticket is there, without some of the integration's fields; the message says which and why.
	ReasonFiledWithoutFields = "FiledWithoutFields"
	// ReasonNotified: every notification about the Defect was delivered.
	ReasonNotified = "Notified"
	// ReasonNoRuleMatched: no rule is interested.
	ReasonNoRuleMatched = "NoRuleMatched"
	// ReasonDelivering: notifications are under way.
	ReasonDelivering = "Delivering"
	// ReasonDeliveryFailed: a notification was given up or waits for somebody; it says why.
	ReasonDeliveryFailed = "DeliveryFailed"
)

// DefectStatus is where the Defect stands.
type DefectStatus struct {
	// conditions are Ready, Ticketed, Synced and Notified, and Reconciling or Stalled while they hold.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of the spec that this status describes; -1 before the first.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// state is where the Defect stands, as everyone sees it: moved by the newest of a change of spec.state, a change in Jira and a new
	// occurrence.
	// +optional
	State State `json:"state,omitempty"`

	// stateChange is the last change of state; empty before the first.
	// +optional
	StateChange *StateChange `json:"stateChange,omitempty"`

	// wantedState repeats the spec.state that was last acted on, so that a change of it is noticed.
	// +optional
	WantedState State `json:"wantedState,omitempty"`

	// jira is the ticket.
	// +optional
	Jira *DefectTicket `json:"jira,omitempty"`

	// events are the ids of the last things told about the Defect for which every rule was asked and every notification is stored.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	Events []EventID `json:"events,omitempty"`

	// occurrences counts how often it was seen.
	// +optional
	Occurrences int64 `json:"occurrences,omitempty"`

	// firstSeenTime is when it was first seen.
	// +optional
	FirstSeenTime *metav1.Time `json:"firstSeenTime,omitempty"`

	// lastSeenTime is when it was last seen.
	// +optional
	LastSeenTime *metav1.Time `json:"lastSeenTime,omitempty"`

	// resolvedTime is when it was last resolved.
	// +optional
	ResolvedTime *metav1.Time `json:"resolvedTime,omitempty"`

	// regressions counts how often it came back after it was resolved.
	// +optional
	Regressions int64 `json:"regressions,omitempty"`

	// messages are where the Defect is shown in Slack.
	// +optional
	// +listType=map
	// +listMapKey=rule
	// +kubebuilder:validation:MaxItems=32
	Messages []DefectMessage `json:"messages,omitempty"`
}

// StateChangeCause says what moved a Defect's state.
// +kubebuilder:validation:Enum=Spec;Jira;Regression
type StateChangeCause string

const (
	// CauseSpec: somebody changed spec.state.
	CauseSpec StateChangeCause = "Spec"
	// CauseJira: somebody moved the ticket.
	CauseJira StateChangeCause = "Jira"
	// CauseRegression: the defect occurred again after it was resolved.
	CauseRegression StateChangeCause = "Regression"
)

// StateChange is one change of a Defect's state.
type StateChange struct {
	// number counts the changes.
	// +required
	// +kubebuilder:validation:Minimum=1
	Number int64 `json:"number"`

	// from is the state before.
	// +required
	From State `json:"from"`

	// cause is Spec, Jira or Regression.
	// +required
	Cause StateChangeCause `json:"cause"`

	// time of the change.
	// +required
	Time metav1.Time `json:"time"`
}

// SetChangedBy notes who changed spec.state to what it is.
func (d *Defect) SetChangedBy(who string) {
	metav1.SetMetaDataAnnotation(&d.ObjectMeta, ChangedByAnnotation, string(d.Spec.State)+"/"+who)
}

// ChangedBy is who changed spec.state to what it is; empty when nobody said so.
func (d *Defect) ChangedBy() string {
	state, who, _ := strings.Cut(d.Annotations[ChangedByAnnotation], "/")
	if state != string(d.Spec.State) {
		return ""
	}
	return who
}

// EventID identifies something that happened.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=253
type EventID string

// DefectTicket is a Defect's Jira issue.
type DefectTicket struct {
	// integration is the JiraIntegration it was made with, as namespace/name.
	// +optional
	// +kubebuilder:validation:MaxLength=320
	Integration string `json:"integration,omitempty"`

	// key is the key, such as VOICE-42.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Key string `json:"key,omitempty"`

	// id is the number inside Jira, which stays when it is moved.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	ID string `json:"id,omitempty"`

	// url opens the issue.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	URL string `json:"url,omitempty"`

	// status is the status, by name.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Status string `json:"status,omitempty"`

	// statusCategory is the category of that status: new, indeterminate or done.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	StatusCategory string `json:"statusCategory,omitempty"`

	// resolution is how it was resolved, by name.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Resolution string `json:"resolution,omitempty"`

	// assignee is the display name of whoever works on it.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Assignee string `json:"assignee,omitempty"`

	// createdTime is when the operator filed the ticket, or found it.
	// +optional
	CreatedTime *metav1.Time `json:"createdTime,omitempty"`

	// lastSyncTime is when something new was last read from Jira, or something was written there.
	// +optional
	LastSyncTime *metav1.Time `json:"lastSyncTime,omitempty"`

	// updatedTime is Jira's own time of the last change that is shown here.
	// +optional
	UpdatedTime *metav1.MicroTime `json:"updatedTime,omitempty"`

	// moveTo is the state to which the ticket is being moved; empty when it is where it should be.
	// +optional
	MoveTo State `json:"moveTo,omitempty"`

	// toldOccurrences is how many occurrences the ticket tells of.
	// +optional
	ToldOccurrences int64 `json:"toldOccurrences,omitempty"`

	// lastCommentTime is when the operator last commented on the ticket.
	// +optional
	LastCommentTime *metav1.Time `json:"lastCommentTime,omitempty"`

	// jiraChangedAt repeats the annotation jira-changed-at that was last honoured.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	JiraChangedAt string `json:"jiraChangedAt,omitempty"`

	// backlink is the link to the Defect that was put on the ticket.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Backlink string `json:"backlink,omitempty"`

	// missingSince is when Jira first said that it does not have the ticket any more; empty when it does.
	// +optional
	MissingSince *metav1.Time `json:"missingSince,omitempty"`

	// ticketRequestedAt repeats the annotation ticket-requested-at that was last honoured.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	TicketRequestedAt string `json:"ticketRequestedAt,omitempty"`

	// uncertainSince is when a call to make the ticket, or the operator that made it, ended without an answer. A ticket is looked for
	// before another one is made.
	// +optional
	UncertainSince *metav1.Time `json:"uncertainSince,omitempty"`
}

// DefectMessage is where the Defect is shown in Slack for one rule.
type DefectMessage struct {
	// rule is the NotificationRule, by name.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Rule string `json:"rule"`

	// integration is the SlackIntegration, as namespace/name.
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
}

// Defect is one finding: it gets a Jira ticket where that is wanted, those who should know hear of it in Slack, and its status says
// where it stands.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:categories=voiceai
// +kubebuilder:printcolumn:name="Severity",type=string,JSONPath=`.spec.severity`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Ticket",type=string,JSONPath=`.status.jira.key`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Title",type=string,JSONPath=`.spec.title`,priority=1
// +kubebuilder:printcolumn:name="Suite",type=string,JSONPath=`.spec.suite`,priority=1
// +kubebuilder:printcolumn:name="Jira Status",type=string,JSONPath=`.status.jira.status`,priority=1
// +kubebuilder:printcolumn:name="URL",type=string,JSONPath=`.status.jira.url`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.status) || !has(oldSelf.status.jira) || !has(oldSelf.status.jira.key) || (has(self.spec.jira) && has(self.spec.jira.integrationRef)) == (has(oldSelf.spec.jira) && has(oldSelf.spec.jira.integrationRef)) && (!has(self.spec.jira) || !has(self.spec.jira.integrationRef) || self.spec.jira.integrationRef == oldSelf.spec.jira.integrationRef)",message="spec.jira.integrationRef cannot change once there is a ticket: status.jira.key names it",fieldPath=".spec.jira.integrationRef"
type Defect struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is the finding.
	// +required
	Spec DefectSpec `json:"spec"`

	// status is where it stands.
	// +optional
	// +structType=atomic
	// +kubebuilder:default:={"observedGeneration":-1}
	Status DefectStatus `json:"status,omitzero"`
}

// DefectList is a list of Defects.
// +kubebuilder:object:root=true
type DefectList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []Defect `json:"items"`
}

// GetConditions returns the conditions, for those who set and read them.
func (d *Defect) GetConditions() *[]metav1.Condition { return &d.Status.Conditions }

// SetObservedGeneration records which generation of the spec the status describes.
func (d *Defect) SetObservedGeneration(g int64) { d.Status.ObservedGeneration = g }

// Marker is the Jira label and entity property that says which Defect a ticket belongs to: defect-<uid>.
func (d *Defect) Marker() string { return MarkerFor(d.UID) }

// MarkerFor is the marker of the Defect with a UID.
func MarkerFor(uid types.UID) string { return "defect-" + string(uid) }
