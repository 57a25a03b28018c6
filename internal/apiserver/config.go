// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"cmp"
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/openapi"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/params"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/problem"
	"github.com/voiceai-dev/integrations-operator/internal/credential"
)

// configBody is the configuration of an integration.
type configBody[S any] struct {
	Namespace   string                     `json:"namespace" doc:"The namespace of the integration."`
	Name        string                     `json:"name" doc:"Its name."`
	Spec        S                          `json:"spec" doc:"Its spec, as in its resource."`
	Credentials map[string]credentialState `json:"credentials" doc:"Which credentials are set. Their values are never shown."`
	ManagedBy   string                     `json:"managedBy,omitempty" doc:"Who applies the resource, such as argocd-controller, and would revert a change made here: that is answered with 409."`
	Editable    bool                       `json:"editable" doc:"Whether it can be changed here: nobody manages it, or kubectl, with editAnyway."`
}

type configOutput[S any] struct {
	ETag string `header:"ETag"`
	Body configBody[S]
}

type putOutput[S any] struct {
	Status int
	ETag   string `header:"ETag"`
	Body   configBody[S]
}

type configInput struct{ params.Named }

type deleteConfigInput struct {
	params.Named
	Match
}

type slackPut struct {
	params.Named
	Match
	NoneMatch
	Body struct {
		Spec           slackSpec        `json:"spec" doc:"The wanted spec, as in the resource. Credentials that it leaves out stay as they are."`
		Credentials    slackCredentials `json:"credentials,omitzero" doc:"Credentials to store in a Secret; those left out stay as they are."`
		ReplaceDefault bool             `json:"replaceDefault,omitempty" doc:"With spec.default: the integration that is the default of the namespace now is it no more. Without replaceDefault that is refused with 409."`
		EditAnyway     bool             `json:"editAnyway,omitempty" doc:"Change an integration that kubectl applied. kubectl apply reverts the change when it runs again. Without editAnyway that is refused with 409, and with Argo CD, Flux or Helm always."`
	}
}

type jiraPut struct {
	params.Named
	Match
	NoneMatch
	Body struct {
		Spec           jiraSpec        `json:"spec" doc:"The wanted spec, as in the resource. Credentials that it leaves out stay as they are."`
		Credentials    jiraCredentials `json:"credentials,omitzero" doc:"Credentials to store in a Secret; those left out stay as they are."`
		ReplaceDefault bool            `json:"replaceDefault,omitempty" doc:"With spec.default: the integration that is the default of the namespace now is it no more. Without replaceDefault that is refused with 409."`
		EditAnyway     bool            `json:"editAnyway,omitempty" doc:"Change an integration that kubectl applied. kubectl apply reverts the change when it runs again. Without editAnyway that is refused with 409, and with Argo CD, Flux or Helm always."`
	}
}

// provider is what differs between the kinds of integration.
type provider[T client.Object, S any] struct {
	title, kind string
	resource    action.Resource
	credentials credential.Kind
	defaultName func(*Server) string
	empty       func() T
	spec        func(T) *S
	// address returns where a spec has its credentials sent.
	address func(*S) string
	// slots returns where a spec refers to credentials.
	slots func(*S) []credential.Slot
	// merge fills in what a new spec leaves out from the one before, and makes room for the given credentials.
	merge func(spec, before *S, given credential.Values)
	// isDefault returns the field that makes an integration the default of its namespace.
	isDefault func(*S) *bool
	// list returns the integrations of a namespace.
	list func(ctx context.Context, c client.Reader, namespace string) ([]T, error)
}

var slackProvider = provider[*v1alpha1.SlackIntegration, v1alpha1.SlackIntegrationSpec]{
	title:       "slack",
	kind:        v1alpha1.KindSlackIntegration,
	resource:    action.SlackIntegrations,
	credentials: credential.Slack,
	defaultName: func(s *Server) string { return s.o.SlackName },
	empty:       func() *v1alpha1.SlackIntegration { return &v1alpha1.SlackIntegration{} },
	spec:        func(i *v1alpha1.SlackIntegration) *v1alpha1.SlackIntegrationSpec { return &i.Spec },
	address:     func(s *v1alpha1.SlackIntegrationSpec) string { return string(s.APIURL) },
	slots:       credential.SlackSlots,
	merge:       credential.MergeSlack,
	isDefault:   func(s *v1alpha1.SlackIntegrationSpec) *bool { return &s.Default },
	list: func(ctx context.Context, c client.Reader, namespace string) ([]*v1alpha1.SlackIntegration, error) {
		all := &v1alpha1.SlackIntegrationList{}
		err := c.List(ctx, all, client.InNamespace(namespace))
		return pointers(all.Items), err
	},
}

var jiraProvider = provider[*v1alpha1.JiraIntegration, v1alpha1.JiraIntegrationSpec]{
	title:       "jira",
	kind:        v1alpha1.KindJiraIntegration,
	resource:    action.JiraIntegrations,
	credentials: credential.Jira,
	defaultName: func(s *Server) string { return s.o.JiraName },
	empty:       func() *v1alpha1.JiraIntegration { return &v1alpha1.JiraIntegration{} },
	spec:        func(i *v1alpha1.JiraIntegration) *v1alpha1.JiraIntegrationSpec { return &i.Spec },
	address:     func(s *v1alpha1.JiraIntegrationSpec) string { return string(s.APIURL) },
	slots:       credential.JiraSlots,
	merge:       credential.MergeJira,
	isDefault:   func(s *v1alpha1.JiraIntegrationSpec) *bool { return &s.Default },
	list: func(ctx context.Context, c client.Reader, namespace string) ([]*v1alpha1.JiraIntegration, error) {
		all := &v1alpha1.JiraIntegrationList{}
		err := c.List(ctx, all, client.InNamespace(namespace))
		return pointers(all.Items), err
	},
}

