// SPDX-License-Identifier: Apache-2.0

package view

import (
	"cmp"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
)

// SlackHealth and JiraHealth have the fields that the framework's clients expect.
type SlackHealth struct {
	Configured         bool       `json:"configured" doc:"Whether there is such an integration."`
	LastSuccessfulSend *time.Time `json:"last_successful_send" doc:"When Slack last accepted a call; null before the first time."`
	LastError          *string    `json:"last_error" doc:"What is wrong; null when nothing is."`
	Status             string     `json:"status" enum:"healthy,degraded,error,unconfigured,disabled" doc:"The health of the integration."`
}

// JiraHealth is the health of a Jira integration.
type JiraHealth struct {
	Configured         bool       `json:"configured" doc:"Whether there is such an integration."`
	LastSuccessfulCall *time.Time `json:"last_successful_call" doc:"When Jira last accepted a call; null before the first time."`
	LastError          *string    `json:"last_error" doc:"What is wrong; null when nothing is."`
	Status             string     `json:"status" enum:"healthy,degraded,error,unconfigured,disabled" doc:"The health of the integration."`
}

// IntegrationStatus is an integration in a list.
type IntegrationStatus struct {
	Kind            string                    `json:"kind" enum:"SlackIntegration,JiraIntegration" doc:"Its kind."`
	Namespace       string                    `json:"namespace" doc:"Its namespace."`
	Name            string                    `json:"name" doc:"Its name."`
	Status          string                    `json:"status" enum:"healthy,unverified,degraded,error,disabled,checking" doc:"Its health; checking before the operator has probed it, unverified for an incoming webhook that has not been used yet."`
	Message         string                    `json:"message" doc:"Why, in words."`
	Target          string                    `json:"target,omitempty" doc:"The workspace or project."`
	Default         bool                      `json:"default,omitempty" doc:"Whether it is the default of its namespace."`
	LastSuccessTime *metav1.Time              `json:"lastSuccessTime,omitempty" doc:"When the other side last accepted a call."`
	LastErrorTime   *metav1.Time              `json:"lastErrorTime,omitempty" doc:"When a call last failed."`
	LastError       string                    `json:"lastError,omitempty" doc:"The error of that call."`
	SucceededTotal  int64                     `json:"succeededTotal" doc:"Messages sent, or tickets created."`
	FailedTotal     int64                     `json:"failedTotal" doc:"Calls that failed."`
	Conditions      []metav1.Condition        `json:"conditions,omitempty" doc:"The resource's conditions."`
	LastTest        *v1alpha1.IntegrationTest `json:"lastTest,omitempty" doc:"The result of the last test."`
	Slack           *SlackApp                 `json:"slack,omitempty" doc:"The app of a SlackIntegration with a bot."`
}

// The values of an integration's status.
const (
	healthy = "healthy"
	// unverified is the status of an incoming webhook that has not been used yet. Nothing else shows whether it works.
	unverified = "unverified"
	degraded   = "degraded"
	// StatusError is the status of an integration that does not work.
	StatusError  = "error"
	unconfigured = "unconfigured"
	disabled     = "disabled"
	checking     = "checking"
)

// IntegrationHealth is the health of one integration of several.
type IntegrationHealth struct {
	Kind        string     `json:"kind" enum:"SlackIntegration,JiraIntegration" doc:"Its kind."`
	Name        string     `json:"name" doc:"Its name."`
	Default     bool       `json:"default" doc:"Whether it is the default of its namespace."`
	LastSuccess *time.Time `json:"last_success" doc:"When the other side last accepted a call; null before the first time."`
	LastError   *string    `json:"last_error" doc:"What is wrong; null when nothing is."`
	Status      string     `json:"status" enum:"healthy,unverified,degraded,error,disabled,checking" doc:"Its health; checking before the operator has probed it, unverified for an incoming webhook that has not been used yet."`
}

