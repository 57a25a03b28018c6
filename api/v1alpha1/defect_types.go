// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// DefectSpec describes one finding of a test, as reported by a person or a Job.
// +kubebuilder:validation:XValidation:rule="has(self.fingerprint) == has(oldSelf.fingerprint) && (!has(self.fingerprint) || self.fingerprint == oldSelf.fingerprint)",message="fingerprint is immutable because it identifies the defect; create another Defect instead",fieldPath=".fingerprint"
type DefectSpec struct {
	// title summarizes the problem in one line. It becomes the ticket's summary, shortened to 255 characters.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self.matches('[^\\\\s\\\\p{Z}]')",message="must not be blank; summarize the problem in one line"
	// +kubebuilder:validation:XValidation:rule="!self.matches('[\\\\x00-\\\\x08\\\\x0b\\\\x0c\\\\x0e-\\\\x1f\\\\x7f-\\\\x9f\\\\x{202a}-\\\\x{202e}\\\\x{2066}-\\\\x{2069}]')",message="must not contain control characters or marks that change the direction of writing, which terminals interpret; leave them out"
	Title string `json:"title"`

	// severity is Critical, High, Medium or Low.
	// +required
	Severity Severity `json:"severity"`

	// category is Defect, or EdgeCase for an unforeseen input that deserves a look. Defaults to Defect.
	// +optional
	// +default="Defect"
	Category Category `json:"category,omitempty"`

	// description explains what happened.
	// +optional
	// +kubebuilder:validation:MaxLength=16384
	Description string `json:"description,omitempty"`

	// stepsToReproduce explains how to reproduce the problem.
	// +optional
	// +kubebuilder:validation:MaxLength=16384
	StepsToReproduce string `json:"stepsToReproduce,omitempty"`

	// expectedResult is what should have happened.
	// +optional
	// +kubebuilder:validation:MaxLength=16384
	ExpectedResult string `json:"expectedResult,omitempty"`

	// actualResult is what happened instead.
	// +optional
	// +kubebuilder:validation:MaxLength=16384
	ActualResult string `json:"actualResult,omitempty"`

	// suite is the id of the test suite that found the defect.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$')",message="must be the ID of a suite, which is a label value: letters, digits, '-', '_' and '.', starting and ending with a letter or digit"
	Suite string `json:"suite,omitempty"`

	// run is the name of the Job that found the defect.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Run string `json:"run,omitempty"`

	// testCase is the name of the test that found the defect.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	TestCase string `json:"testCase,omitempty"`

	// fingerprint identifies the same defect across runs, so that it is counted again instead of filed again. Immutable.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9._:/=+-]+$')",message="must consist of letters, digits and . _ : / = + -"
	Fingerprint string `json:"fingerprint,omitempty"`

	// occurrence is the most recent time the defect was seen. To report that it was seen again, write a newer one.
	// +optional
	Occurrence *Occurrence `json:"occurrence,omitempty"`

	// tests are the tests that failed for the same reason, if the defect stands for several.
	// +optional
	// +listType=map
	// +listMapKey=id
	// +kubebuilder:validation:MaxItems=100
	Tests []DefectTest `json:"tests,omitempty"`

	// outcomes are the outcomes of the defect's test in the last runs, also of those in which it passed. Each is merged into
	// status.history, once for each run; one that status.history shows may be left out. A run that failed or was flaky is
	// an occurrence.
	// +optional
	// +listType=map
	// +listMapKey=run
	// +kubebuilder:validation:MaxItems=50
	Outcomes []TestOutcome `json:"outcomes,omitempty"`

	// resolveAfterPasses is in how many runs in a row the test must pass for the Defect to be resolved. Defaults to 3; 0
	// leaves it to people. A test that flaked in its last 20 runs must pass in 10 at least.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=50
	ResolveAfterPasses *int32 `json:"resolveAfterPasses,omitempty"`

	// quarantine keeps failures of the test from failing its runs, for 14 days at most.
	// +optional
	Quarantine *Quarantine `json:"quarantine,omitempty"`

	// voice is what is known of the call in which the defect was found.
	// +optional
	// +nullable
	Voice *Voice `json:"voice,omitempty"`

	// evidence lists the files that show the defect.
	// +optional
	Evidence *DefectEvidence `json:"evidence,omitempty"`

	// state is the desired state of the Defect. Each change of it moves the ticket. If empty, Jira alone decides.
	// +optional
	State State `json:"state,omitempty"`

	// jira configures whether and where a ticket is created.
	// +optional
	// +nullable
	Jira *DefectJira `json:"jira,omitempty"`
}

// Occurrence is one time at which a defect was seen.
// +structType=atomic
type Occurrence struct {
	// time is when the defect was seen.
	// +required
	Time metav1.Time `json:"time"`

	// run is the name of the Job that saw the defect.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Run string `json:"run,omitempty"`
}

// TicketCreation decides whether a Defect gets a ticket.
// +kubebuilder:validation:Enum=Auto;Always;Never
type TicketCreation string

const (
	// TicketAuto leaves the decision to the integration's autoCreate.
	TicketAuto TicketCreation = "Auto"
	// TicketAlways creates a ticket.
	TicketAlways TicketCreation = "Always"
	// TicketNever creates no ticket unless one is requested by annotation.
	TicketNever TicketCreation = "Never"
)

