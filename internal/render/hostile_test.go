// SPDX-License-Identifier: Apache-2.0

package render

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// titles are titles of someone who wants to mention, link, format, hide something or break a message.
var titles = map[string]string{
	"channel":        "<!channel> is down",
	"here":           "<!here|x>",
	"user":           "<@U1> look",
	"group":          "<!subteam^S1>",
	"room":           "<#C1|general>",
	"link":           "<https://evil.example.com|Jira>",
	"date":           "<!date^1^{date}^https://evil.example.com|x>",
	"escaped before": "&lt;!channel&gt;",
	"twice":          "&amp;lt;!channel&amp;gt;",
	"in pieces":      "<\u200b!channel>",
	"control":        "a\x00b\x07c\x1b[31md\u0085e\u2028f",
	"right to left":  "\u202egnp.exe\u202c \u2067x\u2069 \u200fy",
	"zero width":     "\u200b\u200c\u200d\ufeff",
	"emoji":          strings.Repeat("🎤", 2560), // 10 kB
	"family":         strings.Repeat("👩‍👩‍👧‍👦", 400),
	"broken":         "a\xffb\xed\xa0\x80c\xc0\xafd\xf0\x9f\x98",
	"marks":          "*b* _i_ ~s~ `c` ```d``` :fire:",
	"all marks":      "*_~`",
	"ends the link":  "a|>b|<@U1>",
	"quotes":         "> q\n> r\n  >>> s",
	"escaped quotes": "&gt; q\n\t&gt; r",
	"a template":     `{{ .labels }}{{ template "x" }}`,
	"lines":          strings.Repeat("\n", 3000) + "x",
	"nothing":        " \t\n",
}

// asJSON returns a text as a JSON string. Unlike json.Marshal it leaves broken UTF-8 as it is.
func asJSON(text string) string {
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; c < ' ' || c == '"' || c == '\\' {
			fmt.Fprintf(&b, `\u%04x`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return `"` + b.String() + `"`
}

// eventsTitled returns an event of each source with a title as each of its texts, as they are after they were stored.
func eventsTitled(t *testing.T, title string) map[string]event.Event {
	t.Helper()
	now := time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	text := asJSON(title)
	out := map[string]event.Event{}
	keep := func(source string, events []event.Event, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", source, err)
		}
		for i := range events {
			stored, err := events[i].ToAPI()
			if err != nil {
				t.Fatalf("%s: %v", source, err)
			}
			if out[source], err = event.FromAPI(stored); err != nil {
				t.Fatalf("%s: %v", source, err)
			}
		}
	}
	data := `{"title":` + text + `,"description":` + text + `,"result":` + text + `,"run":` + text +
		`,"reportURL":"https://e.example.com/` + text[1:] + `,"labels":{"team":` + text + `}}`
	for source, kind := range map[string]string{
		"a run":        "dev.voiceai.testrun.completed",
		"an edge case": "dev.voiceai.edgecase.discovered",
		"an alert":     "dev.voiceai.system.alert.firing",
	} {
		attributes := `{"specversion":"1.0","id":"1","source":` + asJSON("s"+title) + `,"subject":` + text + `,"type":"` + kind + `",`
		plain, err := event.DecodeCloudEvents("application/cloudevents+json", nil, strings.NewReader(attributes+`"data":`+data+`}`), now)
		keep(source, plain.Events, err)
		inBase64 := attributes + `"data_base64":"` + base64.StdEncoding.EncodeToString([]byte(data)) + `"}`
		encoded, err := event.DecodeCloudEvents("application/cloudevents+json", nil, strings.NewReader(inBase64), now)
		keep(source+" in base64", encoded.Events, err)
	}
	if utf8.ValidString(title) {
		header := http.Header{}
		for name, value := range map[string]string{
			"specversion": "1.0", "id": "1", "source": "s", "type": "dev.voiceai.edgecase.discovered", "subject": url.PathEscape(title),
		} {
			header.Set("ce-"+name, value)
		}
		binary, err := event.DecodeCloudEvents("application/json", header, strings.NewReader(""), now)
		keep("a header", binary.Events, err)
		d := sample()
		d.Spec.Title = title
		d.Spec.Description = title
		d.Spec.TestCase = title
		d.Spec.Run = title
		d.Annotations = map[string]string{v1alpha1.ChangedByAnnotation: title}
		d.Status.State = v1alpha1.StateOpen
		d.Status.StateChange = &v1alpha1.StateChange{From: v1alpha1.StateResolved, Cause: v1alpha1.CauseSpec, Number: 1}
		d.Status.Jira = &v1alpha1.DefectTicket{Key: "VOICE-1", URL: "https://jira.example.com/browse/" + title}
		keep("a Defect", []event.Event{event.DefectCreated(d)}, nil)
		keep("its ticket", []event.Event{event.DefectTicketed(d, now)}, nil)
		keep("its state", []event.Event{event.DefectStateChanged(d)}, nil)
	}
	alert := `{"status":"firing","startsAt":"2026-03-02T09:00:00Z","labels":{"alertname":` + text + `},"annotations":{"summary":` + text +
		`,"description":` + text + `,"runbook_url":"https://wiki.example.com/` + text[1:] + `},"generatorURL":` + text + `}`
	alerts, err := event.DecodeAlertmanager(strings.NewReader(`{"version":"4","receiver":`+text+
		`,"externalURL":"https://am.example.com/`+text[1:]+`,"alerts":[`+alert+`]}`), now)
	keep("Alertmanager", alerts.Events, err)
	return out
}

// oursAlone matches the links and dates that messages have themselves, and no mentions.
var oursAlone = regexp.MustCompile(`<(!date\^\d+\^\{date_short_pretty\} \{time_secs\}\|[-0-9: UTC]+|https?://[^<>|]+\|[^<>|]*)>`)

// TestHostileTitles follows titles from where they come in to the messages that are sent to Slack.
func TestHostileTitles(t *testing.T) {
	for name, title := range titles {
		for source, e := range eventsTitled(t, title) {
			messages := map[string]chat.Message{}
			for how, o := range map[string]Options{"": {DashboardURL: "https://voice.example.com"}, ", by a template": {Template: fullTemplate(t)}} {
				messages["message"+how] = Message(&e, o)
				messages["living"+how] = Living(&e, o)
				messages["reply"+how] = Reply(&e, o)
				messages["digest"+how] = Digest(slices.Repeat([]event.Event{e}, maxNamed+1), o)
			}
			for kind, m := range messages {
				at := name + ", " + source + ", " + kind
				for _, p := range problems(m) {
					t.Errorf("%s: %s", at, p)
				}
				for _, text := range texts(m) {
					if rest := oursAlone.ReplaceAllString(text, ""); strings.ContainsAny(rest, "<>") {
						t.Errorf("%s: a mention or a link in %.200q", at, rest)
					}
					if found := unescaped(text); found != "" {
						t.Errorf("%s: %q is markup in %.200q", at, found, text)
					}
					if i := strings.IndexFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }); i >= 0 {
						t.Errorf("%s: a control character in %.200q", at, text)
					}
				}
			}
		}
	}
}
