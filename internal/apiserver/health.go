package apiserver

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
)

// slackHealth and jiraHealth are what the framework's clients expect, names and all.
type slackHealth struct {
	Configured         bool       `json:"configured" doc:"Whether there is such an integration."`
	LastSuccessfulSend *time.Time `json:"last_successful_send" doc:"When Slack last accepted something; null before the first time."`
	LastError          *string    `json:"last_error" doc:"What is wrong; null when nothing is."`
	Status             string     `json:"status" enum:"healthy,degraded,error,unconfigured,disabled" doc:"How it is."`
}

type jiraHealth struct {
	Configured         bool       `json:"configured" doc:"Whether there is such an integration."`
	LastSuccessfulCall *time.Time `json:"last_successful_call" doc:"When Jira last accepted something; null before the first time."`
	LastError          *string    `json:"last_error" doc:"What is wrong; null when nothing is."`
	Status             string     `json:"status" enum:"healthy,degraded,error,unconfigured,disabled" doc:"How it is."`
}

type healthOutput struct {
	Body struct {
		Slack *slackHealth `json:"slack,omitempty" doc:"Left out when you may not get SlackIntegrations."`
		Jira  *jiraHealth  `json:"jira,omitempty" doc:"Left out when you may not get JiraIntegrations."`
	}
}

type healthInput struct {
	Within
	Slack string `query:"slack" maxLength:"253" pattern:"^([a-z0-9]([-.a-z0-9]*[a-z0-9])?)?$" doc:"The SlackIntegration; the default one when empty."`
	Jira  string `query:"jira" maxLength:"253" pattern:"^([a-z0-9]([-.a-z0-9]*[a-z0-9])?)?$" doc:"The JiraIntegration; the default one when empty."`
}

// IntegrationStatus is how an integration is.
type IntegrationStatus struct {
	Kind            string                    `json:"kind" enum:"SlackIntegration,JiraIntegration" doc:"Which kind it is."`
	Namespace       string                    `json:"namespace" doc:"Its namespace."`
	Name            string                    `json:"name" doc:"Its name."`
	Status          string                    `json:"status" enum:"healthy,degraded,error,disabled" doc:"How it is."`
	Message         string                    `json:"message" doc:"Why, in words."`
	Target          string                    `json:"target,omitempty" doc:"The workspace or project."`
	LastSuccessTime *metav1.Time              `json:"lastSuccessTime,omitempty" doc:"When the other side last accepted a call."`
	LastErrorTime   *metav1.Time              `json:"lastErrorTime,omitempty" doc:"When a call last failed."`
	LastError       string                    `json:"lastError,omitempty" doc:"What was wrong then."`
	SucceededTotal  int64                     `json:"succeededTotal" doc:"Messages sent, or tickets made."`
	FailedTotal     int64                     `json:"failedTotal" doc:"Calls that were not accepted."`
	Conditions      []metav1.Condition        `json:"conditions,omitempty" doc:"The resource's conditions."`
	LastTest        *v1alpha1.IntegrationTest `json:"lastTest,omitempty" doc:"What came of the last test."`
}

type statusInput struct{ Across }

type statusOutput struct {
	Body struct {
		Items []IntegrationStatus `json:"items" doc:"Every integration that you may list."`
	}
}

// The words for how an integration is.
const (
	healthy      = "healthy"
	degraded     = "degraded"
	broken       = "error"
	unconfigured = "unconfigured"
	disabled     = "disabled"
)

func (s *Server) routeHealth(api huma.API) {
	route(api, huma.Operation{
		OperationID: "get-health", Method: http.MethodGet, Path: "/api/v1/integrations/health", Tags: []string{"Integrations"}, Summary: "Whether Slack and Jira work",
	}, s.health)
	route(api, huma.Operation{
		OperationID: "list-integrations", Method: http.MethodGet, Path: "/api/v1/integrations/status", Tags: []string{"Integrations"}, Summary: "Every integration and how it is",
	}, s.status)
}

func (s *Server) health(ctx context.Context, i *healthInput) (*healthOutput, error) {
	namespace := s.namespace(i.Within)
	slackKey := types.NamespacedName{Namespace: namespace, Name: cmp.Or(i.Slack, s.o.SlackName)}
	jiraKey := types.NamespacedName{Namespace: namespace, Name: cmp.Or(i.Jira, s.o.JiraName)}
	seesSlack, err := s.may(ctx, "get", action.SlackIntegrations, slackKey)
	if err != nil {
		return nil, err
	}
	seesJira, err := s.may(ctx, "get", action.JiraIntegrations, jiraKey)
	if err != nil {
		return nil, err
	}
	if !seesSlack && !seesJira {
		return nil, s.require(ctx, "get", action.SlackIntegrations, slackKey)
	}
	out := &healthOutput{}
	if seesSlack {
		h := &slackHealth{Status: unconfigured}
		if o, ok := s.slack.get(slackKey); ok {
			*h = slackHealth{Configured: true, LastSuccessfulSend: timeOf(o.Status.LastSuccessTime)}
			h.Status, h.LastError = howIs(o, o.Spec.Suspend, o.Status.Health)
		}
		out.Body.Slack = h
	}
	if seesJira {
		h := &jiraHealth{Status: unconfigured}
		if o, ok := s.jira.get(jiraKey); ok {
			*h = jiraHealth{Configured: true, LastSuccessfulCall: timeOf(o.Status.LastSuccessTime)}
			h.Status, h.LastError = howIs(o, o.Spec.Suspend, o.Status.Health)
		}
		out.Body.Jira = h
	}
	return out, nil
}

