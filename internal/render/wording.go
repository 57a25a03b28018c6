package render

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"text/template"
	"text/template/parse"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

const (
	maxOwnTitle = 300
	maxOwnBody  = 2900
	// maxOutput bounds what a template writes before it is cut, in bytes: more than any character of the limits takes.
	maxOutput = 16 << 10
)

// MessageTemplate is how a rule words its messages. Its templates see an event whose texts are escaped already, so that their own markup works
// and nothing from outside does. It is safe for use by several goroutines.
type MessageTemplate struct{ title, body *Template }

// messageFunctions are those of all templates, and link, whose first argument is a URL of the event or one written out.
var messageFunctions = func() template.FuncMap {
	all := maps.Clone(functions)
	maps.Copy(all, comparisons)
	all["link"] = func(url, label string) string {
		return link(slackPlain.Replace(url), strings.Join(strings.Fields(label), " "))
	}
	return all
}()

// ParseMessageTemplate parses a rule's templates and tries them on an example of each type of event: once with all that such an event can have,
// once with nothing. Its error begins with the field, title or body, and says where and what.
func ParseMessageTemplate(t v1alpha1.MessageTemplate, types []v1alpha1.EventType) (*MessageTemplate, error) {
	out := &MessageTemplate{}
	for _, part := range []struct {
		name, text string
		parsed     **Template
	}{{"title", t.Title, &out.title}, {"body", t.Body, &out.body}} {
		if part.text == "" {
			continue
		}
		parsed, err := parseTemplate(part.text, messageFunctions)
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
				if _, err := parsed.begin(messageData(e, Example(eventType).Data), maxOutput); err != nil {
					return nil, fmt.Errorf("%s: for %s: %w", part.name, eventType, err)
				}
			}
		}
		*part.parsed = parsed
	}
	return out, nil
}

// checkBrackets refuses a template that puts a value between < and >, where it could become a mention or a link to anywhere.
func checkBrackets(n parse.Node) error {
	if n == nil {
		return nil
	}
	open := func(text string) error {
		if strings.LastIndexByte(text, '<') > strings.LastIndexByte(text, '>') {
			return errors.New("a value inside <...> is not allowed: use {{ link .data.ticketURL \"label\" }}, and spec.mentions")
		}
		return nil
	}
	each := func(nodes ...parse.Node) error {
		for _, n := range nodes {
			if err := checkBrackets(n); err != nil {
				return err
			}
		}
		return nil
	}
	branch := func(b *parse.BranchNode) error {
		if err := each(b.Pipe, b.List); err != nil || b.ElseList == nil {
			return err
		}
		return checkBrackets(b.ElseList)
	}
	switch n := n.(type) {
	case *parse.TextNode:
		return open(string(n.Text))
	case *parse.StringNode:
		return open(n.Text)
	case *parse.ListNode:
		return each(n.Nodes...)
	case *parse.ActionNode:
		return each(n.Pipe)
	case *parse.IfNode:
		return branch(&n.BranchNode)
	case *parse.WithNode:
		return branch(&n.BranchNode)
	case *parse.RangeNode:
		return branch(&n.BranchNode)
	case *parse.ChainNode:
		return checkBrackets(n.Node)
	case *parse.PipeNode:
		for _, command := range n.Cmds {
			if err := each(command.Args...); err != nil {
				return err
			}
		}
	}
	return nil
}

// own are a rule's own words for an event.
type own struct {
	title, body string
	// hasBody says that the template has a body, even if it is empty for this event.
	hasBody bool
	// problem says what went wrong; the usual words take the place of the rule's then.
	problem string
}

// words fills the templates in. A nil MessageTemplate has none.
func (t *MessageTemplate) words(e *event.Event) own {
	if t == nil {
		return own{}
	}
	data := messageData(e, everything)
	var out own
	if t.title != nil {
		text, err := t.title.begin(data, maxOutput)
		if err != nil {
			return own{problem: "spec.template.title: " + err.Error()}
		}
		if text = cutMarkup(strings.Join(strings.Fields(tidy(text)), " "), maxOwnTitle); visible(text) {
			out.title = text
		}
	}
	if t.body != nil {
		text, err := t.body.begin(data, maxOutput)
		if err != nil {
			return own{problem: "spec.template.body: " + err.Error()}
		}
		out.body, out.hasBody = cutMarkup(strings.TrimSpace(tidy(text)), maxOwnBody), true
	}
	return out
}

// tidy cleans what a template wrote. What it writes for nothing at all is left out.
func tidy(text string) string { return clean(strings.ReplaceAll(text, "<no value>", "")) }

// Preview is what the templates make of an example of a type of event: at most 3,201 characters.
func (t *MessageTemplate) Preview(eventType v1alpha1.EventType) string {
	e := Example(eventType)
	w := t.words(&e)
	return strings.TrimSpace(w.title + "\n" + w.body)
}

// messageData is what a template sees of an event. Everything that known has is there, if only as an empty text or 0, and of the same kind,
// so that a template that worked once works always.
func messageData(e *event.Event, known map[string]any) map[string]any {
	labels := make(map[string]any, len(e.Labels))
	for k, v := range e.Labels {
		labels[safeKey(k)] = value(v)
	}
	subject := map[string]any{"kind": "", "namespace": "", "name": ""}
	if s := e.Subject; s != nil {
		subject["kind"], subject["namespace"], subject["name"] = mrkdwn(s.Kind), mrkdwn(s.Namespace), mrkdwn(s.Name)
	}
	data := safeMap(e.Data, 0)
	for k, example := range known {
		if _, isText := example.(string); !isText {
			n, _ := asFloat(e.Data[k])
			data[k] = round(n)
		} else if _, isText := data[k].(string); !isText {
			data[k] = ""
		}
	}
	when := ""
	if date(e.Time) != unknownTime {
		when = mrkdwn(e.Time.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	return map[string]any{
		"type": mrkdwn(string(e.Type)), "severity": mrkdwn(string(e.Severity)), "time": when, "labels": labels, "subject": subject, "data": data,
	}
}

// value is a text, harmless and no longer than what can be shown of it.
func value(s string) string { return mrkdwn(text.Truncate(begin(s, 4*maxOwnBody), maxOwnBody)) }

// maxDepth bounds how deep lists and maps of an event's data go into a template.
const maxDepth = 8

func safeMap(in map[string]any, depth int) map[string]any {
	out := make(map[string]any, len(in))
	for k, v := range in {
		out[safeKey(k)] = safe(v, depth+1)
	}
	return out
}

// safe is a value of an event's data that is harmless when it is written.
func safe(v any, depth int) any {
	if depth > maxDepth {
		return ""
	}
	switch v := v.(type) {
	case string:
		return value(v)
	case bool:
		return v
	case map[string]any:
		return safeMap(v, depth)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = safe(v[i], depth+1)
		}
		return out
	}
	if n, ok := asFloat(v); ok {
		return count(n)
	}
	return ""
}

// safeKey is a key as templates can write it: escaped, unless it could not format anything, as those of Kubernetes' labels.
func safeKey(k string) string {
	if plainKey.MatchString(k) {
		return k
	}
	return mrkdwn(k)
}

// plainKey has underscores inside words only.
var plainKey = regexp.MustCompile(`^[A-Za-z0-9]+((_+|[./-]+)[A-Za-z0-9]+)*$`)
