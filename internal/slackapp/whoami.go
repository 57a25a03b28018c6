// SPDX-License-Identifier: Apache-2.0

package slackapp

import (
	"context"
	"fmt"
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/identity"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/answer"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/grant"
)

// maxNamespaces bounds how many namespaces an answer shows: Slack refuses messages that are much longer.
const maxNamespaces = 5

// right is an act and the access that it takes.
type right struct {
	act      string
	verb     string
	resource action.Resource
}

// rights are what persons can do in Slack.
var rights = []right{
	{"see the health of Slack integrations", "list", action.SlackIntegrations},
	{"see the health of Jira integrations", "list", action.JiraIntegrations},
	{"see defects", "list", action.Defects},
	{"see one defect by its name", "get", action.Defects},
	{"move defects and request tickets", "update", action.Defects},
	{"file defects", "create", action.Defects},
	{"see runs", "list", action.Jobs},
	{"start runs", "create", action.Jobs},
}

// whoami shows who the person is in Kubernetes, what that user may do, and what would grant the rest.
func (s *session) whoami(ctx context.Context, _ []string) (chat.Response, error) {
	namespaces, err := connection.Reach(ctx, s.Client, s.Integrations)
	if err != nil {
		return chat.Response{}, err
	}
	groups := append(append([]string{}, s.caller.GetGroups()...), s.userGroups(ctx)...)
	text := fmt.Sprintf("You are the user `%s`, in the groups `%s`.", s.caller.GetName(), strings.Join(groups, "`, `"))
	if s.membership != "" {
		text += "\n" + s.membership
	}
	r := answer.Paragraphs(text)
	var grants []chat.Block
	for _, n := range namespaces[:min(len(namespaces), maxNamespaces)] {
		var missing []identity.Access
		lines := []string{"*" + n + "*"}
		for _, right := range rights {
			access := right.resource.In(right.verb, n)
			ok, err := action.Allowed(ctx, authorizer{s}, s.caller, access)
			switch {
			case err != nil:
				return chat.Response{}, err
			case ok:
				lines = append(lines, ":white_check_mark: "+right.act)
			default:
				lines = append(lines, ":no_entry: "+right.act)
				missing = append(missing, access)
			}
		}
		r.Blocks = append(r.Blocks, chat.Block{Section: strings.Join(lines, "\n")})
		if len(missing) > 0 {
			allowed := grant.New(s.caller.GetName(), missing...)
			grants = append(grants, chat.Block{Section: "This would allow the rest in " + n + ". Have an admin apply it:\n" + allowed.Code()})
		}
	}
	r.Blocks = append(r.Blocks, grants...)
	if rest := len(namespaces) - maxNamespaces; rest > 0 {
		r.Blocks = append(r.Blocks, chat.Block{Context: []string{fmt.Sprintf("%d more namespaces are not shown.", rest)}})
	}
	return r, nil
}
