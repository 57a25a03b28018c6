// SPDX-License-Identifier: Apache-2.0

package slackapp

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/identity"
	"github.com/voiceai-dev/integrations-operator/internal/render"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/answer"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/button"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/form"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/grant"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/inbound"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/scope"
)

// interact handles a click, a shortcut or a form. Slack sends further types, such as that a form was closed.
func (s *session) interact(ctx context.Context) {
	in := s.Interaction
	switch {
	case in.Type == inbound.BlockActions && len(in.Actions) > 0:
		s.answer(ctx, s.clicked(ctx, in.Actions[0]))
	case (in.Type == inbound.MessageAction || in.Type == inbound.Shortcut) && in.CallbackID == inbound.FileDefect:
		s.openForm(ctx)
	case in.Type == inbound.ViewSubmission && in.CallbackID == inbound.FileDefect:
		s.submitForm(ctx)
	case in.Type == inbound.ViewSubmission:
		note := form.Note(otherForm)
		if body, err := s.Codec.FormAnswer(&note, nil); err == nil {
			s.putBody(body)
		}
	case in.Type == inbound.MessageAction || in.Type == inbound.Shortcut:
		s.answer(ctx, answer.Sentence("This shortcut is not known here. Its callback ID in the app's settings must be %s.", inbound.FileDefect))
	}
}

// clicked returns the answer to a click.
func (s *session) clicked(ctx context.Context, a inbound.Action) chat.Response {
	if r := s.refusal(); r != nil {
		return *r
	}
	r, err := s.click(ctx, a)
	switch {
	case errors.Is(err, errOtherButton):
		return s.otherButton()
	case err != nil:
		return s.refused(err)
	}
	return r
}

// click does what a button stands for.
func (s *session) click(ctx context.Context, a inbound.Action) (chat.Response, error) {
	switch a.ID {
	case button.Newer, button.Older:
		return s.turnPage(ctx, a)
	case button.AskAdmin:
		return s.askAdmin(ctx, a)
	case button.Rerun:
		return s.clickRun(ctx, a)
	}
	if _, ok := moves[a.ID]; !ok && a.ID != button.CreateTicket {
		return s.otherButton(), nil
	}
	return s.clickDefect(ctx, a)
}

// errOtherButton is the error of a button whose value the operator does not understand.
var errOtherButton = errors.New("the button is not of this version of the operator")

// otherButton returns the answer to a button that the operator does not understand.
func (s *session) otherButton() chat.Response {
	return answer.Paragraphs("This button is not known here, so nothing was done. The message is from another version of the operator, " +
		"or from another app. " + s.written("defects") + " and " + s.written("runs") + " show what there is by now.")
}

// choose makes the integration that posted a button the session's. The error says that none here did.
func (s *session) choose(uid string) error {
	for _, i := range s.Integrations {
		if string(i.UID) == uid {
			s.integration = i
			s.scope.Integration = i
			return nil
		}
	}
	return &action.NotFoundError{Message: "this message was posted by another cluster, or by an integration that was deleted since. " +
		"Open the Defect or run in the cluster that it belongs to, or delete the message"}
}

// suspended returns the answer for a button of an integration that is suspended; nil when it is not.
func (s *session) suspended() *chat.Response {
	if !s.integration.Spec.Suspend {
		return nil
	}
	r := answer.Sentence("SlackIntegration %s is suspended, so nothing was done. Set spec.suspend to false to use it.", nameOf(s.integration))
	return &r
}

// moves are the states to which buttons move a Defect.
var moves = map[string]v1alpha1.State{
	button.StartWork: v1alpha1.StateInProgress, button.Resolve: v1alpha1.StateResolved,
	button.Reopen: v1alpha1.StateOpen, button.WontFix: v1alpha1.StateClosed,
}

