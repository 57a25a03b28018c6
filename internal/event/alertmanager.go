package event

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

const (
	// maxAlerts bounds the alerts of one webhook call.
	maxAlerts = 1000
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

// alertmanagerBody is the body of Alertmanager's webhook, version 4
// (https://prometheus.io/docs/alerting/latest/configuration/#webhook_config). Other members are ignored: new versions
// of Alertmanager add some.
type alertmanagerBody struct {
	Version     string               `json:"version"`
	GroupKey    string               `json:"groupKey"`
	Receiver    string               `json:"receiver"`
	ExternalURL string               `json:"externalURL"`
	Alerts      *[]alertmanagerAlert `json:"alerts"`
}

type alertmanagerAlert struct {
	Status       string            `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
}

// DecodeAlertmanager returns an event for each alert in the body of a call of Alertmanager's webhook. An alert has
// the same id however often Alertmanager sends it. An alert without a plausible time is given now. The error says
// what is wrong with the body.
func DecodeAlertmanager(body []byte, now time.Time) ([]Event, error) {
	var in alertmanagerBody
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, invalidJSON("Alertmanager's webhook", err)
	}
	switch {
	case in.Version != "4":
		return nil, fmt.Errorf("version %q of Alertmanager's webhook is not supported: it must be 4", truncate(in.Version))
	case in.Alerts == nil:
		return nil, errors.New("alerts is missing")
	case len(*in.Alerts) > maxAlerts:
		return nil, fmt.Errorf("there are %d alerts, more than %d: set max_alerts in Alertmanager's webhook_configs", len(*in.Alerts), maxAlerts)
	}
	out := make([]Event, 0, len(*in.Alerts))
	for i, a := range *in.Alerts {
		e, err := a.event(&in, now)
		if err != nil {
			return nil, fmt.Errorf("alerts[%d]: %w", i, err)
		}
		out = append(out, e)
	}
	return out, nil
}

// event returns the event of an alert in the body of a call.
func (a *alertmanagerAlert) event(body *alertmanagerBody, now time.Time) (Event, error) {
	e := Event{Labels: outsideLabels(a.Labels), Severity: parseSeverity(a.Labels["severity"]), FromOutside: true}
	switch a.Status {
	case "firing":
		e.Type = v1alpha1.EventSystemAlertFiring
		e.Time = a.StartsAt
	case "resolved":
		e.Type = v1alpha1.EventSystemAlertResolved
		e.Time = a.EndsAt
	default:
		return Event{}, fmt.Errorf("status must be firing or resolved, not %q", truncate(a.Status))
	}
	if e.Time.Year() < firstYear || e.Time.After(now) { // a wrong clock or a zero in one alert is no reason to drop the others
		e.Time = now
	}
	name := cmp.Or(a.Fingerprint, joinLabels(a.Labels))
	e.ID = "alert." + hash(body.GroupKey, name, a.StartsAt.UTC().Format(time.RFC3339Nano), a.Status)
	e.Data = map[string]any{}
	if a.StartsAt.Year() >= firstYear {
		e.Data["startsAt"] = a.StartsAt.UTC().Format(time.RFC3339)
	}
	title := cmp.Or(a.Annotations["summary"], a.Annotations["title"], a.Labels["alertname"], "Alert")
	e.setText("title", title, maxTitle)
	e.setText("description", cmp.Or(a.Annotations["description"], a.Annotations["message"]), maxText)
	e.setText("alertname", a.Labels["alertname"], maxTitle)
	e.setText("status", a.Status, maxTitle)
	e.setText("receiver", body.Receiver, maxTitle)
	e.setText("generatorURL", a.GeneratorURL, maxURL)
	e.setText("externalURL", body.ExternalURL, maxURL)
	e.setText("runbookURL", a.Annotations["runbook_url"], maxURL)
	return e, nil
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
