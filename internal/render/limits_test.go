// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/markup"
)

// allTypes returns the types of event.
func allTypes() []v1alpha1.EventType {
	var out []v1alpha1.EventType
	for _, t := range event.Types {
		out = append(out, t.Name)
	}
	return out
}

// problems compares a message with the limits in https://docs.slack.dev/reference/block-kit/blocks, and all of it
// with 10,000 characters, which are safely below what Slack rejects. Slack counts code points.
func problems(m chat.Message) []string {
	var out []string
	total := 0
	within := func(what, s string, limit int) {
		n := utf8.RuneCountInString(s)
		total += n
		if n > limit || !markup.Visible(s) || !utf8.ValidString(s) {
			out = append(out, fmt.Sprintf("%s has %d characters, the limit is %d: %.60q", what, n, limit, s))
		}
	}
	within("text", m.Text, 4000)
	if len(m.Blocks) < 1 || len(m.Blocks) > 50 {
		out = append(out, fmt.Sprintf("%d blocks", len(m.Blocks)))
	}
	for i, b := range m.Blocks {
		kinds := 0
		if b.Section != "" {
			kinds++
			within("a section", b.Section, 3000)
		}
		if len(b.Fields) > 0 {
			kinds++
		}
		if len(b.Context) > 0 {
			kinds++
		}
		if b.Divider {
			kinds++
		}
		if kinds != 1 || len(b.Fields) > 10 || len(b.Context) > 10 {
			out = append(out, fmt.Sprintf("block %d has %d kinds, %d fields, %d context elements", i, kinds, len(b.Fields), len(b.Context)))
		}
		for _, f := range b.Fields {
			within("a field", f, 2000)
		}
		for _, c := range b.Context {
			within("a context element", c, 2000)
		}
	}
	if total >= 10_000 {
		out = append(out, fmt.Sprintf("the whole message has %d characters", total))
	}
	return out
}

var (
	ours = regexp.MustCompile(`<(!date\^\d+\^\{date_short_pretty\} \{time_secs\}\|[-0-9: UTC]+|https?://[^<>|]+\|[^<>]*|` +
		`!here|!channel|!subteam\^S[0-9A-Z]+|@U[0-9A-Z]+)>`)
	bold   = regexp.MustCompile(`\*[^*\n]+\*`)
	emoji  = regexp.MustCompile(`:[a-z_]+:`)
	marked = regexp.MustCompile("(?m)[<>*~`]" + `|:[a-z_]+:|(^|[\s(])_[^_]+_($|[\s).,])|^\s*&gt;|` +
		`[\x{202A}-\x{202E}\x{2066}-\x{2069}\x{200E}\x{200F}]`)
	pinging = regexp.MustCompile(`<[!@#]`)
)

// unescaped returns what in a text could mention, link or format, apart from the links, dates, bold words, emojis and
// guarded marks of messages themselves.
func unescaped(text string) string {
	text = ours.ReplaceAllString(text, "x")
	for _, mark := range []string{"*", "_", "~", "`"} {
		text = strings.ReplaceAll(text, markup.Guard(mark), "x")
	}
	text = emoji.ReplaceAllString(bold.ReplaceAllString(text, ""), "")
	return marked.FindString(text)
}

func texts(m chat.Message) []string {
	out := []string{m.Text}
	for _, b := range m.Blocks {
		out = append(append(append(out, b.Section), b.Fields...), b.Context...)
	}
	return out
}

// eventsWith returns an event of each type with the same text in each place.
func eventsWith(text string) []event.Event {
	var out []event.Event
	for _, t := range allTypes() {
		e := Example(t)
		e.Labels = map[string]string{"team": text, text: "x"}
		for k, v := range maps.All(everything) {
			if _, isText := v.(string); isText {
				e.Data[k] = text
			} else {
				e.Data[k] = 1.7976931348623157e308
			}
			if strings.HasSuffix(k, "URL") {
				e.Data[k] = "https://example.com/" + text
			}
		}
		if e.Subject != nil {
			e.Subject = &v1alpha1.EventSubject{Kind: text, Namespace: text, Name: text}
		}
		out = append(out, e)
	}
	return out
}

