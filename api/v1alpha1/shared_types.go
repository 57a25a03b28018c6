package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Severity says how bad a finding or an alert is.
// +kubebuilder:validation:Enum=Critical;High;Medium;Low
type Severity string

// The severities, worst first.
const (
	SeverityCritical Severity = "Critical"
	SeverityHigh     Severity = "High"
	SeverityMedium   Severity = "Medium"
	SeverityLow      Severity = "Low"
)

// Rank orders severities: Critical is 4, Low is 1, anything else 0.
func (s Severity) Rank() int {
	switch s {
	case SeverityCritical:
		return 4
	case SeverityHigh:
		return 3
	case SeverityMedium:
		return 2
	case SeverityLow:
		return 1
	default:
		return 0
	}
}

// Category says what kind of finding a Defect is.
// +kubebuilder:validation:Enum=Defect;EdgeCase
type Category string

const (
	// CategoryDefect is something that is wrong.
	CategoryDefect Category = "Defect"
	// CategoryEdgeCase is an input nobody had thought of, worth a look.
	CategoryEdgeCase Category = "EdgeCase"
)

// State is where a Defect stands.
// +kubebuilder:validation:Enum=Open;InProgress;Resolved;Closed
type State string

// The states of a Defect, in their usual order.
const (
	StateOpen       State = "Open"
	StateInProgress State = "InProgress"
	StateResolved   State = "Resolved"
	StateClosed     State = "Closed"
)

// SecretKeyReference names one key of a Secret in the namespace of the object that refers to it.
type SecretKeyReference struct {
	// name of the Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a Secret: lower case letters, digits, '-' and '.', starting and ending with a letter or digit"
	Name string `json:"name"`

	// key in the Secret's data whose value is used.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[-._a-zA-Z0-9]+$') && self != '.' && !self.startsWith('..')",message="must be a key of a Secret: letters, digits, '-', '_' and '.', not '.' itself and not starting with '..'"
	Key string `json:"key"`
}

// IntegrationReference names a SlackIntegration or a JiraIntegration.
type IntegrationReference struct {
	// name of the integration.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of an integration: lower case letters, digits, '-' and '.', starting and ending with a letter or digit"
	Name string `json:"name"`

	// namespace of the integration; the namespace of the object that refers to it when empty. Another namespace works only if the
	// integration's spec.allowedNamespaces admits this one.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Label().validate(self).hasValue()",message="must be the name of a namespace: lower case letters, digits and '-', starting and ending with a letter or digit"
	Namespace string `json:"namespace,omitempty"`
}

// NamespacesFrom says which namespaces may refer to an integration.
// +kubebuilder:validation:Enum=Same;All;Selector
type NamespacesFrom string

const (
	// NamespacesFromSame admits the integration's own namespace only.
	NamespacesFromSame NamespacesFrom = "Same"
	// NamespacesFromAll admits every namespace.
	NamespacesFromAll NamespacesFrom = "All"
	// NamespacesFromSelector admits the namespaces that a label selector chooses.
	NamespacesFromSelector NamespacesFrom = "Selector"
)

// AllowedNamespaces opens an integration to objects in other namespaces.
// +kubebuilder:validation:XValidation:rule="self.from == 'Selector' ? has(self.selector) : !has(self.selector)",message="selector must be set when from is Selector, and only then",fieldPath=".selector"
type AllowedNamespaces struct {
	// from is Same (this namespace only), All, or Selector (the namespaces that selector chooses, and this one).
	// +required
	From NamespacesFrom `json:"from"`

	// selector chooses namespaces by their labels; {} chooses all. Set it when from is Selector, and only then.
	// +optional
	Selector *LabelSelector `json:"selector,omitempty"`
}

// LabelSelector chooses by labels; all its parts must hold. It is a bounded form of the one in Kubernetes' own API.
type LabelSelector struct {
	// matchLabels are labels and the values they must have.
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	// +kubebuilder:validation:XValidation:rule="self.all(k, size(k) <= 317 && !format.qualifiedName().validate(k).hasValue())",message="each key must be the key of a label, such as team or example.com/team"
	MatchLabels map[string]LabelValue `json:"matchLabels,omitempty"`

	// matchExpressions are further requirements.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	MatchExpressions []LabelRequirement `json:"matchExpressions,omitempty"`
}