// DefaultSlack returns the SlackIntegration of a namespace that has a name or, if there is none, is its default.
func (m *Model) DefaultSlack(named types.NamespacedName) types.NamespacedName {
	if _, ok := m.Slack.Get(named); ok {
		return named
	}
	for _, o := range m.Slack.In(named.Namespace) {
		if o.Spec.Default {
			return types.NamespacedName{Namespace: o.Namespace, Name: o.Name}
		}
	}
	return named
}

// DefaultJira returns the JiraIntegration of a namespace that has a name or, if there is none, is its default.
func (m *Model) DefaultJira(named types.NamespacedName) types.NamespacedName {
	if _, ok := m.Jira.Get(named); ok {
		return named
	}
	for _, o := range m.Jira.In(named.Namespace) {
		if o.Spec.Default {
			return types.NamespacedName{Namespace: o.Namespace, Name: o.Name}
		}
	}
	return named
}

// IntegrationsHealth returns the health of each integration of a namespace that a caller may see.
func (m *Model) IntegrationsHealth(namespace string, see Visibility) []IntegrationHealth {
	out := []IntegrationHealth{}
	add := func(in summary) {
		status, problem := healthOf(in)
		out = append(out, IntegrationHealth{
			Kind: in.kind, Name: in.object.GetName(), Default: in.isDefault, LastSuccess: timeOf(in.health.LastSuccessTime),
			LastError: cmp.Or(problem, in.lastError()), Status: status,
		})
	}
	if see.Slack {
		for _, o := range m.Slack.In(namespace) {
			add(summaryOfSlack(o))
		}
	}
	if see.Jira {
		for _, o := range m.Jira.In(namespace) {
			add(summaryOfJira(o))
		}
	}
	return out
}

// seedStatus returns a status as the framework's clients know it.
func seedStatus(status string) string {
	switch status {
	case checking:
		return degraded
	case unverified:
		return healthy
	}
	return status
}

// SlackHealth returns the health of a Slack integration.
func (m *Model) SlackHealth(key types.NamespacedName) *SlackHealth {
	o, ok := m.Slack.Get(key)
	if !ok {
		return &SlackHealth{Status: unconfigured}
	}
	status, problem := healthOf(summaryOfSlack(o))
	return &SlackHealth{
		Configured: true, LastSuccessfulSend: timeOf(o.Status.LastSuccessTime), Status: seedStatus(status),
		LastError: cmp.Or(problem, summaryOfSlack(o).lastError()),
	}
}

// JiraHealth returns the health of a Jira integration.
func (m *Model) JiraHealth(key types.NamespacedName) *JiraHealth {
	o, ok := m.Jira.Get(key)
	if !ok {
		return &JiraHealth{Status: unconfigured}
	}
	status, problem := healthOf(summaryOfJira(o))
	return &JiraHealth{
		Configured: true, LastSuccessfulCall: timeOf(o.Status.LastSuccessTime), Status: seedStatus(status),
		LastError: cmp.Or(problem, summaryOfJira(o).lastError()),
	}
}

// ListIntegrations returns the integrations of a namespace that a caller may see, the newest of each kind first; of
// all namespaces when it is empty.
func (m *Model) ListIntegrations(namespace string, see Visibility) []IntegrationStatus {
	out := []IntegrationStatus{}
	if see.Slack {
		for _, o := range m.Slack.In(namespace) {
			out = append(out, SlackStatus(o))
		}
	}
	if see.Jira {
		for _, o := range m.Jira.In(namespace) {
			out = append(out, JiraStatus(o))
		}
	}
	return out
}

// SlackStatus returns a SlackIntegration as it is listed.
func SlackStatus(o *v1alpha1.SlackIntegration) IntegrationStatus {
	out := statusOf(summaryOfSlack(o))
	out.Slack = slackAppOf(o)
	return out
}

// JiraStatus returns a JiraIntegration as it is listed.
func JiraStatus(o *v1alpha1.JiraIntegration) IntegrationStatus { return statusOf(summaryOfJira(o)) }

