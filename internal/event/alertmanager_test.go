// SPDX-License-Identifier: Apache-2.0

package event_test

import (
	"bytes"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// firing is a call of Alertmanager's webhook, with members of newer versions.
const firing = `{"version":"4","groupKey":"{}:{alertname=\"Down\"}","truncatedAlerts":0,"status":"firing","receiver":"voice",
"groupLabels":{"alertname":"Down"},"commonLabels":{},"commonAnnotations":{},"externalURL":"http://am.example.com",
"notification_reason":"first notification","routeLabels":{},"alerts":[
{"status":"firing","labels":{"alertname":"Down","severity":"page","team":"voice"},
"annotations":{"summary":"The <!channel> agent is down","description":"No calls for 5 minutes","runbook_url":"http://runbook.example.com"},
"startsAt":"2026-03-01T11:58:00.5Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prom.example.com/graph","fingerprint":"c1c1"},
{"status":"resolved","labels":{"alertname":"Slow","severity":"warning"},"annotations":{},
"startsAt":"2026-03-01T11:00:00Z","endsAt":"2026-03-01T11:59:00Z","fingerprint":"d2d2"}]}`

// decodeAlerts decodes a call with n alerts.
func decodeAlerts(t *testing.T, body string, n int) []event.Event {
	t.Helper()
	got, err := event.DecodeAlertmanager(strings.NewReader(body), now)
	if err != nil || len(got.Events) != n {
		t.Fatalf("%d events, want %d: %v", len(got.Events), n, err)
	}
	return got.Events
}

// decodeAlert decodes a call with one firing alert that has further members.
func decodeAlert(t *testing.T, members string) event.Event {
	t.Helper()
	return decodeAlerts(t, `{"version":"4","alerts":[{"status":"firing",`+members+`}]}`, 1)[0]
}

func TestAlertmanager(t *testing.T) {
	got := decodeAlerts(t, firing, 2)
	for i, want := range []event.Event{
		{Type: v1alpha1.EventSystemAlertFiring, Severity: v1alpha1.SeverityCritical, Time: time.Date(2026, 3, 1, 11, 58, 0, 5e8, time.UTC),
			Labels: map[string]string{"alertname": "Down", "severity": "page", "team": "voice"},
			Data: map[string]any{
				"title": "The <!channel> agent is down", "description": "No calls for 5 minutes", "alertname": "Down", "status": "firing",
				"receiver": "voice", "startsAt": "2026-03-01T11:58:00Z", "generatorURL": "http://prom.example.com/graph",
				"externalURL": "http://am.example.com", "runbookURL": "http://runbook.example.com"}},
		{Type: v1alpha1.EventSystemAlertResolved, Severity: v1alpha1.SeverityMedium, Time: time.Date(2026, 3, 1, 11, 59, 0, 0, time.UTC),
			Labels: map[string]string{"alertname": "Slow", "severity": "warning"},
			Data: map[string]any{"title": "Slow", "alertname": "Slow", "status": "resolved", "receiver": "voice",
				"startsAt": "2026-03-01T11:00:00Z", "externalURL": "http://am.example.com"}},
	} {
		e := got[i]
		if e.Type != want.Type || e.Severity != want.Severity || !e.Time.Equal(want.Time) || !maps.Equal(e.Labels, want.Labels) ||
			e.Subject != nil || !e.FromOutside {
			t.Errorf("%+v\nwant %+v", e, want)
		}
		checkData(t, &e, want.Data)
	}
}

// The ids are those of earlier releases: an alert that fires during an update is not announced twice.
func TestAlertIDs(t *testing.T) {
	got := decodeAlerts(t, firing, 2)
	const down = "alert.01e89af806ae92ae7b46434ae2efe31f580282f3"
	if got[0].ID != down || got[1].ID == down {
		t.Errorf("ids %s, %s", got[0].ID, got[1].ID)
	}
	again := decodeAlerts(t, strings.Replace(firing, "first notification", "repeat interval", 1), 2)
	if again[0].ID != got[0].ID || again[1].ID != got[1].ID {
		t.Errorf("ids %s, %s; sent again %s, %s", got[0].ID, got[1].ID, again[0].ID, again[1].ID)
	}
	for name, change := range map[string][2]string{
		"start":       {"11:58:00.5", "11:59:00.5"},
		"group":       {`{}:{`, `{}/x:{`},
		"fingerprint": {"c1c1", "c1c2"},
		"status":      {`"status":"firing","labels"`, `"status":"resolved","labels"`},
	} {
		if other := decodeAlerts(t, strings.Replace(firing, change[0], change[1], 1), 2); other[0].ID == got[0].ID {
			t.Errorf("another %s, but the same id", name)
		}
	}
	a := decodeAlert(t, `"labels":{"a":"1","b":"2"}`)
	b := decodeAlert(t, `"labels":{"b":"2","a":"1"}`)
	c := decodeAlert(t, `"labels":{"a":"1","b":"3"}`)
	if a.ID != b.ID || a.ID == c.ID {
		t.Errorf("without a fingerprint the labels count: %s, %s, %s", a.ID, b.ID, c.ID)
	}
}

func TestAlertTexts(t *testing.T) {
	for members, want := range map[string]map[string]any{
		`"annotations":{"summary":"s","title":"t","description":"d","message":"m"}`: {"title": "s", "description": "d"},
		`"annotations":{"title":"t","message":"m"},"labels":{"alertname":"a"}`:      {"title": "t", "description": "m", "alertname": "a"},
		`"labels":{"alertname":"a"}`: {"title": "a", "alertname": "a"},
		`"labels":{}`:                {"title": "Alert"},
	} {
		e := decodeAlert(t, members)
		want["status"] = "firing"
		checkData(t, &e, want)
	}
}

func TestAlertTextsAreBounded(t *testing.T) {
	for member, limit := range map[string]int{"summary": 512, "description": 2000, "runbook_url": 1000} {
		key := map[string]string{"summary": "title", "description": "description", "runbook_url": "runbookURL"}[member]
		for n, want := range map[int]string{limit: strings.Repeat("é", limit), limit + 1: strings.Repeat("é", limit-1) + "…"} {
			e := decodeAlert(t, `"annotations":{"`+member+`":"`+strings.Repeat("é", n)+`"}`)
			if got := e.Text(key); got != want {
				t.Errorf("%s of %d characters has %d bytes, want %d", member, n, len(got), len(want))
			}
		}
	}
}

func TestAlertLabelsAreBounded(t *testing.T) {
	long := strings.Repeat("k", 317)
	e := decodeAlert(t, `"labels":{"":"empty","`+long+`":"fits","`+long+`k":"too long","v":"`+strings.Repeat("é", 1025)+`","w":"`+
		strings.Repeat("é", 1024)+`","a\ud800":"broken"}`)
	want := map[string]string{long: "fits", "v": strings.Repeat("é", 1023) + "…", "w": strings.Repeat("é", 1024), "a\uFFFD": "broken"}
	if !maps.Equal(e.Labels, want) {
		t.Errorf("%v", e.Labels)
	}
	for n, kept := range map[int]int{59: 59, 60: 60, 61: 60} {
		var labels []string
		for i := range n {
			labels = append(labels, `"k`+strconv.Itoa(100+i)+`":"v"`)
		}
		if e := decodeAlert(t, `"labels":{`+strings.Join(labels, ",")+`}`); len(e.Labels) != kept || e.Labels["k"+strconv.Itoa(99+kept)] == "" {
			t.Errorf("%d labels: %d, want the first %d", n, len(e.Labels), kept)
		}
	}
}

func TestAlertSeverities(t *testing.T) {
	for want, words := range map[v1alpha1.Severity]string{
		v1alpha1.SeverityCritical: "critical page emergency fatal CRITICAL",
		v1alpha1.SeverityHigh:     "high error major High",
		v1alpha1.SeverityMedium:   "medium warning warn",
		v1alpha1.SeverityLow:      "low info none debug minor",
		"":                        "x 1 sev1",
	} {
		for _, word := range strings.Fields(words) {
			if e := decodeAlert(t, `"labels":{"severity":" `+word+` "}`); e.Severity != want {
				t.Errorf("%s: %q, want %q", word, e.Severity, want)
			}
		}
	}
}

func TestAlertmanagerRejects(t *testing.T) {
	for name, c := range map[string]struct{ body, want string }{
		"no JSON":             {"x", "not the JSON of Alertmanager's webhook: invalid character"},
		"old version":         {`{"version":"3","alerts":[]}`, "version must be 4"},
		"no alerts":           {`{"version":"4"}`, "alerts is missing"},
		"unknown status":      {`{"version":"4","alerts":[{"status":"maybe"}]}`, `alerts[0]: status must be firing or resolved`},
		"version of no text":  {`{"version":4,"alerts":[]}`, "version cannot be of type number"},
		"no alerts, null":     {`{"version":"4","alerts":null}`, "alerts is missing"},
		"nothing":             {"", "not the JSON of Alertmanager's webhook: unexpected EOF"},
		"null":                {"null", "it cannot be of type null"},
		"cut off":             {`{"version":"4","alerts":[{"status":"firing"},{"sta`, "unexpected EOF"},
		"more than one":       {`{"version":"4","alerts":[]} {}`, "more follows after its end"},
		"all malformed":       {`{"version":"4","alerts":[null,{"status":"firing","labels":[]}]}`, `alerts[0]: status must be firing or resolved`},
		"alerts of no list":   {`{"version":"4","alerts":{}}`, "not the JSON of Alertmanager's webhook: alerts cannot be of type object"},
		"a body of no object": {`[]`, "not the JSON of Alertmanager's webhook: it cannot be of type array"},
	} {
		if _, err := event.DecodeAlertmanager(strings.NewReader(c.body), now); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// An alert with an implausible time is announced as of now, and the others are not dropped.
func TestAlertsWithImplausibleTimes(t *testing.T) {
	at := func(s string) time.Time {
		out, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for start, want := range map[string]struct {
		at    time.Time
		since string
	}{
		"0001-01-01T00:00:00Z": {now, ""},
		"1970-01-01T00:00:00Z": {now, ""},
		"1999-12-31T23:59:59Z": {now, ""},
		"2000-01-01T00:00:00Z": {at("2000-01-01T00:00:00Z"), "2000-01-01T00:00:00Z"},
		"":                     {now, ""},
		"yesterday":            {now, ""},
		"2026-03-01":           {now, ""},
		"2026-03-01T12:00:00Z": {now, "2026-03-01T12:00:00Z"},
		"2026-03-01T12:00:01Z": {now, "2026-03-01T12:00:01Z"},
	} {
		body := strings.Replace(firing, "2026-03-01T11:58:00.5Z", start, 1)
		got := decodeAlerts(t, body, 2)
		if !got[0].Time.Equal(want.at) || got[0].Text("startsAt") != want.since {
			t.Errorf("%s: %s, since %q", start, got[0].Time, got[0].Text("startsAt"))
		}
		again, err := event.DecodeAlertmanager(strings.NewReader(body), now.Add(time.Hour))
		if err != nil || again.Events[0].ID != got[0].ID {
			t.Errorf("%s: sent again it has another id: %v", start, err)
		}
		checkFits(t, &got[0])
	}
	unended := decodeAlerts(t, strings.Replace(firing, "2026-03-01T11:59:00Z", "0001-01-01T00:00:00Z", 1), 2)
	if !unended[1].Time.Equal(now) {
		t.Errorf("resolved without an end: %s", unended[1].Time)
	}
	for _, end := range []string{`""`, `null`, `0`, `"soon"`, `{}`} {
		body := strings.Replace(firing, `"endsAt":"0001-01-01T00:00:00Z"`, `"endsAt":`+end, 1)
		if got := decodeAlerts(t, body, 2); !got[0].Time.Equal(time.Date(2026, 3, 1, 11, 58, 0, 5e8, time.UTC)) {
			t.Errorf("firing with the end %s: %s", end, got[0].Time)
		}
	}
}

func FuzzDecodeAlertmanager(f *testing.F) {
	f.Add([]byte(firing))
	f.Add([]byte(strings.ReplaceAll(firing, "No calls", strings.Repeat("\x00🙂\xff", 3000))))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := event.DecodeAlertmanager(bytes.NewReader(body), now)
		for i := range got.Events {
			checkFits(t, &got.Events[i])
		}
		if err != nil && len(got.Events) > 0 {
			t.Fatal("events and an error")
		}
	})
}

// grafana is a call of a contact point of Grafana, with an alert at an offset from UTC.
const grafana = `{"receiver":"voice team","status":"firing","orgId":1,"alerts":[{"status":"firing",
"labels":{"alertname":"Turn latency","grafana_folder":"Voice AI"},"annotations":{"summary":"p95 over 2 s"},
"startsAt":"2026-03-01T12:58:00+01:00","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://grafana/alerting/1/edit",
"fingerprint":"57c6d9296de2ad39","silenceURL":"http://grafana/silence","dashboardURL":"","panelURL":"","values":null,
"valueString":"[ metric=x ]"}],"groupLabels":{},"commonLabels":{},"commonAnnotations":{},"externalURL":"http://grafana/",
"version":"1","groupKey":"{}:{alertname=\"Turn latency\"}","truncatedAlerts":0,"title":"[FIRING:1]","state":"alerting",
"message":"**Firing**"}`

func TestGrafana(t *testing.T) {
	e := decodeAlerts(t, grafana, 1)[0]
	if e.Type != v1alpha1.EventSystemAlertFiring || !e.Time.Equal(now.Add(-2*time.Minute)) ||
		!maps.Equal(e.Labels, map[string]string{"alertname": "Turn latency", "grafana_folder": "Voice AI"}) {
		t.Errorf("%+v", e)
	}
	checkData(t, &e, map[string]any{
		"title": "p95 over 2 s", "alertname": "Turn latency", "status": "firing", "receiver": "voice team",
		"startsAt": "2026-03-01T11:58:00Z", "generatorURL": "http://grafana/alerting/1/edit", "externalURL": "http://grafana/",
	})
	utc := decodeAlerts(t, strings.Replace(grafana, "12:58:00+01:00", "11:58:00Z", 1), 1)[0]
	other := decodeAlerts(t, strings.Replace(grafana, `}:{alert`, `}/x:{alert`, 1), 1)[0]
	if utc.ID != e.ID || other.ID == e.ID {
		t.Errorf("ids %s, in UTC %s, of another group %s", e.ID, utc.ID, other.ID)
	}
}