// LabelValue is the value of a label.
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:XValidation:rule="!format.labelValue().validate(self).hasValue()",message="must be the value of a label: letters, digits, '-', '_' and '.', starting and ending with a letter or digit"
type LabelValue string

// LabelRequirement is one requirement of a LabelSelector.
// +kubebuilder:validation:XValidation:rule="self.operator in ['In', 'NotIn'] ? has(self.values) && size(self.values) > 0 : !has(self.values) || size(self.values) == 0",message="values must be given for In and NotIn, and only for them",fieldPath=".values"
type LabelRequirement struct {
	// key is the label that the requirement is about.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=317
	// +kubebuilder:validation:XValidation:rule="!format.qualifiedName().validate(self).hasValue()",message="must be the key of a label, such as team or example.com/team"
	Key string `json:"key"`

	// operator is In, NotIn, Exists or DoesNotExist.
	// +required
	Operator LabelOperator `json:"operator"`

	// values that the label must (In) or must not (NotIn) have. Set them for In and NotIn, and only for them.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Values []LabelValue `json:"values,omitempty"`
}

// LabelOperator relates a label to values.
// +kubebuilder:validation:Enum=In;NotIn;Exists;DoesNotExist
type LabelOperator string

// AsMeta is the selector in the form that apimachinery's labels package compiles. A nil selector stays nil.
func (s *LabelSelector) AsMeta() *metav1.LabelSelector {
	if s == nil {
		return nil
	}
	out := &metav1.LabelSelector{}
	for k, v := range s.MatchLabels {
		if out.MatchLabels == nil {
			out.MatchLabels = make(map[string]string, len(s.MatchLabels))
		}
		out.MatchLabels[k] = string(v)
	}
	for _, e := range s.MatchExpressions {
		r := metav1.LabelSelectorRequirement{Key: e.Key, Operator: metav1.LabelSelectorOperator(e.Operator)}
		for _, v := range e.Values {
			r.Values = append(r.Values, string(v))
		}
		out.MatchExpressions = append(out.MatchExpressions, r)
	}
	return out
}

// Outcome says how a call to Slack or Jira ended.
// +kubebuilder:validation:Enum=Succeeded;Failed
type Outcome string

const (
	// OutcomeSucceeded means that the other side accepted.
	OutcomeSucceeded Outcome = "Succeeded"
	// OutcomeFailed means that it did not, or that nobody knows.
	OutcomeFailed Outcome = "Failed"
)

// Activity is one thing an integration did. It never holds a secret.
type Activity struct {
	// time at which the call ended.
	// +required
	Time metav1.Time `json:"time"`

	// action is what was done, such as PostMessage or CreateIssue.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Action string `json:"action"`

	// object is what it was done for, as Kind/namespace/name.
	// +optional
	// +kubebuilder:validation:MaxLength=400
	Object string `json:"object,omitempty"`

	// outcome is Succeeded or Failed.
	// +required
	Outcome Outcome `json:"outcome"`

	// detail is the key or the channel on success, the error otherwise.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Detail string `json:"detail,omitempty"`
}

// Health is what every integration shows of its traffic.
type Health struct {
	// lastSuccessTime is when the other side last accepted a call.
	// +optional
	LastSuccessTime *metav1.Time `json:"lastSuccessTime,omitempty"`

	// lastErrorTime is when a call last failed.
	// +optional
	LastErrorTime *metav1.Time `json:"lastErrorTime,omitempty"`

	// lastError says what was wrong then and what to do.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	LastError string `json:"lastError,omitempty"`

	// unhealthySince is when it was last told that the integration does not work; empty when it was told that it does.
	// +optional
	UnhealthySince *metav1.Time `json:"unhealthySince,omitempty"`

	// activities are the last 20 things the integration did for others, newest first.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	Activities []Activity `json:"activities,omitempty"`
}

