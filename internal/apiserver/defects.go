// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/caller"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/openapi"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/page"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/params"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/paths"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/problem"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view"
)

type defectList struct {
	Body struct{ page.List[view.DefectSummary] }
}

// defectBody is a Defect as its resource has it.
type defectBody struct {
	Namespace   string                `json:"namespace" doc:"Its namespace."`
	Name        string                `json:"name" doc:"Its name."`
	UID         string                `json:"uid" doc:"Its UID."`
	Labels      map[string]string     `json:"labels,omitempty" doc:"Its labels."`
	CreatedTime time.Time             `json:"createdTime" doc:"When it was created."`
	Spec        v1alpha1.DefectSpec   `json:"spec" doc:"The finding."`
	Status      v1alpha1.DefectStatus `json:"status" doc:"Its state, ticket and messages."`
}

type defectOutput struct {
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Body     defectBody
}

type edgeCasesInput struct {
	params.Across
	page.Params
	view.DefectFilter
}

type defectsInput struct {
	params.Across
	page.Params
	view.DefectFilter
	Category v1alpha1.Category `query:"category" enum:"Defect,EdgeCase" doc:"Only those of this category."`
}

type newDefect struct {
	params.Within
	Body struct {
		Name   string            `json:"name,omitempty" maxLength:"253" doc:"Its name; generated when empty. The same name twice is a conflict, which makes repeating safe."`
		Labels map[string]string `json:"labels,omitempty" maxProperties:"64" doc:"Its labels."`
		v1alpha1.DefectSpec
	}
}

type moveDefect struct {
	params.ByName
	Match
	Body struct {
		State v1alpha1.State `json:"state" enum:"Open,InProgress,Resolved,Closed" doc:"The wanted state. The ticket is moved too."`
	}
}

type ticketOutput struct {
	Status   int
	Location string `header:"Location"`
	Body     struct {
		Key     string `json:"key,omitempty" doc:"The issue's key, when it exists."`
		URL     string `json:"url,omitempty" doc:"Opens the issue."`
		Message string `json:"message" doc:"How far the ticket is."`
	}
}

func (s *Server) routeDefects(api huma.API) {
	tags := []string{"Defects"}
	const path = "/api/v1/defects"
	openapi.Register(api, huma.Operation{OperationID: "list-defects", Method: http.MethodGet, Path: path, Tags: tags, Summary: "Defects"},
		func(ctx context.Context, i *defectsInput) (*defectList, error) {
			return s.listDefects(ctx, i.Across, view.DefectQuery{DefectFilter: i.DefectFilter, Params: i.Params, Category: i.Category})
		})
	openapi.Register(api, huma.Operation{
		OperationID: "list-edge-cases", Method: http.MethodGet, Path: "/api/v1/edge-cases", Tags: tags,
		Summary: "Defects of category EdgeCase",
	}, func(ctx context.Context, i *edgeCasesInput) (*defectList, error) {
		return s.listDefects(ctx, i.Across, view.DefectQuery{
			DefectFilter: i.DefectFilter, Params: i.Params, Category: v1alpha1.CategoryEdgeCase,
		})
	})
	openapi.Register(api, huma.Operation{
		OperationID: "create-defect", Method: http.MethodPost, Path: path, Tags: tags, Summary: "Create a defect",
		DefaultStatus: http.StatusCreated,
	}, s.createDefect)
	openapi.Register(api, huma.Operation{
		OperationID: "get-defect", Method: http.MethodGet, Path: path + "/{name}", Tags: tags, Summary: "One defect",
	}, s.getDefect)
	openapi.Register(api, huma.Operation{
		OperationID: "move-defect", Method: http.MethodPatch, Path: path + "/{name}", Tags: tags,
		Summary: "Move a defect to another state",
	}, s.moveDefect)
	openapi.Register(api, huma.Operation{
		OperationID: "create-ticket", Method: http.MethodPost, Path: path + "/{name}/jira", Tags: tags,
		Summary: "Create the Jira ticket",
		Description: "Answers the ticket's key if it exists, and otherwise 202 and where it will appear. " +
			"Repeated requests lead to one ticket.",
		Responses: map[string]*huma.Response{"202": {Description: "The ticket is being created."}},
	}, s.createTicket)
}

