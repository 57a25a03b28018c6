// SPDX-License-Identifier: Apache-2.0

package render

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// sample returns a Defect whose title and description have markup.
func sample() *v1alpha1.Defect {
	return &v1alpha1.Defect{
		ObjectMeta: metav1.ObjectMeta{
			UID: "u1", Namespace: "qa", Name: "d1", CreationTimestamp: metav1.NewTime(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)),
		},
		Spec: v1alpha1.DefectSpec{
			Title: "Books\n nothing", Severity: v1alpha1.SeverityCritical, Category: v1alpha1.CategoryDefect,
			Description: "It says {code}so{code}.", ExpectedResult: "A booking",
			Jira: &v1alpha1.DefectJira{Labels: []v1alpha1.JiraLabel{"booking", "auto-created"}},
		},
	}
}

func TestDraft(t *testing.T) {
	d, _ := Draft(sample(), &v1alpha1.JiraIntegrationSpec{Labels: []v1alpha1.JiraLabel{"team-a"}}, []string{"Highest"})
	if d.Summary != "Books nothing" || d.Priority != "Highest" || d.Marker != "defect-u1" {
		t.Errorf("summary %q, priority %q, marker %q", d.Summary, d.Priority, d.Marker)
	}
	const labels = "voice-ai-testing auto-created defect-u1 voice-ai-defect-0235b0440cd8fe6ba237 team-a booking"
	if got := strings.Join(d.Labels, " "); got != labels {
		t.Errorf("labels %q", got)
	}
	want := `h2. Defect Details

*Severity:* Critical
*Status:* Open
*Created:* 2026-03-01 12:00:00 UTC

h3. Description

It says \{code\}so\{code\}.

h3. Steps to Reproduce

N/A

h3. Expected Result

A booking

h3. Actual Result

N/A

----
_Auto-created by Voice AI Testing Framework_
`
	if d.Description != want {
		t.Errorf("description:\n%s\nwant:\n%s", d.Description, want)
	}
	if d, _ := Draft(sample(), &v1alpha1.JiraIntegrationSpec{}, []string{"P1"}); d.Priority != "" {
		t.Errorf("a priority that the project does not have: %q", d.Priority)
	}
	if d, _ := Draft(sample(), &v1alpha1.JiraIntegrationSpec{}, []string{}); d.Priority != "" {
		t.Errorf("a project that has no priorities: %q", d.Priority)
	}
	if d, _ := Draft(sample(), &v1alpha1.JiraIntegrationSpec{}, nil); d.Priority != "Highest" {
		t.Errorf("a project whose priorities are not known: %q", d.Priority)
	}
}

func TestDraftFitsJira(t *testing.T) {
	for name, text := range map[string]string{
		"plain": "x", "all to be escaped": "{", "emoji": "🎤", "emoji in text": "x🎤y", "entities": "\\", "broken": "\xff",
	} {
		d := sample()
		long := strings.Repeat(text, 16384)
		d.Spec.Title = strings.Repeat(text, 512)
		d.Spec.Description = long
		d.Spec.StepsToReproduce = long
		d.Spec.ExpectedResult = "short"
		d.Spec.ActualResult = long
		draft, _ := Draft(d, &v1alpha1.JiraIntegrationSpec{}, nil)
		// Jira counts UTF-16 units.
		if n := len(utf16.Encode([]rune(draft.Summary))); n > 255 || n < 250 && name != "broken" {
			t.Errorf("%s: summary of %d units, want nearly 255", name, n)
		}
		// A sequence of broken bytes becomes one character.
		if n := len(utf16.Encode([]rune(draft.Description))); n > 32767 || n < 30000 && name != "broken" {
			t.Errorf("%s: description of %d units, want nearly 32767", name, n)
		}
		if !strings.Contains(draft.Description, "\nshort\n") || !strings.HasSuffix(draft.Description, "Framework_\n") {
			t.Errorf("%s: a short section or the end is missing", name)
		}
	}
}

// TestSummaryIsNeverEmpty checks that a ticket has a summary that people can see, which Jira demands.
func TestSummaryIsNeverEmpty(t *testing.T) {
	for title, want := range map[string]string{
		"Books the wrong day": "Books the wrong day",
		"\u200b":              "Defect unmade-booking",
		"\u202e\u2066\ufeff":  "Defect unmade-booking",
		"\u200d \u2060\u00ad": "Defect unmade-booking",
		"\u3164\u2800\ufe0f":  "Defect unmade-booking",
		"\x07":                "Defect unmade-booking",
		"\u200b📞":             "\u200b📞",
	} {
		d := sample()
		d.Name = "unmade-booking"
		d.Spec.Title = title
		d.Spec.Description = title
		draft, _ := Draft(d, &v1alpha1.JiraIntegrationSpec{}, nil)
		if draft.Summary != want {
			t.Errorf("the title %q becomes the summary %q, want %q", title, draft.Summary, want)
		}
		if noDescription := strings.Contains(draft.Description, "h3. Description\n\nN/A\n"); noDescription != (want != title) {
			t.Errorf("the description %q becomes %q", title, draft.Description)
		}
	}
}