// MaxActivities is how many activities a status keeps.
const MaxActivities = 20

// Condition types that several kinds share.
const (
	// ConditionReady sums the object up: True when it does what its spec says. Always present.
	//
	// Possible reasons when True: "Ready", "Delivered".
	// When False: "Suspended", "Progressing", or the reason of the condition that is not well.
	ConditionReady = "Ready"

	// ConditionReconciling is present, and True, only while the operator is still working on it or will try again by itself.
	ConditionReconciling = "Reconciling"

	// ConditionStalled is present, and True, only when nothing will change until somebody changes something. Its reason and
	// message say what.
	ConditionStalled = "Stalled"
)

// Reasons that several conditions share.
const (
	// ReasonReady: everything the spec asks for holds.
	ReasonReady = "Ready"
	// ReasonProgressing: work is under way.
	ReasonProgressing = "Progressing"
	// ReasonSuspended: spec.suspend is true here or on the integration that is needed; nothing is done until it is false.
	ReasonSuspended = "Suspended"
	// ReasonInvalid: the other side refused the request for what it says.
	ReasonInvalid = "Invalid"
	// ReasonUnauthorized: the credentials were refused.
	ReasonUnauthorized = "Unauthorized"
	// ReasonNotFound: what was named does not exist, or the credentials may not see it.
	ReasonNotFound = "NotFound"
	// ReasonConflict: somebody changed the same thing at the same time.
	ReasonConflict = "Conflict"
	// ReasonRateLimited: the other side asked to wait.
	ReasonRateLimited = "RateLimited"
	// ReasonUnavailable: the other side did not answer, or not sensibly.
	ReasonUnavailable = "Unavailable"
	// ReasonAmbiguous: the connection broke at a moment at which the other side may have acted. It is being found out.
	ReasonAmbiguous = "Ambiguous"
	// ReasonSecretNotFound: a Secret that is named does not exist.
	ReasonSecretNotFound = "SecretNotFound"
	// ReasonSecretKeyNotFound: the Secret exists and has no such key, or an empty one.
	ReasonSecretKeyNotFound = "SecretKeyNotFound"
	// ReasonSecretInvalid: the value under the key cannot be what it should be.
	ReasonSecretInvalid = "SecretInvalid"
	// ReasonIntegrationNotFound: the integration that is named, or a default one, does not exist.
	ReasonIntegrationNotFound = "IntegrationNotFound"
	// ReasonIntegrationNotAllowed: the integration is in another namespace and does not admit this one.
	ReasonIntegrationNotAllowed = "IntegrationNotAllowed"
	// ReasonIntegrationAmbiguous: none is named and more than one is marked as default.
	ReasonIntegrationAmbiguous = "IntegrationAmbiguous"
	// ReasonIntegrationPaused: calls wait because the integration has trouble; they go on by themselves when it is over.
	ReasonIntegrationPaused = "IntegrationPaused"
)

// Condition types of the integrations, both always present.
const (
	// ConditionAuthenticated is True when the credentials were found and the other side accepted them.
	//
	// Possible reasons when True: "Accepted", and "Unverified" for an incoming webhook that has not been used yet.
	// When False: "SecretNotFound", "SecretKeyNotFound", "SecretInvalid", "Unauthorized". Unknown: "Suspended", "Unavailable".
	ConditionAuthenticated = "Authenticated"

	// ConditionHealthy is True when what the spec names exists on the other side and calls succeed.
	//
	// Possible reasons when True: "Healthy", "Unverified", "Degraded" (it works, with less than the spec asks for).
	// When False: "Invalid", "NotFound", "RateLimited", "Unavailable", "Unauthorized". Unknown: "NotAuthenticated", "Suspended".
	ConditionHealthy = "Healthy"
)

// Reasons of the integrations' conditions.
const (
	ReasonAccepted         = "Accepted"
	ReasonUnverified       = "Unverified"
	ReasonHealthy          = "Healthy"
	ReasonDegraded         = "Degraded"
	ReasonNotAuthenticated = "NotAuthenticated"
)
