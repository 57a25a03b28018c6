// SPDX-License-Identifier: Apache-2.0

package slackapp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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
	"github.com/voiceai-dev/integrations-operator/internal/render"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/inbound"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

const (
	formTitle = "File a defect"
	// maxInput bounds a text that a form has at first; Slack's own limit is 3,000 characters.
	maxInput = 2500
	// maxTitle bounds the title of a defect, in characters.
	maxTitle = 150
	// maxChoices bounds the namespaces to choose from, as Slack does.
	maxChoices = 100
)

// The inputs of the form.
const (
	inputTitle       = "title"
	inputSeverity    = "severity"
	inputSuite       = "suite"
	inputDescription = "description"
	inputNamespace   = "namespace"
)

// formSource is what a form carries from its opening to its submission.
type formSource struct {
	Integration string `json:"i"`
	// Namespace is the only one in which the person may file defects; empty if the form has a choice.
	Namespace string `json:"n,omitempty"`
	ChannelID string `json:"c,omitempty"`
	Permalink string `json:"p,omitempty"`
}

// openForm opens the form to file a defect. It is shown empty at first: Slack waits three seconds for that, and the
// person's permissions may take longer to review.
func (s *session) openForm(ctx context.Context) {
	id, err := s.app.OpenForm(ctx, s.Interaction.TriggerID, note("Loading …"))
	if err != nil {
		s.answer(ctx, sentence("The form could not be opened: %s. Try again.", err.Error()))
		return
	}
	f := s.defectForm(ctx)
	if err := s.app.UpdateForm(ctx, id, f); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "A form could not be shown", "Workspace", s.TeamID)
		s.answer(ctx, sentence("The form could not be shown: %s. Close it and try again.", err.Error()))
	}
}

// defectForm returns the form to file a defect, filled from the message, or why the person cannot file one.
func (s *session) defectForm(ctx context.Context) chat.Form {
	if r := s.refusal(); r != nil {
		return note(wordsOf(*r))
	}
	namespaces, err := s.where(ctx, "create", action.Defects, "")
	if err != nil {
		return note(wordsOf(s.refused(err)))
	}
	message := s.Interaction.Message
	source := formSource{Integration: string(s.integration.UID), ChannelID: message.ChannelID}
	if message.TS != "" {
		if source.Permalink, err = s.app.Permalink(ctx, message.ChannelID, message.TS); err != nil {
			ctrl.LoggerFrom(ctx).Info("The permalink of a message could not be read", "Reason", err.Error())
		}
	}
	words := plainText(message.Text)
	description := text.Truncate(words, maxInput)
	if source.Permalink != "" {
		description = strings.TrimSpace(description + "\n\n" + source.Permalink)
	}
	f := chat.Form{CallbackID: inbound.FileDefect, Title: formTitle, Submit: "File", Inputs: []chat.Input{
		{ID: inputTitle, Label: "Title", Kind: chat.Line, MaxLength: maxTitle, Initial: firstLine(words)},
		{ID: inputSeverity, Label: "Severity", Choices: severityNames(), Initial: string(v1alpha1.SeverityMedium)},
		{ID: inputSuite, Label: "Suite", Kind: chat.OptionalLine, MaxLength: 63},
		{ID: inputDescription, Label: "Description", Kind: chat.OptionalLines, MaxLength: 3000, Initial: description},
	}}
	if len(namespaces) == 1 {
		source.Namespace = namespaces[0]
	} else {
		choices := namespaces[:min(len(namespaces), maxChoices)]
		f.Inputs = append(f.Inputs, chat.Input{ID: inputNamespace, Label: "Namespace", Choices: choices, Initial: choices[0]})
	}
	f.Metadata = encodeSource(source)
	return f
}

func encodeSource(s formSource) string {
	raw, err := json.Marshal(s)
	if err != nil { // strings only
		panic(err)
	}
	return string(raw)
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
		next = note("Nothing was filed. " + render.Line(strings.Join(lines, "; "), maxAnswer) + " Close this and try again.")
	}
	if err = errors.Join(err, s.app.UpdateForm(ctx, s.Interaction.View.ID, next)); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "A person in Slack could not be answered", "Kind", s.Kind(), "Workspace", s.TeamID)
	}
}

