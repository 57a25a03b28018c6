// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"context"

	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view"
)

// everywhere stands for all namespaces.
const everywhere = ""

// Visibility returns which of some kinds the caller may list in a namespace.
func (p Permissions) Visibility(ctx context.Context, namespace string, kinds ...action.Resource) (view.Visibility, error) {
	var out view.Visibility
	fields := map[action.Resource]*bool{
		action.SlackIntegrations: &out.Slack,
		action.JiraIntegrations:  &out.Jira,
		action.Rules:             &out.Rules,
		action.Defects:           &out.Defects,
		action.Notifications:     &out.Notifications,
		action.Jobs:              &out.Runs,
		action.CronJobs:          &out.Suites,
	}
	for _, kind := range kinds {
		ok, err := p.May(ctx, "list", kind, In(namespace))
		if err != nil {
			return view.Visibility{}, err
		}
		*fields[kind] = ok
	}
	return out, nil
}

// maxNamespaces bounds the namespaces in which one request checks whether its caller may list SlackIntegrations.
const maxNamespaces = 8

// ListsSlack returns a function that reports whether the caller may list SlackIntegrations in a namespace. It checks
// each namespace once, and from the second on first whether the caller may do so in all. After maxNamespaces it reports
// false without a check, so less is shown.
func (p Permissions) ListsSlack(ctx context.Context) func(namespace string) bool {
	known := map[string]bool{}
	lists := func(namespace string) bool {
		ok, checked := known[namespace]
		if !checked {
			ok, _ = p.May(ctx, "list", action.SlackIntegrations, In(namespace)) // without an answer less is shown
			known[namespace] = ok
		}
		return ok
	}
	return func(namespace string) bool {
		_, checked := known[namespace]
		switch {
		case checked, len(known) == 0:
			return lists(namespace)
		case lists(everywhere):
			return true
		}
		return len(known) <= maxNamespaces && lists(namespace) // known has everywhere too
	}
}
