// SPDX-License-Identifier: Apache-2.0

package render

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"strings"
	"text/template"
	"text/template/parse"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/markup"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

const (
	// maxOwnTitle bounds the title that a rule's template writes, in characters.
	maxOwnTitle = 300
	// maxOwnBody bounds the body that a rule's template writes, in characters.
	maxOwnBody = 2900
	// maxOutput bounds what a template writes before it is cut, in bytes. That is enough for the other limits with
	// characters of any size.
	maxOutput = 16 << 10
)

// MessageTemplate is the template of a rule's messages. It sees an event whose texts are escaped already, so that the
// template's own markup works and that of text from outside does not. It is safe for concurrent use.
type MessageTemplate struct{ title, body *Template }

// messageFunctions are the functions of all templates, and link, whose first argument is a URL of the event or a
// literal one.
var messageFunctions = func() template.FuncMap {
	all := maps.Clone(functions)
	all["link"] = func(url, label any) string {
		return markup.Link(markup.Unescape(asText(url)), strings.Join(strings.Fields(asText(label)), " "))
	}
	return all
}()

// messageNames are what a rule's template sees of an event, see messageData.
var messageNames = []string{"data", "labels", "severity", "subject", "time", "type"}

// ParseMessageTemplate parses a rule's templates and tests them with two events of each type: one with all data that
// such an event can have, and one without data. The error begins with the field, title or body, and says what is
// wrong where.
func ParseMessageTemplate(t v1alpha1.MessageTemplate, types []v1alpha1.EventType) (*MessageTemplate, error) {
	out := &MessageTemplate{}
	for _, part := range []struct {
		name, text string
		parsed     **Template
	}{{"title", t.Title, &out.title}, {"body", t.Body, &out.body}} {
		if part.text == "" {
			continue
		}
		parsed, err := parseTemplate(part.text, messageNames, messageFunctions)
		if err == nil {
			err = checkBrackets(parsed.parsed.Root)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", part.name, err)
		}
		for _, eventType := range types {
			full := Example(eventType)
			empty := event.Event{Type: eventType}
			for _, e := range []*event.Event{&full, &empty} {
				if _, err := parsed.executePrefix(messageData(e, Example(eventType).Data), maxOutput); err != nil {
					return nil, fmt.Errorf("%s: for %s: %w", part.name, eventType, err)
				}
			}
		}
		*part.parsed = parsed
	}
	return out, nil
}

// checkBrackets rejects a template that writes a value between < and >, where it could become a mention or a link to
// anywhere.
func checkBrackets(n parse.Node) error {
	text := ""
	switch n := n.(type) {
	case *parse.TextNode:
		text = string(n.Text)
	case *parse.StringNode:
		text = n.Text
	}
	if strings.LastIndexByte(text, '<') > strings.LastIndexByte(text, '>') {
		return errors.New("a value inside <...> is not allowed: use {{ link .data.ticketURL \"label\" }}, and spec.mentions")
	}
	for _, child := range children(n) {
		if err := checkBrackets(child); err != nil {
			return err
		}
	}
	return nil
}

// ruleText is what a rule's template makes of an event.
type ruleText struct {
	title, body string
	// hasBody is set when the template has a body, even if it is empty for this event.
	hasBody bool
	// problem says why the template failed. The message has the usual text then.
	problem string
}

// fill returns what the template makes of an event. A nil MessageTemplate makes nothing.
func (t *MessageTemplate) fill(e *event.Event) ruleText {
	if t == nil {
		return ruleText{}
	}
	data := messageData(e, everything)
	var out ruleText
	if t.title != nil {
		text, err := t.title.executePrefix(data, maxOutput)
		if err != nil {
			return ruleText{problem: "spec.template.title: " + err.Error()}
		}
		if text = markup.Cut(strings.Join(strings.Fields(cleanOutput(text)), " "), maxOwnTitle); markup.Visible(text) {
			out.title = text
		}
	}
	if t.body != nil {
		text, err := t.body.executePrefix(data, maxOutput)
		if err != nil {
			return ruleText{problem: "spec.template.body: " + err.Error()}
		}
		out.body = markup.Cut(strings.TrimSpace(cleanOutput(text)), maxOwnBody)
		out.hasBody = true
	}
	return out
}

