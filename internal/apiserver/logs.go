// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/caller"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/openapi"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/page"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/params"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/problem"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view"
)

type logsInput struct {
	params.Across
	page.Params
	view.LogFilter
}

type logsOutput struct {
	Body struct{ page.List[view.LogEntry] }
}

func (s *Server) routeLogs(api huma.API) {
	openapi.Register(api, huma.Operation{
		OperationID: "list-logs", Method: http.MethodGet, Path: "/api/v1/integrations/logs", Tags: []string{"Integrations"},
		Summary: "The log of all integrations, newest first",
		Description: "Every delivery to Slack that has a Notification, and the last activities of each integration, " +
			"as far as you may list them.",
	}, s.listLogs)
}

func (s *Server) listLogs(ctx context.Context, i *logsInput) (*logsOutput, error) {
	namespace := s.params.Of(i.Across)
	see, err := s.permissions.Visibility(ctx, namespace, action.Notifications, action.SlackIntegrations, action.JiraIntegrations)
	if err != nil {
		return nil, err
	}
	if see == (view.Visibility{}) {
		return nil, s.permissions.Require(ctx, "list", action.Notifications, caller.In(namespace))
	}
	out := &logsOutput{}
	out.Body.List, err = s.view.ListLogs(ctx, view.LogQuery{
		Namespace: namespace, See: see, ListsSlack: s.permissions.ListsSlack(ctx), LogFilter: i.LogFilter, Params: i.Params,
	})
	if err != nil {
		return nil, problem.From(ctx, err, "listing the log")
	}
	return out, nil
}

type deliveryOutput struct {
	ETag string `header:"ETag"`
	Body struct{ view.Delivery }
}

func (s *Server) routeDelivery(api huma.API) {
	openapi.Register(api, huma.Operation{
		OperationID: "get-notification", Method: http.MethodGet, Path: "/api/v1/notifications/{name}",
		Tags: []string{"Integrations"}, Summary: "One delivery to Slack",
		Description: "The event, the attempts and the message. /api/v1/integrations/logs lists them.",
	}, s.getDelivery)
}

func (s *Server) getDelivery(ctx context.Context, i *params.ByName) (*deliveryOutput, error) {
	key := s.params.Key(*i)
	if err := s.permissions.Require(ctx, "get", action.Notifications, key); err != nil {
		return nil, err
	}
	n, err := s.view.Notification(ctx, key)
	if err != nil {
		return nil, problem.From(ctx, err, "reading Notification "+key.String())
	}
	out := &deliveryOutput{ETag: wholeTag(n)}
	out.Body.Delivery = s.view.Delivery(ctx, n, s.permissions.ListsSlack(ctx))
	return out, nil
}
