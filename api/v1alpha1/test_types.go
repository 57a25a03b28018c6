// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

const (
	// TestRequestedAtAnnotation on a SlackIntegration or a JiraIntegration requests a test of the integration now. Its
	// value is the RFC 3339 time of the request. status.lastTest.requestedAt repeats the value that was last handled.
	TestRequestedAtAnnotation = "integrations.voiceai.dev/test-requested-at"

	// TestChannelAnnotation on a SlackIntegration is the channel for the test message. Defaults to spec.defaultChannel.
	TestChannelAnnotation = "integrations.voiceai.dev/test-channel"
)

// IntegrationTest is the result of testing an integration.
type IntegrationTest struct {
	// requestedAt is the value of the annotation test-requested-at that was handled.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	RequestedAt string `json:"requestedAt"`

	// time is when the test ended.
	// +required
	Time metav1.Time `json:"time"`

	// outcome is Succeeded, or Failed if any check failed.
	// +required
	Outcome Outcome `json:"outcome"`

	// message explains the result, and how to fix what is wrong.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`

	// channel is the channel that received the test message. Slack only.
	// +optional
	// +kubebuilder:validation:MaxLength=81
	Channel string `json:"channel,omitempty"`

	// permalink is the address of the test message. Slack only.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Permalink string `json:"permalink,omitempty"`

	// checks are the steps of the test, in order.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	Checks []IntegrationCheck `json:"checks,omitempty"`
}

// IntegrationCheck is one step of a test.
type IntegrationCheck struct {
	// name is the subject of the check. For Jira: Credentials, Project, IssueType, Priorities or Fields.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`

	// outcome is Succeeded or Failed.
	// +required
	Outcome Outcome `json:"outcome"`

	// message explains the result, and how to fix what is wrong.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
}
