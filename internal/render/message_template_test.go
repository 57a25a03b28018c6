// SPDX-License-Identifier: Apache-2.0

package render

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/markup"
)

// parseTest parses a template.
func parseTest(t *testing.T, title, body string) *MessageTemplate {
	t.Helper()
	w, err := ParseMessageTemplate(v1alpha1.MessageTemplate{Title: title, Body: body}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// nestedLists returns a text in so many lists.
func nestedLists(levels int) any {
	var out any = "x"
	for range levels {
		out = []any{out}
	}
	return out
}

// set returns a change of an event's data. Keys and values alternate.
func set(pairs ...any) func(*event.Event) {
	return func(e *event.Event) {
		for i := 0; i < len(pairs); i += 2 {
			e.Data[pairs[i].(string)] = pairs[i+1]
		}
	}
}

// label returns a change of an event's labels.
func label(key, value string) func(*event.Event) {
	return func(e *event.Event) { e.Labels[key] = value }
}

func TestTemplateBody(t *testing.T) {
	star := markup.Guard("*")
	for name, c := range map[string]struct {
		body   string
		change func(*event.Event)
		want   string
	}{
		"its own markup": {"*{{ .data.title }}* `x`", nil, "*Agent books the wrong day* `x`"},
		"markup in a value": {"{{ .data.title }}", set("title", "<!here> & *b*"),
			"&lt;!here&gt; &amp; " + star + "b" + star},
		"a link": {`{{ link .data.ticketURL "*the ticket*" }}`, nil,
			"<https://jira.example.com/browse/VOICE-12|*the ticket*>"},
		"a link to a URL with &": {`{{ link .data.ticketURL .data.ticketKey }}`, set("ticketURL", "https://e.com/?a=1&b=_2"),
			"<https://e.com/?a=1&amp;b=_2|VOICE-12>"},
		"a link to no http URL": {`{{ link .data.ticketURL "ticket" }}`, set("ticketURL", "javascript:alert(1)"), "ticket"},
		"a label that ends a link": {`{{ link .data.ticketURL .data.title }}`, set("title", "a|b>c"),
			"<https://jira.example.com/browse/VOICE-12|a\u2223b&gt;c>"},
		"subject and labels": {
			`{{ .subject.namespace }}/{{ .subject.name }} {{ index .labels "team" }}{{ index .labels "none" }}`,
			label("team", "a"), "voice/booking-wrong-day a"},
		"a label and its key": {`{{ range $k, $v := .labels }}{{ $k }}={{ $v }}{{ end }}`, label("*k*", "v"),
			star + "k" + star + "=v"},
		"time and severity": {`{{ .severity }} {{ .time }}`, nil,
			"High 2026-03-02 09:" + markup.WordJoiner + "30:" + markup.WordJoiner + "00 UTC"},
		"data of another type": {`[{{ .data.previousState }}] {{ .data.failed }}`, nil, "[] 0"},
		"data of no type":      {`[{{ index .data "color" }}]`, nil, "[]"},
		"further data": {`{{ index .data "color" }} {{ range .data.list }}{{ . }} {{ end }}`,
			set("color", "<red>", "list", []any{1.0, "a*"}), "&lt;red&gt; 1 a" + star},
		"counts":           {`{{ .data.total }} {{ if ge .data.total 2 }}many{{ end }}`, set("total", 1234567.0), "1234567 many"},
		"the wrong kind":   {`[{{ .data.title }}] {{ .data.failed }}`, set("title", map[string]any{"a": "b"}, "failed", "x"), "[] 0"},
		"a bool":           {`{{ if index .data "ok" }}ok{{ end }}`, set("ok", true), "ok"},
		"a deep value":     {`{{ index .data "a" }}`, set("a", nestedLists(7)), strings.Repeat("[", 7) + "x" + strings.Repeat("]", 7)},
		"too deep a value": {`{{ index .data "a" }}`, set("a", nestedLists(8)), strings.Repeat("[", 8) + strings.Repeat("]", 8)},
	} {
		t.Run(name, func(t *testing.T) {
			e := Example(v1alpha1.EventDefectCreated)
			if c.change != nil {
				c.change(&e)
			}
			m := Message(&e, Options{Template: parseTest(t, "", c.body)})
			if len(m.Blocks) != 3 || m.Blocks[1].Section != c.want {
				t.Errorf("%+v\nwant %q", m.Blocks, c.want)
			}
		})
	}
}

func TestTemplateTitle(t *testing.T) {
	e := Example(v1alpha1.EventDefectCreated)
	m := Message(&e, Options{Template: parseTest(t, "New:\n{{ .data.title }}", ""), Mentions: []v1alpha1.Mention{"here"}})
	if want := "New: Agent books the wrong day"; m.Text != want || m.Blocks[0].Section != want+"  <!here>" || len(m.Blocks[1].Fields) == 0 {
		t.Errorf("%+v", m)
	}
	m = Message(&e, Options{Template: parseTest(t, "{{/* */}}", "{{/* */}}")})
	if !strings.Contains(m.Blocks[0].Section, "*Defect found*") || len(m.Blocks) != 2 {
		t.Errorf("an empty template: %+v", m)
	}
}

func TestTemplateOutputIsBounded(t *testing.T) {
	e := Example(v1alpha1.EventDefectCreated)
	e.Data["title"] = strings.Repeat("&*", 1000)
	title := `{{ .data.title }}{{ link .data.ticketURL "x" }}`
	long := parseTest(t, title, strings.Repeat("é", 2880)+` {{ link .data.ticketURL "the ticket" }}`)
	w := long.fill(&e)
	if n := utf8.RuneCountInString(w.title); n > maxOwnTitle || n < maxOwnTitle-10 {
		t.Errorf("title of %d characters", n)
	}
	if want := strings.Repeat("é", 2880) + " …"; w.body != want {
		t.Errorf("half a link: %q", w.body[len(w.body)-60:])
	}
	if n := utf8.RuneCountInString(long.Preview(v1alpha1.EventDefectCreated)); n > maxOwnTitle+maxOwnBody+1 {
		t.Errorf("preview of %d characters", n)
	}
}

// A message whose template fails is sent all the same, and says why it looks different.
func TestFailingTemplate(t *testing.T) {
	e := Example(v1alpha1.EventDefectCreated)
	m := Message(&e, Options{Template: parseTest(t, "fine", "{{ index .data.title 9999 }}")})
	if !strings.Contains(m.Blocks[0].Section, "*Defect found*") {
		t.Errorf("%+v", m)
	}
	got := flatten(m)
	if !strings.Contains(got, ":warning: spec.template.body: line 1, column 4: ") || !strings.Contains(got, "out of range") {
		t.Errorf("it does not say why: %s", got)
	}
}
