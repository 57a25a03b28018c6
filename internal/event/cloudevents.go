// SPDX-License-Identifier: Apache-2.0

package event

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// maxEntries bounds the members of an event's data.
	maxEntries = 40
	// maxDepth bounds how deep an event's data are nested.
	maxDepth = 8
	// maxEncoded bounds the part of an event's data that comes from outside, in bytes of JSON. It leaves room for what
	// the operator adds.
	maxEncoded = MaxDataBytes - 8<<10
)

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
	// DataBase64 holds the data of a sender that treats them as binary.
	DataBase64 string `json:"data_base64"`
}

// ErrContentType is the error of a body in none of the forms of CloudEvents.
var ErrContentType = errors.New("the content type must be application/cloudevents+json, application/cloudevents-batch+json, " +
	"or application/json with ce- headers")

// DecodeCloudEvents returns the events in a request in the structured, batched or binary mode of CloudEvents over
// HTTP. An event without a time, or with one in the future, is given now. Of a batch it returns those that fit, and one
// that is malformed does not keep the others from being taken. The error says what is wrong with the request; it is
// ErrContentType when it is in none of these modes.
func DecodeCloudEvents(contentType string, header http.Header, body io.Reader, now time.Time) (Batch, error) {
	media, _, err := mime.ParseMediaType(cmp.Or(contentType, "application/json")) // an event in binary mode may have no type
	if err != nil {
		return Batch{}, ErrContentType
	}
	if media == "application/cloudevents-batch+json" {
		return decodeBatch(body, now)
	}
	structured := media == "application/cloudevents+json"
	if !structured && header.Get("ce-specversion") == "" {
		return Batch{}, ErrContentType
	}
	raw, err := readAll(body)
	if err != nil {
		return Batch{}, err
	}
	var c cloudEvent
	switch {
	case structured:
		if err := json.Unmarshal(raw, &c); err != nil {
			return Batch{}, invalidJSON("CloudEvents", err)
		}
	case len(bytes.TrimSpace(raw)) > 0 && !isJSON(media): // without data its type does not matter
		return Batch{}, ErrContentType
	default:
		if c, err = decodeBinary(header, raw); err != nil {
			return Batch{}, err
		}
	}
	e, err := c.event(now)
	if err != nil {
		return Batch{}, err
	}
	return Batch{Events: []Event{e}}, nil
}

// decodeBatch returns the events in a request in batched mode.
func decodeBatch(body io.Reader, now time.Time) (Batch, error) {
	var out Batch
	s := newStream("CloudEvents", body)
	some, err := s.begin("", '[')
	if err != nil {
		return Batch{}, err
	}
	if some {
		err = s.list(&out, func(index int, item json.RawMessage) {
			var c cloudEvent
			if err := json.Unmarshal(item, &c); err != nil {
				out.Refuse(fmt.Sprintf("event %d: %v", index, invalidJSON("CloudEvents", err)))
				return
			}
			e, err := c.event(now)
			if err != nil {
				out.Refuse(fmt.Sprintf("event %d: %v", index, err))
				return
			}
			out.Events = append(out.Events, e)
		})
	}
	if err == nil {
		err = s.finish()
	}
	if err != nil {
		return Batch{}, err
	}
	return out.result()
}

// isJSON reports whether a media type is JSON.
func isJSON(media string) bool {
	return media == "application/json" || strings.HasSuffix(media, "+json")
}

// decodeBinary returns the event of a request in binary mode: its attributes are headers, its data the body.
func decodeBinary(header http.Header, body []byte) (cloudEvent, error) {
	c := cloudEvent{Data: body}
	for _, a := range []struct {
		header string
		into   *string
	}{
		{"ce-specversion", &c.SpecVersion},
		{"ce-id", &c.ID},
		{"ce-source", &c.Source},
		{"ce-type", &c.Type},
		{"ce-subject", &c.Subject},
		{"ce-time", &c.Time},
	} {
		value, err := decodeAttribute(header.Get(a.header))
		if err != nil {
			return c, fmt.Errorf("%s %w", a.header, err)
		}
		*a.into = value
	}
	return c, nil
}

// quotedPair matches an escaped character in a quoted string.
var quotedPair = regexp.MustCompile(`\\(.)`)

