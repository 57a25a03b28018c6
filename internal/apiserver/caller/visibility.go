package caller

import (
	"context"

	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view"
)

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

// ListsSlack returns a function that reports whether the caller may list SlackIntegrations in a namespace, and checks
// that once for each.
func (p Permissions) ListsSlack(ctx context.Context) func(namespace string) bool {
	known := map[string]bool{}
	return func(namespace string) bool {
		ok, checked := known[namespace]
		if !checked {
			ok, _ = p.May(ctx, "list", action.SlackIntegrations, In(namespace)) // without an answer less is shown
			known[namespace] = ok
		}
		return ok
	}
}