// DefectJira configures whether and where a ticket is created.
type DefectJira struct {
	// integrationRef names the JiraIntegration. Defaults to the default one of this namespace. It cannot change once the
	// ticket exists.
	// +optional
	IntegrationRef *IntegrationReference `json:"integrationRef,omitempty"`

	// create is Always, Never, or Auto to follow the integration's autoCreate. Defaults to Auto.
	// +optional
	// +default="Auto"
	Create TicketCreation `json:"create,omitempty"`

	// labels are added to the ticket, in addition to the integration's labels.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=20
	Labels []JiraLabel `json:"labels,omitempty"`
}

// Defect is one finding of a test. It can have a Jira ticket and messages in Slack; its status shows the state of all
// of them.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:metadata:annotations="argocd.argoproj.io/sync-options=Prune=false,Delete=false"
// +kubebuilder:metadata:annotations="helm.sh/resource-policy=keep"
// +kubebuilder:metadata:annotations="kustomize.toolkit.fluxcd.io/prune=disabled"
// +kubebuilder:resource:categories=voiceai
// +kubebuilder:printcolumn:name="Title",type=string,JSONPath=`.spec.title`
// +kubebuilder:printcolumn:name="Severity",type=string,JSONPath=`.spec.severity`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Ticket",type=string,JSONPath=`.status.jira.key`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Suite",type=string,JSONPath=`.spec.suite`,priority=1
// +kubebuilder:printcolumn:name="History",type=string,JSONPath=`.status.history.strip`,priority=1
// +kubebuilder:printcolumn:name="Jira Status",type=string,JSONPath=`.status.jira.status`,priority=1
// +kubebuilder:printcolumn:name="URL",type=string,JSONPath=`.status.jira.url`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.status) || !has(oldSelf.status.jira) || !has(oldSelf.status.jira.key) || (has(self.spec.jira) && has(self.spec.jira.integrationRef)) == (has(oldSelf.spec.jira) && has(oldSelf.spec.jira.integrationRef)) && (!has(self.spec.jira) || !has(self.spec.jira.integrationRef) || self.spec.jira.integrationRef == oldSelf.spec.jira.integrationRef)",message="spec.jira.integrationRef is immutable once the Defect has a ticket; status.jira.key names the ticket",fieldPath=".spec.jira.integrationRef"
type Defect struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec describes the finding.
	// +required
	Spec DefectSpec `json:"spec"`

	// status is the observed state of the Defect.
	// +optional
	// +structType=atomic
	// +default={"observedGeneration":-1}
	Status DefectStatus `json:"status,omitzero"`
}

// DefectList is a list of Defects.
// +kubebuilder:object:root=true
type DefectList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []Defect `json:"items"`
}

// GetConditions returns a pointer to the conditions of the status.
func (d *Defect) GetConditions() *[]metav1.Condition { return &d.Status.Conditions }

// SetObservedGeneration records the generation of the spec that the status describes.
func (d *Defect) SetObservedGeneration(g int64) { d.Status.ObservedGeneration = g }

// Marker returns the Jira label and entity property that identify the Defect's ticket: defect-<uid>.
func (d *Defect) Marker() string { return MarkerFor(d.UID) }

// TicketMarker returns the marker that the Defect's ticket carries, which may have been filed for another Defect.
func (d *Defect) TicketMarker() string {
	if j := d.Status.Jira; j != nil && j.Marker != "" {
		return j.Marker
	}
	return d.Marker()
}

// Identity returns what identifies the finding when its object is created again: a hash of the namespace and the
// fingerprint or, without a fingerprint, the name.
func (d *Defect) Identity() string {
	if d.Spec.Fingerprint != "" {
		return hashOf(d.Namespace, "fingerprint", d.Spec.Fingerprint)
	}
	return hashOf(d.Namespace, "name", d.Name)
}

// Finding returns what identifies the finding in any namespace: a hash of the fingerprint or, without a fingerprint, of
// the name and title.
func (d *Defect) Finding() string {
	if d.Spec.Fingerprint != "" {
		return hashOf("fingerprint", d.Spec.Fingerprint)
	}
	return hashOf("name", d.Name, d.Spec.Title)
}

func hashOf(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:10])
}

// MarkerFor returns the marker of the Defect with the given UID.
func MarkerFor(uid types.UID) string { return "defect-" + string(uid) }

// PendingState returns the spec.state that is to be applied: one that changed, or that was requested once more. It is
// empty when there is none.
func (d *Defect) PendingState() State {
	if at := d.stateRequest(); d.Spec.State != d.Status.WantedState || at != "" && at != d.Status.StateRequestedAt {
		return d.Spec.State
	}
	return ""
}

// SetWantedState records that spec.state was applied.
func (d *Defect) SetWantedState() {
	d.Status.WantedState = d.Spec.State
	if at := d.stateRequest(); at != "" {
		d.Status.StateRequestedAt = at
	}
}

// stateRequest returns the time of the last request of spec.state, empty when there was none. What is no time is none.
func (d *Defect) stateRequest() string {
	at := d.Annotations[StateRequestedAtAnnotation]
	if _, err := time.Parse(time.RFC3339Nano, at); err != nil || len(at) > maxRequestTime {
		return ""
	}
	return at
}

// maxRequestTime bounds the time in an annotation, as the status does.
const maxRequestTime = 64

// SetChangedBy records the person who set spec.state to its current value.
func (d *Defect) SetChangedBy(who string) {
	metav1.SetMetaDataAnnotation(&d.ObjectMeta, ChangedByAnnotation, string(d.Spec.State)+"/"+who)
}

// ChangedBy returns the person who set spec.state to its current value, or "" if that is unknown.
func (d *Defect) ChangedBy() string {
	state, who, _ := strings.Cut(d.Annotations[ChangedByAnnotation], "/")
	if state != string(d.Spec.State) {
		return ""
	}
	return who
}
