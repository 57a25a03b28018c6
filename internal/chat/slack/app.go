// SPDX-License-Identifier: Apache-2.0

package slack

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/slack-go/slack"

	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/transport"
)

// DialApp returns a client that answers people. It does not call Slack. Its error is a fault.
func (d Dialer) DialApp(c chat.Config) (chat.App, error) {
	p, err := d.Dial(c)
	if err != nil {
		return nil, err
	}
	// Slack's own response URLs are on another host than the Web API.
	account := transport.Account{Namespace: c.Namespace, Secrets: []string{c.Token}}
	a := &app{Poster: p, client: transport.New(d.Options, account)}
	if b, ok := p.(*bot); ok {
		a.bot = b
	}
	return a, nil
}

// app answers people.
type app struct {
	chat.Poster
	// bot is nil for an incoming webhook, which answers by response URL only.
	bot    *bot
	client *http.Client
}

// Respond posts to a response URL.
func (a *app) Respond(ctx context.Context, url string, r chat.Response) error {
	message, err := Encode(r)
	if err != nil {
		return err
	}
	w := &webhook{url: url, client: a.client}
	return w.send(ctx, message)
}

// Encode returns an answer as Slack expects it in the body of an answer to a command, or at a response URL.
func Encode(r chat.Response) (json.RawMessage, error) {
	top, rest := parts(r.Message)
	body := struct {
		ResponseType    string             `json:"response_type,omitempty"`
		ReplaceOriginal bool               `json:"replace_original"`
		Text            string             `json:"text"`
		Blocks          []slack.Block      `json:"blocks,omitempty"`
		Attachments     []slack.Attachment `json:"attachments,omitempty"`
	}{ReplaceOriginal: r.Place == chat.InPlace, Text: r.Text, Blocks: top}
	if r.Place == chat.ToUser {
		body.ResponseType = slack.ResponseTypeEphemeral
	}
	if rest != nil {
		body.Attachments = []slack.Attachment{*rest}
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, fault.New(fault.Invalid, "The answer cannot be encoded: %v", err)
	}
	return raw, nil
}

// PostEphemeral calls chat.postEphemeral.
func (a *app) PostEphemeral(ctx context.Context, user string, m chat.Message) error {
	if a.bot == nil {
		return chat.ErrUnsupported
	}
	options := content(m)
	if m.ThreadTS != "" {
		options = append(options, slack.MsgOptionTS(m.ThreadTS))
	}
	_, err := a.bot.api.PostEphemeralContext(ctx, m.Channel, user, options...)
	return answerFault(err, m.Channel)
}

// OpenForm calls views.open.
func (a *app) OpenForm(ctx context.Context, trigger string, f chat.Form) (string, error) {
	if a.bot == nil {
		return "", chat.ErrUnsupported
	}
	view, err := a.bot.api.OpenViewContext(ctx, trigger, modal(f))
	if err != nil {
		return "", classify(err, "", harmless)
	}
	return view.ID, nil
}

// UpdateForm calls views.update.
func (a *app) UpdateForm(ctx context.Context, id string, f chat.Form) error {
	if a.bot == nil {
		return chat.ErrUnsupported
	}
	_, err := a.bot.api.UpdateViewContext(ctx, modal(f), "", "", id)
	return answerFault(err, "")
}

// Permalink calls chat.getPermalink.
func (a *app) Permalink(ctx context.Context, channel, ts string) (string, error) {
	if a.bot == nil {
		return "", chat.ErrUnsupported
	}
	link, err := a.bot.api.GetPermalinkContext(ctx, &slack.PermalinkParameters{Channel: channel, Ts: ts})
	return link, answerFault(err, channel)
}

// UserGroups calls usergroups.list.
func (a *app) UserGroups(ctx context.Context) (map[string][]string, error) {
	if a.bot == nil {
		return nil, chat.ErrUnsupported
	}
	groups, err := a.bot.api.GetUserGroupsContext(ctx, slack.GetUserGroupsOptionIncludeUsers(true))
	if err != nil {
		return nil, classify(err, "", harmless)
	}
	out := map[string][]string{}
	for i := range groups {
		for _, user := range groups[i].Users {
			out[user] = append(out[user], groups[i].ID)
		}
	}
	return out, nil
}

// answerFault returns the fault of a call that answers a person; nil for a call that succeeded.
func answerFault(err error, channel string) error {
	if err == nil {
		return nil
	}
	return classify(err, channel, harmless)
}

// modal returns a form as Slack expects it.
func modal(f chat.Form) slack.ModalViewRequest {
	view := slack.ModalViewRequest{
		Type: slack.VTModal, CallbackID: f.CallbackID, PrivateMetadata: f.Metadata, Title: plain(f.Title), Close: plain("Close"),
	}
	if f.Submit != "" {
		view.Submit = plain(f.Submit)
	}
	if f.Text != "" {
		view.Blocks.BlockSet = append(view.Blocks.BlockSet, blocks([]chat.Block{{Section: f.Text}})...)
	}
	for _, in := range f.Inputs {
		block := slack.NewInputBlock(in.ID, plain(in.Label), nil, inputElement(in))
		block.Optional = in.Kind == chat.OptionalLine || in.Kind == chat.OptionalLines
		view.Blocks.BlockSet = append(view.Blocks.BlockSet, block)
	}
	return view
}

// inputElement returns the element of an input.
func inputElement(in chat.Input) slack.BlockElement {
	if len(in.Choices) > 0 {
		var options []*slack.OptionBlockObject
		for _, c := range in.Choices {
			options = append(options, slack.NewOptionBlockObject(c, plain(c), nil))
		}
		e := slack.NewOptionsSelectBlockElement(slack.OptTypeStatic, nil, in.ID, options...)
		for _, o := range options {
			if o.Value == in.Initial {
				e.InitialOption = o
			}
		}
		return e
	}
	e := slack.NewPlainTextInputBlockElement(nil, in.ID)
	e.InitialValue = in.Initial
	e.Multiline = in.Kind == chat.OptionalLines
	e.MaxLength = in.MaxLength
	return e
}

// FormAnswer returns the answer to a form that was submitted: the form to show next or, by the ID of an input, what is
// wrong with it. nil closes the form.
func FormAnswer(next *chat.Form, errors map[string]string) (json.RawMessage, error) {
	var body any
	switch {
	case len(errors) > 0:
		body = slack.NewErrorsViewSubmissionResponse(errors)
	case next != nil:
		view := modal(*next)
		body = slack.NewUpdateViewSubmissionResponse(&view)
	default:
		return nil, nil
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, fault.New(fault.Invalid, "The form cannot be encoded: %v", err)
	}
	return raw, nil
}
