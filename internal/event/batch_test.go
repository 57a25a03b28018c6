// SPDX-License-Identifier: Apache-2.0

package event_test

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// alertsBody returns a call of Alertmanager with alerts, whose group's key follows them, as Alertmanager sends it.
func alertsBody(alerts ...string) string {
	return `{"receiver":"voice","alerts":[` + strings.Join(alerts, ",") + `],"version":"4","groupKey":"{}:{}"}`
}

// firingAlert returns an alert with a fingerprint and so many bytes of description.
func firingAlert(fingerprint string, size int) string {
	return fmt.Sprintf(`{"status":"firing","fingerprint":%q,"annotations":{"description":%q}}`, fingerprint, strings.Repeat("x", size))
}

// manyAlerts returns n firing alerts with descriptions of so many bytes.
func manyAlerts(n, size int) []string {
	var out []string
	for i := range n {
		out = append(out, firingAlert(fmt.Sprint(i), size))
	}
	return out
}

// manyEvents returns a batch of n CloudEvents.
func manyEvents(n int) string {
	return "[" + strings.Repeat(structured+",", n-1) + structured + "]"
}

// TestWhatFitsIsTaken makes sure that of a body that is too large as many alerts or events are taken as fit, and that
// the others are counted.
func TestWhatFitsIsTaken(t *testing.T) {
	alerts := func(alerts ...string) func() (event.Batch, error) {
		return func() (event.Batch, error) {
			return event.DecodeAlertmanager(strings.NewReader(alertsBody(alerts...)), now)
		}
	}
	batch := func(body string) func() (event.Batch, error) {
		return func() (event.Batch, error) {
			return event.DecodeCloudEvents(batchedMode, nil, strings.NewReader(body), now)
		}
	}
	size := len(firingAlert("1", 0)) // without its description
	for name, c := range map[string]struct {
		decode         func() (event.Batch, error)
		taken, omitted int
	}{
		"1,000 alerts":          {alerts(manyAlerts(1000, 0)...), 1000, 0},
		"1,001 alerts":          {alerts(manyAlerts(1001, 0)...), 1000, 1},
		"20,000 alerts":         {alerts(manyAlerts(20_000, 0)...), 1000, 19_000},
		"4 MiB of alerts":       {alerts(firingAlert("1", 4<<20-size)), 1, 0},
		"one byte more":         {alerts(firingAlert("1", 4<<20-size+1)), 0, 1},
		"a large one of three":  {alerts(firingAlert("1", 5<<20), firingAlert("2", 0), firingAlert("3", 0)), 2, 1},
		"many large ones":       {alerts(manyAlerts(100, 100<<10)...), 40, 60},
		"the largest body":      {alerts(manyAlerts(320, 100<<10)...), 40, 280},
		"no alerts":             {alerts(), 0, 0},
		"1,000 events":          {batch(manyEvents(1000)), 1000, 0},
		"1,001 events":          {batch(manyEvents(1001)), 1000, 1},
		"a batch of 4 MiB":      {batch("[" + strings.TrimSuffix(strings.Repeat(withData(sized(50_000))+",", 100), ",") + "]"), 83, 17},
		"a batch without any":   {batch("[]"), 0, 0},
		"null instead of batch": {batch("null"), 0, 0},
	} {
		got, err := c.decode()
		if err != nil || len(got.Events) != c.taken || got.Omitted != c.omitted || got.Malformed != 0 {
			t.Errorf("%s: took %d, left out %d, %v; want %d and %d", name, len(got.Events), got.Omitted, err, c.taken, c.omitted)
		}
	}
}

// TestIDsOfWhatFits makes sure that alerts have the same ids in a body that is too large as in one that is not.
func TestIDsOfWhatFits(t *testing.T) {
	all := manyAlerts(1001, 0)
	large, err := event.DecodeAlertmanager(strings.NewReader(alertsBody(all...)), now)
	if err != nil {
		t.Fatal(err)
	}
	small := decodeAlerts(t, alertsBody(all[:2]...), 2)
	if small[0].ID != large.Events[0].ID || small[1].ID != large.Events[1].ID || small[0].ID == small[1].ID {
		t.Errorf("ids %s, %s; in the large body %s, %s", small[0].ID, small[1].ID, large.Events[0].ID, large.Events[1].ID)
	}
}