// fileDefect files the defect of a form. It returns what to show, or what is wrong with inputs.
func (s *session) fileDefect(ctx context.Context) (next chat.Form, problems map[string]string) {
	if r := s.refusal(); r != nil && !s.isRepeated { // a repeated form is filed once, by its name
		return note(wordsOf(*r)), nil
	}
	var source formSource
	if err := json.Unmarshal([]byte(s.Interaction.View.Metadata), &source); err != nil {
		return note("This form is from another version of the operator. Close it and open it again."), nil
	}
	if err := s.choose(source.Integration); err != nil {
		return note(wordsOf(s.refused(err))), nil
	}
	values := s.Interaction.View.Values
	title := text.OneLine(values[inputTitle])
	if title == "" {
		return next, map[string]string{inputTitle: "Write what is wrong in one line."}
	}
	namespace := source.Namespace
	if namespace == "" {
		namespace = values[inputNamespace]
	}
	if _, err := s.where(ctx, "create", action.Defects, namespace); err != nil {
		return note(wordsOf(s.refused(err))), nil
	}
	target := action.Target{Caller: s.caller, NamespacedName: types.NamespacedName{Namespace: namespace, Name: s.defectName()}}
	d, created, err := s.actions.FileDefect(ctx, target, v1alpha1.DefectSpec{
		Title: title, Severity: v1alpha1.Severity(values[inputSeverity]), Suite: strings.TrimSpace(values[inputSuite]),
		Description: s.description(source),
	})
	switch {
	case apierrors.IsInvalid(err):
		return next, inputProblems(err)
	case err != nil:
		return note(wordsOf(s.refused(err))), nil
	case !created:
		return note("Defect " + render.Line(nameOf(d), 300) + " was filed before."), nil
	}
	return note(":white_check_mark: Defect " + render.Line(nameOf(d), 300) + " was filed. Rules announce it."), nil
}

// defectName returns the name of the form's defect: the same when the form is submitted twice.
func (s *session) defectName() string {
	sum := sha256.Sum256([]byte(s.TeamID + "\x00" + s.Interaction.View.ID))
	return "slack-" + hex.EncodeToString(sum[:8])
}

// description returns what the person described, where it was written and who filed it.
func (s *session) description(source formSource) string {
	words := strings.TrimSpace(s.Interaction.View.Values[inputDescription])
	if source.Permalink != "" && !strings.Contains(words, source.Permalink) {
		words = strings.TrimSpace(words + "\n\n" + source.Permalink)
	}
	day := s.Clock.Now().UTC().Format(time.DateOnly)
	return strings.TrimSpace(words + fmt.Sprintf("\n\nFiled in Slack by %s on %s.", s.caller.GetName(), day))
}

// inputProblems returns why the API server refused a defect, by input.
func inputProblems(err error) map[string]string {
	problems := map[string]string{}
	var status apierrors.APIStatus
	if errors.As(err, &status) && status.Status().Details != nil {
		for _, c := range status.Status().Details.Causes {
			input := strings.TrimPrefix(c.Field, "spec.")
			switch input {
			case inputTitle, inputSuite, inputSeverity:
			default:
				input = inputDescription
			}
			problems[input] = text.Truncate(c.Message, maxTitle)
		}
	}
	if len(problems) == 0 {
		problems[inputTitle] = text.Truncate(err.Error(), maxTitle)
	}
	return problems
}

// note returns a form that only shows a text of mrkdwn.
func note(words string) chat.Form { return chat.Form{Title: formTitle, Text: words} }

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

func severityNames() []string {
	var out []string
	for _, s := range severities {
		out = append(out, string(s))
	}
	return out
}

// entities undoes the escaping of a message's text.
var entities = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")

// plainText returns the text of a message as it was written.
func plainText(words string) string { return text.Plain(entities.Replace(words)) }

// firstLine returns the first line of a text that has one, as a title.
func firstLine(words string) string {
	for line := range strings.Lines(words) {
		if line = text.OneLine(line); line != "" {
			return text.Truncate(line, maxTitle)
		}
	}
	return ""
}
