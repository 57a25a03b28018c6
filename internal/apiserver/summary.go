// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/caller"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/openapi"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/overview"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/params"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view"
)

type summaryInput struct{ params.Across }

type summaryOutput struct {
	Body struct{ overview.Summary }
}

func (s *Server) routeSummary(api huma.API) {
	openapi.Register(api, huma.Operation{
		OperationID: "get-summary", Method: http.MethodGet, Path: "/api/v1/summary", Tags: []string{"Integrations"},
		Summary: "What an overview shows, in one call", Description: "It has what you may list.",
	}, s.summary)
}

func (s *Server) summary(ctx context.Context, i *summaryInput) (*summaryOutput, error) {
	namespace := s.params.Of(i.Across)
	see, err := s.permissions.Visibility(ctx, namespace, action.SlackIntegrations, action.JiraIntegrations, action.Rules,
		action.Defects, action.Notifications, action.Jobs)
	if err != nil {
		return nil, err
	}
	if see == (view.Visibility{}) {
		return nil, s.permissions.Require(ctx, "list", action.SlackIntegrations, caller.In(namespace))
	}
	out := &summaryOutput{}
	out.Body.Summary = s.overview.Summary(ctx, namespace, see, s.o.Clock.Now())
	return out, nil
}