// clickDefect does what a button on a Defect stands for. The message then shows the Defect as it is.
func (s *session) clickDefect(ctx context.Context, a inbound.Action) (chat.Response, error) {
	about, d, err := s.clickedDefect(ctx, a)
	if err != nil {
		return chat.Response{}, err
	}
	if r := s.suspended(); r != nil {
		return *r, nil
	}
	if !applies(d, about, a.ID) {
		return s.stale(ctx, d, about)
	}
	if a.ID == button.CreateTicket {
		text, err := s.ticketFor(ctx, d)
		if apierrors.IsNotFound(err) {
			err = s.gone(ctx, about)
		}
		return answer.Paragraphs(text), err
	}
	moved, err := s.actions.MoveDefect(ctx, action.Move{
		Target: action.Target{Caller: s.caller, NamespacedName: client.ObjectKeyFromObject(d)}, State: moves[a.ID],
		Check: func(now *v1alpha1.Defect) error {
			if now.UID != d.UID {
				return &action.NotFoundError{Message: "this Defect was deleted, and another one has its name now"}
			}
			if !applies(now, about, a.ID) { // the cache was behind
				d = now
				return errStale
			}
			return nil
		},
	})
	switch {
	case errors.Is(err, errStale):
		return s.stale(ctx, d, about)
	case apierrors.IsNotFound(err):
		return chat.Response{}, s.gone(ctx, about)
	case err != nil:
		return chat.Response{}, err
	}
	return s.shown(ctx, moved, about, fmt.Sprintf("You moved the Defect: it is %s.", stateWords(moved)))
}

// errStale is the error of a button that no longer applies.
var errStale = errors.New("the button does not apply any more")

// stale brings a message up to date whose button no longer applies.
func (s *session) stale(ctx context.Context, d *v1alpha1.Defect, about button.Object) (chat.Response, error) {
	if err := action.Require(ctx, authorizer{s}, s.caller, action.Defects.Access("get", client.ObjectKeyFromObject(d))); err != nil {
		return chat.Response{}, err
	}
	return s.shown(ctx, d, about, fmt.Sprintf("Nothing was done: the Defect is %s already.", stateWords(d)))
}

// clickedDefect returns what a button carries, and the Defect that it is about. The cache may be behind, so that a Defect to
// which the button does not apply is read from the API server.
func (s *session) clickedDefect(ctx context.Context, a inbound.Action) (button.Object, *v1alpha1.Defect, error) {
	about, ok := button.Decode[button.Object](a.Value)
	if !ok {
		return about, nil, errOtherButton
	}
	if err := s.choose(about.Integration); err != nil {
		return about, nil, err
	}
	if _, err := s.scope.Where(ctx, "get", action.Defects, about.Namespace); err != nil && !scope.IsForbidden(err) {
		return about, nil, err
	}
	d := &v1alpha1.Defect{}
	key := types.NamespacedName{Namespace: about.Namespace, Name: about.Name}
	err := s.Client.Get(ctx, key, d)
	if err != nil || string(d.UID) != about.UID || !applies(d, about, a.ID) {
		d = &v1alpha1.Defect{}
		err = s.Live.Get(ctx, key, d)
	}
	switch {
	case client.IgnoreNotFound(err) != nil:
		return about, nil, err
	case err != nil || string(d.UID) != about.UID:
		return about, nil, s.gone(ctx, about)
	}
	return about, d, nil
}

// gone removes the buttons of a message about a Defect that was deleted, and returns the error of a click on one.
func (s *session) gone(ctx context.Context, about button.Object) error {
	s.clearButtons(ctx)
	return &action.NotFoundError{Message: fmt.Sprintf("Defect %s/%s was deleted. Nothing else is to be done here",
		about.Namespace, about.Name)}
}

// applies reports whether a button applies to a Defect as it is.
func applies(d *v1alpha1.Defect, about button.Object, id string) bool {
	now := eventOf(d)
	for _, b := range render.DefectButtons(&now, about) {
		if b.ID == id {
			return true
		}
	}
	return false
}

// eventOf returns a Defect as an event for a message. Its state is the one that the leader records in a moment.
func eventOf(d *v1alpha1.Defect) event.Event {
	now := event.DefectNow(d)
	if pending := d.PendingState(); pending != "" {
		now.Data["state"] = string(pending)
	}
	return now
}

