// SPDX-License-Identifier: Apache-2.0

// Package blocks checks blocks of messages as Slack does.
package blocks

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of blocks, in Unicode code points (docs.slack.dev, block kit reference). maxTotal is not documented: it is
// about the total at which Slack answers msg_blocks_too_long.
const (
	maxBlocks   = 50
	maxTotal    = 13_200
	maxProblems = 20
)

// blockKeys has the members of the supported blocks in addition to type and block_id.
var blockKeys = map[string][]string{
	"section":   {"text", "fields", "accessory", "expand"},
	"divider":   {},
	"header":    {"text"},
	"context":   {"elements"},
	"actions":   {"elements"},
	"image":     {"image_url", "alt_text", "title", "slack_file"},
	"markdown":  {"text"},
	"rich_text": {"elements"},
}

// buttonKeys are the members of a button.
var buttonKeys = []string{"type", "text", "action_id", "url", "value", "style", "confirm", "accessibility_label"}

// otherElements are the interactive elements of which only the action_id and the number of options are checked.
var otherElements = []string{
	"static_select", "multi_static_select", "external_select", "users_select", "conversations_select", "channels_select", "overflow",
	"datepicker", "timepicker", "datetimepicker", "checkboxes", "radio_buttons", "workflow_button",
}

// Refusal is why Slack refuses blocks: the code of the error and the problems in detail.
type Refusal struct {
	Code     string
	Problems []string
}

// Check returns why Slack refuses the blocks of a message or of its attachments; nil if it accepts them.
func Check(blocks, attachments []any) *Refusal {
	c := &checker{}
	c.blocks("/blocks", blocks)
	for i, a := range attachments {
		fields, ok := a.(map[string]any)
		if !ok {
			return &Refusal{Code: "invalid_attachments"}
		}
		if nested, sent := fields["blocks"]; sent {
			list, ok := nested.([]any)
			if !ok {
				return &Refusal{Code: "invalid_blocks_format"}
			}
			c.blocks(fmt.Sprintf("/attachments/%d/blocks", i), list)
		}
	}
	switch {
	case len(c.problems) > 0:
		return &Refusal{Code: "invalid_blocks", Problems: c.problems}
	case c.total > maxTotal:
		return &Refusal{Code: "msg_blocks_too_long"}
	}
	return nil
}

// checker collects problems with their JSON pointers, as Slack returns them in response_metadata.messages.
type checker struct {
	problems []string
	total    int
	blockIDs map[string]bool
	actions  map[string]bool
}

// problem records a problem.
func (c *checker) problem(path, format string, a ...any) {
	if len(c.problems) < maxProblems {
		c.problems = append(c.problems, fmt.Sprintf("[ERROR] "+format, a...)+" [json-pointer:"+path+"]")
	}
}

// blocks checks a list of blocks.
func (c *checker) blocks(path string, list []any) {
	if len(list) > maxBlocks {
		c.problem(path, "no more than %d items allowed", maxBlocks)
		return
	}
	c.blockIDs = map[string]bool{}
	for i, item := range list {
		at := fmt.Sprintf("%s/%d", path, i)
		block, ok := item.(map[string]any)
		if !ok {
			c.problem(at, "must be an object")
			continue
		}
		c.block(at, block)
	}
}

// block checks a block.
func (c *checker) block(path string, b map[string]any) {
	kind, _ := b["type"].(string)
	allowed, known := blockKeys[kind]
	if !known {
		c.problem(path+"/type", "unsupported type: %s", kind)
		return
	}
	c.onlyKeys(path, b, append([]string{"type", "block_id"}, allowed...))
	if id := c.text(path+"/block_id", b["block_id"], 0, 255); id != "" {
		if c.blockIDs[id] {
			c.problem(path+"/block_id", "must be unique")
		}
		c.blockIDs[id] = true
	}
	switch kind {
	case "section":
		c.section(path, b)
	case "header":
		c.textObject(path+"/text", b["text"], 150, "plain_text")
	case "context":
		for at, e := range c.items(path+"/elements", b["elements"], 10) {
			if e["type"] == "image" {
				c.image(at, e)
			} else {
				c.textObject(at, e, 3000, "plain_text", "mrkdwn")
			}
		}
	case "actions":
		c.actions = map[string]bool{}
		for at, e := range c.items(path+"/elements", b["elements"], 25) {
			c.element(at, e)
		}
	case "image":
		c.image(path, b)
		if title, sent := b["title"]; sent {
			c.textObject(path+"/title", title, 2000, "plain_text")
		}
	case "markdown":
		c.text(path+"/text", b["text"], 1, 12_000)
	case "rich_text":
		c.items(path+"/elements", b["elements"], 1000)
	}
}