func (s *Server) status(ctx context.Context, i *statusInput) (*statusOutput, error) {
	namespace := s.namespaces(i.Across)
	seesSlack, seesJira, err := s.sees(ctx, namespace)
	if err != nil {
		return nil, err
	}
	if !seesSlack && !seesJira {
		return nil, s.require(ctx, "list", action.SlackIntegrations, in(namespace))
	}
	out := &statusOutput{}
	out.Body.Items = []IntegrationStatus{}
	if seesSlack {
		for _, o := range s.slack.in(namespace) {
			out.Body.Items = append(out.Body.Items, slackStatus(o))
		}
	}
	if seesJira {
		for _, o := range s.jira.in(namespace) {
			out.Body.Items = append(out.Body.Items, jiraStatus(o))
		}
	}
	return out, nil
}

func slackStatus(o *v1alpha1.SlackIntegration) IntegrationStatus {
	out := statusOf(o, v1alpha1.KindSlackIntegration, o.Spec.Suspend, &o.Status.Health)
	out.Target, out.SucceededTotal, out.FailedTotal, out.LastTest = o.Status.Team, o.Status.SentTotal, o.Status.FailedTotal, o.Status.LastTest
	return out
}

func jiraStatus(o *v1alpha1.JiraIntegration) IntegrationStatus {
	out := statusOf(o, v1alpha1.KindJiraIntegration, o.Spec.Suspend, &o.Status.Health)
	out.Target, out.SucceededTotal, out.FailedTotal, out.LastTest = o.Spec.ProjectKey, o.Status.CreatedTotal, o.Status.FailedTotal, o.Status.LastTest
	return out
}

func statusOf(o condition.Object, kind string, suspended bool, h *v1alpha1.Health) IntegrationStatus {
	how, why := howIs(o, suspended, *h)
	return IntegrationStatus{
		Kind: kind, Namespace: o.GetNamespace(), Name: o.GetName(), Status: how, Message: inWords(o, why), LastSuccessTime: h.LastSuccessTime,
		LastErrorTime: h.LastErrorTime, LastError: h.LastError, Conditions: *o.GetConditions(),
	}
}

// sees says which kinds of integration the caller may list.
func (s *Server) sees(ctx context.Context, namespace string) (slack, jira bool, err error) {
	if slack, err = s.may(ctx, "list", action.SlackIntegrations, in(namespace)); err != nil {
		return false, false, err
	}
	jira, err = s.may(ctx, "list", action.JiraIntegrations, in(namespace))
	return slack, jira, err
}

// howIs sums an integration up in one word, and says what is wrong with it if anything is.
func howIs(o condition.Object, suspended bool, h v1alpha1.Health) (string, *string) {
	ready := condition.Get(o, v1alpha1.ConditionReady)
	well := condition.Get(o, v1alpha1.ConditionHealthy)
	word := degraded
	switch {
	case suspended:
		return disabled, nil
	case ready == nil || ready.Reason == v1alpha1.ReasonProgressing: // it was not looked at yet
	case ready.Status == metav1.ConditionTrue && (well == nil || well.Reason != v1alpha1.ReasonDegraded):
		return healthy, nil
	case ready.Status == metav1.ConditionTrue, ready.Reason == v1alpha1.ReasonRateLimited:
	default:
		word = broken
	}
	why := ""
	switch {
	case ready == nil:
		why = "The operator has not looked at it yet"
	case ready.Status == metav1.ConditionTrue:
		why = well.Message
	default:
		why = cmp.Or(ready.Message, h.LastError)
	}
	return word, &why
}

// inWords is the reason why an integration is as it is.
func inWords(o condition.Object, why *string) string {
	if why != nil {
		return *why
	}
	if ready := condition.Get(o, v1alpha1.ConditionReady); ready != nil {
		return ready.Message
	}
	return ""
}

func timeOf(t *metav1.Time) *time.Time {
	if t == nil {
		return nil
	}
	utc := t.UTC()
	return &utc
}
