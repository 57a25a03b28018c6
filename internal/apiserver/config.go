package apiserver

import (
	"cmp"
	"context"
	"maps"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
)

// +kubebuilder:rbac:groups=integrations.voiceai.dev,resources=slackintegrations;jiraintegrations,verbs=get;list;watch;create;update;delete

// credentialState says of a credential whether it is there, and never what it is.
type credentialState struct {
	Set    bool   `json:"set" doc:"Whether there is a value."`
	Secret string `json:"secret,omitempty" doc:"The Secret that holds it."`
	Key    string `json:"key,omitempty" doc:"The key in that Secret."`
}

// Config is an integration's configuration.
type configBody[S any] struct {
	Namespace   string                     `json:"namespace" doc:"The namespace of the integration."`
	Name        string                     `json:"name" doc:"Its name."`
	Spec        S                          `json:"spec" doc:"Its spec, as in its resource."`
	Credentials map[string]credentialState `json:"credentials" doc:"Which credentials are set. Their values are never shown."`
	ManagedBy   string                     `json:"managedBy,omitempty" doc:"Who applies the resource, such as argocd-controller, and would undo a change made here: it is answered with 409."`
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

type configInput struct{ Named }

type deleteConfigInput struct {
	Named
	Match
}

// provider is what differs between the kinds of integration.
type provider[T client.Object, S any] struct {
	title, kind string
	resource    action.Resource
	defaultName func(*Server) string
	fresh       func() T
	spec        func(T) *S
	// address is where a spec has its credentials sent.
	address func(*S) string
	// slots are where a spec names credentials.
	slots func(*S) []slot
	// keep fills in what a new spec leaves out from the one before, and makes room for credentials that are given.
	keep func(spec, before *S, given map[string]string)
}

var slackProvider = provider[*v1alpha1.SlackIntegration, v1alpha1.SlackIntegrationSpec]{
	title: "slack", kind: v1alpha1.KindSlackIntegration, resource: action.SlackIntegrations,
	defaultName: func(s *Server) string { return s.o.SlackName },
	fresh:       func() *v1alpha1.SlackIntegration { return &v1alpha1.SlackIntegration{} },
	spec:        func(i *v1alpha1.SlackIntegration) *v1alpha1.SlackIntegrationSpec { return &i.Spec },
	address:     func(s *v1alpha1.SlackIntegrationSpec) string { return string(s.APIURL) },
	slots:       slackSlots, keep: keepSlack,
}

var jiraProvider = provider[*v1alpha1.JiraIntegration, v1alpha1.JiraIntegrationSpec]{
	title: "jira", kind: v1alpha1.KindJiraIntegration, resource: action.JiraIntegrations,
	defaultName: func(s *Server) string { return s.o.JiraName },
	fresh:       func() *v1alpha1.JiraIntegration { return &v1alpha1.JiraIntegration{} },
	spec:        func(i *v1alpha1.JiraIntegration) *v1alpha1.JiraIntegrationSpec { return &i.Spec },
	address:     func(s *v1alpha1.JiraIntegrationSpec) string { return string(s.APIURL) },
	slots:       jiraSlots, keep: keepJira,
}

type slackPut struct {
	Named
	Match
	NoneMatch
	Body struct {
		Spec        slackSpec        `json:"spec" doc:"What is wanted, as in the resource. Credentials that it does not name stay as they are."`
		Credentials slackCredentials `json:"credentials,omitzero" doc:"Credentials to store in a Secret; those left out stay as they are."`
	}
}

type jiraPut struct {
	Named
	Match
	NoneMatch
	Body struct {
		Spec        jiraSpec        `json:"spec" doc:"What is wanted, as in the resource. Credentials that it does not name stay as they are."`
		Credentials jiraCredentials `json:"credentials,omitzero" doc:"Credentials to store in a Secret; those left out stay as they are."`
	}
}

func (s *Server) routeConfig(api huma.API) {
	routeProvider(api, s, slackProvider)
	routeProvider(api, s, jiraProvider)
	route(api, putOperation("slack"), func(ctx context.Context, i *slackPut) (*putOutput[v1alpha1.SlackIntegrationSpec], error) {
		return put(ctx, s, slackProvider, i.Named, i.Match, i.NoneMatch, v1alpha1.SlackIntegrationSpec(i.Body.Spec), i.Body.Credentials.given())
	})
	route(api, putOperation("jira"), func(ctx context.Context, i *jiraPut) (*putOutput[v1alpha1.JiraIntegrationSpec], error) {
		return put(ctx, s, jiraProvider, i.Named, i.Match, i.NoneMatch, v1alpha1.JiraIntegrationSpec(i.Body.Spec), i.Body.Credentials.given())
	})
}

func putOperation(title string) huma.Operation {
	return huma.Operation{
		OperationID: "put-" + title + "-config", Method: http.MethodPut, Path: "/api/v1/integrations/" + title + "/config", Tags: []string{"Integrations"},
		Summary:     "Configure " + title,
		Description: "Creates or changes the integration. Credentials are stored first, under a key of their own, and come into use together with the rest.",
		Responses:   map[string]*huma.Response{"201": {Description: "Created."}},
	}
}

func routeProvider[T client.Object, S any](api huma.API, s *Server, p provider[T, S]) {
	at := "/api/v1/integrations/" + p.title + "/config"
	route(api, huma.Operation{
		OperationID: "get-" + p.title + "-config", Method: http.MethodGet, Path: at, Tags: []string{"Integrations"}, Summary: "How " + p.title + " is configured",
	}, func(ctx context.Context, i *configInput) (*configOutput[S], error) {
		key := p.key(s, i.Named)
		if err := s.require(ctx, "get", p.resource, key); err != nil {
			return nil, err
		}
		o := p.fresh()
		if err := p.get(ctx, s, key, o); err != nil {
			return nil, err
		}
		body, err := p.body(ctx, s, o)
		if err != nil {
			return nil, err
		}
		return &configOutput[S]{ETag: specTag(o), Body: body}, nil
	})
	route(api, huma.Operation{
		OperationID: "delete-" + p.title + "-config", Method: http.MethodDelete, Path: at, Tags: []string{"Integrations"}, Summary: "Disconnect " + p.title,
		DefaultStatus: http.StatusNoContent, Description: "Removes the integration, and with it the Secret that was made for it here.",
	}, func(ctx context.Context, i *deleteConfigInput) (*struct{}, error) {
		key := p.key(s, i.Named)
		if err := s.require(ctx, "delete", p.resource, key); err != nil {
			return nil, err
		}
		o := p.fresh()
		if err := p.get(ctx, s, key, o); err != nil {
			return nil, err
		}
		if err := s.remove(ctx, o, i.IfMatch, p.kind); err != nil {
			return nil, err
		}
		s.forgetCredentials(ctx, o, p.title)
		return nil, nil
	})
}

// remove deletes what was read, if it still is what the caller read, and is nobody else's.
func (s *Server) remove(ctx context.Context, o client.Object, wanted, kind string) error {
	var err error
	for range action.MaxAttempts {
		if err := checkMatch(wanted, specTag(o)); err != nil {
			return err
		}
		if err := action.CheckUnmanaged(o, "spec"); err != nil {
			return cluster(ctx, err, "")
		}
		uid, version := o.GetUID(), o.GetResourceVersion()
		if err = s.o.Client.Delete(ctx, o, client.Preconditions{UID: &uid, ResourceVersion: &version}); !apierrors.IsConflict(err) {
			break
		}
		if err = s.o.Live.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
			break
		}
	}
	return cluster(ctx, err, "removing "+kind+" "+o.GetName())
}

