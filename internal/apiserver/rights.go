package apiserver

import (
	"context"
	"net/http"
	"slices"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/internal/identity"
)

// maxNamespaces bounds how many are named.
const maxNamespaces = 500

// acts are what the API does to each kind of resource, and so what somebody may be allowed.
var acts = []struct {
	resource resource
	verbs    []string
}{
	{slackIntegrations, []string{"get", "list", "watch", "create", "update", "delete"}},
	{jiraIntegrations, []string{"get", "list", "watch", "create", "update", "delete"}},
	{rules, []string{"get", "list", "watch", "create", "update", "delete"}},
	{defects, []string{"get", "list", "watch", "create", "update"}},
	{notifications, []string{"get", "list", "watch", "create"}},
	{jobs, []string{"get", "list", "watch", "create"}},
	{cronJobs, []string{"list", "watch"}},
	{secrets, []string{"create", "update"}},
}

type accessInput struct{ Across }

type accessOutput struct {
	Body struct {
		Caller     string              `json:"caller" doc:"Who you are to Kubernetes."`
		Namespace  string              `json:"namespace" doc:"The namespace that the rights are about; * for all of them."`
		Rights     map[string][]string `json:"rights" doc:"What you may do, by resource, such as {\"defects\": [\"get\", \"list\"]}. Resources that you may do nothing to are left out."`
		Everywhere bool                `json:"everywhere" doc:"Whether you may list the resources of this operator in every namespace."`
		Namespaces []string            `json:"namespaces" doc:"The namespaces that have such resources; none unless you may list them everywhere."`
	}
}

func (s *Server) routeAccess(api huma.API) {
	route(api, huma.Operation{
		OperationID: "get-access", Method: http.MethodGet, Path: accessPath, Tags: []string{"Access"}, Summary: "Who you are and what you may do",
		Description: "As Kubernetes RBAC decides it, for whole namespaces: a right to single objects by name is not in it. Whoever has a token may ask.",
	}, s.access)
}

func (s *Server) access(ctx context.Context, i *accessInput) (*accessOutput, error) {
	namespace := s.namespaces(i.Across)
	var wanted []identity.Access
	for _, a := range acts {
		for _, verb := range a.verbs {
			wanted = append(wanted, identity.Access{Verb: verb, Group: a.resource.group, Resource: a.resource.name, Namespace: namespace})
		}
	}
	within := len(wanted)
	for _, r := range []resource{slackIntegrations, jiraIntegrations, rules, defects, notifications} {
		wanted = append(wanted, identity.Access{Verb: "list", Group: r.group, Resource: r.name})
	}
	allowed, err := s.mayAll(ctx, wanted)
	if err != nil {
		return nil, err
	}
	out := &accessOutput{}
	out.Body.Caller, out.Body.Namespace, out.Body.Rights, out.Body.Namespaces = callerOf(ctx).GetName(), namespace, map[string][]string{}, []string{}
	if namespace == "" {
		out.Body.Namespace = "*"
	}
	for at, a := range wanted[:within] {
		if allowed[at] {
			out.Body.Rights[a.Resource] = append(out.Body.Rights[a.Resource], a.Verb)
		}
	}
	if out.Body.Everywhere = !slices.Contains(allowed[within:], false); out.Body.Everywhere {
		out.Body.Namespaces = s.inhabited()
	}
	return out, nil
}

// mayAll says for each of several acts whether the caller may. They are looked up side by side: an answer that is not remembered takes Kubernetes a
// few milliseconds.
func (s *Server) mayAll(ctx context.Context, wanted []identity.Access) ([]bool, error) {
	allowed, failed := make([]bool, len(wanted)), make([]error, len(wanted))
	next := make(chan int)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for at := range next {
				a := wanted[at]
				allowed[at], failed[at] = s.may(ctx, a.Verb, resource{a.Group, a.Resource}, types.NamespacedName{Namespace: a.Namespace})
			}
		})
	}
	for at := range wanted {
		next <- at
	}
	close(next)
	all.Wait()
	for _, err := range failed {
		if err != nil {
			return nil, err
		}
	}
	return allowed, nil
}

// inhabited are the namespaces with resources of ours, by name.
func (s *Server) inhabited() []string {
	found := map[string]struct{}{}
	s.slack.namespaces(found)
	s.jira.namespaces(found)
	s.rules.namespaces(found)
	s.defects.namespaces(found)
	s.told.namespaces(found)
	out := make([]string, 0, len(found))
	for n := range found {
		out = append(out, n)
	}
	slices.Sort(out)
	return out[:min(len(out), maxNamespaces)]
}
