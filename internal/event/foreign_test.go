package event_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// firing is what Alertmanager sends, with members of tomorrow.
const firing = `{"version":"4","groupKey":"{}:{alertname=\"Down\"}","truncatedAlerts":0,"status":"firing","receiver":"voice","groupLabels":{"alertname":"Down"},
"commonLabels":{},"commonAnnotations":{},"externalURL":"http://am.example.com","notification_reason":"first notification","routeLabels":{},
"alerts":[{"status":"firing","labels":{"alertname":"Down","severity":"page","team":"voice"},"annotations":{"summary":"The <!channel> agent is down","description":"No calls for 5 minutes"},
"startsAt":"2026-03-01T11:58:00.5Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prom.example.com/graph","fingerprint":"c1c1"},
{"status":"resolved","labels":{"alertname":"Slow","severity":"warning"},"annotations":{},"startsAt":"2026-03-01T11:00:00Z","endsAt":"2026-03-01T11:59:00Z","fingerprint":"d2d2"}]}`

func TestAlertmanager(t *testing.T) {
	got, err := event.DecodeAlertmanager([]byte(firing), now)
	if err != nil || len(got) != 2 {
		t.Fatalf("%d events, %v", len(got), err)
	}
	a, b := got[0], got[1]
	if a.Type != v1alpha1.EventSystemAlertFiring || a.Severity != v1alpha1.SeverityCritical || a.Text("title") != "The <!channel> agent is down" ||
		a.Text("description") != "No calls for 5 minutes" || a.Labels["team"] != "voice" || !a.Time.Equal(time.Date(2026, 3, 1, 11, 58, 0, 5e8, time.UTC)) {
		t.Errorf("%+v", a)
	}
	if b.Type != v1alpha1.EventSystemAlertResolved || b.Severity != v1alpha1.SeverityMedium || b.Text("title") != "Slow" || !b.Time.Equal(time.Date(2026, 3, 1, 11, 59, 0, 0, time.UTC)) {
		t.Errorf("%+v", b)
	}
	again, _ := event.DecodeAlertmanager([]byte(strings.Replace(firing, "first notification", "repeat interval", 1)), now)
	if again[0].ID != a.ID || again[1].ID != b.ID || a.ID == b.ID {
		t.Errorf("ids %s, %s; sent again %s, %s", a.ID, b.ID, again[0].ID, again[1].ID)
	}
	later, _ := event.DecodeAlertmanager([]byte(strings.Replace(firing, "11:58:00.5", "11:59:00.5", 1)), now)
	if later[0].ID == a.ID {
		t.Error("another time of the same alert has the same id")
	}
}