func (p provider[T, S]) key(s *Server, n Named) types.NamespacedName {
	return types.NamespacedName{Namespace: s.namespace(n.Within), Name: cmp.Or(n.Name, p.defaultName(s))}
}

func (p provider[T, S]) get(ctx context.Context, s *Server, key types.NamespacedName, o T) error {
	err := s.o.Live.Get(ctx, key, o)
	if apierrors.IsNotFound(err) {
		return p.notConfigured(key)
	}
	return cluster(ctx, err, "reading "+p.kind+" "+key.String())
}

func (p provider[T, S]) notConfigured(key types.NamespacedName) error {
	return mistake(http.StatusNotFound, "%s %s is not configured: PUT /api/v1/integrations/%s/config configures it", p.kind, key, p.title)
}

func (p provider[T, S]) body(ctx context.Context, s *Server, o T) (configBody[S], error) {
	states, err := s.credentialStates(ctx, o.GetNamespace(), p.slots(p.spec(o)))
	return configBody[S]{Namespace: o.GetNamespace(), Name: o.GetName(), Spec: *p.spec(o), Credentials: states, ManagedBy: action.Manager(o, "spec")}, err
}

// put creates or changes an integration, and the Secret with its credentials.
func put[T client.Object, S any](ctx context.Context, s *Server, p provider[T, S], n Named, want Match, none NoneMatch, spec S, given map[string]string) (*putOutput[S], error) {
	key := p.key(s, n)
	if err := s.requireChange(ctx, p.resource, key); err != nil {
		return nil, err
	}
	if len(secretOnes(given)) > 0 {
		if err := s.requireChange(ctx, action.Secrets, types.NamespacedName{Namespace: key.Namespace, Name: credentialsName(key.Name)}); err != nil {
			return nil, err
		}
	}
	var err error
	for range action.MaxAttempts {
		var out *putOutput[S]
		if out, err = putOnce(ctx, s, p, key, want, none, spec, given); err == nil {
			return out, nil
		}
		if !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) {
			break
		}
	}
	return nil, cluster(ctx, err, "storing "+p.kind+" "+key.String())
}