func TestLabelsFitJira(t *testing.T) {
	spec := &v1alpha1.JiraIntegrationSpec{Labels: []v1alpha1.JiraLabel{v1alpha1.JiraLabel(strings.Repeat("📞", 255))}}
	draft, _ := Draft(sample(), spec, nil)
	if want := strings.Repeat("📞", 127) + "…"; !slices.Contains(draft.Labels, want) {
		t.Errorf("labels %q, want one cut to 255 UTF-16 units", draft.Labels)
	}
}

// TestWikiKeepsAddresses checks that what Jira links by itself has no backslashes, which it would take for a part of
// the address.
func TestWikiKeepsAddresses(t *testing.T) {
	for in, want := range map[string]string{
		"https://gitlab.example.com/g/p/-/jobs/1":                "",
		"https://ci.example.com/view/?run=7":                     "",
		"https://app.example.com/#/calls/42":                     "",
		"https://a.example.com/~ada/x_*y*_+z?a=1&copy;=2#-":      "",
		"https://u:p@a.example.com:8443/(n)/:D/a-":               "",
		"HTTP://A.EXAMPLE.COM/-/ and ftp://b.example.com/-/":     "",
		"https://de.wikipedia.org/wiki/Jira_(x)":                 "",
		"see https://a.example.com/-/1, https://b.example.com/-": "",
		"https://a.example.com/ -x-":                             `https://a.example.com/ \-x\-`,
		"*https://a.example.com/-/x* y":                          `\*https://a.example.com/-/x* y`,
		"(https://a.example.com/-/x).":                           "",
		"https://a.example.com/-/:)":                             "https://a.example.com/-/:\u200b)",
		"[x|https://a.example.com/-/x]":                          `\[x\|https://a.example.com/-/x\]`,
		"!https://a.example.com/-/x.png!":                        `\!https://a.example.com/-/x.png\!`,
		"https://a.example.com/{code}":                           `https://a.example.com/\{code\}`,
		"https://a.example.com/[~ada]":                           `https://a.example.com/\[\~ada\]`,
		"https://a.example.com/x|y\\z":                           `https://a.example.com/x\|y&#92;z`,
		"xhttps://a.example.com/-/":                              `xhttps://a.example.com/\-/`,
		"https://":                                               "https://",
		"h1. https://a.example.com/-/\nh2. x":                    "h1\u200b. https://a.example.com/-/\nh2\u200b. x",
	} {
		if want == "" {
			want = in
		}
		if got := wiki(in); got != want {
			t.Errorf("wiki(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestWiki(t *testing.T) {
	for in, want := range map[string]string{
		"plain text, nothing else": "plain text, nothing else",
		"h1. Title":                "h1\u200b. Title",
		"  bq. quote":              "  bq\u200b. quote",
		"{code}x{code}":            `\{code\}x\{code\}`,
		"{jql-query:x}":            `\{jql-query:x\}`,
		"[~bob] [x|http://e]":      `\[\~bob\] \[x\|http://e\]`,
		"!http://e/x.png!":         `\!http://e/x.png\!`,
		"*bold* _it_ -no- +in+":    `\*bold\* \_it\_ \-no\- \+in\+`,
		"snake_case non-stop a*b":  "snake_case non-stop a*b",
		"* item\n# item\n- item":   "\\* item\n\\# item\n\\- item",
		"||head||\n|cell|":         "\\|\\|head\\|\\|\n\\|cell\\|",
		"??cite?? ^up^ ~down~":     `\?\?cite\?\? \^up\^ \~down\~`,
		"----":                     `\-\-\-\-`,
		`C:\temp\{x}`:              `C:&#92;temp&#92;\{x\}`,
		`\\`:                       `&#92;&#92;`,
		"&#123;code&#125; a&b":     `&amp;\#123;code&amp;\#125; a&b`,
		"done (/) and :)":          "done (\u200b/) and :\u200b)",
		"a\r\nb\u2028c\x00\u202Ed": "a\nb\ncd",
	} {
		if got := wiki(in); got != want {
			t.Errorf("wiki(%q) = %q, want %q", in, got, want)
		}
	}
}

// active matches what is markup in Jira: a bracket, brace, bar or exclamation mark without a backslash before it.
var active = regexp.MustCompile(`(^|[^\\])[{}\[\]|!]|\\\\`)

func FuzzWiki(f *testing.F) {
	for _, s := range []string{"{code}", "[~x]", `\{`, `\\{x}`, "h1. x", "!x!", "https://e/-/{x}", "https://[https://|x]", "\\\xff{", "{{{"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := wiki(s); active.MatchString(got) || !utf8.ValidString(got) {
			t.Errorf("wiki(%q) = %q", s, got)
		}
	})
}

func TestMrkdwn(t *testing.T) {
	const wj = wordJoiner
	for in, want := range map[string]string{
		"plain":                     "plain",
		"<!channel> <@U1> <#C1>":    "&lt;!channel&gt; &lt;@U1&gt; &lt;#C1&gt;",
		"<http://e|x> & y":          "&lt;http:" + wj + "//e|x&gt; &amp; y",
		"*b* `c`":                   wj + "*" + wj + "b" + wj + "*" + wj + " " + wj + "`" + wj + "c" + wj + "`" + wj,
		"a\n> quote":                "a\n" + wj + "&gt; quote",
		":fire:":                    ":" + wj + "fire:" + wj,
		"\u202Eevil\u0007\r\nb\xff": "evil\nb\uFFFD",
	} {
		if got := mrkdwn(in); got != want {
			t.Errorf("mrkdwn(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzMrkdwn(f *testing.F) {
	for _, s := range []string{"<!here>", "&lt;!here&gt;", "*x*", ">x", "\xff<"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := mrkdwn(s); strings.ContainsAny(got, "<>") || !utf8.ValidString(got) {
			t.Errorf("mrkdwn(%q) = %q", s, got)
		}
	})
}

func TestMessage(t *testing.T) {
	d := sample()
	d.Spec.Title = "<!channel> down"
	d.Status.Jira = &v1alpha1.DefectTicket{Key: "VOICE-7", URL: "https://jira.example.com/browse/VOICE-7"}
	e := event.DefectTicketed(d, time.Date(2026, 3, 1, 12, 5, 0, 0, time.UTC))
	m := Message(&e, Options{Channel: "#alerts", DeliveryID: "id-1", Mentions: []v1alpha1.Mention{"here", "U123", "S123"}})
	if m.Channel != "#alerts" || m.DeliveryID != "id-1" || m.Color != "#d32f2f" {
		t.Errorf("%+v", m)
	}
	if want := "Ticket created: &lt;!channel&gt; down"; m.Text != want {
		t.Errorf("text %q, want %q", m.Text, want)
	}
	want := ":red_circle: *Ticket created*  <!here> <@U123> <!subteam^S123>\n*<https://jira.example.com/browse/VOICE-7|&lt;!channel&gt; down>*"
	if m.Blocks[0].Section != want {
		t.Errorf("section %q, want %q", m.Blocks[0].Section, want)
	}
}

func TestFit(t *testing.T) {
	for _, c := range []struct {
		text  string
		limit int
		want  string
	}{
		{"", 3, ""},
		{"abc", 3, "abc"},
		{"abcd", 3, "ab…"},
		{"äöü", 3, "äöü"},
		{"äöüß", 3, "äö…"},
		{"&&", 10, "&amp;&amp;"},
		{"&&", 9, "&amp;…"},
		{"&&", 6, "&amp;…"},
		{"&&", 5, "…"},
		{strings.Repeat("\u202e", 95) + "abc", 3, ""}, // only the beginning of a long text is looked at
	} {
		if got := fit(c.text, c.limit); got != c.want {
			t.Errorf("fit(%q, %d) = %q, want %q", c.text, c.limit, got, c.want)
		}
	}
}

func TestPrefix(t *testing.T) {
	for _, c := range []struct {
		text  string
		bytes int
		want  string
	}{
		{"abc", 4, "abc"}, {"abc", 3, "abc"}, {"abc", 2, "ab"},
		{"aä", 2, "a"}, {"aä", 3, "aä"}, {"🎤", 3, ""}, {"\xa4\xa4", 1, ""}, {"", 0, ""},
	} {
		if got := prefix(c.text, c.bytes); got != c.want {
			t.Errorf("prefix(%q, %d) = %q, want %q", c.text, c.bytes, got, c.want)
		}
	}
}

func TestLinks(t *testing.T) {
	long := "https://e.com/" + strings.Repeat("x", 1000-len("https://e.com/"))
	for _, c := range []struct{ url, label, want string }{
		{"https://e.com", "a", "<https://e.com|a>"},
		{"http://e.com", "a", "<http://e.com|a>"},
		{"ftp://e.com", "a", "a"},
		{"", "a", "a"},
		{"https://e.com", " ", "<https://e.com|link>"},
		{"https://e.com/a|b c<d>e&f", "a|b", "<https://e.com/a%7Cb%20c%3Cd%3Ee&amp;f|a\u2223b>"},
		{long, "a", "<" + long + "|a>"},
		{long + "x", "a", "a"},
		{long[:999] + "|", "a", "a"},
	} {
		if got := link(c.url, c.label); got != c.want {
			t.Errorf("link(%q, %q) = %q, want %q", c.url, c.label, got, c.want)
		}
	}
}

func TestFairLimit(t *testing.T) {
	for _, c := range []struct {
		lengths []int
		room    int
		want    int
	}{
		{[]int{1, 2, 3}, 6, maxDescription},
		{[]int{1, 2, 3}, 5, 2},
		{[]int{9, 1, 9}, 11, 5},
		{[]int{4, 4}, 8, maxDescription},
		{[]int{4, 5}, 8, 4},
	} {
		var texts []string
		for _, n := range c.lengths {
			texts = append(texts, strings.Repeat("é", n))
		}
		if got := fairLimit(texts, c.room); got != c.want {
			t.Errorf("%v in %d: %d, want %d", c.lengths, c.room, got, c.want)
		}
	}
}
