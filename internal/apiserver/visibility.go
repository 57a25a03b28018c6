package apiserver

import (
	"context"

	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view"
)

// visibility returns which of some kinds the caller may list in a namespace.
func (s *Server) visibility(ctx context.Context, namespace string, kinds ...action.Resource) (view.Visibility, error) {
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
		ok, err := s.may(ctx, "list", kind, in(namespace))
		if err != nil {
			return view.Visibility{}, err
		}
		*fields[kind] = ok
	}
	return out, nil
}

// listsSlack returns a function that reports whether the caller may list SlackIntegrations in a namespace, and checks
// that once for each.
func (s *Server) listsSlack(ctx context.Context) func(namespace string) bool {
	known := map[string]bool{}
	return func(namespace string) bool {
		ok, checked := known[namespace]
		if !checked {
			ok, _ = s.may(ctx, "list", action.SlackIntegrations, in(namespace)) // without an answer less is shown
			known[namespace] = ok
		}
		return ok
	}
}
