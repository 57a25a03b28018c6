// SPDX-License-Identifier: Apache-2.0

package event

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

const (
	// maxLabelKey bounds the key of a Notification's label, in bytes.
	maxLabelKey = 317
	// maxLabelValue bounds the value of a Notification's label, in characters.
	maxLabelValue = 1024
	// maxTitle bounds short texts, in characters.
	maxTitle = 512
	// maxURL bounds addresses, in characters.
	maxURL = 1000
	// firstYear is the first year of a time that is taken for one. An earlier time is a zero value, or of a clock that
	// was never set.
	firstYear = 2000
)

// The statuses of an alert.
const (
	alertFiring   = "firing"
	alertResolved = "resolved"
)

// alertmanagerBody is the body of Alertmanager's webhook, version 4
// (https://prometheus.io/docs/alerting/latest/configuration/#webhook_config), or of a contact point of Grafana, which
// calls the same form version 1. Other members are ignored: new versions of Alertmanager add some.
type alertmanagerBody struct {
	version, groupKey, receiver, externalURL string

	alerts []alertmanagerAlert
	// hasAlerts is set when there is a list of alerts, which may be empty.
	hasAlerts bool
}

type alertmanagerAlert struct {
	Status       string            `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     alertTime         `json:"startsAt"`
	EndsAt       alertTime         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
}

// alertTime is a time that is zero when it cannot be read: the alert matters more than its time.
type alertTime struct{ time.Time }

// UnmarshalJSON reads a time in the format of RFC 3339.
func (t *alertTime) UnmarshalJSON(raw []byte) error {
	if err := json.Unmarshal(raw, &t.Time); err != nil {
		t.Time = time.Time{}
	}
	return nil
}

// DecodeAlertmanager returns an event for each alert in the body of a call of Alertmanager's webhook that fits. An
// alert has the same id however often Alertmanager sends it. An alert without a plausible time is given now. An alert
// that is malformed does not keep the others from being taken. The error says what is wrong with the body as a whole.
func DecodeAlertmanager(body io.Reader, now time.Time) (Batch, error) {
	var in alertmanagerBody
	var out Batch
	if err := in.read(newStream("Alertmanager's webhook", body), &out); err != nil {
		return Batch{}, err
	}
	switch {
	case in.version != "4" && in.version != "1":
		return Batch{}, errors.New("this version of Alertmanager's webhook is not supported: version must be 4, or 1 from Grafana")
	case !in.hasAlerts:
		return Batch{}, errors.New("alerts is missing")
	}
	out.Events = make([]Event, 0, len(in.alerts))
	for i := range in.alerts {
		out.Events = append(out.Events, in.alerts[i].event(&in, now))
	}
	return out.result()
}

// read reads the body. Alertmanager sends the group's key after the alerts.
func (in *alertmanagerBody) read(s *stream, out *Batch) error {
	texts := map[string]*string{
		"version": &in.version, "groupKey": &in.groupKey, "receiver": &in.receiver, "externalURL": &in.externalURL,
	}
	var ignored json.RawMessage
	return s.members(func(name string) error {
		if into, ok := texts[name]; ok {
			return s.decode(name, into)
		}
		if name != "alerts" {
			return s.decode(name, &ignored)
		}
		some, err := s.begin(name, '[')
		if !some {
			return err
		}
		in.hasAlerts = true
		return s.list(out, func(index int, item json.RawMessage) {
			var a alertmanagerAlert
			if err := a.read(item); err != nil {
				out.Refuse(fmt.Sprintf("alerts[%d]: %v", index, err))
				return
			}
			in.alerts = append(in.alerts, a)
		})
	})
}

// read reads an alert.
func (a *alertmanagerAlert) read(raw []byte) error {
	if err := json.Unmarshal(raw, a); err != nil {
		return invalidJSON("an alert", err)
	}
	if a.Status != alertFiring && a.Status != alertResolved {
		return errors.New("status must be firing or resolved")
	}
	return nil
}

// event returns the event of an alert in the body of a call.
func (a *alertmanagerAlert) event(body *alertmanagerBody, now time.Time) Event {
	e := Event{Labels: outsideLabels(a.Labels), Severity: parseSeverity(a.Labels["severity"]), FromOutside: true}
	e.Type = v1alpha1.EventSystemAlertFiring
	e.Time = a.StartsAt.Time
	if a.Status == alertResolved {
		e.Type = v1alpha1.EventSystemAlertResolved
		e.Time = a.EndsAt.Time
	}
	if e.Time.Year() < firstYear || e.Time.After(now) { // a wrong clock or a zero in one alert is no reason to drop the others
		e.Time = now
	}
	name := cmp.Or(a.Fingerprint, joinLabels(a.Labels))
	e.ID = "alert." + hash(body.groupKey, name, a.StartsAt.UTC().Format(time.RFC3339Nano), a.Status)
	e.Data = map[string]any{}
	if a.StartsAt.Year() >= firstYear {
		e.Data["startsAt"] = a.StartsAt.UTC().Format(time.RFC3339)
	}
	title := cmp.Or(a.Annotations["summary"], a.Annotations["title"], a.Labels["alertname"], "Alert")
	e.setText("title", title, maxTitle)
	e.setText("description", cmp.Or(a.Annotations["description"], a.Annotations["message"]), maxText)
	e.setText("alertname", a.Labels["alertname"], maxTitle)
	e.setText("status", a.Status, maxTitle)
	e.setText("receiver", body.receiver, maxTitle)
	e.setText("generatorURL", a.GeneratorURL, maxURL)
	e.setText("externalURL", body.externalURL, maxURL)
	e.setText("runbookURL", a.Annotations["runbook_url"], maxURL)
	return e
}

// invalidJSON returns an error that names the member of a body that cannot be decoded.
func invalidJSON(of string, err error) error {
	var typed *json.UnmarshalTypeError
	if errors.As(err, &typed) && typed.Field != "" {
		return fmt.Errorf("not the JSON of %s: %s cannot be of type %s", of, typed.Field, typed.Value)
	}
	if errors.As(err, &typed) {
		return fmt.Errorf("not the JSON of %s: it cannot be of type %s", of, typed.Value)
	}
	return fmt.Errorf("not the JSON of %s: %w", of, err)
}

// parseSeverity returns the severity that a label or member means, in the words that are common in alerting rules;
// empty when it is none of them.
func parseSeverity(s string) v1alpha1.Severity {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "critical", "page", "emergency", "fatal":
		return v1alpha1.SeverityCritical
	case "high", "error", "major":
		return v1alpha1.SeverityHigh
	case "medium", "warning", "warn":
		return v1alpha1.SeverityMedium
	case "low", "info", "none", "debug", "minor":
		return v1alpha1.SeverityLow
	}
	return ""
}

// outsideLabels returns those labels from outside that fit into a Notification, with bounded values.
func outsideLabels(in map[string]string) map[string]string {
	out := map[string]string{}
	for _, k := range slices.Sorted(maps.Keys(in)) {
		key := strings.ToValidUTF8(k, "\uFFFD")
		if len(out) < maxLabels && key != "" && len(key) <= maxLabelKey {
			out[key] = text.Truncate(in[k], maxLabelValue)
		}
	}
	return out
}

// joinLabels returns a text that is the same for the same labels.
func joinLabels(in map[string]string) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(in)) {
		fmt.Fprintf(&b, "%s=%s\x00", k, in[k])
	}
	return b.String()
}

// hash returns a short name for parts that together identify an event.
func hash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		_, _ = fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil)[:20])
}
