package apiserver

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"golang.org/x/sync/singleflight"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"k8s.io/utils/lru"

	"github.com/voiceai-dev/integrations-operator/internal/identity"

	"github.com/voiceai-dev/integrations-operator/internal/action"
)

// maxNamespaces bounds how many are named.
const maxNamespaces = 500

// acts are what the API does to each kind of resource, and so what somebody may be allowed.
var acts = []struct {
	resource action.Resource
	verbs    []string
}{
	{action.SlackIntegrations, []string{"get", "list", "watch", "create", "update", "delete"}},
	{action.JiraIntegrations, []string{"get", "list", "watch", "create", "update", "delete"}},
	{action.Rules, []string{"get", "list", "watch", "create", "update", "delete"}},
	{action.Defects, []string{"get", "list", "watch", "create", "update"}},
	{action.Notifications, []string{"get", "list", "watch", "create"}},
	{action.Jobs, []string{"get", "list", "watch", "create"}},
	{action.CronJobs, []string{"list", "watch"}},
	{action.Secrets, []string{"create", "update"}},
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
	known, err := s.rights.of(ctx, callerOf(ctx), namespace, s.ask)
	if err != nil {
		return nil, err
	}
	out := &accessOutput{}
	out.Body.Caller, out.Body.Namespace, out.Body.Rights, out.Body.Everywhere = callerOf(ctx).GetName(), cmp.Or(namespace, "*"), known.here, known.everywhere
	out.Body.Namespaces = []string{}
	if known.everywhere {
		out.Body.Namespaces = s.inhabited()
	}
	return out, nil
}

// ask asks Kubernetes what the caller may do in a namespace.
func (s *Server) ask(ctx context.Context, namespace string) (rights, error) {
	var wanted []identity.Access
	for _, a := range acts {
		for _, verb := range a.verbs {
			wanted = append(wanted, identity.Access{Verb: verb, Group: a.resource.Group, Resource: a.resource.Name, Namespace: namespace})
		}
	}
	within := len(wanted)
	for _, r := range []action.Resource{action.SlackIntegrations, action.JiraIntegrations, action.Rules, action.Defects, action.Notifications} {
		wanted = append(wanted, identity.Access{Verb: "list", Group: r.Group, Resource: r.Name})
	}
	allowed, err := s.mayAll(ctx, wanted)
	if err != nil {
		return rights{}, err
	}
	out := rights{here: map[string][]string{}, everywhere: !slices.Contains(allowed[within:], false)}
	for at, a := range wanted[:within] {
		if allowed[at] {
			out.here[a.Resource] = append(out.here[a.Resource], a.Verb)
		}
	}
	return out, nil
}

// rights are what somebody may do. They are shared between requests: nobody may change them.
type rights struct {
	here       map[string][]string
	everywhere bool
}

const (
	// rightsFresh is how long rights are told without asking again, rightsMemory how long they are told while they are asked for again.
	rightsFresh, rightsMemory = 3 * time.Second, 10 * time.Second
	maxRights                 = 1024
)

// rightsMemo keeps what callers may do, which every page begins with and which takes some forty questions. Nothing is allowed by it: who acts is
// asked about then.
type rightsMemo struct {
	clock  clock.PassiveClock
	known  *lru.Cache
	asking singleflight.Group
}

type rightsAt struct {
	rights
	at time.Time
}

// of are the rights of a caller. Those who want them at the same moment have them asked for once; ask is given a context that outlives them.
func (m *rightsMemo) of(ctx context.Context, caller identity.Caller, namespace string, ask func(context.Context, string) (rights, error)) (rights, error) {
	who, err := json.Marshal([]any{caller.GetName(), caller.GetUID(), caller.GetGroups(), caller.GetExtra(), namespace})
	if err != nil {
		return rights{}, fmt.Errorf("writing down who %s is: %w", caller.GetName(), err)
	}
	key := string(who)
	known, age := m.recall(key)
	if age < rightsFresh {
		return known, nil
	}
	answer := m.asking.DoChan(key, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerWithin)
		defer cancel()
		if known, age := m.recall(key); age < rightsFresh { // who asked before has had the answer just now
			return known, nil
		}
		at := m.clock.Now()
		r, err := ask(ctx, namespace)
		if err == nil {
			m.known.Add(key, rightsAt{r, at})
		}
		return r, err
	})
	if age < rightsMemory {
		return known, nil
	}
	select {
	case a := <-answer:
		r, _ := a.Val.(rights)
		return r, a.Err
	case <-ctx.Done():
		return rights{}, cluster(ctx, ctx.Err(), "finding out what you may do")
	}
}

// recall is what is known, and how old it is.
func (m *rightsMemo) recall(key string) (rights, time.Duration) {
	v, ok := m.known.Get(key)
	if !ok {
		return rights{}, rightsMemory
	}
	known := v.(rightsAt)
	return known.rights, m.clock.Since(known.at)
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
				allowed[at], failed[at] = s.may(ctx, a.Verb, action.Resource{Group: a.Group, Name: a.Resource}, types.NamespacedName{Namespace: a.Namespace})
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
