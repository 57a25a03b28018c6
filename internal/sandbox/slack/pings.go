package slack

import (
	"encoding/json"
	"regexp"
)

// pingPattern finds what notifies people (docs.slack.dev, formatting message text: mentions).
var pingPattern = regexp.MustCompile(`<(!(?:channel|here|everyone|group)|!subteam\^[A-Za-z0-9]+|@[A-Za-z0-9]+)(?:\|[^<>]*)?>`)

// namePattern finds names that Slack turns into mentions when it is asked to link names.
var namePattern = regexp.MustCompile(`@(?:channel|here|everyone)\b`)

// pings finds every mention in a message that would notify somebody. Where it is not known whether Slack would, it says yes: a test that
// finds none can rely on it.
func pings(m *Message, linkNames bool) []string {
	f := &pingFinder{linkNames: linkNames}
	f.scan(m.Text)
	for _, raw := range []json.RawMessage{m.Blocks, m.Attachments} {
		var v any
		if raw != nil && json.Unmarshal(raw, &v) == nil {
			f.walk(v)
		}
	}
	return f.found
}

type pingFinder struct {
	linkNames bool
	found     []string
}

func (f *pingFinder) scan(s string) {
	for _, match := range pingPattern.FindAllStringSubmatch(s, -1) {
		f.found = append(f.found, "<"+match[1]+">")
	}
	if f.linkNames {
		f.found = append(f.found, namePattern.FindAllString(s, -1)...)
	}
}

// textKeys are the members of blocks and attachments whose strings Slack reads as mrkdwn, in the order they are looked at.
var textKeys = []string{"pretext", "title", "text", "fallback", "value", "footer", "author_name"}

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

func (f *pingFinder) richText(v map[string]any) {
	for _, kind := range [][2]string{{"user_id", "@"}, {"usergroup_id", "!subteam^"}, {"range", "!"}} {
		if id, ok := v[kind[0]].(string); ok {
			f.found = append(f.found, "<"+kind[1]+id+">")
		}
	}
}
