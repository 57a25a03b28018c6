// SPDX-License-Identifier: Apache-2.0

package slack

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"html/template"
	"time"
	"unicode/utf8"
)

// trigger allows to open one form.
type trigger struct {
	person  Person
	expires time.Time
}

// Form is a form that a person sees.
type Form struct {
	ID            string `json:"id"`
	Person        Person `json:"person"`
	Title, Submit string
	Text          template.HTML `json:"-"`
	Inputs        []Input
	// Errors are what the app refused, by input.
	Errors map[string]string
	view   map[string]any
}

// Input is an input of a form.
type Input struct {
	ID, Label, Initial string
	Choices            []string
	Multiline          bool
}

func (w *Workspace) newTrigger(p Person) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := rand.Text()
	if len(w.triggers) >= maxMessages {
		w.triggers = map[string]trigger{}
	}
	w.triggers[id] = trigger{person: p, expires: w.options.Clock().Add(w.options.Patience)}
	return id
}

// OpenForm returns the form that a person sees, and whether there is one.
func (w *Workspace) OpenForm(user string) (Form, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.forms[user]
	if f == nil {
		return Form{}, false
	}
	return *f, true
}

// CloseForm closes the form of a person.
func (w *Workspace) CloseForm(user string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.forms, user)
}

// openView implements views.open: with a trigger that was not used, within three seconds.
func (w *Workspace) openView(a args) (reply, *refusal) {
	view, refused := checkView(a)
	w.mu.Lock()
	defer w.mu.Unlock()
	t, ok := w.triggers[a["trigger_id"]]
	delete(w.triggers, a["trigger_id"])
	switch {
	case !ok:
		return nil, refuse("exchanged_trigger_id")
	case w.options.Clock().After(t.expires):
		return nil, refuse("expired_trigger_id")
	case refused != nil:
		return nil, refused
	}
	f := formOf(view)
	f.ID = "V" + rand.Text()
	f.Person = t.person
	w.forms[t.person.User] = &f
	return reply{"view": map[string]any{"id": f.ID, "type": "modal"}}, nil
}

// updateView implements views.update.
func (w *Workspace) updateView(a args) (reply, *refusal) {
	view, refused := checkView(a)
	w.mu.Lock()
	defer w.mu.Unlock()
	for user, open := range w.forms {
		if open.ID != a["view_id"] {
			continue
		}
		if refused != nil {
			return nil, refused
		}
		f := formOf(view)
		f.ID = open.ID
		f.Person = open.Person
		w.forms[user] = &f
		return reply{"view": map[string]any{"id": f.ID, "type": "modal"}}, nil
	}
	return nil, refuse("not_found")
}

// checkView returns the view of a call, or why Slack refuses it.
func checkView(a args) (map[string]any, *refusal) {
	var view map[string]any
	if json.Unmarshal(a.raw("view"), &view) != nil || view == nil {
		return nil, refuse("invalid_arguments")
	}
	problem := func(format string, arguments ...any) (map[string]any, *refusal) {
		return nil, &refusal{code: "invalid_arguments", messages: []string{"[ERROR] " + fmt.Sprintf(format, arguments...)}}
	}
	metadata, _ := view["private_metadata"].(string)
	callback, _ := view["callback_id"].(string)
	blocks := objects(view["blocks"])
	switch {
	case view["type"] != "modal":
		return problem("unsupported type: %v", view["type"])
	case len(a["view"]) > 250_000, len(metadata) > 3000, len(callback) > 255, len(blocks) > 100:
		return problem("the view is too large")
	case len(blocks) == 0:
		return problem("no blocks")
	}
	hasInput := false
	for _, b := range blocks {
		hasInput = hasInput || b["type"] == "input"
	}
	for _, name := range []string{"title", "submit", "close"} {
		o, set := view[name].(map[string]any)
		words, _ := o["text"].(string)
		switch {
		case set && (o["type"] != "plain_text" || words == "" || utf8.RuneCountInString(words) > 24):
			return problem("invalid %s", name)
		case !set && (name == "title" || name == "submit" && hasInput):
			return problem("missing %s", name)
		}
	}
	return view, nil
}