// decodeAttribute returns the value of an attribute in a header, which is percent-encoded and may be quoted
// (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md#3132-http-header-values).
func decodeAttribute(header string) (string, error) {
	if len(header) > 1 && header[0] == '"' && header[len(header)-1] == '"' {
		header = quotedPair.ReplaceAllString(header[1:len(header)-1], "$1")
	}
	value, err := url.PathUnescape(header)
	switch {
	case err != nil:
		return "", errors.New("is not percent-encoded: write %25 for a %")
	case !utf8.ValidString(value):
		return "", errors.New("is not UTF-8, percent-encoded")
	}
	return value, nil
}

// event returns the event that a CloudEvent stands for.
func (c *cloudEvent) event(now time.Time) (Event, error) {
	switch {
	case c.SpecVersion != "1.0":
		return Event{}, errors.New("specversion must be 1.0")
	case c.ID == "" || c.Source == "":
		return Event{}, errors.New("id and source must not be empty: together they identify the event")
	}
	eventType, known := cloudEventTypes[c.Type]
	if !known {
		types := strings.Join(slices.Sorted(maps.Keys(cloudEventTypes)), ", ")
		return Event{}, fmt.Errorf("this type is not known: type must be one of %s", types)
	}
	at, err := c.time(now)
	if err != nil {
		return Event{}, err
	}
	data, err := c.data()
	if err != nil {
		return Event{}, err
	}
	e := Event{ID: "event." + hash(c.Source, c.ID), Type: eventType, Time: at, Data: data, FromOutside: true}
	e.extractLabels()
	e.Severity = parseSeverity(e.Text("severity"))
	delete(e.Data, "severity")
	e.Data["source"] = truncate(c.Source)
	e.setText("subject", c.Subject, maxText)
	if e.Text("title") == "" {
		e.Data["title"] = truncate(cmp.Or(c.Subject, c.Source))
	}
	return e, nil
}

// time returns the event's time, at most now.
func (c *cloudEvent) time(now time.Time) (time.Time, error) {
	if c.Time == "" {
		return now, nil
	}
	at, err := time.Parse(time.RFC3339, c.Time)
	if err != nil {
		return now, errors.New("time must be in the format of RFC 3339")
	}
	if at.Before(now) {
		return at, nil
	}
	return now, nil
}

// data returns the event's data, bounded. It is never nil without an error.
func (c *cloudEvent) data() (map[string]any, error) {
	raw, err := c.encodedData()
	if err != nil {
		return nil, err
	}
	var given map[string]any
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &given); err != nil {
			return nil, errors.New("data must be a JSON object")
		}
	}
	if len(given) > maxEntries {
		return nil, fmt.Errorf("data has %d entries, more than %d", len(given), maxEntries)
	}
	data := make(map[string]any, len(given))
	for k, v := range given {
		bounded, err := bound(v, maxDepth)
		if err != nil {
			return nil, fmt.Errorf("data is %w", err)
		}
		data[truncate(k)] = bounded
	}
	if encoded, err := json.Marshal(data); err != nil || len(encoded) > maxEncoded {
		return nil, fmt.Errorf("data has %d bytes, more than %d", len(encoded), maxEncoded)
	}
	return data, nil
}

// encodedData returns the event's data as JSON, in whichever member they came; nothing when there are none.
func (c *cloudEvent) encodedData() ([]byte, error) {
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
	case err != nil || !isJSON(media):
		return nil, errors.New("datacontenttype of data_base64 is not supported: only JSON is")
	}
	if raw, err = base64.StdEncoding.DecodeString(c.DataBase64); err != nil {
		return nil, errors.New("data_base64 is not base64")
	}
	return bytes.TrimSpace(raw), nil
}

// bound returns a value from outside with its texts truncated. A value that is nested too deep is an error.
func bound(v any, depth int) (any, error) {
	if depth == 0 {
		return nil, fmt.Errorf("nested deeper than %d levels", maxDepth)
	}
	switch v := v.(type) {
	case string:
		return truncate(v), nil
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
			out[truncate(k)] = inner
		}
		return out, nil
	}
	return v, nil
}

// extractLabels makes labels of the member labels of the data, those that are texts.
func (e *Event) extractLabels() {
	given, ok := e.Data["labels"].(map[string]any)
	if !ok {
		return
	}
	labels := map[string]string{}
	for k, v := range given {
		if s, ok := v.(string); ok {
			labels[k] = s
		}
	}
	e.Labels = outsideLabels(labels)
	delete(e.Data, "labels")
}