func (s *Server) listDefects(ctx context.Context, a params.Across, q view.DefectQuery) (*defectList, error) {
	q.Namespace = s.params.Of(a)
	err := s.permissions.Require(ctx, "list", action.Defects, caller.In(q.Namespace))
	if err != nil {
		return nil, err
	}
	out := &defectList{}
	if out.Body.List, err = s.view.ListDefects(ctx, q); err != nil {
		return nil, problem.From(ctx, err, "listing Defects")
	}
	return out, nil
}

func (s *Server) createDefect(ctx context.Context, i *newDefect) (*defectOutput, error) {
	namespace := s.params.In(i.Within)
	if err := s.permissions.Require(ctx, "create", action.Defects, caller.In(namespace)); err != nil {
		return nil, err
	}
	d := &v1alpha1.Defect{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: i.Body.Name, Labels: i.Body.Labels},
		Spec:       i.Body.DefectSpec,
	}
	if d.Name == "" {
		d.GenerateName = "defect-"
	}
	if err := s.o.Client.Create(ctx, d, action.FieldOwner); err != nil {
		return nil, problem.From(ctx, flattenFields(err), "creating the Defect")
	}
	return defectAnswer(d), nil
}

// flattenFields renames the invalid fields of a Defect as the body of its creation has them: spec and metadata in
// one.
func flattenFields(err error) error {
	var refused *apierrors.StatusError
	if !errors.As(err, &refused) || refused.ErrStatus.Details == nil {
		return err
	}
	for at := range refused.ErrStatus.Details.Causes {
		field := &refused.ErrStatus.Details.Causes[at].Field
		if first, rest, _ := strings.Cut(*field, "."); first == "spec" || first == "metadata" {
			*field = rest
		}
	}
	return err
}

func (s *Server) getDefect(ctx context.Context, i *params.ByName) (*defectOutput, error) {
	key := s.params.Key(*i)
	if err := s.permissions.Require(ctx, "get", action.Defects, key); err != nil {
		return nil, err
	}
	d, err := s.view.Defect(ctx, key)
	if err != nil {
		return nil, problem.From(ctx, err, "reading Defect "+key.String())
	}
	return defectAnswer(d), nil
}

func defectAnswer(d *v1alpha1.Defect) *defectOutput {
	return &defectOutput{ETag: wholeTag(d), Location: paths.Of("defects", client.ObjectKeyFromObject(d)), Body: defectBody{
		Namespace: d.Namespace, Name: d.Name, UID: string(d.UID), Labels: d.Labels, CreatedTime: d.CreationTimestamp.UTC(),
		Spec: d.Spec, Status: d.Status,
	}}
}

func (s *Server) moveDefect(ctx context.Context, i *moveDefect) (*defectOutput, error) {
	key := s.params.Key(i.ByName)
	d, err := s.actions.MoveDefect(ctx, action.Move{
		Target: action.Target{Caller: caller.Of(ctx), NamespacedName: key}, State: i.Body.State,
		Check: func(d *v1alpha1.Defect) error { return checkMatch(i.IfMatch, wholeTag(d)) },
	})
	if err != nil {
		return nil, problem.From(ctx, err, "moving Defect "+key.String())
	}
	return defectAnswer(d), nil
}

func (s *Server) createTicket(ctx context.Context, i *params.ByName) (*ticketOutput, error) {
	key := s.params.Key(*i)
	ticket, err := s.actions.RequestTicket(ctx, action.Target{Caller: caller.Of(ctx), NamespacedName: key})
	if err != nil {
		return nil, problem.From(ctx, err, "requesting a ticket for Defect "+key.String())
	}
	out := &ticketOutput{Status: http.StatusAccepted, Location: paths.Of("defects", key)}
	if ticket.Key != "" {
		out.Status = http.StatusOK
	}
	out.Body.Key = ticket.Key
	out.Body.URL = ticket.URL
	out.Body.Message = ticket.Message
	return out, nil
}