// statusOf returns an integration as it is listed.
func statusOf(in summary) IntegrationStatus {
	status, problem := healthOf(in)
	out := IntegrationStatus{
		Kind: in.kind, Namespace: in.object.GetNamespace(), Name: in.object.GetName(), Status: status,
		Target: in.target, Default: in.isDefault, LastTest: in.lastTest,
		LastSuccessTime: in.health.LastSuccessTime, LastErrorTime: in.health.LastErrorTime, LastError: in.health.LastError,
		SucceededTotal: in.succeeded, FailedTotal: in.failed,
		Conditions: *in.object.GetConditions(),
	}
	if problem != nil {
		out.Message = *problem
	} else if ready := condition.Get(in.object, v1alpha1.ConditionReady); ready != nil {
		out.Message = ready.Message
	}
	return out
}

// summary is what the two kinds of integrations have in common.
type summary struct {
	kind              string
	object            condition.Object
	suspended         bool
	isDefault         bool
	target            string
	health            v1alpha1.Health
	succeeded, failed int64
	lastTest          *v1alpha1.IntegrationTest
}

func summaryOfSlack(o *v1alpha1.SlackIntegration) summary {
	return summary{
		kind: v1alpha1.KindSlackIntegration, object: o, suspended: o.Spec.Suspend, isDefault: o.Spec.Default, target: o.Status.Team,
		health: o.Status.Health, succeeded: o.Status.SentTotal, failed: o.Status.FailedTotal, lastTest: o.Status.LastTest,
	}
}

func summaryOfJira(o *v1alpha1.JiraIntegration) summary {
	return summary{
		kind: v1alpha1.KindJiraIntegration, object: o, suspended: o.Spec.Suspend, isDefault: o.Spec.Default, target: o.Spec.ProjectKey,
		health: o.Status.Health, succeeded: o.Status.CreatedTotal, failed: o.Status.FailedTotal, lastTest: o.Status.LastTest,
	}
}

// lastError returns the error of the newest call; nil when that succeeded. A call fails before a probe does.
func (in summary) lastError() *string {
	h := in.health
	if in.suspended || h.LastError == "" || h.LastErrorTime == nil ||
		h.LastSuccessTime != nil && !h.LastErrorTime.After(h.LastSuccessTime.Time) {
		return nil
	}
	return &h.LastError
}

// isUnprobed reports whether an integration was not probed yet, and nothing is wrong so far.
func (in summary) isUnprobed(ready *metav1.Condition) bool {
	return ready == nil || ready.Reason == v1alpha1.ReasonProgressing &&
		in.health.LastSuccessTime == nil && in.health.LastErrorTime == nil && condition.Get(in.object, v1alpha1.ConditionHealthy) == nil
}

// healthOf returns the status of an integration, and what is wrong with it; nil when nothing is.
func healthOf(in summary) (status string, problem *string) {
	ready := condition.Get(in.object, v1alpha1.ConditionReady)
	health := condition.Get(in.object, v1alpha1.ConditionHealthy)
	switch {
	case in.suspended:
		return disabled, nil
	case in.isUnprobed(ready):
		message := "The operator has not checked it yet"
		if ready != nil {
			message = ready.Message
		}
		return checking, &message
	case ready.Status == metav1.ConditionTrue && health != nil && health.Reason == v1alpha1.ReasonUnverified:
		return unverified, nil
	case ready.Status == metav1.ConditionTrue && (health == nil || health.Reason != v1alpha1.ReasonDegraded):
		return healthy, nil
	case ready.Status == metav1.ConditionTrue:
		return degraded, &health.Message
	}
	message := cmp.Or(ready.Message, in.health.LastError)
	if ready.Reason == v1alpha1.ReasonProgressing || ready.Reason == v1alpha1.ReasonRateLimited {
		return degraded, &message
	}
	return StatusError, &message
}
