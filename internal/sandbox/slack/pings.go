// SPDX-License-Identifier: Apache-2.0

package slack

import (
	"encoding/json"
	"regexp"
)

// pingPattern matches mentions that notify people (docs.slack.dev, formatting message text: mentions).
var pingPattern = regexp.MustCompile(`<(!(?:channel|here|everyone|group)|!subteam\^[A-Za-z0-9]+|@[A-Za-z0-9]+)(?:\|[^<>]*)?>`)

// namePattern matches names that Slack turns into mentions if a call has link_names.
var namePattern = regexp.MustCompile(`@(?:channel|here|everyone)\b`)

// pings returns the mentions in a message that would notify people. It includes doubtful ones, so that a test that
// finds none can rely on it.
func (c content) pings(m *Message) []string {
	f := &pingFinder{linkNames: c.linkNames}
	f.scan(m.Text)
	for _, raw := range []json.RawMessage{m.Blocks, m.Attachments} {
		var v any
		if raw != nil && json.Unmarshal(raw, &v) == nil {
			f.walk(v)
		}
	}
	return f.found
}

// pingFinder collects mentions.
type pingFinder struct {
	linkNames bool
	found     []string
}

// scan collects the mentions in mrkdwn.
func (f *pingFinder) scan(s string) {
	for _, match := range pingPattern.FindAllStringSubmatch(s, -1) {
		f.found = append(f.found, "<"+match[1]+">")
	}
	if f.linkNames {
		f.found = append(f.found, namePattern.FindAllString(s, -1)...)
	}
}

// textKeys are the members of blocks and attachments that Slack renders as mrkdwn, in the order of the scan.
var textKeys = []string{"pretext", "title", "text", "fallback", "value", "footer", "author_name"}

// walk collects the mentions in blocks or attachments.
func (f *pingFinder) walk(v any) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			f.walk(item)
		}
	case map[string]any:
		switch v["type"] {
		case "plain_text":
			return
		case "user", "usergroup", "broadcast":
			f.richText(v)
			return
		}
		_, interactive := v["action_id"]
		for _, key := range textKeys {
			s, ok := v[key].(string)
			if ok && (!interactive || key != "value") {
				f.scan(s)
			}
		}
		for _, key := range []string{"text", "blocks", "fields", "elements", "accessory"} {
			switch v[key].(type) {
			case []any, map[string]any:
				f.walk(v[key])
			}
		}
	}
}

// richText collects the mention in an element of rich text.
func (f *pingFinder) richText(v map[string]any) {
	for _, kind := range [][2]string{{"user_id", "@"}, {"usergroup_id", "!subteam^"}, {"range", "!"}} {
		if id, ok := v[kind[0]].(string); ok {
			f.found = append(f.found, "<"+kind[1]+id+">")
		}
	}
}