func (s *Server) routeConfig(api huma.API) {
	routeProvider(api, s, slackProvider)
	routeProvider(api, s, jiraProvider)
	s.routeReplacements(api)
	openapi.Register(api, putOperation("slack"), func(ctx context.Context, i *slackPut) (*putOutput[v1alpha1.SlackIntegrationSpec], error) {
		return putConfig(ctx, s, slackProvider, configPut[v1alpha1.SlackIntegrationSpec]{
			key: slackProvider.key(s, i.Named), match: i.Match, noneMatch: i.NoneMatch,
			spec: v1alpha1.SlackIntegrationSpec(i.Body.Spec), given: i.Body.Credentials.given(),
			replaceDefault: i.Body.ReplaceDefault, editAnyway: i.Body.EditAnyway,
		})
	})
	openapi.Register(api, putOperation("jira"), func(ctx context.Context, i *jiraPut) (*putOutput[v1alpha1.JiraIntegrationSpec], error) {
		return putConfig(ctx, s, jiraProvider, configPut[v1alpha1.JiraIntegrationSpec]{
			key: jiraProvider.key(s, i.Named), match: i.Match, noneMatch: i.NoneMatch,
			spec: v1alpha1.JiraIntegrationSpec(i.Body.Spec), given: i.Body.Credentials.given(),
			replaceDefault: i.Body.ReplaceDefault, editAnyway: i.Body.EditAnyway,
		})
	})
}

func putOperation(title string) huma.Operation {
	return huma.Operation{
		OperationID: "put-" + title + "-config", Method: http.MethodPut, Path: configPath(title), Tags: []string{"Integrations"},
		Summary: "Configure " + title,
		Description: "Creates or changes the integration. Credentials are stored first, under keys of their own, and are used " +
			"from the moment that the rest of the change is.",
		Responses: map[string]*huma.Response{"201": {Description: "Created."}},
	}
}

func configPath(title string) string { return "/api/v1/integrations/" + title + "/config" }

func routeProvider[T client.Object, S any](api huma.API, s *Server, p provider[T, S]) {
	openapi.Register(api, huma.Operation{
		OperationID: "get-" + p.title + "-config", Method: http.MethodGet, Path: configPath(p.title),
		Tags: []string{"Integrations"}, Summary: "The configuration of " + p.title,
	}, func(ctx context.Context, i *configInput) (*configOutput[S], error) {
		key := p.key(s, i.Named)
		if err := s.permissions.Require(ctx, "get", p.resource, key); err != nil {
			return nil, err
		}
		o, err := p.get(ctx, s, key)
		if err != nil {
			return nil, err
		}
		body, err := p.body(ctx, s, o)
		if err != nil {
			return nil, err
		}
		return &configOutput[S]{ETag: specTag(o), Body: body}, nil
	})
	openapi.Register(api, huma.Operation{
		OperationID: "delete-" + p.title + "-config", Method: http.MethodDelete, Path: configPath(p.title),
		Tags: []string{"Integrations"}, Summary: "Disconnect " + p.title, DefaultStatus: http.StatusNoContent,
		Description: "Deletes the integration, and with it the Secret that was created for it here.",
	}, func(ctx context.Context, i *deleteConfigInput) (*struct{}, error) {
		key := p.key(s, i.Named)
		if err := s.permissions.Require(ctx, "delete", p.resource, key); err != nil {
			return nil, err
		}
		o, err := p.get(ctx, s, key)
		if err != nil {
			return nil, err
		}
		if err := s.remove(ctx, o, i.IfMatch, p.kind); err != nil {
			return nil, err
		}
		s.credentials.Forget(ctx, p.credentials, o)
		return nil, nil
	})
}

func (p provider[T, S]) key(s *Server, n params.Named) types.NamespacedName {
	return types.NamespacedName{Namespace: s.params.In(n.Within), Name: cmp.Or(n.Name, p.defaultName(s))}
}

func (p provider[T, S]) get(ctx context.Context, s *Server, key types.NamespacedName) (T, error) {
	o := p.empty()
	err := s.o.Live.Get(ctx, key, o)
	if apierrors.IsNotFound(err) {
		return o, p.notConfigured(key)
	}
	return o, problem.From(ctx, err, "reading "+p.kind+" "+key.String())
}

func (p provider[T, S]) notConfigured(key types.NamespacedName) error {
	return problem.New(http.StatusNotFound, "%s %s is not configured: PUT %s configures it", p.kind, key, configPath(p.title))
}

// body returns the configuration of an integration.
func (p provider[T, S]) body(ctx context.Context, s *Server, o T) (configBody[S], error) {
	manager := action.Manager(o, "spec")
	out := configBody[S]{
		Namespace: o.GetNamespace(), Name: o.GetName(), Spec: *p.spec(o),
		Credentials: map[string]credentialState{}, ManagedBy: manager,
		Editable: manager == "" || action.IsKubectl(manager),
	}
	states, err := s.credentials.States(ctx, o.GetNamespace(), p.slots(p.spec(o)))
	if err != nil {
		return out, problem.From(ctx, err, "reading the credentials of "+p.kind+" "+o.GetName())
	}
	for name, state := range states {
		out.Credentials[string(name)] = credentialState(state)
	}
	return out, nil
}
