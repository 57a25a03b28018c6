// SPDX-License-Identifier: Apache-2.0

package slack

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack/modal"
)

// trigger allows to open one form.
type trigger struct {
	person  Person
	expires time.Time
}

// Form is a form that a person sees.
type Form struct {
	modal.Modal
	ID     string `json:"id"`
	Person Person `json:"person"`
	// Errors are what the app refused, by input.
	Errors map[string]string
}

// newTrigger returns a trigger that lets the app open a form for a person.
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
	form, refused := formOf(a.raw("view"))
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
	f := Form{Modal: form, ID: "V" + rand.Text(), Person: t.person}
	w.forms[t.person.User] = &f
	return reply{"view": map[string]any{"id": f.ID, "type": "modal"}}, nil
}

// updateView implements views.update.
func (w *Workspace) updateView(a args) (reply, *refusal) {
	form, refused := formOf(a.raw("view"))
	w.mu.Lock()
	defer w.mu.Unlock()
	for user, open := range w.forms {
		if open.ID != a["view_id"] {
			continue
		}
		if refused != nil {
			return nil, refused
		}
		f := Form{Modal: form, ID: open.ID, Person: open.Person}
		w.forms[user] = &f
		return reply{"view": map[string]any{"id": f.ID, "type": "modal"}}, nil
	}
	return nil, refuse("not_found")
}

// formOf returns the form in a view, or why Slack refuses it.
func formOf(view json.RawMessage) (modal.Modal, *refusal) {
	form, err := modal.Parse(view)
	switch {
	case errors.Is(err, modal.ErrNoView):
		return form, refuse("invalid_arguments")
	case err != nil:
		return form, &refusal{code: "invalid_arguments", messages: []string{"[ERROR] " + err.Error()}}
	}
	return form, nil
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
		"id": f.ID, "type": "modal", "callback_id": f.CallbackID, "private_metadata": f.Metadata,
		"state": map[string]any{"values": f.Values(values)},
	}
	answer, err := w.interact(ctx, in)
	if err != nil {
		return w.failed(p, err)
	}
	return w.failed(p, w.applyAnswer(p.User, answer))
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
			if _, known := f.Values(nil)[id]; !known {
				return fmt.Errorf("the form has no input %q: the real Slack would hang", id)
			}
		}
		next.Errors = answer.Errors
	case "update":
		form, refused := formOf(answer.View)
		if refused != nil {
			return &answerError{refused}
		}
		next = Form{Modal: form, ID: f.ID, Person: f.Person}
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
