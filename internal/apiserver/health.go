// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"cmp"
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/caller"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/openapi"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/params"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view"
)

type healthOutput struct {
	Body struct {
		Slack *view.SlackHealth `json:"slack,omitempty" doc:"Left out when you may not get SlackIntegrations."`
		Jira  *view.JiraHealth  `json:"jira,omitempty" doc:"Left out when you may not get JiraIntegrations."`
		// The others, which the framework's clients do not know.
		Integrations []view.IntegrationHealth `json:"integrations,omitempty" doc:"Every integration of the namespace that you may list."`
	}
}

type healthInput struct {
	params.Within
	Slack string `query:"slack" maxLength:"253" pattern:"^([a-z0-9]([-.a-z0-9]*[a-z0-9])?)?$" doc:"The SlackIntegration; the default one when empty."`
	Jira  string `query:"jira" maxLength:"253" pattern:"^([a-z0-9]([-.a-z0-9]*[a-z0-9])?)?$" doc:"The JiraIntegration; the default one when empty."`
}

type statusInput struct{ params.Across }

type statusOutput struct {
	Body struct {
		Items []view.IntegrationStatus `json:"items" doc:"Every integration that you may list."`
	}
}

func (s *Server) routeHealth(api huma.API) {
	tags := []string{"Integrations"}
	openapi.Register(api, huma.Operation{
		OperationID: "get-health", Method: http.MethodGet, Path: "/api/v1/integrations/health", Tags: tags,
		Summary: "Whether Slack and Jira work",
	}, s.health)
	openapi.Register(api, huma.Operation{
		OperationID: "list-integrations", Method: http.MethodGet, Path: "/api/v1/integrations/status", Tags: tags,
		Summary: "Every integration and its health",
	}, s.status)
}

func (s *Server) health(ctx context.Context, i *healthInput) (*healthOutput, error) {
	namespace := s.params.In(i.Within)
	slackKey := types.NamespacedName{Namespace: namespace, Name: cmp.Or(i.Slack, s.o.SlackName)}
	if i.Slack == "" {
		slackKey = s.view.DefaultSlack(slackKey)
	}
	jiraKey := types.NamespacedName{Namespace: namespace, Name: cmp.Or(i.Jira, s.o.JiraName)}
	if i.Jira == "" {
		jiraKey = s.view.DefaultJira(jiraKey)
	}
	getsSlack, err := s.permissions.May(ctx, "get", action.SlackIntegrations, slackKey)
	if err != nil {
		return nil, err
	}
	getsJira, err := s.permissions.May(ctx, "get", action.JiraIntegrations, jiraKey)
	if err != nil {
		return nil, err
	}
	if !getsSlack && !getsJira {
		return nil, s.permissions.Require(ctx, "get", action.SlackIntegrations, slackKey)
	}
	see, err := s.permissions.Visibility(ctx, namespace, action.SlackIntegrations, action.JiraIntegrations)
	if err != nil {
		return nil, err
	}
	out := &healthOutput{}
	out.Body.Integrations = s.view.IntegrationsHealth(namespace, see)
	if getsSlack {
		out.Body.Slack = s.view.SlackHealth(slackKey)
	}
	if getsJira {
		out.Body.Jira = s.view.JiraHealth(jiraKey)
	}
	return out, nil
}

func (s *Server) status(ctx context.Context, i *statusInput) (*statusOutput, error) {
	namespace := s.params.Of(i.Across)
	see, err := s.permissions.Visibility(ctx, namespace, action.SlackIntegrations, action.JiraIntegrations)
	if err != nil {
		return nil, err
	}
	if see == (view.Visibility{}) {
		return nil, s.permissions.Require(ctx, "list", action.SlackIntegrations, caller.In(namespace))
	}
	out := &statusOutput{}
	out.Body.Items = s.view.ListIntegrations(namespace, see)
	return out, nil
}
