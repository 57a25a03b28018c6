package crd_test

import (
	"maps"
	"strings"
	"testing"
)

// change is one line of a spec that is replaced after the object was made; "" leaves a spec without that line.
type change struct{ before, after string }

var (
	ticketed    = map[string]any{"jira": map[string]any{"key": "VOICE-1"}}
	refA, refB  = "jira: {integrationRef: {name: a}}", "jira: {integrationRef: {name: b}}"
	printA      = "fingerprint: a"
	channelA    = `channel: "#a"`
	integration = "spec.jira.integrationRef"
)

func TestChange(t *testing.T) {
	for name, c := range map[string]struct {
		kind, spec string
		status     map[string]any
		change     change
		// field and says are "" where the change is accepted.
		field, says string
	}{
		"a defect's fingerprint changes":            {defect, bug, nil, change{printA, "fingerprint: b"}, "spec.fingerprint", "fingerprint is immutable"},
		"a defect's fingerprint comes":              {defect, bug, nil, change{"", printA}, "spec.fingerprint", "fingerprint is immutable"},
		"a defect's fingerprint goes":               {defect, bug, nil, change{printA, ""}, "spec.fingerprint", "fingerprint is immutable"},
		"a ticketed defect's integration changes":   {defect, bug, ticketed, change{refA, refB}, integration, "cannot change once there is a ticket"},
		"a ticketed defect's integration comes":     {defect, bug, ticketed, change{"", refA}, integration, "cannot change once there is a ticket"},
		"a ticketed defect's integration goes":      {defect, bug, ticketed, change{refA, ""}, integration, "cannot change once there is a ticket"},
		"a ticketed defect's namespace comes":       {defect, bug, ticketed, change{refA, "jira: {integrationRef: {name: a, namespace: other}}"}, integration, "cannot change once there is a ticket"},
		"a ticketed defect's labels change":         {defect, bug, ticketed, change{refA, "jira: {integrationRef: {name: a}, labels: [x]}"}, "", ""},
		"a ticketed defect gets jira without a ref": {defect, bug, ticketed, change{"", "jira: {create: Never}"}, "", ""},
		"a ticketed defect's state changes":         {defect, bug, ticketed, change{"state: Open", "state: Closed"}, "", ""},
		"a defect's integration without a ticket":   {defect, bug, nil, change{refA, refB}, "", ""},
		"a notification's channel changes":          {notif, told, nil, change{channelA, `channel: "#b"`}, "spec", "spec is immutable"},
		"a notification's channel goes":             {notif, told, nil, change{channelA, ""}, "spec", "spec is immutable"},
		"a rule's channel changes":                  {rule, ruleSpec, nil, change{channelA, `channel: "#b"`}, "", ""},
		"an integration's way in changes":           {slack, `defaultChannel: "#a"`, nil, change{webhook, "bot: {tokenSecretRef: {name: s, key: k}}"}, "", ""},
		"an integration gets a second way in":       {slack, bot, nil, change{"", webhook}, "spec", "exactly one of the fields in [webhook bot] must be set"},
	} {
		t.Run(name, func(t *testing.T) {
			o := object(t, c.kind, and(c.spec, c.change.before))
			if err := create(t, o); err != nil {
				t.Fatal(err)
			}
			if c.status != nil {
				o.Object["status"] = maps.Clone(c.status)
				if err := kube.Status().Update(t.Context(), o); err != nil {
					t.Fatal(err)
				}
			}
			after := object(t, c.kind, and(c.spec, c.change.after))
			o.Object["spec"] = after.Object["spec"]
			err := kube.Update(t.Context(), o)
			switch {
			case c.says != "":
				refused(t, err, c.field, c.says)
			case err != nil:
				t.Error(err)
			default:
				kept(t, "spec", after.Object["spec"], o.Object["spec"])
			}
		})
	}
}

// conditions are n conditions of the same form, of different types.
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
	for name, c := range map[string]struct{ kind, spec, status, field, says string }{
		"all that Slack's may say":    {slack, bot, and(conditions(16), "observedGeneration: 1", "team: t", "delivery: ExactlyOnce", "sentTotal: 1", "activities: "+many(20, activity)), "", ""},
		"all that a defect's may say": {defect, bug, and(conditions(5), "state: Resolved", "events: "+numbered(16, "e"), "occurrences: 2", "jira: {integration: default/jira, key: VOICE-1, id: \"10001\"}", `messages: [{rule: r, channel: C1, ts: "1.2"}]`), "", ""},

		"a condition too many, Slack":           {slack, bot, conditions(17), "status.conditions", "must have at most 16 items"},
		"a condition too many, Jira":            {jira, jiraSpec, conditions(17), "status.conditions", "must have at most 16 items"},
		"a condition too many, rule":            {rule, ruleSpec, conditions(17), "status.conditions", "must have at most 16 items"},
		"a condition too many, defect":          {defect, bug, conditions(17), "status.conditions", "must have at most 16 items"},
		"a condition too many, notification":    {notif, told, conditions(17), "status.conditions", "must have at most 16 items"},
		"a condition without a reason":          {defect, bug, `conditions: [{type: Ready, status: "True", message: "", lastTransitionTime: "2026-03-01T12:00:00Z"}]`, "status.conditions[0].reason", "Required value"},
		"an activity too many":                  {slack, bot, "activities: " + many(21, activity), "status.activities", "must have at most 20 items"},
		"an activity that is still going on":    {jira, jiraSpec, `activities: [{time: "2026-03-01T12:00:00Z", action: CreateIssue, outcome: Running}]`, "status.activities[0].outcome", `supported values: "Succeeded", "Failed"`},
		"an error that is too long":             {jira, jiraSpec, "lastError: " + long(1025), "status.lastError", "may not be more than 1024"},
		"a guarantee that nobody gives":         {slack, webhook, "delivery: AtMostOnce", "status.delivery", `supported values: "ExactlyOnce", "AtLeastOnce"`},
		"an unknown state":                      {defect, bug, "state: Done", "status.state", `supported values: "Open", "InProgress", "Resolved", "Closed"`},
		"too many events":                       {defect, bug, "events: " + numbered(17, "e"), "status.events", "must have at most 16 items"},
		"two messages of one rule":              {defect, bug, "messages: [{rule: r}, {rule: r}]", "status.messages[1]", "Duplicate value"},
		"a message of no rule":                  {defect, bug, "messages: [{channel: C1}]", "status.messages[0].rule", "Required value"},
		"a URL that is too long":                {defect, bug, "jira: {url: https://example.com/" + long(2048) + "}", "status.jira.url", "may not be more than 2048"},
		"a preview that is too long":            {rule, ruleSpec, "preview: " + long(4097), "status.preview", "may not be more than 4096"},
		"a digest of a name that is too long":   {notif, told, "digest: " + long(254), "status.digest", "may not be more than 253"},
		"a next attempt at a time that is none": {notif, told, "nextAttemptTime: soon", "status.nextAttemptTime", "must be of type date-time"},
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
			case c.says != "":
				refused(t, err, c.field, c.says)
			case err != nil:
				t.Error(err)
			default:
				kept(t, "status", status, o.Object["status"])
			}
		})
	}
}