// stateWords returns the state of a Defect in words, and its ticket.
func stateWords(d *v1alpha1.Defect) string {
	now := eventOf(d)
	words := map[v1alpha1.State]string{
		v1alpha1.StateInProgress: "in progress", v1alpha1.StateResolved: "resolved", v1alpha1.StateClosed: "closed",
	}[v1alpha1.State(now.Text("state"))]
	if words == "" {
		words = "open"
	}
	if j := d.Status.Jira; j != nil && j.Key != "" {
		words += " and has the ticket " + j.Key
	}
	return words
}

// turnPage replaces a page of a list by another one.
func (s *session) turnPage(ctx context.Context, a inbound.Action) (chat.Response, error) {
	p, ok := button.Decode[button.Page](a.Value)
	if !ok {
		return answer.Sentence("This page does not exist any more. Repeat the command."), nil
	}
	if err := s.choose(p.Integration); err != nil {
		return chat.Response{}, err
	}
	f := scope.DefectFilter{Namespace: p.Namespace, Suite: p.Suite, Severity: v1alpha1.Severity(p.Severity)}
	r, err := s.defectsPage(ctx, f, p.From)
	r = s.withLeftOut(r)
	if s.Interaction.Message.IsEphemeral {
		r.Place = chat.InPlace
	}
	return r, err
}

// askButton returns the button that posts a request for a permission.
func (s *session) askButton(access identity.Access) chat.Button {
	return chat.Button{ID: button.AskAdmin, Label: button.Label(button.AskAdmin), Value: button.Permission{
		Integration: string(s.integration.UID), Verb: access.Verb, Group: access.Group, Resource: access.Resource, Namespace: access.Namespace,
	}.Encode()}
}

// askAdmin posts a request for a permission to the admins' channel. It grants nothing.
func (s *session) askAdmin(ctx context.Context, a inbound.Action) (chat.Response, error) {
	p, ok := button.Decode[button.Permission](a.Value)
	if !ok {
		return answer.Sentence("This request is not valid any more. Try again what you wanted to do."), nil
	}
	if err := s.choose(p.Integration); err != nil {
		return chat.Response{}, err
	}
	if r := s.suspended(); r != nil {
		return *r, nil
	}
	channel := string(s.integration.Spec.AdminChannel)
	access := identity.Access{Verb: p.Verb, Group: p.Group, Resource: p.Resource, Namespace: p.Namespace}
	asked := "ask/" + string(s.integration.UID) + "/" + s.caller.GetName() + "/" + access.String()
	switch {
	case channel == "":
		return answer.Sentence("No request was sent: spec.adminChannel of SlackIntegration %s is empty.", nameOf(s.integration)), nil
	case !isRight(access):
		return answer.Sentence("This request is not valid any more. Try again what you wanted to do."), nil
	case s.isSeen(asked):
		return answer.Sentence("You asked for this before: your request is in %s. Try again when an admin has applied it.", channel), nil
	}
	allowed := grant.New(s.caller.GetName(), access)
	what := fmt.Sprintf("<@%s> asks for the permission to %s. If you agree, apply:\n%s", s.user().ID, access, allowed.Code())
	_, err := s.app.Post(ctx, chat.Message{
		DeliveryID: "ask/" + s.ID(), Channel: channel, Text: "A user asks for a permission", Blocks: []chat.Block{{Section: what}},
	})
	if err != nil {
		s.forget(asked)
		return answer.Sentence("The request could not be posted to %s: %s.", channel, err.Error()), nil
	}
	r := answer.Sentence("Your request was posted to %s. Try again when an admin has applied it.", channel)
	if s.Interaction.Message.IsEphemeral {
		r.Place = chat.InPlace
	}
	return r, nil
}

// isRight reports whether an access is one that acts in Slack take.
func isRight(a identity.Access) bool {
	for _, r := range rights {
		of := r.resource
		if a.Verb == r.verb && a.Group == of.Group && a.Resource == of.Name && len(validation.IsDNS1123Label(a.Namespace)) == 0 {
			return true
		}
	}
	return false
}
