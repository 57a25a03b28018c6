// SPDX-License-Identifier: Apache-2.0

package crd_test

import (
	"maps"
	"strings"
	"testing"
)

// A change replaces one line of a spec. "" means that the spec lacks the line.
type change struct{ before, after string }

var (
	ticketed       = map[string]any{"jira": map[string]any{"key": "VOICE-1"}}
	refA           = "jira: {integrationRef: {name: a}}"
	refB           = "jira: {integrationRef: {name: b}}"
	fingerprintA   = "fingerprint: a"
	channelA       = `channel: "#a"`
	integrationRef = "spec.jira.integrationRef"
)

func TestChange(t *testing.T) {
	for name, c := range map[string]struct {
		kind, spec string
		status     map[string]any
		change     change
		// field and message are "" if the change is accepted.
		field, message string
	}{
		"a defect's fingerprint is changed":                         {defect, defectSpec, nil, change{fingerprintA, "fingerprint: b"}, "spec.fingerprint", "fingerprint is immutable"},
		"a defect's fingerprint is added":                           {defect, defectSpec, nil, change{"", fingerprintA}, "spec.fingerprint", "fingerprint is immutable"},
		"a defect's fingerprint is removed":                         {defect, defectSpec, nil, change{fingerprintA, ""}, "spec.fingerprint", "fingerprint is immutable"},
		"the integration of a ticketed defect is changed":           {defect, defectSpec, ticketed, change{refA, refB}, integrationRef, "is immutable once the Defect has a ticket"},
		"the integration of a ticketed defect is added":             {defect, defectSpec, ticketed, change{"", refA}, integrationRef, "is immutable once the Defect has a ticket"},
		"the integration of a ticketed defect is removed":           {defect, defectSpec, ticketed, change{refA, ""}, integrationRef, "is immutable once the Defect has a ticket"},
		"the integration's namespace of a ticketed defect is added": {defect, defectSpec, ticketed, change{refA, "jira: {integrationRef: {name: a, namespace: other}}"}, integrationRef, "is immutable once the Defect has a ticket"},
		"the labels of a ticketed defect are changed":               {defect, defectSpec, ticketed, change{refA, "jira: {integrationRef: {name: a}, labels: [x]}"}, "", ""},
		"jira without integrationRef is added to a ticketed defect": {defect, defectSpec, ticketed, change{"", "jira: {create: Never}"}, "", ""},
		"the state of a ticketed defect is changed":                 {defect, defectSpec, ticketed, change{"state: Open", "state: Closed"}, "", ""},
		"the state of a ticketed defect with an empty jira":         {defect, lines(defectSpec, "jira: null"), ticketed, change{"state: Open", "state: Closed"}, "", ""},
		"the integration of a ticketed, empty jira is added":        {defect, defectSpec, ticketed, change{"jira: null", refA}, integrationRef, "is immutable once the Defect has a ticket"},
		"the integration of a defect without a ticket is changed":   {defect, defectSpec, nil, change{refA, refB}, "", ""},
		"a notification's channel is changed":                       {notification, notificationSpec, nil, change{channelA, `channel: "#b"`}, "spec", "spec is immutable"},
		"a notification's channel is removed":                       {notification, notificationSpec, nil, change{channelA, ""}, "spec", "spec is immutable"},
		"a rule's channel is changed":                               {rule, ruleSpec, nil, change{channelA, `channel: "#b"`}, "", ""},
		"an integration's webhook becomes a bot":                    {slack, `defaultChannel: "#a"`, nil, change{webhook, "bot: {tokenSecretRef: {name: s, key: k}}"}, "", ""},
		"a webhook is added to a bot":                               {slack, bot, nil, change{"", webhook}, "spec", "exactly one of the fields in [webhook bot] must be set"},
	} {
		t.Run(name, func(t *testing.T) {
			o := object(t, c.kind, lines(c.spec, c.change.before))
			if err := create(t, o); err != nil {
				t.Fatal(err)
			}
			if c.status != nil {
				o.Object["status"] = maps.Clone(c.status)
				if err := kube.Status().Update(t.Context(), o); err != nil {
					t.Fatal(err)
				}
			}
			after := object(t, c.kind, lines(c.spec, c.change.after))
			o.Object["spec"] = after.Object["spec"]
			err := kube.Update(t.Context(), o)
			switch {
			case c.message != "":
				expectRefusal(t, err, c.field, c.message)
			case err != nil:
				t.Error(err)
			default:
				expectKept(t, "spec", after.Object["spec"], o.Object["spec"])
			}
		})
	}
}

