// SPDX-License-Identifier: Apache-2.0

// Package modal reads the forms that apps open in the sandbox's Slack, within Slack's limits.
package modal

import (
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"unicode/utf8"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack/display"
)

// ErrNoView is the error of what is not a view at all.
var ErrNoView = errors.New("not a view")

// Modal is a form of an app.
type Modal struct {
	Title, Submit string
	Text          template.HTML `json:"-"`
	Inputs        []Input
	// CallbackID and Metadata are the app's: Slack returns them when the form is submitted.
	CallbackID any `json:"-"`
	Metadata   any `json:"-"`
}

// Input is an input of a form.
type Input struct {
	ID, Label, Initial string
	Choices            []string
	Multiline          bool
}

// Parse returns the form in a view, or why Slack refuses it.
func Parse(raw json.RawMessage) (Modal, error) {
	var view map[string]any
	if json.Unmarshal(raw, &view) != nil || view == nil {
		return Modal{}, ErrNoView
	}
	blocks := display.Objects(view["blocks"])
	if err := check(view, len(raw), blocks); err != nil {
		return Modal{}, err
	}
	m := Modal{
		Title: textOf(view["title"]), Submit: textOf(view["submit"]), CallbackID: view["callback_id"], Metadata: view["private_metadata"],
	}
	for _, b := range blocks {
		if b["type"] == "input" {
			m.Inputs = append(m.Inputs, inputOf(b))
		} else {
			m.Text += display.TextHTML(b["text"]) + "<br>"
		}
	}
	return m, nil
}

// check returns why Slack refuses a view of a size, or nil.
func check(view map[string]any, size int, blocks []map[string]any) error {
	metadata, _ := view["private_metadata"].(string)
	callback, _ := view["callback_id"].(string)
	switch {
	case view["type"] != "modal":
		return fmt.Errorf("unsupported type: %v", view["type"])
	case size > 250_000, len(metadata) > 3000, len(callback) > 255, len(blocks) > 100:
		return errors.New("the view is too large")
	case len(blocks) == 0:
		return errors.New("no blocks")
	}
	hasInput := false
	for _, b := range blocks {
		hasInput = hasInput || b["type"] == "input"
	}
	for _, name := range []string{"title", "submit", "close"} {
		o, set := view[name].(map[string]any)
		words := textOf(view[name])
		switch {
		case set && (o["type"] != "plain_text" || words == "" || utf8.RuneCountInString(words) > 24):
			return fmt.Errorf("invalid %s", name)
		case !set && (name == "title" || name == "submit" && hasInput):
			return fmt.Errorf("missing %s", name)
		}
	}
	return nil
}

// textOf returns the text of a text object.
func textOf(v any) string {
	o, _ := v.(map[string]any)
	s, _ := o["text"].(string)
	return s
}

// inputOf returns the input in a block.
func inputOf(b map[string]any) Input {
	e, _ := b["element"].(map[string]any)
	in := Input{Label: textOf(b["label"])}
	in.ID, _ = b["block_id"].(string)
	in.Initial, _ = e["initial_value"].(string)
	in.Multiline, _ = e["multiline"].(bool)
	for _, o := range display.Objects(e["options"]) {
		value, _ := o["value"].(string)
		in.Choices = append(in.Choices, value)
	}
	if o, ok := e["initial_option"].(map[string]any); ok {
		in.Initial, _ = o["value"].(string)
	}
	return in
}

// Values returns the values of the form as Slack sends them. An input without a value keeps its initial one.
func (m Modal) Values(values map[string]string) map[string]any {
	all := map[string]any{}
	for _, in := range m.Inputs {
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
