// SPDX-License-Identifier: Apache-2.0

package slackapp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/markup"
	"github.com/voiceai-dev/integrations-operator/internal/render"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/answer"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/form"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// otherForm answers a form that this version does not have.
const otherForm = "This form is from another version of the operator. Close it and open it again."

// openForm opens the form to file a defect. It is shown empty at first: Slack waits three seconds for that, and the
// person's permissions may take longer to review.
func (s *session) openForm(ctx context.Context) {
	id, err := s.app.OpenForm(ctx, s.Interaction.TriggerID, form.Note("Loading …"))
	if err != nil {
		s.answer(ctx, answer.Sentence("The form could not be opened: %s. Try again.", err.Error()))
		return
	}
	f := s.defectForm(ctx)
	if err := s.app.UpdateForm(ctx, id, f); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "A form could not be shown", "Workspace", s.TeamID)
		s.answer(ctx, answer.Sentence("The form could not be shown: %s. Close it and try again.", err.Error()))
	}
}

// defectForm returns the form to file a defect, filled from the message, or why the person cannot file one.
func (s *session) defectForm(ctx context.Context) chat.Form {
	if r := s.refusal(); r != nil {
		return form.Note(wordsOf(*r))
	}
	namespaces, err := s.scope.Where(ctx, "create", action.Defects, "")
	if err != nil {
		return form.Note(wordsOf(s.refused(err)))
	}
	message := s.Interaction.Message
	source := form.Source{Integration: string(s.integration.UID), ChannelID: message.ChannelID}
	if message.TS != "" {
		if source.Permalink, err = s.app.Permalink(ctx, message.ChannelID, message.TS); err != nil {
			ctrl.LoggerFrom(ctx).Info("The permalink of a message could not be read", "Reason", err.Error())
		}
	}
	return form.New(source, message.Text, namespaces)
}

// submitForm files the defect of a form. It shows the result in the form: in the answer to Slack if that is in time, or
// else by an update.
func (s *session) submitForm(ctx context.Context) {
	next, problems := s.fileDefect(ctx)
	body, err := s.Codec.FormAnswer(&next, problems)
	if err == nil && s.putBody(body) {
		return
	}
	if len(problems) > 0 { // the form with the inputs was replaced meanwhile
		var lines []string
		for input, problem := range problems {
			lines = append(lines, input+": "+problem)
		}
		next = form.Note("Nothing was filed. " + render.Line(strings.Join(lines, "; "), answer.MaxLength) + " Close this and try again.")
	}
	update := func(ctx context.Context) error { return s.app.UpdateForm(ctx, s.Interaction.View.ID, next) }
	s.answered(ctx, errors.Join(err, s.inTime(ctx, update)))
}

// fileDefect files the defect of a form. It returns what to show, or what is wrong with inputs.
func (s *session) fileDefect(ctx context.Context) (next chat.Form, problems map[string]string) {
	if r := s.refusal(); r != nil && !s.isRepeated { // a repeated form is filed once, by its name
		return form.Note(wordsOf(*r)), nil
	}
	source, err := form.Decode(s.Interaction.View.Metadata)
	if err != nil {
		return form.Note(otherForm), nil
	}
	if err := s.choose(source.Integration); err != nil {
		return form.Note("Nothing was filed: the SlackIntegration that opened this form was deleted, or is in another cluster. " +
			"Close the form and use the shortcut again."), nil
	}
	values := s.Interaction.View.Values
	title := text.OneLine(values[form.Title])
	if !markup.Visible(title) {
		return next, map[string]string{form.Title: "Write what is wrong in one line."}
	}
	namespace := source.Namespace
	if namespace == "" {
		namespace = values[form.Namespace]
	}
	if namespace == "" {
		return next, map[string]string{form.Namespace: "Choose a namespace."}
	}
	if _, err := s.scope.Where(ctx, "create", action.Defects, namespace); err != nil {
		return form.Note(wordsOf(s.refused(err))), nil
	}
	target := action.Target{Caller: s.caller, NamespacedName: types.NamespacedName{Namespace: namespace, Name: s.defectName()}}
	d, created, err := s.actions.FileDefect(ctx, target, v1alpha1.DefectSpec{
		Title: title, Severity: v1alpha1.Severity(values[form.Severity]), Suite: strings.TrimSpace(values[form.Suite]),
		Description: s.description(source),
	})
	switch {
	case apierrors.IsInvalid(err):
		return next, form.Problems(err)
	case err != nil:
		return form.Note(wordsOf(s.refused(err))), nil
	case !created:
		return form.Note("Defect " + render.Line(nameOf(d), 300) + " was filed before."), nil
	}
	return form.Note(":white_check_mark: Defect " + render.Line(nameOf(d), 300) + " was filed. " +
		"The channels of NotificationRules that match it get a message."), nil
}

// defectName returns the name of the form's defect: the same when the form is submitted twice.
func (s *session) defectName() string {
	sum := sha256.Sum256([]byte(s.TeamID + "\x00" + s.Interaction.View.ID))
	return "slack-" + hex.EncodeToString(sum[:8])
}

// description returns what the person described, where it was written and who filed it.
func (s *session) description(source form.Source) string {
	words := strings.TrimSpace(s.Interaction.View.Values[form.Description])
	if source.Permalink != "" && !strings.Contains(words, source.Permalink) {
		words = strings.TrimSpace(words + "\n\n" + source.Permalink)
	}
	day := s.Clock.Now().UTC().Format(time.DateOnly)
	return strings.TrimSpace(words + fmt.Sprintf("\n\nFiled in Slack by %s on %s.", s.caller.GetName(), day))
}

// wordsOf returns the paragraphs of an answer.
func wordsOf(r chat.Response) string {
	var out []string
	for _, b := range r.Blocks {
		if b.Section != "" {
			out = append(out, b.Section)
		}
	}
	return strings.Join(out, "\n")
}
