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
)

const (
	// maxAlerts bounds the alerts of one webhook.
	maxAlerts = 1000
	// maxLabelKey and maxLabelValue are those of a Notification's labels, in bytes and in characters.
	maxLabelKey, maxLabelValue = 317, 1024
	// maxTitle and maxURL bound short texts and addresses, in characters.
	maxTitle, maxURL = 512, 1000
)

// alertmanagerBody is Alertmanager's webhook, version 4 (https://prometheus.io/docs/alerting/latest/configuration/#webhook_config). It has more
// members, and gets new ones.
type alertmanagerBody struct {
	Version     string `json:"version"`
	GroupKey    string `json:"groupKey"`
	Receiver    string `json:"receiver"`
	ExternalURL string `json:"externalURL"`
	Alerts      *[]struct {
		Status       string            `json:"status"`
		Labels       map[string]string `json:"labels"`
		Annotations  map[string]string `json:"annotations"`
		StartsAt     time.Time         `json:"startsAt"`
		EndsAt       time.Time         `json:"endsAt"`
		GeneratorURL string            `json:"generatorURL"`
		Fingerprint  string            `json:"fingerprint"`
	} `json:"alerts"`
}

// notJSON says in which member a body is not the JSON that it has to be.
func notJSON(of string, err error) error {
	var typed *json.UnmarshalTypeError
	if errors.As(err, &typed) && typed.Field != "" {
		return fmt.Errorf("not the JSON of %s: %s cannot be of type %s", of, typed.Field, typed.Value)
	}
	if errors.As(err, &typed) {
		return fmt.Errorf("not the JSON of %s: it cannot be of type %s", of, typed.Value)
	}
	return fmt.Errorf("not the JSON of %s: %w", of, err)
}

// DecodeAlertmanager reads Alertmanager's webhook: an event for each alert, with the same id however often Alertmanager sends it. now is the time
// of an alert that does not say since when, or from when on. Its error says what is wrong with the body.
func DecodeAlertmanager(body []byte, now time.Time) ([]Event, error) {
	var in alertmanagerBody
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, notJSON("Alertmanager's webhook", err)
	}
	switch {
	case in.Version != "4":
		return nil, fmt.Errorf("version %q of Alertmanager's webhook is not known: it must be 4", cut(in.Version))
	case in.Alerts == nil:
		return nil, errors.New("alerts is missing")
	case len(*in.Alerts) > maxAlerts:
		return nil, fmt.Errorf("there are %d alerts, more than %d: set max_alerts in Alertmanager's webhook_configs", len(*in.Alerts), maxAlerts)
	}
	out := make([]Event, 0, len(*in.Alerts))
	for i, a := range *in.Alerts {
		e := Event{Labels: foreignLabels(a.Labels), Severity: severityOf(a.Labels["severity"])}
		switch a.Status {
		case "firing":
			e.Type, e.Time = v1alpha1.EventSystemAlertFiring, a.StartsAt
		case "resolved":
			e.Type, e.Time = v1alpha1.EventSystemAlertResolved, a.EndsAt
		default:
			return nil, fmt.Errorf("status of alerts[%d] must be firing or resolved, not %q", i, cut(a.Status))
		}
		if e.Time.Year() < 2000 || e.Time.After(now) { // one clock that is wrong, or a zero, is no reason to drop the others
			e.Time = now
		}
		e.ID = "alert." + digest(in.GroupKey, cmp.Or(a.Fingerprint, labelText(a.Labels)), a.StartsAt.UTC().Format(time.RFC3339Nano), a.Status)
		e.Data = map[string]any{}
		if a.StartsAt.Year() >= 2000 {
			e.Data["startsAt"] = a.StartsAt.UTC().Format(time.RFC3339)
		}
		for key, f := range map[string]struct {
			text  string
			limit int
		}{
			"title":       {cmp.Or(a.Annotations["summary"], a.Annotations["title"], a.Labels["alertname"], "Alert"), maxTitle},
			"description": {cmp.Or(a.Annotations["description"], a.Annotations["message"]), maxText},
			"alertname":   {a.Labels["alertname"], maxTitle}, "status": {a.Status, maxTitle}, "receiver": {in.Receiver, maxTitle},
			"generatorURL": {a.GeneratorURL, maxURL}, "externalURL": {in.ExternalURL, maxURL}, "runbookURL": {a.Annotations["runbook_url"], maxURL},
		} {
			if f.text != "" {
				e.Data[key] = shorten(f.text, f.limit)
			}
		}
		out = append(out, e)
	}
	return out, nil
}

// severityOf reads a severity as people write it into labels; empty when it is none that is known.
func severityOf(text string) v1alpha1.Severity {
	switch strings.ToLower(strings.TrimSpace(text)) {
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

// foreignLabels makes labels from outside fit into a Notification.
func foreignLabels(in map[string]string) map[string]string {
	out := map[string]string{}
	for _, k := range slices.Sorted(maps.Keys(in)) {
		if key := valid(k); len(out) < maxLabels && key != "" && len(key) <= maxLabelKey {
			out[key] = shorten(in[k], maxLabelValue)
		}
	}
	return out
}

func labelText(in map[string]string) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(in)) {
		fmt.Fprintf(&b, "%s=%s\x00", k, in[k])
	}
	return b.String()
}

// digest is a short name for parts that together identify something.
func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		_, _ = fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil)[:20])
}
