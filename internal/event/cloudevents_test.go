// SPDX-License-Identifier: Apache-2.0

package event_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

const (
	structuredMode = "application/cloudevents+json"
	batchedMode    = "application/cloudevents-batch+json"
)

// structured is an event in structured mode, with a member of another extension.
const structured = `{"specversion":"1.0","id":"42","source":"https://voice.example.com/monitor","type":"dev.voiceai.system.alert.firing",
"time":"2026-03-01T11:00:00Z","subject":"agent-7","future":"x",
"data":{"title":"Latency","severity":"high","labels":{"team":"voice","n":1},"p99":2.5,"deep":{"a":["b"]},"ok":true}}`

// data are those of structured.
const data = `{"title":"Latency","severity":"high","labels":{"team":"voice","n":1},"p99":2.5,"deep":{"a":["b"]},"ok":true}`

// withData returns an event in structured mode with these data.
func withData(data string) string {
	before, _, _ := strings.Cut(structured, `"data":`)
	return before + `"data":` + data + `}`
}

// withBase64 returns an event in structured mode as a sender makes it that treats its data as binary.
func withBase64(mediaType, data string) string {
	before, _, _ := strings.Cut(structured, `"data":`)
	if mediaType != "" {
		before += `"datacontenttype":"` + mediaType + `",`
	}
	return before + `"data_base64":"` + base64.StdEncoding.EncodeToString([]byte(data)) + `"}`
}

// nullBefore returns an event with the data null beside data_base64.
func nullBefore(body string) string {
	return strings.Replace(body, `"data_base64"`, `"data":null,"data_base64"`, 1)
}

// headers returns the headers of an event in binary mode. Pairs of name and value replace those of structured.
func headers(pairs ...string) http.Header {
	h := http.Header{}
	for name, value := range map[string]string{
		"specversion": "1.0", "id": "42", "source": "https://voice.example.com/monitor", "type": "dev.voiceai.system.alert.firing",
		"time": "2026-03-01T11:00:00Z", "subject": "agent-7",
	} {
		h.Set("ce-"+name, value)
	}
	for i := 0; i < len(pairs); i += 2 {
		h.Set("ce-"+pairs[i], pairs[i+1])
	}
	return h
}

// decodeOne decodes a request with one event in structured mode.
func decodeOne(t *testing.T, body string) event.Event {
	t.Helper()
	got, err := event.DecodeCloudEvents(structuredMode, nil, strings.NewReader(body), now)
	if err != nil || len(got.Events) != 1 {
		t.Fatalf("%d events, %v", len(got.Events), err)
	}
	checkFits(t, &got.Events[0])
	return got.Events[0]
}

func TestCloudEventsInAllModes(t *testing.T) {
	want := event.Event{
		ID: "event.469a1d88d6a4e8e39d9dc686b709b8fd39515ae0", Type: v1alpha1.EventSystemAlertFiring, Time: now.Add(-time.Hour),
		Severity: v1alpha1.SeverityHigh, Labels: map[string]string{"team": "voice"},
		Data: map[string]any{
			"title": "Latency", "p99": 2.5, "deep": map[string]any{"a": []any{"b"}}, "ok": true,
			"source": "https://voice.example.com/monitor", "subject": "agent-7",
		},
		FromOutside: true,
	}
	for name, c := range map[string]struct {
		contentType, body string
		header            http.Header
	}{
		"structured":          {structuredMode + "; charset=utf-8", structured, nil},
		"batched":             {batchedMode, "[" + structured + "]", nil},
		"binary":              {"application/json", data, headers()},
		"binary, no type":     {"", data, headers()},
		"binary, other JSON":  {"application/vnd.x+json", data, headers()},
		"base64":              {structuredMode, withBase64("application/json; charset=utf-8", data), nil},
		"base64, other JSON":  {structuredMode, withBase64("application/vnd.x+json", data), nil},
		"base64, no type":     {structuredMode, withBase64("", data), nil},
		"base64 beside null":  {structuredMode, nullBefore(withBase64("", " "+data+" ")), nil},
		"binary and quoted":   {"application/json", data, headers("specversion", `"1.0"`, "source", `"https://voice.example.com/monit\or"`)},
		"binary and escaped":  {"application/json", data, headers("id", "4%32", "time", "2026-03-01T11%3A00:00Z", "subject", "agent%2d7")},
		"binary, other quote": {"application/json", data, headers("subject", `"agent-7"`)},
	} {
		batch, err := event.DecodeCloudEvents(c.contentType, c.header, strings.NewReader(c.body), now)
		got := batch.Events
		if err != nil || len(got) != 1 {
			t.Errorf("%s: %d events, %v", name, len(got), err)
			continue
		}
		if !reflect.DeepEqual(got[0], want) {
			t.Errorf("%s:\n%+v, want\n%+v", name, got[0], want)
		}
		checkFits(t, &got[0])
	}
}

