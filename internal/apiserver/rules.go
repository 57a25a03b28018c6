// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/caller"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/openapi"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/page"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/params"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/problem"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view"
)

type ruleList struct {
	Body struct{ page.List[view.RuleSummary] }
}

type rulesInput struct {
	params.Across
	page.Params
}

type ruleBody struct {
	Namespace string                          `json:"namespace" doc:"Its namespace."`
	Name      string                          `json:"name" doc:"Its name."`
	Labels    map[string]string               `json:"labels,omitempty" doc:"Its labels."`
	Spec      v1alpha1.NotificationRuleSpec   `json:"spec" doc:"Which events go where."`
	Status    v1alpha1.NotificationRuleStatus `json:"status" doc:"Its totals and conditions."`
}

type ruleOutput struct {
	Status int
	ETag   string `header:"ETag"`
	Body   ruleBody
}

type putRule struct {
	params.ByName
	Match
	NoneMatch
	Body struct {
		Spec v1alpha1.NotificationRuleSpec `json:"spec" doc:"Which events go where, as in the resource."`
	}
}

type deleteRule struct {
	params.ByName
	Match
}

func (s *Server) routeRules(api huma.API) {
	tags := []string{"Rules"}
	const path = "/api/v1/rules/{name}"
	openapi.Register(api, huma.Operation{
		OperationID: "list-rules", Method: http.MethodGet, Path: "/api/v1/rules", Tags: tags, Summary: "Rules",
	}, s.listRules)
	openapi.Register(api, huma.Operation{
		OperationID: "get-rule", Method: http.MethodGet, Path: path, Tags: tags, Summary: "One rule",
	}, s.getRule)
	openapi.Register(api, huma.Operation{
		OperationID: "put-rule", Method: http.MethodPut, Path: path, Tags: tags, Summary: "Create or change a rule",
		Responses: map[string]*huma.Response{"201": {Description: "Created."}},
	}, s.putRule)
	openapi.Register(api, huma.Operation{
		OperationID: "delete-rule", Method: http.MethodDelete, Path: path, Tags: tags, Summary: "Delete a rule",
		DefaultStatus: http.StatusNoContent,
	}, s.deleteRule)
	openapi.Register(api, huma.Operation{
		OperationID: "test-rule", Method: http.MethodPost, Path: path + "/test", Tags: tags,
		Summary: "Whether a rule matches an event, and what Slack would get",
		Description: "Nothing is sent. Evaluates the event that is given, or one that happened; otherwise the newest of the " +
			"rule's types, or an example.",
	}, s.testRule)
}

func (s *Server) listRules(ctx context.Context, i *rulesInput) (*ruleList, error) {
	namespace := s.params.Of(i.Across)
	err := s.permissions.Require(ctx, "list", action.Rules, caller.In(namespace))
	if err != nil {
		return nil, err
	}
	out := &ruleList{}
	if out.Body.List, err = s.view.ListRules(namespace, i.Params); err != nil {
		return nil, problem.From(ctx, err, "listing NotificationRules")
	}
	return out, nil
}

func (s *Server) readRule(ctx context.Context, key types.NamespacedName) (*v1alpha1.NotificationRule, error) {
	r := &v1alpha1.NotificationRule{}
	if err := s.o.Live.Get(ctx, key, r); err != nil {
		return nil, problem.From(ctx, err, "reading NotificationRule "+key.String())
	}
	return r, nil
}

func (s *Server) getRule(ctx context.Context, i *params.ByName) (*ruleOutput, error) {
	key := s.params.Key(*i)
	if err := s.permissions.Require(ctx, "get", action.Rules, key); err != nil {
		return nil, err
	}
	r, err := s.readRule(ctx, key)
	if err != nil {
		return nil, err
	}
	return ruleAnswer(r, http.StatusOK), nil
}

func ruleAnswer(r *v1alpha1.NotificationRule, status int) *ruleOutput {
	return &ruleOutput{Status: status, ETag: specTag(r), Body: ruleBody{
		Namespace: r.Namespace, Name: r.Name, Labels: r.Labels, Spec: r.Spec, Status: r.Status,
	}}
}

func (s *Server) putRule(ctx context.Context, i *putRule) (*ruleOutput, error) {
	key := s.params.Key(i.ByName)
	if err := s.permissions.RequireChange(ctx, action.Rules, key); err != nil {
		return nil, err
	}
	out, err := retryConflicts(func() (*ruleOutput, error) { return s.putRuleOnce(ctx, key, i) })
	return out, problem.From(ctx, err, "storing NotificationRule "+key.String())
}

// putRuleOnce attempts a put. Every error of the API server is returned as it is.
func (s *Server) putRuleOnce(ctx context.Context, key types.NamespacedName, i *putRule) (*ruleOutput, error) {
	r := &v1alpha1.NotificationRule{}
	err := s.o.Live.Get(ctx, key, r)
	if client.IgnoreNotFound(err) != nil {
		return nil, err
	}
	isNew := apierrors.IsNotFound(err)
	if err := s.checkPut(ctx, action.Rules, putOf{key: key, before: r, isNew: isNew, match: i.Match, noneMatch: i.NoneMatch}); err != nil {
		return nil, err
	}
	var before client.Object // nil for a new one
	if !isNew {
		before = r.DeepCopy()
	} else {
		r = &v1alpha1.NotificationRule{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}
	}
	r.Spec = i.Body.Spec
	if err := s.write(ctx, before, r); err != nil {
		return nil, err
	}
	return ruleAnswer(r, putStatus(isNew)), nil
}

func (s *Server) deleteRule(ctx context.Context, i *deleteRule) (*struct{}, error) {
	key := s.params.Key(i.ByName)
	if err := s.permissions.Require(ctx, "delete", action.Rules, key); err != nil {
		return nil, err
	}
	r, err := s.readRule(ctx, key)
	if err != nil {
		return nil, err
	}
	return nil, s.remove(ctx, r, i.IfMatch, v1alpha1.KindNotificationRule)
}