// section checks a section.
func (c *checker) section(path string, b map[string]any) {
	text, hasText := b["text"]
	fields, hasFields := b["fields"]
	if !hasText && !hasFields {
		c.problem(path, "missing required field: text")
	}
	if hasText {
		c.textObject(path+"/text", text, 3000, "plain_text", "mrkdwn")
	}
	if hasFields {
		for at, f := range c.items(path+"/fields", fields, 10) {
			c.textObject(at, f, 2000, "plain_text", "mrkdwn")
		}
	}
	if accessory, sent := b["accessory"]; sent {
		e, ok := accessory.(map[string]any)
		switch {
		case !ok:
			c.problem(path+"/accessory", "must be an object")
		case e["type"] == "image":
			c.image(path+"/accessory", e)
		default:
			c.actions = map[string]bool{}
			c.element(path+"/accessory", e)
		}
	}
}

// element checks an interactive element.
func (c *checker) element(path string, e map[string]any) {
	kind, _ := e["type"].(string)
	if kind != "button" && !slices.Contains(otherElements, kind) {
		c.problem(path+"/type", "unsupported type: %s", kind)
		return
	}
	if id := c.text(path+"/action_id", e["action_id"], 0, 255); id != "" {
		if c.actions[id] {
			c.problem(path+"/action_id", "must be unique")
		}
		c.actions[id] = true
	}
	if kind != "button" {
		if options, sent := e["options"]; sent {
			c.items(path+"/options", options, 100)
		}
		return
	}
	c.onlyKeys(path, e, buttonKeys)
	c.textObject(path+"/text", e["text"], 75, "plain_text")
	c.text(path+"/value", e["value"], 0, 2000)
	c.text(path+"/url", e["url"], 0, 3000)
	if style, sent := e["style"]; sent && style != "primary" && style != "danger" {
		c.problem(path+"/style", "must be one of: primary, danger")
	}
}

// image checks an image.
func (c *checker) image(path string, e map[string]any) {
	if _, file := e["slack_file"]; !file {
		c.text(path+"/image_url", e["image_url"], 1, 3000)
	}
	c.text(path+"/alt_text", e["alt_text"], 1, 2000)
}

// textObject checks a text object of one of the kinds.
func (c *checker) textObject(path string, v any, most int, kinds ...string) {
	o, ok := v.(map[string]any)
	if !ok {
		c.problem(path, "missing required field or not an object")
		return
	}
	kind, _ := o["type"].(string)
	if !slices.Contains(kinds, kind) {
		c.problem(path+"/type", "must be one of: %s", strings.Join(kinds, ", "))
		return
	}
	if kind == "mrkdwn" {
		c.onlyKeys(path, o, []string{"type", "text", "verbatim"})
	} else {
		c.onlyKeys(path, o, []string{"type", "text", "emoji"})
	}
	c.text(path+"/text", o["text"], 1, most)
}

// text checks a string of least to most characters, and returns it. If least is 0, it may be absent.
func (c *checker) text(path string, v any, least, most int) string {
	if v == nil && least == 0 {
		return ""
	}
	s, ok := v.(string)
	n := utf8.RuneCountInString(s)
	switch {
	case !ok:
		c.problem(path, "must be a string")
	case n < least:
		c.problem(path, "must be more than %d characters", least-1)
	case n > most:
		c.problem(path, "must be less than %d characters", most+1)
	}
	c.total += n
	return s
}

// items checks a list of 1 to most objects, and returns an iterator over them with their paths.
func (c *checker) items(path string, v any, most int) iter.Seq2[string, map[string]any] {
	list, ok := v.([]any)
	switch {
	case !ok || len(list) == 0:
		c.problem(path, "no fewer than 1 items allowed")
		list = nil
	case len(list) > most:
		c.problem(path, "no more than %d items allowed", most)
		list = nil
	}
	return func(yield func(string, map[string]any) bool) {
		for i, item := range list {
			at := fmt.Sprintf("%s/%d", path, i)
			object, ok := item.(map[string]any)
			if !ok {
				c.problem(at, "must be an object")
			} else if !yield(at, object) {
				return
			}
		}
	}
}

// onlyKeys checks that an object has no other members.
func (c *checker) onlyKeys(path string, m map[string]any, allowed []string) {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if !slices.Contains(allowed, key) {
			c.problem(path, "invalid additional property: %s", key)
		}
	}
}