// An event without data is valid, and its content type does not matter.
func TestCloudEventsWithoutData(t *testing.T) {
	for _, contentType := range []string{"", "application/json", "text/plain", "application/octet-stream"} {
		for _, body := range []string{"", " \n", "null"} {
			if body == "null" && contentType != "" && contentType != "application/json" {
				continue
			}
			got, err := event.DecodeCloudEvents(contentType, headers(), strings.NewReader(body), now)
			if err != nil || len(got.Events) != 1 || got.Events[0].Text("title") != "agent-7" {
				t.Errorf("%q, %q: %+v, %v", contentType, body, got, err)
			}
		}
	}
}

func TestCloudEventTypes(t *testing.T) {
	for in, want := range map[string]v1alpha1.EventType{
		"dev.voiceai.testrun.completed":     v1alpha1.EventTestRunCompleted,
		"dev.voiceai.edgecase.discovered":   v1alpha1.EventEdgeCaseDiscovered,
		"dev.voiceai.system.alert.firing":   v1alpha1.EventSystemAlertFiring,
		"dev.voiceai.system.alert.resolved": v1alpha1.EventSystemAlertResolved,
	} {
		if e := decodeOne(t, strings.Replace(structured, "dev.voiceai.system.alert.firing", in, 1)); e.Type != want {
			t.Errorf("%s: %s", in, e.Type)
		}
	}
}

func TestCloudEventIDs(t *testing.T) {
	first := decodeOne(t, structured)
	for name, change := range map[string][2]string{"id": {`"42"`, `"43"`}, "source": {"/monitor", "/other"}} {
		if other := decodeOne(t, strings.Replace(structured, change[0], change[1], 1)); other.ID == first.ID {
			t.Errorf("another %s, but the same id", name)
		}
	}
	if other := decodeOne(t, withData(`{"title":"x"}`)); other.ID != first.ID {
		t.Error("the id depends on the data")
	}
}

func TestCloudEventTimes(t *testing.T) {
	for in, want := range map[string]time.Time{
		`"2026-03-01T11:59:59Z"`:      now.Add(-time.Second),
		`"2026-03-01T12:59:59+01:00"`: now.Add(-time.Second),
		`"2026-03-01T12:00:01Z"`:      now,
		`"2036-03-01T11:00:00Z"`:      now,
		`""`:                          now,
	} {
		if e := decodeOne(t, strings.Replace(structured, `"2026-03-01T11:00:00Z"`, in, 1)); !e.Time.Equal(want) {
			t.Errorf("%s: %s, want %s", in, e.Time, want)
		}
	}
}

func TestCloudEventHeaders(t *testing.T) {
	for in, want := range map[string]string{
		"Euro%20%E2%82%AC 100%25 %F0%9F%98%80": "Euro € 100% 😀",
		`"a \"b\" \\c"`:                        `a "b" \c`,
		`""`:                                   "",
		`"`:                                    `"`,
		`"a`:                                   `"a`,
		`a"`:                                   `a"`,
	} {
		got, err := event.DecodeCloudEvents("application/json", headers("subject", in), strings.NewReader(data), now)
		if err != nil || got.Events[0].Text("subject") != want {
			t.Errorf("%s: %v, %v, want %q", in, got, err, want)
		}
	}
	for in, want := range map[string]string{
		"100%":   `ce-subject is not percent-encoded`,
		"%C0%A0": `ce-subject is not UTF-8`,
	} {
		_, err := event.DecodeCloudEvents("application/json", headers("subject", in), strings.NewReader(data), now)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", in, err, want)
		}
	}
}

func TestCloudEventTitles(t *testing.T) {
	before, _, _ := strings.Cut(structured, `,"future":`)
	noData := before + "}"
	for name, c := range map[string]struct{ body, want string }{
		"its own":           {structured, "Latency"},
		"no data":           {noData, "agent-7"},
		"null":              {withData("null"), "agent-7"},
		"empty data":        {withData("{}"), "agent-7"},
		"blank base64":      {withBase64("", " "), "agent-7"},
		"no text":           {withData(`{"title":1}`), "agent-7"},
		"no subject either": {strings.Replace(noData, `"subject":"agent-7"`, `"x":1`, 1), "https://voice.example.com/monitor"},
	} {
		if e := decodeOne(t, c.body); e.Text("title") != c.want {
			t.Errorf("%s: %q, want %q", name, e.Text("title"), c.want)
		}
	}
}

func TestCloudEventsAreBounded(t *testing.T) {
	long := strings.Repeat("é", 2001)
	e := decodeOne(t, strings.Replace(withData(`{"`+long+`":{"`+long+`":["`+long+`"]},"n":"`+long[2:]+`"}`), "agent-7", long, 1))
	short := strings.Repeat("é", 1999) + "…"
	want := map[string]any{
		short: map[string]any{short: []any{short}}, "n": long[2:],
		"title": short, "subject": short, "source": "https://voice.example.com/monitor",
	}
	if !reflect.DeepEqual(e.Data, want) {
		t.Errorf("%v", e.Data)
	}
	e = decodeOne(t, withData(`{"labels":{"a":"`+long+`"}}`))
	if !maps.Equal(e.Labels, map[string]string{"a": strings.Repeat("é", 1023) + "…"}) {
		t.Errorf("%v", e.Labels)
	}
}