func fullTemplate(t testing.TB) *MessageTemplate {
	t.Helper()
	w, err := ParseMessageTemplate(v1alpha1.MessageTemplate{
		Title: "*Title* {{ .data.title }} {{ link .data.ticketURL .data.title }}",
		Body: "{{ range $k, $v := .labels }}{{ $k }} {{ $v }} {{ end }}{{ range $k, $v := .data }}{{ $k }}: {{ $v }}\n{{ end }}" +
			"{{ .subject.name }} {{ link .data.reportURL .data.description }}",
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// messagesOf returns an event as each kind of message that depends on the options.
func messagesOf(e *event.Event, o Options) map[string]chat.Message {
	if o.Template != nil {
		return map[string]chat.Message{"message": Message(e, o), "living": Living(e, o)}
	}
	return map[string]chat.Message{
		"message": Message(e, o), "living": Living(e, o), "reply": Reply(e, o),
		"digest": Digest(slices.Repeat([]event.Event{*e}, maxNamed+1), o),
	}
}

var hostile = []string{
	"", " ", "x", "&", "<", ">", "*", "_", "~", "`", ":", "|", "\n", "\n>",
	"\u202e", "\u2060", "\u200b", "\xff", "\x00", "🎤", "👩‍👩‍👧‍👦", "Z̷̡͠", ":fire:",
	"<!channel>", "<!here>", "<@U1>", "<#C1>", "<http://e|x>", "&lt;!here&gt;", "*b*", "_i_", "~s~", "`c`", "```c```", "> q\n",
	"<!date^1^{date}|x>",
	"\xed\xa0\x80", "{{ .x }}", "\u2028> q", "|<@U1>", "%7C>", "a<!subteam^S1>b",
}

// manyMentions returns as many and as long mentions as a rule can have.
func manyMentions() []v1alpha1.Mention {
	return slices.Repeat([]v1alpha1.Mention{v1alpha1.Mention("S" + strings.Repeat("1", 24))}, 10)
}

// fullOptions returns options that take as much room as they can.
func fullOptions() Options {
	return Options{
		Channel: "#a", DeliveryID: "id", Mentions: manyMentions(),
		DashboardURL: "https://dashboard.example.com/" + strings.Repeat("d", 900),
	}
}

func TestLimits(t *testing.T) {
	plain := fullOptions()
	templated := fullOptions()
	templated.Template = fullTemplate(t)
	for _, piece := range []string{
		"x", "&", "<", "*", ":", "`", "\n", "\n>", "\u202e", "\xff", "\x00", "🎤", "<!channel>", "<@U1>", "_a_ ", "x y",
	} {
		long := strings.Repeat(piece, 3000/max(1, utf8.RuneCountInString(piece))) // the fuzz test has short ones
		for i, e := range eventsWith(long) {
			checkMessages(t, piece, messagesOf(&e, plain))
			if i <= 1 { // the template sees the same data for all types
				checkMessages(t, piece+", template", messagesOf(&e, templated))
			}
		}
	}
}

// checkMessages fails for messages that break Slack's limits or have markup.
func checkMessages(t *testing.T, name string, messages map[string]chat.Message) {
	t.Helper()
	for kind, m := range messages {
		for _, p := range problems(m) {
			t.Errorf("%q, %s: %s", name, kind, p)
		}
		for _, text := range texts(m) {
			if found := unescaped(text); found != "" {
				t.Errorf("%q, %s: %q is markup in %.200q", name, kind, found, text)
			}
		}
	}
}

// Templates can be as long as the API server accepts them, and full of markup.
func TestLimitsOfTemplates(t *testing.T) {
	for _, piece := range []string{"x", "🎤", "*b* ", "<https://e.example.com|x> ", "&amp;", "> q\n", "{{ .data.title }} "} {
		fill := func(limit int) string { return strings.Repeat(piece, limit/utf8.RuneCountInString(piece)) }
		parsed, err := ParseMessageTemplate(v1alpha1.MessageTemplate{Title: fill(1024), Body: fill(8192)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		o := fullOptions()
		o.Template = parsed
		for i, e := range eventsWith(strings.Repeat("<", 3000)) {
			for kind, m := range messagesOf(&e, o) {
				for _, p := range problems(m) {
					t.Errorf("a template of %q, event %d, %s: %s", piece, i, kind, p)
				}
			}
		}
	}
}

// As large as a digest gets, with more mentions than one rule can have.
func TestLimitsOfDigests(t *testing.T) {
	for _, piece := range []string{"&", "🎤", "*", "<@U1>"} {
		many := slices.Repeat(eventsWith(strings.Repeat(piece, 3000)), 1000/len(event.Types)+1)
		for i := range many {
			many[i].ID = fmt.Sprintf("%s%04d", strings.Repeat("i", 200), i)
			many[i].Severity = []v1alpha1.Severity{"", "Critical", "High", "Medium", "Low"}[i%5]
		}
		o := fullOptions()
		o.Mentions = slices.Repeat(o.Mentions, 3)
		for kind, m := range map[string]chat.Message{
			"digest": Digest(many, o), "message": Message(&many[0], o), "reply": Reply(&many[3], o),
		} {
			for _, p := range problems(m) {
				t.Errorf("%q, %s: %s", piece, kind, p)
			}
		}
	}
}

func TestLimitsOfEmptyEvents(t *testing.T) {
	for _, eventType := range append(allTypes(), "Unknown") {
		empty := event.Event{Type: eventType, Time: time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC)}
		for kind, m := range messagesOf(&empty, Options{}) {
			for _, p := range problems(m) {
				t.Errorf("%s, %s: %s", eventType, kind, p)
			}
		}
	}
}

// TestChecksFindProblems tests the functions that the other tests rely on.
func TestChecksFindProblems(t *testing.T) {
	good := chat.Message{Text: "x", Blocks: []chat.Block{{Section: "x"}}}
	for name, change := range map[string]func(*chat.Message){
		"no text":         func(m *chat.Message) { m.Text = " \u2060" },
		"long text":       func(m *chat.Message) { m.Text = strings.Repeat("🎤", 4001) },
		"no blocks":       func(m *chat.Message) { m.Blocks = nil },
		"many blocks":     func(m *chat.Message) { m.Blocks = make([]chat.Block, 51) },
		"empty block":     func(m *chat.Message) { m.Blocks[0] = chat.Block{} },
		"long section":    func(m *chat.Message) { m.Blocks[0].Section = strings.Repeat("x", 3001) },
		"many fields":     func(m *chat.Message) { m.Blocks[0] = chat.Block{Fields: strings.Split(strings.Repeat("x", 11), "")} },
		"empty field":     func(m *chat.Message) { m.Blocks[0] = chat.Block{Fields: []string{""}} },
		"many in context": func(m *chat.Message) { m.Blocks[0] = chat.Block{Context: strings.Split(strings.Repeat("x", 11), "")} },
		"two kinds":       func(m *chat.Message) { m.Blocks[0].Divider = true },
		"broken UTF-8":    func(m *chat.Message) { m.Text = "x\xff" },
		"long as a whole": func(m *chat.Message) {
			m.Blocks = []chat.Block{{Fields: slices.Repeat([]string{strings.Repeat("x", 2000)}, 5)}}
		},
	} {
		m := good
		m.Blocks = []chat.Block{{Section: "x"}}
		if change(&m); len(problems(m)) == 0 {
			t.Errorf("%s is not found", name)
		}
	}
	for _, bad := range []string{"<!channel>x<", "<@U1|x", "> q", "a\n&gt; q", "~s~", "`c`", "\u202e", "<http://e x", "** x", "_i_ x"} {
		if unescaped(bad) == "" {
			t.Errorf("%q is not found as markup", bad)
		}
	}
	if p := problems(good); len(p) > 0 {
		t.Error(p)
	}
}

func FuzzMessages(f *testing.F) {
	for _, s := range hostile {
		f.Add(s, 3.0)
	}
	own := fullTemplate(f)
	f.Fuzz(func(t *testing.T, s string, n float64) {
		for _, e := range eventsWith(s) {
			e.Data["failed"] = n
			e.Data["durationSeconds"] = n
			for kind, m := range messagesOf(&e, Options{Template: own}) {
				for _, p := range problems(m) {
					t.Errorf("%s, %s: %s", e.Type, kind, p)
				}
				for _, text := range texts(m) {
					if pinging.MatchString(ours.ReplaceAllString(text, "")) || unescaped(text) != "" {
						t.Errorf("%s, %s: markup %q in %q", e.Type, kind, unescaped(text), text)
					}
				}
			}
			for kind, m := range messagesOf(&e, Options{}) {
				if p := problems(m); len(p) > 0 {
					t.Errorf("%s, %s: %v", e.Type, kind, p)
				}
			}
		}
	})
}