func TestAlertmanagerRefuses(t *testing.T) {
	for name, c := range map[string]struct{ body, says string }{
		"no JSON":       {"x", "not the JSON"},
		"old version":   {`{"version":"3","alerts":[]}`, "must be 4"},
		"no alerts":     {`{"version":"4"}`, "alerts is missing"},
		"odd status":    {`{"version":"4","alerts":[{"status":"maybe"}]}`, "alerts[0]: status must be"},
		"far too many":  {`{"version":"4","alerts":[` + strings.Repeat(`{},`, 1000) + `{}]}`, "more than 1000"},
		"odd structure": {`{"version":"4","alerts":{}}`, "not the JSON of Alertmanager's webhook: alerts cannot be of type object"},
		"odd body":      {`[]`, "it cannot be of type array"},
	} {
		if _, err := event.DecodeAlertmanager([]byte(c.body), now); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

// An alert with a time that cannot be is told as of now, and hides none of the others.
func TestAlertsWithOddTimes(t *testing.T) {
	for name, body := range map[string]string{
		"none":       strings.Replace(firing, "2026-03-01T11:58:00.5Z", "0001-01-01T00:00:00Z", 1),
		"long ago":   strings.Replace(firing, "2026-03-01T11:58:00.5Z", "1970-01-01T00:00:00Z", 1),
		"not yet":    strings.Replace(firing, "2026-03-01T11:58:00.5Z", "2036-01-01T00:00:00Z", 1),
		"never over": strings.Replace(firing, "2026-03-01T11:59:00Z", "0001-01-01T00:00:00Z", 1),
	} {
		got, err := event.DecodeAlertmanager([]byte(body), now)
		if err != nil || len(got) != 2 || !got[0].Time.Equal(now) && !got[1].Time.Equal(now) || got[1].Time.Before(now.Add(-time.Minute)) {
			t.Errorf("%s: %+v, %v", name, got, err)
			continue
		}
		again, err := event.DecodeAlertmanager([]byte(body), now.Add(time.Hour))
		if err != nil || again[0].ID != got[0].ID || again[1].ID != got[1].ID {
			t.Errorf("%s: sent again it has another id: %v", name, err)
		}
		fits(t, &got[0])
	}
}

const structured = `{"specversion":"1.0","id":"42","source":"https://voice.example.com/monitor","type":"dev.voiceai.system.alert.firing","time":"2026-03-01T11:00:00Z",
"subject":"agent-7","data":{"title":"Latency","severity":"high","labels":{"team":"voice","n":1},"p99":2.5,"deep":{"a":["b"]}},"future":"x"}`

func TestCloudEvents(t *testing.T) {
	ce := func(pairs ...string) http.Header {
		h := http.Header{}
		for i := 0; i < len(pairs); i += 2 {
			h.Set("ce-"+pairs[i], pairs[i+1])
		}
		return h
	}
	binary := ce("specversion", "1.0", "id", "42", "source", "https://voice.example.com/monitor", "type", "dev.voiceai.system.alert.firing",
		"time", "2026-03-01T11:00:00Z", "subject", "agent-7")
	data := `{"title":"Latency","severity":"high","labels":{"team":"voice"},"p99":2.5,"deep":{"a":["b"]}}`
	var ids []string
	for name, c := range map[string]struct {
		contentType, body string
		header            http.Header
	}{
		"structured": {"application/cloudevents+json; charset=utf-8", structured, nil},
		"batch":      {"application/cloudevents-batch+json", "[" + structured + "]", nil},
		"binary":     {"application/json", data, binary},
		"base64":     {"application/cloudevents+json", inBase64(data), nil},
		"quoted": {"application/json", data, ce("specversion", `"1.0"`, "id", "4%32", "source", `"https://voice.example.com/monit\or"`,
			"type", "dev.voiceai.system.alert.firing", "time", "2026-03-01T11%3A00:00Z", "subject", "agent%2d7")},
	} {
		got, err := event.DecodeCloudEvents(c.contentType, c.header, []byte(c.body), now)
		if err != nil || len(got) != 1 {
			t.Errorf("%s: %d events, %v", name, len(got), err)
			continue
		}
		e := got[0]
		if e.Type != v1alpha1.EventSystemAlertFiring || e.Severity != v1alpha1.SeverityHigh || e.Text("title") != "Latency" || e.Labels["team"] != "voice" ||
			e.Data["p99"] != 2.5 || e.Text("subject") != "agent-7" || !e.Time.Equal(now.Add(-time.Hour)) {
			t.Errorf("%s: %+v", name, e)
		}
		ids = append(ids, e.ID)
	}
	if slices.Sort(ids); len(ids) != 5 || ids[0] != ids[4] {
		t.Errorf("the same event has the ids %v", ids)
	}
	words := binary.Clone()
	words.Set("ce-subject", "Euro%20%E2%82%AC 100%25 %F0%9F%98%80")
	if got, err := event.DecodeCloudEvents("application/json", words, []byte(data), now); err != nil || got[0].Text("subject") != "Euro € 100% 😀" {
		t.Errorf("a subject that is percent-encoded: %v, %v", got, err)
	}
	for subject, says := range map[string]string{"100%": "ce-subject: \"100%\" is not percent-encoded", "%C0%A0": "is not UTF-8"} {
		words.Set("ce-subject", subject)
		if _, err := event.DecodeCloudEvents("application/json", words, []byte(data), now); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", subject, err, says)
		}
	}
	future := strings.Replace(structured, "2026-03-01T11", "2036-03-01T11", 1)
	if got, err := event.DecodeCloudEvents("application/cloudevents+json", nil, []byte(future), now); err != nil || !got[0].Time.Equal(now) {
		t.Errorf("an event of the future: %v, %v", got, err)
	}
}

// inBase64 is the structured event with other data, as a sender that takes them for binary has it.
func inBase64(data string) string {
	before, _, _ := strings.Cut(structured, `"data":`)
	return before + `"datacontenttype":"application/json; charset=utf-8","data_base64":"` + base64.StdEncoding.EncodeToString([]byte(data)) + `"}`
}

func TestCloudEventsRefuses(t *testing.T) {
	change := func(from, to string) string { return strings.Replace(structured, from, to, 1) }
	for name, c := range map[string]struct{ body, says string }{
		"no JSON":      {"x", "not the JSON"},
		"version":      {change(`"1.0"`, `"0.3"`), "specversion must be 1.0"},
		"no id":        {change(`"42"`, `""`), "id and source"},
		"type":         {change("alert.firing", "alert.x"), "it must be one of dev.voiceai.edgecase.discovered, dev.voiceai.system.alert.firing"},
		"time":         {change("2026-03-01T11:00:00Z", "yesterday"), "time must be"},
		"data":         {change(`"data":{`, `"data":[],"other":{`), "data must be a JSON object"},
		"base64":       {strings.Replace(inBase64("{}"), `:"e30="`, `:"e30"`, 1), "data_base64 is not base64"},
		"no object":    {inBase64("[]"), "data must be a JSON object"},
		"data twice":   {strings.Replace(inBase64("{}"), `"data_base64"`, `"data":{},"data_base64"`, 1), "exclude each other"},
		"binary data":  {strings.Replace(inBase64("{}"), "application/json", "image/png", 1), `of type "image/png; charset=utf-8": only JSON`},
		"deep":         {change(`["b"]`, strings.Repeat("[", 9)+strings.Repeat("]", 9)), "deeper than 8"},
		"many entries": {change(`"p99":2.5`, manyEntries(41)), "more than 40"},
		"large":        {change(`"b"`, `"`+strings.Repeat("x", 1900)+`"`+strings.Repeat(`,"`+strings.Repeat("x", 1900)+`"`, 40)), "more than"},
	} {
		if _, err := event.DecodeCloudEvents("application/cloudevents+json", nil, []byte(c.body), now); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
	for _, contentType := range []string{"", "text/plain", "application/json", "application/cloudevents+avro"} {
		if _, err := event.DecodeCloudEvents(contentType, http.Header{}, []byte("{}"), now); !errors.Is(err, event.ErrContentType) {
			t.Errorf("%q: %v", contentType, err)
		}
	}
}

func manyEntries(n int) string {
	var parts []string
	for i := range n {
		parts = append(parts, `"k`+strings.Repeat("x", i)+`":1`)
	}
	return strings.Join(parts, ",")
}

// fits fails unless an event is one that a Notification can keep.
func fits(t *testing.T, e *event.Event) {
	t.Helper()
	n, err := e.ToAPI()
	if err != nil {
		t.Fatalf("%+v: %v", e, err)
	}
	raw, err := json.Marshal(n)
	if err != nil || !utf8.Valid(raw) {
		t.Fatalf("%v", err)
	}
	for k, v := range n.Labels {
		if len(k) > 317 || utf8.RuneCountInString(string(v)) > 1024 {
			t.Fatalf("label %q=%q", k, v)
		}
	}
	if len(n.Labels) > 64 || len(e.Data) > 64 || len(e.ID) == 0 || len(e.ID) > 253 || e.Text("title") == "" {
		t.Fatalf("%+v", e)
	}
}

func FuzzDecodeAlertmanager(f *testing.F) {
	f.Add([]byte(firing))
	f.Add([]byte(strings.ReplaceAll(firing, "No calls", strings.Repeat("\x00🙂\xff", 3000))))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := event.DecodeAlertmanager(body, now)
		for i := range got {
			fits(t, &got[i])
		}
		if err != nil && len(got) > 0 {
			t.Fatal("events and an error")
		}
	})
}

func FuzzDecodeCloudEvents(f *testing.F) {
	f.Add("application/cloudevents+json", []byte(structured))
	f.Add("application/cloudevents-batch+json", []byte("["+structured+","+structured+"]"))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		got, _ := event.DecodeCloudEvents(contentType, http.Header{}, body, now)
		for i := range got {
			fits(t, &got[i])
		}
	})
}