// nested returns lists or objects with a text in so many levels.
func nested(begin, end string, levels int) string {
	return `{"a":` + strings.Repeat(begin, levels) + `"x"` + strings.Repeat(end, levels) + `}`
}

// sized returns data with so many bytes of JSON.
func sized(n int) string {
	const part, frame = 1990, len(`"k10":"",`)
	var parts []string
	for i := 10; n-len("{}") > 0; i++ {
		text := strings.Repeat("x", min(part, n-len("{}")-frame+1))
		parts = append(parts, `"k`+strconv.Itoa(i)+`":"`+text+`"`)
		n -= len(text) + frame
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// members returns data with n members.
func members(n int) string {
	var parts []string
	for i := range n {
		parts = append(parts, `"k`+strconv.Itoa(i)+`":1`)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func TestCloudEventsAtTheLimits(t *testing.T) {
	if n := len(sized(57344)); n != 57344 {
		t.Fatalf("%d bytes", n)
	}
	for name, body := range map[string]string{
		"bytes": withData(sized(57344)), "members": withData(members(40)),
		"lists": withData(nested("[", "]", 7)), "objects": withData(nested(`{"b":`, "}", 7)),
	} {
		if _, err := event.DecodeCloudEvents(structuredMode, nil, strings.NewReader(body), now); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCloudEventsRejects(t *testing.T) {
	change := func(from, to string) string { return strings.Replace(structured, from, to, 1) }
	for name, c := range map[string]struct{ body, want string }{
		"no JSON":      {"x", "not the JSON of CloudEvents: invalid character"},
		"version":      {change(`"1.0"`, `"0.3"`), `specversion must be 1.0`},
		"no id":        {change(`"42"`, `""`), "id and source must not be empty"},
		"no source":    {change(`"https://voice.example.com/monitor"`, `""`), "id and source must not be empty"},
		"type":         {change("alert.firing", "alert.x"), "type must be one of dev.voiceai.edgecase.discovered, dev.voiceai.system.alert.firing"},
		"time":         {change("2026-03-01T11:00:00Z", "yesterday"), `time must be in the format of RFC 3339`},
		"data":         {withData("[]"), "data must be a JSON object"},
		"short data":   {withData("1"), "data must be a JSON object"},
		"base64":       {strings.Replace(withBase64("", "{}"), `:"e30="`, `:"e30"`, 1), "data_base64 is not base64"},
		"no object":    {withBase64("", "[]"), "data must be a JSON object"},
		"data twice":   {strings.Replace(withBase64("", "{}"), `"data_base64"`, `"data":{},"data_base64"`, 1), "exclude each other"},
		"short twice":  {strings.Replace(withBase64("", "{}"), `"data_base64"`, `"data":1,"data_base64"`, 1), "exclude each other"},
		"binary data":  {withBase64("image/png; q=1", "{}"), "datacontenttype of data_base64 is not supported: only JSON is"},
		"no type":      {withBase64("/", "{}"), "only JSON is"},
		"lists":        {withData(nested("[", "]", 8)), "data is nested deeper than 8 levels"},
		"objects":      {withData(nested(`{"b":`, "}", 8)), "data is nested deeper than 8 levels"},
		"many members": {withData(members(41)), "data has 41 entries, more than 40"},
		"large":        {withData(sized(57345)), "data has 57345 bytes, more than 57344"},
	} {
		_, err := event.DecodeCloudEvents(structuredMode, nil, strings.NewReader(c.body), now)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	for body, want := range map[string]string{
		"[" + change(`"42"`, `""`) + ",{}]": "event 0: id and source",
		"{}":                                "not the JSON of CloudEvents: it cannot be of type object",
		"1":                                 "it cannot be of type number",
		"[" + structured:                    "unexpected EOF",
		"[]]":                               "invalid character",
	} {
		_, err := event.DecodeCloudEvents(batchedMode, nil, strings.NewReader(body), now)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("a batch %s: %v, want %q", body, err, want)
		}
	}
}

func TestCloudEventsContentType(t *testing.T) {
	none := http.Header{}
	for _, c := range []struct {
		contentType string
		header      http.Header
	}{
		{"", none},
		{"/", headers()},
		{"text/plain", headers()},
		{"application/json", none},
		{"application/vnd.x+json", none},
		{"application/cloudevents+avro", none},
	} {
		if _, err := event.DecodeCloudEvents(c.contentType, c.header, strings.NewReader("{}"), now); !errors.Is(err, event.ErrContentType) {
			t.Errorf("%q: %v", c.contentType, err)
		}
	}
}

func FuzzDecodeCloudEvents(f *testing.F) {
	f.Add(structuredMode, []byte(structured))
	f.Add(batchedMode, []byte("["+structured+","+structured+"]"))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		got, _ := event.DecodeCloudEvents(contentType, http.Header{}, bytes.NewReader(body), now)
		for i := range got.Events {
			checkFits(t, &got.Events[i])
		}
	})
}