// cleanOutput returns what a template wrote, cleaned, without the text that stands for a missing value.
func cleanOutput(output string) string {
	return text.Plain(strings.ReplaceAll(output, "<no value>", ""))
}

// Preview returns what the template makes of an example of a type of event, in at most 3,201 characters.
func (t *MessageTemplate) Preview(eventType v1alpha1.EventType) string {
	e := Example(eventType)
	w := t.fill(&e)
	return strings.TrimSpace(w.title + "\n" + w.body)
}

// messageData returns what a template sees of an event. Each member of known is there and of the same kind, as an
// empty text or 0 if the event does not have it. A template that works for one event so works for all.
func messageData(e *event.Event, known map[string]any) map[string]any {
	labels := make(map[string]any, len(e.Labels))
	for k, v := range e.Labels {
		labels[escapeKey(k)] = escapeText(v)
	}
	subject := map[string]any{"kind": "", "namespace": "", "name": ""}
	if s := e.Subject; s != nil {
		subject["kind"] = markup.Mrkdwn(s.Kind)
		subject["namespace"] = markup.Mrkdwn(s.Namespace)
		subject["name"] = markup.Mrkdwn(s.Name)
	}
	data := escapeMap(e.Data, 0)
	for k, example := range known {
		if _, isText := example.(string); !isText {
			n, _ := asFloat(e.Data[k])
			data[k] = toCount(n)
		} else if _, isText := data[k].(string); !isText {
			data[k] = ""
		}
	}
	when := ""
	if date(e.Time) != unknownTime {
		when = markup.Mrkdwn(e.Time.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	return map[string]any{
		"type":     markup.Mrkdwn(string(e.Type)),
		"severity": markup.Mrkdwn(string(e.Severity)),
		"time":     when,
		"labels":   labels,
		"subject":  subject,
		"data":     data,
	}
}

// escapeText returns a text as mrkdwn, no longer than can be shown.
func escapeText(s string) string {
	return markup.Mrkdwn(text.Truncate(markup.Prefix(s, 4*maxOwnBody), maxOwnBody))
}

// maxDepth bounds how deep templates see the nested lists and maps of an event's data.
const maxDepth = 8

// escapeMap returns a map with its keys and values escaped.
func escapeMap(in map[string]any, depth int) map[string]any {
	out := make(map[string]any, len(in))
	for k, v := range in {
		out[escapeKey(k)] = escapeValue(v, depth+1)
	}
	return out
}

// escapeValue returns a value of an event's data with its texts escaped.
func escapeValue(v any, depth int) any {
	if depth > maxDepth {
		return ""
	}
	switch v := v.(type) {
	case string:
		return escapeText(v)
	case bool:
		return v
	case map[string]any:
		return escapeMap(v, depth)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = escapeValue(v[i], depth+1)
		}
		return out
	}
	if n, ok := asFloat(v); ok {
		return count(n)
	}
	return ""
}

// escapeKey returns a key escaped, unless it cannot be markup, as the keys of Kubernetes' labels.
func escapeKey(k string) string {
	if plainKey.MatchString(k) {
		return k
	}
	return markup.Mrkdwn(k)
}

// plainKey matches keys that have marks inside words only.
var plainKey = regexp.MustCompile(`^[A-Za-z0-9]+((_+|[./-]+)[A-Za-z0-9]+)*$`)

// count is a number of an event as templates see it. It is a float64, which templates cannot range over, and is
// written without an exponent.
type count float64

// String returns the number in at most 32 characters.
func (c count) String() string { return number(float64(c)) }

// toCount returns a number without its fraction, bounded so that it can be written out.
func toCount(n float64) count { return count(math.Round(max(-1e14, min(1e14, n)))) }
