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
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/answer"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/grant"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/inbound"
)

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
		return answer.Sentence("The operator itself lacks a permission, so nothing was done: %s. "+
			"Have a cluster admin add the component config/slack to the installation.", err.Error())
	case errors.As(err, &unknown): // nothing is done before it is known
		return answer.Sentence("The Kubernetes API server did not answer whether you may do this, so nothing was done. Try again in a minute.")
	case isUnanswered(err):
		return answer.Sentence("The Kubernetes API server did not answer, so it is not known whether this was done. Try again in a minute: " +
			"what was done already is not done twice.")
	case errors.As(err, &gone), errors.As(err, &conflict), errors.As(err, &invalid):
		return answer.Sentence("Nothing was done: %s", answer.Ended(err.Error()))
	case apierrors.IsNotFound(err):
		return answer.Sentence("It does not exist any more, so nothing was done: %s. Nothing else is to be done here.", err.Error())
	case apierrors.IsConflict(err):
		return answer.Sentence("Others changed it at the same time, so nothing was done. Look at what it is now, and try again.")
	}
	return answer.Sentence("Kubernetes refused this, so nothing was done: %s.", err.Error())
}

// forbidden returns the answer to a person who lacks a permission, with the RoleBinding that would grant it.
func (s *session) forbidden(e *action.ForbiddenError) chat.Response {
	text := fmt.Sprintf(":no_entry: You may not %s, so nothing was done. You are the user `%s`.", // which people copy
		render.Line(e.Access.String(), answer.MaxLength), s.caller.GetName())
	s.mu.Lock()
	if s.membership != "" {
		text += " " + render.Line(s.membership, answer.MaxLength)
	}
	s.mu.Unlock()
	r := answer.Paragraphs(text)
	allowed := grant.New(s.caller.GetName(), e.Access)
	isForm := s.Interaction != nil && s.Interaction.Type != inbound.BlockActions // which has no other buttons
	if s.integration.Spec.AdminChannel == "" || isForm {
		r.Blocks = append(r.Blocks, chat.Block{Section: "This would allow it. Have an admin apply it:\n" + allowed.Code()})
		return r
	}
	r.Blocks = append(r.Blocks, chat.Block{ID: "ask", Buttons: []chat.Button{s.askButton(e.Access)}})
	return r
}

// withLeftOut returns an answer that also names the namespaces which it leaves out.
func (s *session) withLeftOut(r chat.Response) chat.Response {
	names := s.scope.LeftOut()
	if len(names) == 0 {
		return r
	}
	where := strings.Join(names[:min(len(names), maxNamespaces)], ", ")
	if rest := len(names) - maxNamespaces; rest > 0 {
		where += fmt.Sprintf(" and %d more", rest)
	}
	r.Blocks = append(r.Blocks, chat.Block{Context: []string{
		"What you may not do in " + where + " is left out: " + s.written("whoami") + " shows what would allow it.",
	}})
	return r
}

// nameOf returns the name of an integration for an answer.
func nameOf(o client.Object) string { return client.ObjectKeyFromObject(o).String() }

// isUnanswered reports whether the API server did not answer, or not with a result.
func isUnanswered(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) ||
		apierrors.IsTimeout(err) || apierrors.IsServerTimeout(err) || apierrors.IsServiceUnavailable(err) ||
		apierrors.IsTooManyRequests(err) || apierrors.IsInternalError(err)
}