// formOf returns a view as a form.
func formOf(view map[string]any) Form {
	textOf := func(v any) string {
		o, _ := v.(map[string]any)
		s, _ := o["text"].(string)
		return s
	}
	f := Form{Title: textOf(view["title"]), Submit: textOf(view["submit"]), view: view}
	for _, b := range objects(view["blocks"]) {
		if b["type"] != "input" {
			f.Text += textHTML(b["text"]) + "<br>"
			continue
		}
		e, _ := b["element"].(map[string]any)
		in := Input{Label: textOf(b["label"])}
		in.ID, _ = b["block_id"].(string)
		in.Initial, _ = e["initial_value"].(string)
		in.Multiline, _ = e["multiline"].(bool)
		for _, o := range objects(e["options"]) {
			value, _ := o["value"].(string)
			in.Choices = append(in.Choices, value)
		}
		if o, ok := e["initial_option"].(map[string]any); ok {
			in.Initial, _ = o["value"].(string)
		}
		f.Inputs = append(f.Inputs, in)
	}
	return f
}

// Submit submits the form of a person, with values by the ID of the input. What is not given stays as it was.
func (w *Workspace) Submit(ctx context.Context, p Person, values map[string]string) error {
	f, open := w.OpenForm(p.User)
	if !open || f.Submit == "" {
		return fmt.Errorf("%s has no form to submit", p.User)
	}
	p.Channel = f.Person.Channel
	in := w.interaction(p, "view_submission")
	delete(in, "channel")
	in["view"] = map[string]any{
		"id": f.ID, "type": "modal", "callback_id": f.view["callback_id"], "private_metadata": f.view["private_metadata"],
		"state": map[string]any{"values": state(f, values)},
	}
	answer, err := w.interact(ctx, in)
	if err != nil {
		return w.failed(p, err)
	}
	return w.failed(p, w.applyAnswer(p.User, answer))
}

// state returns the values of a form as Slack sends them.
func state(f Form, values map[string]string) map[string]any {
	all := map[string]any{}
	for _, in := range f.Inputs {
		value, ok := values[in.ID]
		if !ok {
			value = in.Initial
		}
		field := map[string]any{"type": "plain_text_input", "value": value}
		if len(in.Choices) > 0 {
			field = map[string]any{"type": "static_select", "selected_option": map[string]any{"value": value}}
		}
		all[in.ID] = map[string]any{in.ID: field}
	}
	return all
}

// applyAnswer applies the answer to a form that was submitted. An empty one closes the form.
func (w *Workspace) applyAnswer(user string, raw []byte) error {
	if len(raw) == 0 {
		w.CloseForm(user)
		return nil
	}
	var answer struct {
		Action string            `json:"response_action"`
		Errors map[string]string `json:"errors"`
		View   json.RawMessage   `json:"view"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return fmt.Errorf("the app's answer to the form is not JSON: %w", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.forms[user]
	if f == nil {
		return nil
	}
	next := *f
	switch answer.Action {
	case "errors":
		for id := range answer.Errors {
			if _, known := state(*f, nil)[id]; !known {
				return fmt.Errorf("the form has no input %q: the real Slack would hang", id)
			}
		}
		next.Errors = answer.Errors
	case "update":
		view, refused := checkView(args{"view": string(answer.View)})
		if refused != nil {
			return &answerError{refused}
		}
		next = formOf(view)
		next.ID = f.ID
		next.Person = f.Person
	default:
		delete(w.forms, user)
		return nil
	}
	w.forms[user] = &next
	return nil
}

// UserGroup is a user group with its members.
type UserGroup struct {
	ID    string   `json:"id"`
	Name  string   `json:"name"`
	Users []string `json:"users"`
}

// PutUserGroup adds or updates a user group.
func (w *Workspace) PutUserGroup(g UserGroup) error {
	if g.ID == "" {
		return fmt.Errorf("a user group needs an ID")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.groups {
		if w.groups[i].ID == g.ID {
			w.groups[i] = g
			return nil
		}
	}
	if len(w.groups) >= maxChannels {
		return fmt.Errorf("a workspace has at most %d user groups", maxChannels)
	}
	w.groups = append(w.groups, g)
	return nil
}

// UserGroups returns the user groups.
func (w *Workspace) UserGroups() []UserGroup {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]UserGroup{}, w.groups...)
}

// listGroups implements usergroups.list.
func (w *Workspace) listGroups(a args) (reply, *refusal) {
	list := []any{}
	for _, g := range w.UserGroups() {
		o := map[string]any{"id": g.ID, "name": g.Name, "handle": g.Name, "is_usergroup": true}
		if a.flag("include_users") {
			o["users"] = append([]string{}, g.Users...)
		}
		list = append(list, o)
	}
	return reply{"usergroups": list}, nil
}
