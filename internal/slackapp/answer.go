// SPDX-License-Identifier: Apache-2.0

package slackapp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/render"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/grant"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/inbound"
)

// maxAnswer bounds a paragraph of an answer, in characters.
const maxAnswer = 2800

// sentence returns an answer of one paragraph of plain text.
func sentence(format string, args ...any) chat.Response {
	text := render.Line(fmt.Sprintf(format, args...), maxAnswer)
	return chat.Response{Message: chat.Message{Text: text, Blocks: []chat.Block{{Section: text}}}}
}

// paragraphs returns an answer of paragraphs of mrkdwn.
func paragraphs(first string, more ...chat.Block) chat.Response {
	return chat.Response{Message: chat.Message{Text: first, Blocks: append([]chat.Block{{Section: first}}, more...)}}
}

// ended returns a text with a full stop, unless it has another end.
func ended(text string) string {
	if strings.HasSuffix(text, ".") || strings.HasSuffix(text, "?") {
		return text
	}
	return text + "."
}

// refused returns the answer to what could not be done: what happened, and what to do.
func (s *session) refused(err error) chat.Response {
	var forbidden *action.ForbiddenError
	var unknown *action.AuthorizationError
	var gone *action.NotFoundError
	var conflict *action.ConflictError
	var invalid *action.InvalidError
	switch {
	case errors.As(err, &forbidden):
		return s.forbidden(forbidden)
	case apierrors.IsForbidden(err):
		return sentence("The operator itself lacks a permission, so nothing was done: %s. "+
			"Have a cluster admin add the component config/slack to the installation.", err.Error())
	case errors.As(err, &unknown): // nothing is done before it is known
		return sentence("The Kubernetes API server did not answer whether you may do this, so nothing was done. Try again in a minute.")
	case isUnanswered(err):
		return sentence("The Kubernetes API server did not answer, so it is not known whether this was done. Try again in a minute: " +
			"what was done already is not done twice.")
	case errors.As(err, &gone), errors.As(err, &conflict), errors.As(err, &invalid):
		return sentence("Nothing was done: %s", ended(err.Error()))
	case apierrors.IsNotFound(err):
		return sentence("It does not exist any more, so nothing was done: %s. Nothing else is to be done here.", err.Error())
	case apierrors.IsConflict(err):
		return sentence("Others changed it at the same time, so nothing was done. Look at what it is now, and try again.")
	}
	return sentence("Kubernetes refused this, so nothing was done: %s.", err.Error())
}

// isUnanswered reports whether the API server did not answer, or not with a result.
func isUnanswered(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) ||
		apierrors.IsTimeout(err) || apierrors.IsServerTimeout(err) || apierrors.IsServiceUnavailable(err) ||
		apierrors.IsTooManyRequests(err) || apierrors.IsInternalError(err)
}

// forbidden returns the answer to a person who lacks a permission, with the RoleBinding that would grant it.
func (s *session) forbidden(e *action.ForbiddenError) chat.Response {
	text := fmt.Sprintf(":no_entry: You may not %s, so nothing was done. You are the user `%s`.", // which people copy
		render.Line(e.Access.String(), maxAnswer), s.caller.GetName())
	s.mu.Lock()
	if s.membership != "" {
		text += " " + render.Line(s.membership, maxAnswer)
	}
	s.mu.Unlock()
	r := paragraphs(text)
	allowed := grant.New(s.caller.GetName(), e.Access)
	isForm := s.Interaction != nil && s.Interaction.Type != inbound.BlockActions // which has no other buttons
	if s.integration.Spec.AdminChannel == "" || isForm {
		r.Blocks = append(r.Blocks, chat.Block{Section: "This would allow it. Have an admin apply it:\n" + allowed.Code()})
		return r
	}
	r.Blocks = append(r.Blocks, chat.Block{ID: "ask", Buttons: []chat.Button{s.askButton(e.Access)}})
	return r
}

// nameOf returns the name of an integration for an answer.
func nameOf(o client.Object) string { return client.ObjectKeyFromObject(o).String() }
