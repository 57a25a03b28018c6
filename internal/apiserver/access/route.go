// SPDX-License-Identifier: Apache-2.0

package access

import (
	"cmp"
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/voiceai-dev/integrations-operator/internal/apiserver/caller"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/openapi"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/params"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/paths"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/problem"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view"
)

// Routes are the routes about what a caller may do.
type Routes struct {
	Cache  *Cache
	View   *view.Model
	Params params.Defaults
}

type accessInput struct{ params.Across }

type accessOutput struct {
	Body struct {
		Caller     string              `json:"caller" doc:"Who you are to Kubernetes."`
		Namespace  string              `json:"namespace" doc:"The namespace that the rights are about; * for all."`
		Rights     map[string][]string `json:"rights" doc:"What you may do, by resource, such as {\"defects\": [\"get\", \"list\"]}. Resources without a verb are left out."`
		Everywhere bool                `json:"everywhere" doc:"Whether you may list the resources of this operator in every namespace."`
		Namespaces []string            `json:"namespaces" doc:"The namespaces that have such resources; none unless you may list them everywhere."`
	}
}

// Register adds the routes.
func (r Routes) Register(api huma.API) {
	openapi.Register(api, huma.Operation{
		OperationID: "get-access", Method: http.MethodGet, Path: paths.Access, Tags: []string{"Access"},
		Summary: "Who you are and what you may do",
		Description: "As Kubernetes RBAC decides it, for whole namespaces: rights to single objects by name are not included. " +
			"Every authenticated caller may read this.",
	}, r.access)
}

func (r Routes) access(ctx context.Context, i *accessInput) (*accessOutput, error) {
	namespace := r.Params.Of(i.Across)
	rights, err := r.Cache.Get(ctx, caller.Of(ctx), namespace)
	if err != nil {
		return nil, problem.From(ctx, err, "finding out what you may do")
	}
	out := &accessOutput{}
	out.Body.Caller = caller.Of(ctx).GetName()
	out.Body.Namespace = cmp.Or(namespace, "*")
	out.Body.Rights = rights.Verbs
	out.Body.Everywhere = rights.Everywhere
	out.Body.Namespaces = []string{}
	if rights.Everywhere {
		out.Body.Namespaces = r.View.NamespacesInUse()
	}
	return out, nil
}
