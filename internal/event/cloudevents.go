package event

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

const (
	// maxBatch bounds the events of one batch.
	maxBatch = 1000
	// maxEntries and maxDepth bound an event's data.
	maxEntries, maxDepth = 40, 8
	// maxEncoded bounds the part of an event's data that comes from outside, in bytes of JSON; what is added to it fits beside.
	maxEncoded = MaxDataBytes - 8<<10
)

// CloudEventTypes are the types that may come in as CloudEvents. What happens to Defects and integrations is known first hand.
var CloudEventTypes = map[string]v1alpha1.EventType{
	"dev.voiceai.testrun.completed":     v1alpha1.EventTestRunCompleted,
	"dev.voiceai.edgecase.discovered":   v1alpha1.EventEdgeCaseDiscovered,
	"dev.voiceai.system.alert.firing":   v1alpha1.EventSystemAlertFiring,
	"dev.voiceai.system.alert.resolved": v1alpha1.EventSystemAlertResolved,
}

// cloudEvent is an event of CloudEvents 1.0 (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md).
type cloudEvent struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Subject         string          `json:"subject"`
	Time            string          `json:"time"`
	DataContentType string          `json:"datacontenttype"`
	Data            json.RawMessage `json:"data"`
	// DataBase64 is data that a sender took for binary.
	DataBase64 string `json:"data_base64"`
}

// ErrContentType says that a body is none of the forms of CloudEvents.
var ErrContentType = errors.New("the content type must be application/cloudevents+json, application/cloudevents-batch+json, or application/json with ce- headers")

// DecodeCloudEvents reads CloudEvents of HTTP's structured, batch or binary mode. now is the time of an event that says none, or one to come.
// Its error says what is wrong, and is ErrContentType when it is none of these.
func DecodeCloudEvents(contentType string, header http.Header, body []byte, now time.Time) ([]Event, error) {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil, ErrContentType
	}
	var in []cloudEvent
	switch {
	case media == "application/cloudevents+json":
		in = make([]cloudEvent, 1)
		err = json.Unmarshal(body, &in[0])
	case media == "application/cloudevents-batch+json":
		err = json.Unmarshal(body, &in)
	case header.Get("ce-specversion") != "" && (media == "application/json" || strings.HasSuffix(media, "+json")):
		in = []cloudEvent{{Data: body}}
		for _, a := range []struct {
			header string
			into   *string
		}{
			{"ce-specversion", &in[0].SpecVersion}, {"ce-id", &in[0].ID}, {"ce-source", &in[0].Source}, {"ce-type", &in[0].Type},
			{"ce-subject", &in[0].Subject}, {"ce-time", &in[0].Time},
		} {
			if *a.into, err = attribute(header.Get(a.header)); err != nil {
				return nil, fmt.Errorf("%s: %w", a.header, err)
			}
		}
	default:
		return nil, ErrContentType
	}
	if err != nil {
		return nil, notJSON("CloudEvents", err)
	}
	if len(in) > maxBatch {
		return nil, fmt.Errorf("there are %d events, more than %d", len(in), maxBatch)
	}
	out := make([]Event, 0, len(in))
	for i, c := range in {
		e, err := c.event(now)
		if err != nil {
			return nil, fmt.Errorf("event %d: %w", i, err)
		}
		out = append(out, e)
	}
	return out, nil
}

// attribute is the value of an attribute that a header holds: in quotes perhaps, and percent-encoded
// (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md#3132-http-header-values).
func attribute(header string) (string, error) {
	if len(header) > 1 && header[0] == '"' && header[len(header)-1] == '"' {
		header = unquote.ReplaceAllString(header[1:len(header)-1], "$1")
	}
	value, err := url.PathUnescape(header)
	switch {
	case err != nil:
		return "", fmt.Errorf("%q is not percent-encoded: write %%25 for a %%", cut(header))
	case !utf8.ValidString(value):
		return "", fmt.Errorf("%q is not UTF-8, percent-encoded", cut(header))
	}
	return value, nil
}

// unquote finds what is escaped in a quoted string.
var unquote = regexp.MustCompile(`\\(.)`)

