// SPDX-License-Identifier: Apache-2.0

// Package mentions finds what notifies people in messages of the sandbox's Slack.
package mentions

import (
	"encoding/json"
	"regexp"
)

// Pattern matches mentions that notify people (docs.slack.dev, formatting message text: mentions).
var Pattern = regexp.MustCompile(`<(!(?:channel|here|everyone|group)|!subteam\^[A-Za-z0-9]+|@[A-Za-z0-9]+)(?:\|[^<>]*)?>`)

// namePattern matches names that Slack turns into mentions if a call has link_names.
var namePattern = regexp.MustCompile(`@(?:channel|here|everyone)\b`)

// Finder finds the mentions in messages.
type Finder struct {
	// LinkNames makes names without brackets mentions too, such as @channel.
	LinkNames bool
}

// Find returns the mentions that notify people, in the text, the blocks and the attachments of a message.
func (f Finder) Find(text string, content ...json.RawMessage) []string {
	s := &scanner{linkNames: f.LinkNames}
	s.scan(text)
	for _, raw := range content {
		var v any
		if raw != nil && json.Unmarshal(raw, &v) == nil {
			s.walk(v)
		}
	}
	return s.found
}

// scanner collects mentions.
type scanner struct {
	linkNames bool
	found     []string
}

// scan collects the mentions in mrkdwn.
func (s *scanner) scan(text string) {
	for _, match := range Pattern.FindAllStringSubmatch(text, -1) {
		s.found = append(s.found, "<"+match[1]+">")
	}
	if s.linkNames {
		s.found = append(s.found, namePattern.FindAllString(text, -1)...)
	}
}

// textKeys are the members of blocks and attachments that Slack renders as mrkdwn, in the order of the scan.
var textKeys = []string{"pretext", "title", "text", "fallback", "value", "footer", "author_name"}

// walk collects the mentions in blocks or attachments.
func (s *scanner) walk(v any) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			s.walk(item)
		}
	case map[string]any:
		switch v["type"] {
		case "plain_text":
			return
		case "user", "usergroup", "broadcast":
			s.richText(v)
			return
		}
		_, interactive := v["action_id"]
		for _, key := range textKeys {
			text, ok := v[key].(string)
			if ok && (!interactive || key != "value") {
				s.scan(text)
			}
		}
		for _, key := range []string{"text", "blocks", "fields", "elements", "accessory"} {
			switch v[key].(type) {
			case []any, map[string]any:
				s.walk(v[key])
			}
		}
	}
}

// richText collects the mention in an element of rich text.
func (s *scanner) richText(v map[string]any) {
	for _, kind := range [][2]string{{"user_id", "@"}, {"usergroup_id", "!subteam^"}, {"range", "!"}} {
		if id, ok := v[kind[0]].(string); ok {
			s.found = append(s.found, "<"+kind[1]+id+">")
		}
	}
}
