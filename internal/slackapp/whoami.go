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
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/grant"
)

// maxGrants bounds how many grants an answer shows: Slack refuses messages that are much longer.
const maxGrants = 6

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
	r := paragraphs(text)
	var missing []identity.Access
	for _, n := range namespaces {
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
		if len(r.Blocks) < maxGrants {
			r.Blocks = append(r.Blocks, chat.Block{Section: strings.Join(lines, "\n")})
		}
	}
	for _, access := range missing[:min(len(missing), maxGrants)] {
		what := fmt.Sprintf("To %s, an admin applies:\n", access)
		r.Blocks = append(r.Blocks, chat.Block{Section: what + grant.New(s.caller.GetName(), access).Code()})
	}
	if rest := len(missing) - maxGrants; rest > 0 {
		r.Blocks = append(r.Blocks, chat.Block{Context: []string{fmt.Sprintf("%d more are missing. Apply these, and repeat the command.", rest)}})
	}
	return r, nil
}
