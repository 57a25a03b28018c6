// SPDX-License-Identifier: Apache-2.0

// Package display shows messages of the sandbox's Slack as HTML.
package display

import (
	"encoding/json"
	"html"
	"html/template"
	"regexp"
	"strings"
)

// View is a message for display on a page.
type View struct {
	Parts       []Part
	Attachments []Attachment
}

// Attachment is a part of a message with a coloured bar.
type Attachment struct {
	// Color is #rrggbb. It is grey if the message has none.
	Color string
	Parts []Part
}

// Part is a block. Which members are set depends on Kind.
type Part struct {
	Kind    string
	Text    template.HTML
	Fields  []template.HTML
	Buttons []Button
}

// Button is an interactive element.
type Button struct {
	Label, Style, URL, ActionID, BlockID, Value string
}

var colorPattern = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)

// Of returns a message for display. As in the real Slack, the text is hidden if there are blocks.
func Of(text string, rawBlocks, rawAttachments json.RawMessage) View {
	var v View
	var blocks []map[string]any
	var attachments []map[string]any
	_ = json.Unmarshal(rawBlocks, &blocks) // both are valid
	_ = json.Unmarshal(rawAttachments, &attachments)
	v.Parts = parts(blocks)
	if len(v.Parts) == 0 && text != "" {
		v.Parts = []Part{{Kind: "section", Text: Mrkdwn(text)}}
	}
	for _, a := range attachments {
		v.Attachments = append(v.Attachments, attachment(a))
	}
	return v
}

// attachment returns an attachment for display.
func attachment(a map[string]any) Attachment {
	view := Attachment{Color: "#c0c4cc"}
	color, _ := a["color"].(string)
	if named := map[string]string{"good": "#2eb67d", "warning": "#ecb22e", "danger": "#e01e5a"}[color]; named != "" {
		color = named
	} else if color != "" && color[0] != '#' {
		color = "#" + color
	}
	if colorPattern.MatchString(color) {
		view.Color = color
	}
	for _, key := range []string{"pretext", "title", "text"} {
		if s, _ := a[key].(string); s != "" {
			view.Parts = append(view.Parts, Part{Kind: "section", Text: Mrkdwn(s)})
		}
	}
	var facts []template.HTML
	for _, f := range Objects(a["fields"]) {
		title, _ := f["title"].(string)
		value, _ := f["value"].(string)
		facts = append(facts, "<strong>"+Mrkdwn(title)+"</strong><br>"+Mrkdwn(value))
	}
	if facts != nil {
		view.Parts = append(view.Parts, Part{Kind: "section", Fields: facts})
	}
	view.Parts = append(view.Parts, parts(Objects(a["blocks"]))...)
	if s, _ := a["footer"].(string); s != "" {
		view.Parts = append(view.Parts, Part{Kind: "context", Fields: []template.HTML{Mrkdwn(s)}})
	}
	return view
}

// Objects returns the objects in a list.
func Objects(v any) []map[string]any {
	list, _ := v.([]any)
	var found []map[string]any
	for _, item := range list {
		if o, ok := item.(map[string]any); ok {
			found = append(found, o)
		}
	}
	return found
}

// parts returns blocks for display.
func parts(blocks []map[string]any) []Part {
	var list []Part
	for _, b := range blocks {
		kind, _ := b["type"].(string)
		p := Part{Kind: kind}
		switch kind {
		case "section", "header":
			p.Text = TextHTML(b["text"])
			for _, f := range Objects(b["fields"]) {
				p.Fields = append(p.Fields, TextHTML(f))
			}
			if e, ok := b["accessory"].(map[string]any); ok {
				p.Buttons = buttons([]map[string]any{e})
			}
		case "context":
			for _, e := range Objects(b["elements"]) {
				if e["type"] == "image" {
					alt, _ := e["alt_text"].(string)
					p.Fields = append(p.Fields, escaped("[image: "+alt+"]"))
				} else {
					p.Fields = append(p.Fields, TextHTML(e))
				}
			}
		case "actions":
			p.Buttons = buttons(Objects(b["elements"]))
		case "image":
			alt, _ := b["alt_text"].(string)
			p.Text = escaped("[image: " + alt + "]")
		case "markdown":
			text, _ := b["text"].(string)
			p.Text = Mrkdwn(text)
		case "rich_text":
			p.Text = escaped(richText(b["elements"]))
		}
		for n := range p.Buttons {
			p.Buttons[n].BlockID, _ = b["block_id"].(string)
		}
		list = append(list, p)
	}
	return list
}

// buttons returns the buttons among elements.
func buttons(elements []map[string]any) []Button {
	var list []Button
	for _, e := range elements {
		if e["type"] != "button" {
			continue
		}
		text, _ := e["text"].(map[string]any)
		var b Button
		b.Label, _ = text["text"].(string)
		b.Style, _ = e["style"].(string)
		b.ActionID, _ = e["action_id"].(string)
		b.Value, _ = e["value"].(string)
		if url, _ := e["url"].(string); strings.HasPrefix(url, "https://") || strings.HasPrefix(url, "http://") {
			b.URL = url
		}
		list = append(list, b)
	}
	return list
}

// TextHTML returns a text object as HTML.
func TextHTML(v any) template.HTML {
	o, _ := v.(map[string]any)
	text, _ := o["text"].(string)
	if o["type"] == "mrkdwn" {
		return Mrkdwn(text)
	}
	return escaped(text)
}

// escaped returns plain text as HTML.
func escaped(s string) template.HTML {
	return template.HTML(strings.ReplaceAll(html.EscapeString(s), "\n", "<br>")) //nolint:gosec // escaped here
}

// richText returns the text in a rich_text block.
func richText(v any) string {
	var out strings.Builder
	for _, e := range Objects(v) {
		if text, ok := e["text"].(string); ok {
			out.WriteString(text)
		}
		if _, nested := e["elements"]; nested {
			out.WriteString(richText(e["elements"]) + "\n")
		}
	}
	return out.String()
}

// FindButton returns the button of a message with an action ID.
func (v View) FindButton(action string) (Button, bool) {
	all := v.Parts
	for _, a := range v.Attachments {
		all = append(all, a.Parts...)
	}
	for _, p := range all {
		for _, b := range p.Buttons {
			if b.ActionID == action {
				return b, true
			}
		}
	}
	return Button{}, false
}
