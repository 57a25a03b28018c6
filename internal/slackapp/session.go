// SPDX-License-Identifier: Apache-2.0

package slackapp

import (
	"context"
	"encoding/json"
	"slices"
	"sync"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/identity"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/answer"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/form"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/inbound"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/members"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/owed"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/scope"
)

// session is the handling of one request.
type session struct {
	*Dispatcher
	Delivery
	isRepeated bool
	// integration is the one that answers; nil if none belongs to the request's workspace.
	integration *v1alpha1.SlackIntegration
	// from is the integration by whose token the session answers: app has it, once the session runs.
	from   *v1alpha1.SlackIntegration
	app    chat.App
	caller identity.Caller
	// membership is why the person's user groups are not known; empty when they are, or were not needed.
	membership string
	// scope is what the person may act on.
	scope   *scope.Scope
	actions *action.Actions
	debt    debt

	done chan struct{}
	mu   sync.Mutex
	// body is the body of the answer to Slack. It is taken once; what comes later goes to the response URL.
	body  json.RawMessage
	taken bool
}

// newSession returns the session of a request.
func (d *Dispatcher) newSession(in Delivery) *session {
	s := &session{Dispatcher: d, Delivery: in, done: make(chan struct{})}
	s.Integrations = slices.DeleteFunc(slices.Clone(in.Integrations), func(i *v1alpha1.SlackIntegration) bool {
		return i.Status.TeamID != in.TeamID || in.TeamID == ""
	})
	s.from = in.Integrations[0]
	if len(s.Integrations) > 0 {
		s.integration = s.Integrations[0]
		for _, i := range s.Integrations {
			if !i.Spec.Suspend {
				s.integration = i
				break
			}
		}
		s.from = s.integration
	}
	s.caller = members.Caller(s.user())
	s.actions = &action.Actions{Client: d.Client, Live: d.Live, Authorizer: authorizer{s}, Clock: d.Clock}
	s.scope = &scope.Scope{
		Client: d.Client, Integrations: s.Integrations, Integration: s.integration, Caller: s.caller, Authorizer: authorizer{s},
	}
	return s
}

// user returns the person who made the request.
func (s *session) user() inbound.User {
	switch {
	case s.Command != nil:
		return s.Command.User
	case s.Interaction != nil:
		return s.Interaction.User
	default:
		return s.Event.User
	}
}

// takeBody returns the body of the answer to Slack. What is answered later goes to the response URL.
func (s *session) takeBody() json.RawMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken = true
	in := s.Interaction
	if s.body == nil && in != nil && in.Type == inbound.ViewSubmission && in.CallbackID == inbound.FileDefect {
		wait := form.Note("Filing …") // an empty answer would close the form
		s.body, _ = s.Codec.FormAnswer(&wait, nil)
	}
	return s.body
}

// putBody sets the body of the answer to Slack. It reports whether it is in time and short enough.
func (s *session) putBody(body json.RawMessage) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken || s.MaxBody > 0 && len(body) > s.MaxBody {
		return false
	}
	s.body = body
	return true
}

// answer sends an answer to the person. If that fails, it goes by a message to the person, and after that the leader says
// that there was none.
func (s *session) answer(ctx context.Context, r chat.Response) {
	err := s.inTime(ctx, func(ctx context.Context) error { return s.reply(ctx, r) })
	if err != nil && s.user().ID != "" {
		ctrl.LoggerFrom(ctx).Info("An answer goes by a message instead", "Kind", s.Kind(), "Reason", err.Error())
		m := r.Message
		a := s.owedAnswer()
		m.Channel = a.Channel
		m.ThreadTS = a.ThreadTS
		err = s.inTime(ctx, func(ctx context.Context) error { return owed.ToPerson(ctx, s.app, a.User, m) })
	}
	s.answered(ctx, err)
}

// answered records whether the person was answered.
func (s *session) answered(ctx context.Context, err error) {
	if err == nil {
		return
	}
	s.debt.isUnanswered = true
	ctrl.LoggerFrom(ctx).Error(err, "A person in Slack could not be answered", "Kind", s.Kind(), "Workspace", s.TeamID)
}

// inTime makes a call that answers. The act may have used up its own time.
func (s *session) inTime(ctx context.Context, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTimeout)
	defer cancel()
	return call(ctx)
}

// reply sends an answer: in the answer to a command if it is in time, or else by the response URL. In a thread it is a
// message that only the person sees.
func (s *session) reply(ctx context.Context, r chat.Response) error {
	switch {
	case s.Command != nil:
		body, err := s.Codec.Response(r)
		if err == nil && !s.putBody(body) {
			err = s.app.Respond(ctx, s.Command.ResponseURL, r)
		}
		return err
	case s.Interaction != nil && s.Interaction.ResponseURL != "":
		return s.app.Respond(ctx, s.Interaction.ResponseURL, r)
	case s.Event != nil && s.Event.ChannelID != "":
		m := r.Message
		m.Channel = s.Event.ChannelID
		m.ThreadTS = s.Event.ThreadTS
		return s.app.PostEphemeral(ctx, s.Event.User.ID, m)
	}
	return nil
}

// refusal returns why no request of the session can be handled; nil when they can be.
func (s *session) refusal() *chat.Response {
	var r chat.Response
	switch {
	case s.integration == nil:
		r = answer.Sentence("This workspace (%s) is not connected to this cluster, so nothing was done. "+
			"Create a SlackIntegration with a bot token of this workspace, and wait until it is Ready.", s.TeamID)
	case s.caller.Info == nil:
		r = answer.Sentence("Slack did not say who you are, so nothing was done. Try again.")
	case s.integration.Spec.Suspend:
		r = answer.Sentence("SlackIntegration %s is suspended, so nothing was done. Set spec.suspend to false to use it.",
			client.ObjectKeyFromObject(s.integration))
	case s.isRepeated:
		r = answer.Sentence("This arrived twice. It was carried out once, and answered the first time.")
	default:
		return nil
	}
	return &r
}
