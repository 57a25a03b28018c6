// SPDX-License-Identifier: Apache-2.0

// Package access finds out what a caller may do altogether, which pages show. Nothing is allowed by it: each act is
// authorized by itself.
package access

import (
	"context"
	"sync"

	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/identity"
)

// verbs are what the API does with each kind of resource.
var verbs = []struct {
	resource action.Resource
	verbs    []string
}{
	{action.SlackIntegrations, []string{"get", "list", "watch", "create", "update", "delete"}},
	{action.JiraIntegrations, []string{"get", "list", "watch", "create", "update", "delete"}},
	{action.Rules, []string{"get", "list", "watch", "create", "update", "delete"}},
	{action.Defects, []string{"get", "list", "watch", "create", "update"}},
	{action.Notifications, []string{"get", "list", "watch"}},
	{action.Events, []string{"create"}},
	{action.Jobs, []string{"get", "list", "watch", "create"}},
	{action.CronJobs, []string{"list", "watch"}},
	{action.Secrets, []string{"create", "update"}},
}

// ours are the resources of this operator.
var ours = []action.Resource{
	action.SlackIntegrations, action.JiraIntegrations, action.Rules, action.Defects, action.Notifications,
}

// Rights are what a caller may do. They are shared between requests: they must not be changed.
type Rights struct {
	// Verbs are the verbs by resource.
	Verbs map[string][]string
	// Everywhere is whether the caller may list the resources of this operator in all namespaces.
	Everywhere bool
}

// review asks Kubernetes what a caller may do in a namespace; in all of them when it is empty.
func review(ctx context.Context, a action.Authorizer, caller identity.Caller, namespace string) (Rights, error) {
	var wanted []identity.Access
	for _, v := range verbs {
		for _, verb := range v.verbs {
			wanted = append(wanted, v.resource.In(verb, namespace))
		}
	}
	allowed, err := allowedEach(ctx, a, caller, wanted)
	if err != nil {
		return Rights{}, err
	}
	everywhere, err := listsEverywhere(ctx, a, caller)
	if err != nil {
		return Rights{}, err
	}
	out := Rights{Verbs: map[string][]string{}, Everywhere: everywhere}
	for at, w := range wanted {
		if allowed[at] {
			out.Verbs[w.Resource] = append(out.Verbs[w.Resource], w.Verb)
		}
	}
	return out, nil
}

// listsEverywhere reports whether a caller may list the resources of this operator in all namespaces. The first denial
// decides.
func listsEverywhere(ctx context.Context, a action.Authorizer, caller identity.Caller) (bool, error) {
	for _, r := range ours {
		if ok, err := action.Allowed(ctx, a, caller, r.In("list", "")); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

// parallel is how many accesses are reviewed at once. A review that is not cached takes Kubernetes a few milliseconds.
const parallel = 8

// allowedEach reports for each access whether the caller has it.
func allowedEach(
	ctx context.Context, a action.Authorizer, caller identity.Caller, wanted []identity.Access,
) ([]bool, error) {
	allowed := make([]bool, len(wanted))
	failed := make([]error, len(wanted))
	next := make(chan int)
	var all sync.WaitGroup
	for range parallel {
		all.Go(func() {
			for at := range next {
				allowed[at], failed[at] = action.Allowed(ctx, a, caller, wanted[at])
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