// content is the data as JSON, however it came; empty when there is none.
func (c *cloudEvent) content() ([]byte, error) {
	raw := bytes.TrimSpace(c.Data)
	if string(raw) == "null" {
		raw = nil
	}
	if c.DataBase64 == "" {
		return raw, nil
	}
	media, _, err := mime.ParseMediaType(cmp.Or(c.DataContentType, "application/json"))
	switch {
	case len(raw) > 0:
		return nil, errors.New("data and data_base64 exclude each other: send one of them")
	case err != nil || media != "application/json" && !strings.HasSuffix(media, "+json"):
		return nil, fmt.Errorf("data_base64 is of type %q: only JSON can be read", cut(c.DataContentType))
	}
	if raw, err = base64.StdEncoding.DecodeString(c.DataBase64); err != nil {
		return nil, errors.New("data_base64 is not base64")
	}
	return bytes.TrimSpace(raw), nil
}

func (c *cloudEvent) event(now time.Time) (Event, error) {
	switch {
	case c.SpecVersion != "1.0":
		return Event{}, fmt.Errorf("specversion must be 1.0, not %q", cut(c.SpecVersion))
	case c.ID == "" || c.Source == "":
		return Event{}, errors.New("id and source must not be empty: together they say which event it is")
	}
	kind, known := CloudEventTypes[c.Type]
	if !known {
		return Event{}, fmt.Errorf("type %q is not known: there are %s", cut(c.Type), strings.Join(slices.Sorted(maps.Keys(CloudEventTypes)), ", "))
	}
	e := Event{ID: "event." + digest(c.Source, c.ID), Type: kind, Time: now, Data: map[string]any{}}
	if c.Time != "" {
		at, err := time.Parse(time.RFC3339, c.Time)
		if err != nil {
			return Event{}, fmt.Errorf("time must be as RFC 3339 has it, not %q", cut(c.Time))
		}
		if at.Before(now) {
			e.Time = at
		}
	}
	var data map[string]any
	raw, err := c.content()
	if err != nil {
		return Event{}, err
	}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &data); err != nil {
			return Event{}, errors.New("data must be a JSON object")
		}
	}
	if len(data) > maxEntries {
		return Event{}, fmt.Errorf("data has %d entries, more than %d", len(data), maxEntries)
	}
	for k, v := range data {
		bounded, err := bound(v, maxDepth)
		if err != nil {
			return Event{}, fmt.Errorf("data.%s: %w", cut(k), err)
		}
		e.Data[cut(k)] = bounded
	}
	if encoded, err := json.Marshal(e.Data); err != nil || len(encoded) > maxEncoded {
		return Event{}, fmt.Errorf("data has %d bytes, more than %d", len(encoded), maxEncoded)
	}
	if given, ok := e.Data["labels"].(map[string]any); ok {
		labels := map[string]string{}
		for k, v := range given {
			if text, ok := v.(string); ok {
				labels[k] = text
			}
		}
		e.Labels = foreignLabels(labels)
		delete(e.Data, "labels")
	}
	e.Severity = severityOf(e.Text("severity"))
	delete(e.Data, "severity")
	e.Data["source"] = cut(c.Source)
	if c.Subject != "" {
		e.Data["subject"] = cut(c.Subject)
	}
	if e.Text("title") == "" {
		e.Data["title"] = cut(cmp.Or(c.Subject, c.Source))
	}
	return e, nil
}

// bound makes a value from outside fit: texts are cut, and what is too deep is refused.
func bound(v any, depth int) (any, error) {
	if depth == 0 {
		return nil, fmt.Errorf("is deeper than %d levels", maxDepth)
	}
	switch v := v.(type) {
	case string:
		return cut(v), nil
	case []any:
		for i := range v {
			inner, err := bound(v[i], depth-1)
			if err != nil {
				return nil, err
			}
			v[i] = inner
		}
		return v, nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, x := range v {
			inner, err := bound(x, depth-1)
			if err != nil {
				return nil, err
			}
			out[cut(k)] = inner
		}
		return out, nil
	}
	return v, nil
}