// TestMalformedSiblings makes sure that what is malformed does not keep the others from being taken.
func TestMalformedSiblings(t *testing.T) {
	for alert, want := range map[string]string{
		`{"status":"maybe"}`:                   `alerts[1]: status must be firing or resolved`,
		`{}`:                                   `alerts[1]: status must be firing or resolved`,
		`null`:                                 `alerts[1]: status must be firing or resolved`,
		`[]`:                                   `alerts[1]: not the JSON of an alert: it cannot be of type array`,
		`{"status":"firing","labels":{"a":1}}`: `alerts[1]: not the JSON of an alert: labels cannot be of type number`,
		`{"status":"firing","annotations":"none"}`:   `alerts[1]: not the JSON of an alert: annotations cannot be of type string`,
		`{"status":"firing","fingerprint":["c1c1"]}`: `alerts[1]: not the JSON of an alert: fingerprint cannot be of type array`,
	} {
		got, err := event.DecodeAlertmanager(strings.NewReader(alertsBody(firingAlert("1", 0), alert, firingAlert("2", 0))), now)
		if err != nil || len(got.Events) != 2 || got.Malformed != 1 || !reflect.DeepEqual(got.Problems, []string{want}) {
			t.Errorf("%s: took %d, %d are malformed: %q, %v; want %s", alert, len(got.Events), got.Malformed, got.Problems, err, want)
		}
	}
	for e, want := range map[string]string{
		strings.Replace(structured, `"42"`, `""`, 1): "event 1: id and source must not be empty",
		`{"id":1}`:     "event 1: not the JSON of CloudEvents: id cannot be of type number",
		withData("[]"): "event 1: data must be a JSON object",
	} {
		got, err := event.DecodeCloudEvents(batchedMode, nil, strings.NewReader("["+structured+","+e+","+structured+"]"), now)
		if err != nil || len(got.Events) != 2 || got.Malformed != 1 || !strings.HasPrefix(got.Problems[0], want) {
			t.Errorf("%s: took %d, %d are malformed: %q, %v; want %s", e, len(got.Events), got.Malformed, got.Problems, err, want)
		}
	}
}

// TestProblemsAreBounded refuses many events with long reasons.
func TestProblemsAreBounded(t *testing.T) {
	var got event.Batch
	for range 50 {
		got.Refuse(strings.Repeat("é", 1000))
	}
	if got.Malformed != 50 || len(got.Problems) != 20 {
		t.Fatalf("%d malformed, %d problems", got.Malformed, len(got.Problems))
	}
	for _, p := range got.Problems {
		if n := len([]rune(p)); n != 300 {
			t.Errorf("a problem has %d characters", n)
		}
	}
}

// TestBodiesAreBounded makes sure that no more of a body is read than its limit, or kept than one value may have.
func TestBodiesAreBounded(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for name, begin := range map[string]string{
		"many alerts":      `{"alerts":[`,
		"one long text":    `{"version":"`,
		"one long name":    `{"`,
		"one long alert":   `{"alerts":[{"status":"`,
		"an unknown value": `{"x":["`,
	} {
		part := long
		if name == "many alerts" {
			part = strings.Repeat(firingAlert("1", 100)+",", 5000)
		}
		body := &counting{Reader: io.MultiReader(strings.NewReader(begin), strings.NewReader(strings.Repeat(part, 64)))}
		_, err := event.DecodeAlertmanager(body, now)
		if limit := 33 << 20; !errors.Is(err, event.ErrTooLarge) || body.read > limit || name != "many alerts" && body.read > 9<<20 {
			t.Errorf("%s: read %d bytes, %v", name, body.read, err)
		}
	}
	for mode, header := range map[string]map[string][]string{structuredMode: nil, "application/json": headers()} {
		body := &counting{Reader: strings.NewReader(`{"x":"` + strings.Repeat(long, 64))}
		if _, err := event.DecodeCloudEvents(mode, header, body, now); !errors.Is(err, event.ErrTooLarge) || body.read > 5<<20 {
			t.Errorf("%s: read %d bytes, %v", mode, body.read, err)
		}
	}
}

// counting counts the bytes that are read.
type counting struct {
	io.Reader
	read int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.read += n
	return n, err
}

// TestBodyThatDoesNotArrive makes sure that a broken connection is not taken for malformed JSON.
func TestBodyThatDoesNotArrive(t *testing.T) {
	broken := errors.New("i/o timeout")
	for name, decode := range map[string]func(io.Reader) (event.Batch, error){
		"alerts": func(r io.Reader) (event.Batch, error) { return event.DecodeAlertmanager(r, now) },
		"events": func(r io.Reader) (event.Batch, error) { return event.DecodeCloudEvents(structuredMode, nil, r, now) },
		"batch":  func(r io.Reader) (event.Batch, error) { return event.DecodeCloudEvents(batchedMode, nil, r, now) },
	} {
		for _, begin := range []string{"", "[", `{"alerts":[`, `{"alerts":[{"status":"firing"}`, `{"version"`} {
			if name == "batch" && strings.HasPrefix(begin, "{") || name == "alerts" && begin == "[" {
				continue // malformed already
			}
			_, err := decode(io.MultiReader(strings.NewReader(begin), iotest.ErrReader(broken)))
			var read *event.ReadError
			if !errors.As(err, &read) || !errors.Is(err, broken) {
				t.Errorf("%s, after %q: %v", name, begin, err)
			}
		}
	}
}
