package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

const (
	// TestRequestedAtAnnotation on a SlackIntegration or a JiraIntegration asks the operator to try it out now. Its value is the RFC 3339 time of
	// the request; status.lastTest.requestedAt repeats the one last honoured.
	TestRequestedAtAnnotation = "integrations.voiceai.dev/test-requested-at"

	// TestChannelAnnotation on a SlackIntegration is the channel that the test message goes to; spec.defaultChannel when there is none.
	TestChannelAnnotation = "integrations.voiceai.dev/test-channel"
)

// IntegrationTest is what came of trying an integration out.
type IntegrationTest struct {
	// requestedAt repeats the annotation test-requested-at that was honoured.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	RequestedAt string `json:"requestedAt"`

	// time at which the test ended.
	// +required
	Time metav1.Time `json:"time"`

	// outcome is Succeeded, or Failed when any check failed.
	// +required
	Outcome Outcome `json:"outcome"`

	// message says what happened, and what to do where something is wrong.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`

	// channel the message was sent to, for Slack.
	// +optional
	// +kubebuilder:validation:MaxLength=81
	Channel string `json:"channel,omitempty"`

	// permalink opens the message, for Slack.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Permalink string `json:"permalink,omitempty"`

	// checks are the parts of the test, in the order in which they were made.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	Checks []IntegrationCheck `json:"checks,omitempty"`
}

// IntegrationCheck is one part of a test.
type IntegrationCheck struct {
	// name says what was checked: Credentials, Project, IssueType, Priorities or Fields for Jira.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`

	// outcome is Succeeded or Failed.
	// +required
	Outcome Outcome `json:"outcome"`

	// message says what was found, and what to do where it is wrong.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
}