// conditions returns n conditions of different types.
func conditions(n int) string {
	one := `{type: T#, status: "True", reason: R, message: "", lastTransitionTime: "2026-03-01T12:00:00Z"}`
	var all []string
	for i := range n {
		all = append(all, strings.Replace(one, "#", string(rune('A'+i)), 1))
	}
	return "conditions: [" + strings.Join(all, ", ") + "]"
}

func TestStatus(t *testing.T) {
	activity := `{time: "2026-03-01T12:00:00Z", action: PostMessage, outcome: Succeeded}`
	for name, c := range map[string]struct{ kind, spec, status, field, message string }{
		"all fields, Slack":  {slack, bot, lines(conditions(16), "observedGeneration: 1", "team: t", "delivery: ExactlyOnce", "sentTotal: 1", "activities: "+repeat(20, activity)), "", ""},
		"all fields, defect": {defect, defectSpec, lines(conditions(5), "state: Resolved", "events: "+numbered(16, "e"), "occurrences: 2", `history: {outcomes: [{run: r, result: Flaky, time: "2026-03-01T12:00:00Z"}], strip: "~", flakeRatePercent: 30, stability: Flaky}`, "jira: {integration: default/jira, key: VOICE-1, id: \"10001\"}", `messages: [{rule: r, channel: C1, ts: "1.2"}]`), "", ""},

		"too many conditions, Slack":          {slack, bot, conditions(17), "status.conditions", "must have at most 16 items"},
		"too many conditions, Jira":           {jira, jiraSpec, conditions(17), "status.conditions", "must have at most 16 items"},
		"too many conditions, rule":           {rule, ruleSpec, conditions(17), "status.conditions", "must have at most 16 items"},
		"too many conditions, defect":         {defect, defectSpec, conditions(17), "status.conditions", "must have at most 16 items"},
		"too many conditions, notification":   {notification, notificationSpec, conditions(17), "status.conditions", "must have at most 16 items"},
		"a condition without a reason":        {defect, defectSpec, `conditions: [{type: Ready, status: "True", message: "", lastTransitionTime: "2026-03-01T12:00:00Z"}]`, "status.conditions[0].reason", "Required value"},
		"too many activities":                 {slack, bot, "activities: " + repeat(21, activity), "status.activities", "must have at most 20 items"},
		"an activity with an unknown outcome": {jira, jiraSpec, `activities: [{time: "2026-03-01T12:00:00Z", action: CreateIssue, outcome: Running}]`, "status.activities[0].outcome", `supported values: "Succeeded", "Failed"`},
		"an error that is too long":           {jira, jiraSpec, "lastError: " + long(1025), "status.lastError", "may not be more than 1024"},
		"an unknown delivery guarantee":       {slack, webhook, "delivery: AtMostOnce", "status.delivery", `supported values: "ExactlyOnce", "AtLeastOnce"`},
		"an unknown state":                    {defect, defectSpec, "state: Done", "status.state", `supported values: "Open", "InProgress", "Resolved", "Closed"`},
		"too many events":                     {defect, defectSpec, "events: " + numbered(17, "e"), "status.events", "must have at most 16 items"},
		"two messages of one rule":            {defect, defectSpec, "messages: [{rule: r}, {rule: r}]", "status.messages[1]", "Duplicate value"},
		"a message without a rule":            {defect, defectSpec, "messages: [{channel: C1}]", "status.messages[0].rule", "Required value"},
		"a URL that is too long":              {defect, defectSpec, "jira: {url: https://example.com/" + long(2048) + "}", "status.jira.url", "may not be more than 2048"},
		"a preview that is too long":          {rule, ruleSpec, "preview: " + long(4097), "status.preview", "may not be more than 4096"},
		"a digest name that is too long":      {notification, notificationSpec, "digest: " + long(254), "status.digest", "may not be more than 253"},
		"an invalid time":                     {notification, notificationSpec, "nextAttemptTime: soon", "status.nextAttemptTime", "must be of type date-time"},
	} {
		t.Run(name, func(t *testing.T) {
			o := object(t, c.kind, c.spec)
			if err := create(t, o); err != nil {
				t.Fatal(err)
			}
			status := decode(t, "status:\n  "+c.status).Object["status"]
			o.Object["status"] = status
			err := kube.Status().Update(t.Context(), o)
			switch {
			case c.message != "":
				expectRefusal(t, err, c.field, c.message)
			case err != nil:
				t.Error(err)
			default:
				expectKept(t, "status", status, o.Object["status"])
			}
		})
	}
}
