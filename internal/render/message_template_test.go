package render

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

func parseTest(t *testing.T, title, body string) *MessageTemplate {
	t.Helper()
	w, err := ParseMessageTemplate(v1alpha1.MessageTemplate{Title: title, Body: body}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestOwnWords(t *testing.T) {
	for name, c := range map[string]struct {
		body   string
		change func(*event.Event)
		want   string
	}{
		"its own markup works":        {"*{{ .data.title }}* `x`", nil, "*Agent books the wrong day* `x`"},
		"values have none":            {"{{ .data.title }}", func(e *event.Event) { e.Data["title"] = "<!here> & *b*" }, "&lt;!here&gt; &amp; " + guarded("*") + "b" + guarded("*")},
		"a link":                      {`{{ link .data.ticketURL "*the ticket*" }}`, nil, "<https://jira.example.com/browse/VOICE-12|*the ticket*>"},
		"a link to a URL with &":      {`{{ link .data.ticketURL .data.ticketKey }}`, func(e *event.Event) { e.Data["ticketURL"] = "https://e.com/?a=1&b=_2" }, "<https://e.com/?a=1&amp;b=_2|VOICE-12>"},
		"a link to something else":    {`{{ link .data.ticketURL "ticket" }}`, func(e *event.Event) { e.Data["ticketURL"] = "javascript:alert(1)" }, "ticket"},
		"a label cannot end the link": {`{{ link .data.ticketURL .data.title }}`, func(e *event.Event) { e.Data["title"] = "a|b>c" }, "<https://jira.example.com/browse/VOICE-12|a\u2223b&gt;c>"},
		"subject and labels":          {`{{ .subject.namespace }}/{{ .subject.name }} {{ index .labels "team" }}{{ index .labels "none" }}`, func(e *event.Event) { e.Labels["team"] = "a" }, "voice/booking-wrong-day a"},
		"a label with its key":        {`{{ range $k, $v := .labels }}{{ $k }}={{ $v }}{{ end }}`, func(e *event.Event) { e.Labels["*k*"] = "v" }, guarded("*") + "k" + guarded("*") + "=v"},
		"time and severity":           {`{{ .severity }} {{ .time }}`, nil, "High 2026-03-02 09:" + wordJoiner + "30:" + wordJoiner + "00 UTC"},
		"what the event has not":      {`[{{ .data.previousState }}] {{ .data.failed }}`, nil, "[] 0"},
		"what no event has":           {`[{{ index .data "color" }}]`, nil, "[]"},
		"further data of the event":   {`{{ index .data "color" }} {{ range .data.list }}{{ . }} {{ end }}`, func(e *event.Event) { e.Data["color"], e.Data["list"] = "<red>", []any{1.0, "a*"} }, "&lt;red&gt; 1 a" + guarded("*")},
		"counts":                      {`{{ .data.total }} {{ if ge .data.total 2 }}many{{ end }}`, func(e *event.Event) { e.Data["total"] = 1234567.0 }, "1234567 many"},
		"a value of the wrong kind":   {`[{{ .data.title }}] {{ .data.failed }}`, func(e *event.Event) { e.Data["title"], e.Data["failed"] = map[string]any{"a": "b"}, "x" }, "[] 0"},
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

func TestOwnTitle(t *testing.T) {
	e := Example(v1alpha1.EventDefectCreated)
	m := Message(&e, Options{Template: parseTest(t, "New:\n{{ .data.title }}", ""), Mentions: []v1alpha1.Mention{"here"}})
	if want := "New: Agent books the wrong day"; m.Text != want || m.Blocks[0].Section != want+"  <!here>" || len(m.Blocks[1].Fields) == 0 {
		t.Errorf("%+v", m)
	}
	if m := Message(&e, Options{Template: parseTest(t, "{{/* */}}", "{{/* */}}")}); !strings.Contains(m.Blocks[0].Section, "*Defect found*") || len(m.Blocks) != 2 {
		t.Errorf("words that say nothing: %+v", m)
	}
}

func TestOwnWordsAreBounded(t *testing.T) {
	e := Example(v1alpha1.EventDefectCreated)
	e.Data["title"] = strings.Repeat("&*", 1000)
	long := parseTest(t, `{{ .data.title }}{{ link .data.ticketURL "x" }}`, strings.Repeat("é", 2880)+` {{ link .data.ticketURL "the ticket" }}`)
	w := long.fill(&e)
	if n := utf8.RuneCountInString(w.title); n > maxOwnTitle || n < maxOwnTitle-10 {
		t.Errorf("title of %d characters", n)
	}
	if want := strings.Repeat("é", 2880) + " …"; w.body != want {
		t.Errorf("half a link is left: %q", w.body[len(w.body)-60:])
	}
	if n := utf8.RuneCountInString(long.Preview(v1alpha1.EventDefectCreated)); n > maxOwnTitle+maxOwnBody+1 {
		t.Errorf("preview of %d characters", n)
	}
}

// TestFailingWords: whatever goes wrong with a template at the last moment, the message goes out and says so.
func TestFailingWords(t *testing.T) {
	e := Example(v1alpha1.EventDefectCreated)
	m := Message(&e, Options{Template: parseTest(t, "fine", "{{ .data.nope }}")})
	if !strings.Contains(m.Blocks[0].Section, "*Defect found*") {
		t.Errorf("%+v", m)
	}
	if got := flatten(m); !strings.Contains(got, ":warning: spec.template.body: line 1, column 9: ") || !strings.Contains(got, "nope") {
		t.Errorf("no word of it: %s", got)
	}
}

func TestCutMarkup(t *testing.T) {
	for in, want := range map[string]string{
		"short":                 "short",
		"abcdefghijkl":          "abcdefgh…",
		"abc <https://e|x> y":   "abc …",
		"abcdef&amp;x":          "abcdef…",
		"&amp;abcdefg":          "&amp;abc…",
		"abcdefg*\u2060\u2060*": "abcdefg*\u2060…",
	} {
		if got := cutMarkup(in, 10); got != want || utf8.RuneCountInString(got) > 10 {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
