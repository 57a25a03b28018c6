// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Severity is how bad a finding or an alert is.
// +kubebuilder:validation:Enum=Critical;High;Medium;Low
type Severity string

// The severities, worst first.
const (
	SeverityCritical Severity = "Critical"
	SeverityHigh     Severity = "High"
	SeverityMedium   Severity = "Medium"
	SeverityLow      Severity = "Low"
)

// Rank returns 4 for Critical down to 1 for Low, and 0 for anything else.
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

// Category is the kind of finding.
// +kubebuilder:validation:Enum=Defect;EdgeCase
type Category string

const (
	// CategoryDefect is a fault.
	CategoryDefect Category = "Defect"
	// CategoryEdgeCase is an unforeseen input that deserves a look.
	CategoryEdgeCase Category = "EdgeCase"
)

// State is the state of a Defect.
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
// +structType=atomic
type SecretKeyReference struct {
	// name is the name of the Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a Secret: lowercase letters, digits, '-' and '.', starting and ending with a letter or digit"
	Name string `json:"name"`

	// key is the key in the Secret's data.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[-._a-zA-Z0-9]+$') && self != '.' && !self.startsWith('..')",message="must be a key of a Secret: letters, digits, '-', '_' and '.', not '.' itself and not starting with '..'"
	Key string `json:"key"`
}

// IntegrationReference names a SlackIntegration or a JiraIntegration.
// +structType=atomic
type IntegrationReference struct {
	// name is the name of the integration.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of an integration: lowercase letters, digits, '-' and '.', starting and ending with a letter or digit"
	Name string `json:"name"`

	// namespace is the namespace of the integration. Defaults to the namespace of the object that refers to it. The
	// spec.allowedNamespaces of an integration in another namespace must admit that object's namespace.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Label().validate(self).hasValue()",message="must be the name of a namespace: lowercase letters, digits and '-', starting and ending with a letter or digit"
	Namespace string `json:"namespace,omitempty"`
}

// NamespacesFrom selects the namespaces that may refer to an integration.
// +kubebuilder:validation:Enum=Same;All;Selector
type NamespacesFrom string

const (
	// NamespacesFromSame admits the integration's own namespace only.
	NamespacesFromSame NamespacesFrom = "Same"
	// NamespacesFromAll admits every namespace.
	NamespacesFromAll NamespacesFrom = "All"
	// NamespacesFromSelector admits the namespaces that match a label selector.
	NamespacesFromSelector NamespacesFrom = "Selector"
)

// AllowedNamespaces opens an integration to objects in other namespaces.
// +kubebuilder:validation:XValidation:rule="self.from == 'Selector' ? has(self.selector) : !has(self.selector)",message="selector is required when from is Selector, and forbidden otherwise",fieldPath=".selector"
// +structType=atomic
type AllowedNamespaces struct {
	// from is Same (this namespace only), All, or Selector (this namespace and those that match selector).
	// +required
	From NamespacesFrom `json:"from"`

	// selector selects namespaces by their labels; {} selects all. Set it if from is Selector, and only then.
	// +optional
	Selector *LabelSelector `json:"selector,omitempty"`
}

// LabelSelector selects objects by their labels. All requirements must hold. It is a bounded form of the Kubernetes
// label selector.
// +structType=atomic
type LabelSelector struct {
	// matchLabels are labels and their required values.
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	// +kubebuilder:validation:XValidation:rule="self.all(k, size(k) <= 317 && !format.qualifiedName().validate(k).hasValue())",message="each key must be a label key, such as team or example.com/team. A rule matches other labels of events by spec.when, such as '_team' in event.labels"
	MatchLabels map[string]LabelValue `json:"matchLabels,omitempty"`

	// matchExpressions are further requirements.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	MatchExpressions []LabelRequirement `json:"matchExpressions,omitempty"`
}

// LabelValue is the value of a label.
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:XValidation:rule="!format.labelValue().validate(self).hasValue()",message="must be a label value: letters, digits, '-', '_' and '.', starting and ending with a letter or digit. A rule matches other values of events by spec.when, such as event.labels['job'] == 'a/b'"
type LabelValue string

// LabelRequirement is one requirement of a LabelSelector.
// +kubebuilder:validation:XValidation:rule="self.operator in ['In', 'NotIn'] ? has(self.values) && size(self.values) > 0 : !has(self.values) || size(self.values) == 0",message="values are required when operator is In or NotIn, and forbidden otherwise",fieldPath=".values"
type LabelRequirement struct {
	// key is the key of the label.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=317
	// +kubebuilder:validation:XValidation:rule="!format.qualifiedName().validate(self).hasValue()",message="must be a label key, such as team or example.com/team. A rule matches other labels of events by spec.when, such as '_team' in event.labels"
	Key string `json:"key"`

	// operator is In, NotIn, Exists or DoesNotExist.
	// +required
	Operator LabelOperator `json:"operator"`

	// values are the values that the label must (In) or must not (NotIn) have. Set them for In and NotIn, and only for
	// these.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Values []LabelValue `json:"values,omitempty"`
}

// LabelOperator relates a label to values.
// +kubebuilder:validation:Enum=In;NotIn;Exists;DoesNotExist
type LabelOperator string

// AsMeta converts the selector to the type that apimachinery compiles. It converts nil to nil.
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

// Outcome is how a call to Slack or Jira ended.
// +kubebuilder:validation:Enum=Succeeded;Failed
type Outcome string

const (
	// OutcomeSucceeded means that Slack or Jira accepted the call.
	OutcomeSucceeded Outcome = "Succeeded"
	// OutcomeFailed means that Slack or Jira refused the call, or that its result is unknown.
	OutcomeFailed Outcome = "Failed"
)

// Activity is one call that an integration made. It never contains a secret.
type Activity struct {
	// time is when the call ended.
	// +required
	Time metav1.Time `json:"time"`

	// action is what the call did, such as PostMessage or CreateIssue.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Action string `json:"action"`

	// object is the object that the call was made for, as Kind/namespace/name.
	// +optional
	// +kubebuilder:validation:MaxLength=400
	Object string `json:"object,omitempty"`

	// outcome is Succeeded or Failed.
	// +required
	Outcome Outcome `json:"outcome"`

	// detail is the ticket key or the channel of a successful call, or the error of a failed one.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Detail string `json:"detail,omitempty"`
}

// Health summarizes the calls of an integration.
type Health struct {
	// lastSuccessTime is when a call last succeeded.
	// +optional
	LastSuccessTime *metav1.Time `json:"lastSuccessTime,omitempty"`

	// lastErrorTime is when a call last failed.
	// +optional
	LastErrorTime *metav1.Time `json:"lastErrorTime,omitempty"`

	// lastError explains the last failure and how to fix it.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	LastError string `json:"lastError,omitempty"`

	// unhealthySince is when the operator announced that the integration stopped working; empty once it has announced
	// the recovery.
	// +optional
	UnhealthySince *metav1.Time `json:"unhealthySince,omitempty"`

	// activities are the last 20 calls that the integration made on behalf of other objects, newest first.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	Activities []Activity `json:"activities,omitempty"`
}

// MaxActivities is the number of activities that a status keeps.
const MaxActivities = 20