func putOnce[T client.Object, S any](ctx context.Context, s *Server, p provider[T, S], key types.NamespacedName, want Match, none NoneMatch, spec S, given map[string]string) (*putOutput[S], error) {
	before := p.fresh()
	err := s.o.Live.Get(ctx, key, before)
	if client.IgnoreNotFound(err) != nil {
		return nil, err
	}
	isNew := apierrors.IsNotFound(err)
	if err := s.mayPut(ctx, p.resource, key, before, isNew, specTag(before), want, none); err != nil {
		return nil, err
	}
	o, _ := before.DeepCopyObject().(T)
	o.SetNamespace(key.Namespace)
	o.SetName(key.Name)
	desired := spec
	p.keep(&desired, p.spec(before), given)
	kept, err := s.unchanged(ctx, key, p.slots(p.spec(before)), given)
	if err != nil {
		return nil, err
	}
	keys := name(given, p.title, s.o.Clock.Now())
	maps.DeleteFunc(keys, func(credential, _ string) bool { return kept[credential] != "" })
	all := maps.Clone(keys)
	maps.Copy(all, kept)
	point(p.slots(&desired), credentialsName(key.Name), all)
	if err := p.mayUse(ctx, s, key.Namespace, p.spec(before), &desired, all); err != nil {
		return nil, err
	}
	*p.spec(o) = desired

	if err := write(ctx, s, o, isNew, client.DryRunAll); err != nil { // so that what is refused leaves nothing behind
		return nil, err
	}
	if err := s.storeCredentials(ctx, before, key, keys, given); err != nil {
		return nil, err
	}
	if err := write(ctx, s, o, isNew); err != nil {
		s.dropCredentials(ctx, nil, key, p.title, nil, keys)
		return nil, err
	}
	s.dropCredentials(ctx, o, key, p.title, p.slots(p.spec(o)), used(p.slots(p.spec(before)), credentialsName(key.Name)))
	body, err := p.body(ctx, s, o)
	if err != nil {
		return nil, err
	}
	out := &putOutput[S]{Status: http.StatusOK, ETag: specTag(o), Body: body}
	if isNew {
		out.Status = http.StatusCreated
	}
	return out, nil
}

// mayUse has those who do not give credentials anew, and point at others or have them sent elsewhere, be allowed to read them.
func (p provider[T, S]) mayUse(ctx context.Context, s *Server, namespace string, before, desired *S, fresh map[string]string) error {
	was := map[string]v1alpha1.SecretKeyReference{}
	for _, sl := range p.slots(before) {
		if sl.ref != nil && p.address(before) == p.address(desired) {
			was[sl.name] = *sl.ref
		}
	}
	for _, sl := range p.slots(desired) {
		if sl.ref == nil || sl.ref.Name == "" || fresh[sl.name] != "" || was[sl.name] == *sl.ref {
			continue
		}
		ok, err := s.may(ctx, "get", action.Secrets, types.NamespacedName{Namespace: namespace, Name: sl.ref.Name})
		if err != nil {
			return err
		}
		if !ok {
			return mistake(http.StatusForbidden, "%s would be taken from Secret %s/%s, which %s may not get: give it anew with this change, or bind a Role that allows it",
				sl.name, namespace, sl.ref.Name, callerOf(ctx).GetName())
		}
	}
	return nil
}

// write creates or updates an object.
func write(ctx context.Context, s *Server, o client.Object, isNew bool, options ...client.CreateOption) error {
	if isNew {
		trial, _ := o.DeepCopyObject().(client.Object)
		if len(options) == 0 {
			trial = o
		}
		return s.o.Client.Create(ctx, trial, append(options, action.FieldOwner)...)
	}
	if len(options) > 0 {
		trial, _ := o.DeepCopyObject().(client.Object)
		return s.o.Client.Update(ctx, trial, client.DryRunAll, action.FieldOwner)
	}
	return s.o.Client.Update(ctx, o, action.FieldOwner)
}

// requireChange answers 403 to those who may neither create nor change, so that they do not learn what is there.
func (s *Server) requireChange(ctx context.Context, r action.Resource, key types.NamespacedName) error {
	ok, err := s.may(ctx, "update", r, key)
	if err != nil || ok {
		return err
	}
	return s.require(ctx, "create", r, in(key.Namespace))
}

// mayPut checks rights, preconditions and owners of something that is to be created or changed.
func (s *Server) mayPut(ctx context.Context, r action.Resource, key types.NamespacedName, before client.Object, isNew bool, tag string, want Match, none NoneMatch) error {
	if isNew {
		if want.IfMatch != "" {
			return mistake(http.StatusPreconditionFailed, "%s is not there any more: leave out If-Match to create it", key)
		}
		return s.require(ctx, "create", r, in(key.Namespace))
	}
	if err := s.require(ctx, "update", r, key); err != nil {
		return err
	}
	if none.IfNoneMatch == "*" {
		return mistake(http.StatusPreconditionFailed, "%s is there already: leave out If-None-Match to change it", key)
	}
	if err := checkMatch(want.IfMatch, tag); err != nil {
		return err
	}
	return action.CheckUnmanaged(before, "spec")
}
