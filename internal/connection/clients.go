// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// Names of the activities in an integration's status. The totals count posts and creates.
const (
	ActionPost    = "PostMessage"
	ActionFind    = "FindMessage"
	ActionShare   = "PostFile"
	ActionTest    = "TestMessage"
	ActionCreate  = "CreateIssue"
	ActionLookup  = "FindIssue"
	ActionMove    = "MoveIssue"
	ActionComment = "CommentIssue"
	ActionLink    = "LinkIssue"
	ActionAttach  = "AttachFile"
	ActionPoll    = "PollIssues"
)

// SlackPool holds the connections to Slack.
type SlackPool = Pool[SlackClient, chat.Posted]

// SlackClient is a poster and what its probe found.
type SlackClient struct {
	chat.Poster
	Workspace chat.Workspace
}

// NewSlackPool returns a pool of connections to Slack, which counts posts.
func NewSlackPool(o Options) *SlackPool {
	o.CountedAction = ActionPost
	return NewPool[SlackClient, chat.Posted](o)
}

// JiraPool holds the connections to Jira.
type JiraPool = Pool[JiraClient, ticket.Ticket]

// JiraClient is a tracker and what its probe found.
type JiraClient struct {
	ticket.Tracker
	Project ticket.Project
}

// NewJiraPool returns a pool of connections to Jira, which counts creates.
func NewJiraPool(o Options) *JiraPool {
	o.CountedAction = ActionCreate
	return NewPool[JiraClient, ticket.Ticket](o)
}

// ChannelFor returns the channel to which an integration posts a message meant for wanted, which may be empty. It
// returns an empty channel for an incoming webhook, and a *Refusal when the webhook cannot post to wanted.
func ChannelFor(i *v1alpha1.SlackIntegration, wanted v1alpha1.SlackChannel) (string, error) {
	switch {
	case i.Spec.Webhook != nil && wanted != "" && wanted != i.Spec.DefaultChannel:
		return "", &Refusal{Reason: v1alpha1.ReasonInvalidChannel, Message: fmt.Sprintf(
			"SlackIntegration %s is an incoming webhook, which posts to its own channel only, not to %s. "+
				"Leave spec.channel empty, or use a bot token.",
			client.ObjectKeyFromObject(i),
			wanted,
		)}
	case i.Spec.Webhook != nil:
		return "", nil
	case wanted != "":
		return string(wanted), nil
	default:
		return string(i.Spec.DefaultChannel), nil
	}
}
