// SPDX-License-Identifier: Apache-2.0

package slackapp

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/render"
	"github.com/voiceai-dev/integrations-operator/internal/rule"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/answer"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/button"
)

// renderOptions returns the options of messages with buttons, as a rule posts them; empty for an answer to a command.
func (s *session) renderOptions(rule string) render.Options {
	return render.Options{
		Transcripts: s.integration.Spec.Transcripts, DashboardURL: s.DashboardURL,
		Button: button.Object{Integration: string(s.integration.UID), Rule: rule},
	}
}

// defectBlocks returns a Defect of a list, with its buttons.
func (s *session) defectBlocks(d *v1alpha1.Defect) []chat.Block {
	now := eventOf(d)
	o := s.renderOptions("")
	about := o.Button
	about.Namespace = d.Namespace
	about.Name = d.Name
	about.UID = string(d.UID)
	return []chat.Block{
		{Section: render.DefectLine(&now, o)},
		{ID: "defect_" + string(d.UID), Buttons: render.DefectButtons(&now, about)},
	}
}

// shown brings the clicked message up to date with a Defect, and returns a note for the person.
func (s *session) shown(ctx context.Context, d *v1alpha1.Defect, about button.Object, note string) (chat.Response, error) {
	now := eventOf(d)
	at := s.Interaction.Message
	if at.IsEphemeral {
		r := chat.Response{Message: render.Living(&now, s.renderOptions("")), Place: chat.InPlace}
		r.Blocks = append(r.Blocks, chat.Block{Context: []string{render.Line(note, answer.MaxLength)}})
		return r, nil
	}
	o, err := s.rulesOptions(ctx, d.Namespace, about.Rule, &now)
	if err == nil {
		_, err = s.app.Update(ctx, chat.Posted{Channel: at.ChannelID, TS: at.TS}, render.Living(&now, o))
	}
	if err != nil {
		ctrl.LoggerFrom(ctx).Info("A message could not be brought up to date", "Defect", nameOf(d), "Reason", err.Error())
		note += " The message could not be brought up to date: " + answer.Ended(err.Error())
	}
	return answer.Sentence("%s", note), nil
}

// rulesOptions returns the options with which a rule posts messages about an event of a Defect.
func (s *session) rulesOptions(ctx context.Context, namespace, name string, e *event.Event) (render.Options, error) {
	o := s.renderOptions(name)
	r := &v1alpha1.NotificationRule{}
	if name == "" || s.Client.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, r) != nil {
		return o, nil // the rule was deleted: the message has the usual text
	}
	compiled, err := rule.Compile(r)
	if err != nil {
		return o, fmt.Errorf("NotificationRule %s is invalid: %w", name, err)
	}
	o.Template = compiled.Template()
	o.Mentions = rule.Mentions(&r.Spec, e)
	return o, nil
}

// clearButtons removes the buttons of a message whose object is gone.
func (s *session) clearButtons(ctx context.Context) {
	at := s.Interaction.Message
	const gone = ":wastebasket: It was deleted."
	text := strings.TrimSpace(at.Text + "\n" + gone) // the text is as the operator posted it; an ephemeral message has none
	if len([]rune(text)) > answer.MaxLength {
		text = gone
	}
	m := chat.Message{Text: text, Blocks: []chat.Block{{Section: text}}}
	var err error
	if at.IsEphemeral {
		err = s.app.Respond(ctx, s.Interaction.ResponseURL, chat.Response{Message: m, Place: chat.InPlace})
	} else {
		_, err = s.app.Update(ctx, chat.Posted{Channel: at.ChannelID, TS: at.TS}, m)
	}
	if err != nil {
		ctrl.LoggerFrom(ctx).Info("The buttons of a message could not be removed", "Reason", err.Error())
	}
}
