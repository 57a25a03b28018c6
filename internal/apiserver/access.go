package apiserver

import (
	"cmp"
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/voiceai-dev/integrations-operator/internal/apiserver/problem"
)

const accessPath = "/api/v1/access"

type accessInput struct{ Across }

type accessOutput struct {
	Body struct {
		Caller     string              `json:"caller" doc:"Who you are to Kubernetes."`
		Namespace  string              `json:"namespace" doc:"The namespace that the rights are about; * for all."`
		Rights     map[string][]string `json:"rights" doc:"What you may do, by resource, such as {\"defects\": [\"get\", \"list\"]}. Resources without a verb are left out."`
		Everywhere bool                `json:"everywhere" doc:"Whether you may list the resources of this operator in every namespace."`
		Namespaces []string            `json:"namespaces" doc:"The namespaces that have such resources; none unless you may list them everywhere."`
	}
}

func (s *Server) routeAccess(api huma.API) {
	route(api, huma.Operation{
		OperationID: "get-access", Method: http.MethodGet, Path: accessPath, Tags: []string{"Access"},
		Summary: "Who you are and what you may do",
		Description: "As Kubernetes RBAC decides it, for whole namespaces: rights to single objects by name are not included. " +
			"Every authenticated caller may read this.",
	}, s.access)
}

func (s *Server) access(ctx context.Context, i *accessInput) (*accessOutput, error) {
	namespace := s.namespaces(i.Across)
	rights, err := s.accessCache.Get(ctx, callerOf(ctx), namespace)
	if err != nil {
		return nil, problem.From(ctx, err, "finding out what you may do")
	}
	out := &accessOutput{}
	out.Body.Caller = callerOf(ctx).GetName()
	out.Body.Namespace = cmp.Or(namespace, "*")
	out.Body.Rights = rights.Verbs
	out.Body.Everywhere = rights.Everywhere
	out.Body.Namespaces = []string{}
	if rights.Everywhere {
		out.Body.Namespaces = s.view.NamespacesInUse()
	}
	return out, nil
}
