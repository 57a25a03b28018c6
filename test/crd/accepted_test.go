// SPDX-License-Identifier: Apache-2.0

package crd_test

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	slack        = "SlackIntegration"
	jira         = "JiraIntegration"
	rule         = "NotificationRule"
	defect       = "Defect"
	notification = "Notification"
	evidence     = "Evidence"

	bot              = "bot: {tokenSecretRef: {name: s, key: k}}\n  defaultChannel: \"#alerts\""
	webhook          = "webhook: {urlSecretRef: {name: s, key: k}}"
	basic            = "basic: {username: bot@example.com, tokenSecretRef: {name: s, key: k}}"
	jiraSpec         = "apiURL: https://jira.example.com\n  projectKey: VOICE\n  " + basic
	ruleSpec         = "eventTypes: [DefectCreated]"
	defectSpec       = "title: It is broken\n  severity: High"
	event            = `event: {id: e1, type: DefectCreated, time: "2026-03-01T12:00:00Z"}`
	notificationSpec = "rule: {name: r, uid: u}\n  " + event
)

// lines joins lines of a spec.
func lines(lines ...string) string { return strings.Join(lines, "\n  ") }

// repeat returns a list that contains an item n times.
func repeat(n int, item string) string {
	return "[" + strings.TrimSuffix(strings.Repeat(item+", ", n), ", ") + "]"
}

// numbered returns a list of n different items.
func numbered(n int, prefix string) string {
	var items []string
	for i := range n {
		items = append(items, fmt.Sprintf("%s%d", prefix, i))
	}
	return "[" + strings.Join(items, ", ") + "]"
}

// outcomes returns the outcomes of n runs.
func outcomes(n int) string {
	var items []string
	for i := range n {
		items = append(items, fmt.Sprintf(`{run: r%d, result: Passed, time: "2026-03-01T12:00:00Z"}`, i))
	}
	return "[" + strings.Join(items, ", ") + "]"
}

// tests returns n tests.
func tests(n int) string {
	var items []string
	for i := range n {
		items = append(items, fmt.Sprintf("{id: t%d}", i))
	}
	return "[" + strings.Join(items, ", ") + "]"
}

// keys returns a map with n keys.
func keys(n int) string {
	var entries []string
	for i := range n {
		entries = append(entries, fmt.Sprintf("k%d: v", i))
	}
	return "{" + strings.Join(entries, ", ") + "}"
}

// notificationSpecWith returns the spec of a Notification whose event has one more field.
func notificationSpecWith(field string) string {
	return strings.TrimSuffix(notificationSpec, "}") + ", " + field + "}"
}

// long returns a string of n characters.
func long(n int) string { return strings.Repeat("a", n) }

func TestAccepted(t *testing.T) {
	for name, c := range map[string]struct{ kind, spec string }{
		"a bot":                            {slack, bot},
		"a webhook":                        {slack, webhook},
		"a bot with all fields":            {slack, lines(bot, "default: true", "signingSecretRef: {name: s, key: k}", "appTokenSecretRef: {name: s, key: k}", "oauth: {clientID: c, clientSecretRef: {name: s, key: k}}", "apiURL: https://slack-gov.com/api/", "rateLimit: {channelMessagesPerMinute: 30, workspaceMessagesPerMinute: 200}", "allowedNamespaces: {from: Selector, selector: {matchLabels: {team: a}}}", "transcripts: Verbatim", "probeIntervalSeconds: 60", "suspend: true")},
		"a channel by ID":                  {slack, lines("bot: {tokenSecretRef: {name: s, key: k}}", "defaultChannel: C0123456789")},
		"a channel in another script":      {slack, lines("bot: {tokenSecretRef: {name: s, key: k}}", `defaultChannel: "#アラート"`)},
		"a channel in Thai":                {slack, lines("bot: {tokenSecretRef: {name: s, key: k}}", `defaultChannel: "#การแจ้งเตือน"`)},
		"a channel in Hindi":               {slack, lines("bot: {tokenSecretRef: {name: s, key: k}}", `defaultChannel: "#हिन्दी-सूचना"`)},
		"a channel in Vietnamese":          {slack, lines("bot: {tokenSecretRef: {name: s, key: k}}", "defaultChannel: \"#ca\u0309nh-ba\u0301o\"")},
		"a loopback URL with a port":       {slack, lines(bot, "apiURL: http://127.0.0.1:8080/api/")},
		"an app before its installation":   {slack, lines(bot, "oauth: {clientID: c, clientSecretRef: {name: s, key: k}}")},
		"all namespaces":                   {slack, lines(bot, "allowedNamespaces: {from: All}")},
		"namespaces by an empty selector":  {slack, lines(bot, "allowedNamespaces: {from: Selector, selector: {}}")},
		"the longest channel name":         {slack, lines(webhook, `defaultChannel: "#`+long(80)+`"`)},
		"basic":                            {jira, jiraSpec},
		"a gateway":                        {jira, lines("apiURL: https://api.atlassian.com/ex/jira/0a1b2c3d-0000-0000-0000-000000000000", "siteURL: https://example.atlassian.net", "projectKey: VOICE", basic)},
		"the most labels":                  {jira, lines(jiraSpec, "labels: "+numbered(20, "l"))},
		"bearer":                           {jira, lines("apiURL: https://jira.example.com", "projectKey: A1_B", "bearer: {tokenSecretRef: {name: s, key: k}}")},
		"a Jira with all fields":           {jira, lines(jiraSpec, "siteURL: https://example.atlassian.net", "deployment: Cloud", "issueType: Bug", "labels: [a, b]", "priorities: {critical: P1}", `fields: [{name: customfield_10010, type: Option, template: "{{ .suite }}"}]`, "autoCreate: {enabled: true, minSeverity: High, categories: [Defect, EdgeCase], selector: {matchExpressions: [{key: a, operator: In, values: [b]}]}}", "states: [{status: Done, state: Closed}]", "transitions: [{state: Open, status: To Do}]", "reopen: {policy: Reopen, withinSeconds: 3600, exceptResolutions: [Duplicate]}", "resolve: {policy: Comment}", "transcripts: Masked", "pollIntervalSeconds: 60", "settleSeconds: 10", "webhookSecretRef: {name: s, key: k}", "rateLimit: {requestsPerSecond: 10, concurrency: 4}")},
		"a rule":                           {rule, ruleSpec},
		"a rule with all fields":           {rule, lines("eventTypes: [DefectCreated, SystemAlertFiring]", "selector: {matchExpressions: [{key: a, operator: Exists}]}", "minSeverity: Medium", `when: event.severity == "High"`, "integrationRef: {name: slack, namespace: platform}", `channel: "#dev"`, "mentions: [here, channel, U0123456789, S0123456789]", "mentionsOnFailure: [{suites: [book*], tests: ['calls/cancel[1]'], mentions: [U0123456789]}, {tests: [pay], mentions: [here]}]", `template: {title: "{{ .title }}", body: b}`, "grouping: {by: [suite], windowSeconds: 60}", `muteWindows: [{days: [Saturday, Sunday], start: "00:00", end: "24:00", timeZone: Europe/Berlin}]`)},
		"a mute window over midnight":      {rule, lines(ruleSpec, `muteWindows: [{start: "22:00", end: "06:00"}]`)},
		"labels with and without a domain": {rule, lines(ruleSpec, `selector: {matchLabels: {team: a, example.com/tier: ""}, matchExpressions: [{key: example.com/x, operator: NotIn, values: [a.b_c-d]}, {key: gone, operator: DoesNotExist}]}`)},
		"every type of event":              {rule, "eventTypes: [TestRunCompleted, DefectCreated, DefectTicketed, DefectStateChanged, EdgeCaseDiscovered, SystemAlertFiring, SystemAlertResolved, IntegrationUnhealthy, IntegrationRecovered]"},
		"a defect":                         {defect, defectSpec},
		"a title in another script":        {defect, "title: 予約が確認されない\n  severity: Low"},
		"a defect with all fields":         {defect, lines(defectSpec, "category: EdgeCase", "description: |\n    two\n    lines", "stepsToReproduce: s", "expectedResult: e", "actualResult: a", "suite: smoke", "run: smoke-1", "testCase: t", "fingerprint: a/b:c=1", `occurrence: {time: "2026-03-01T12:00:00Z", run: smoke-1}`, "tests: [{id: t1, name: T}, {id: t2}]", "outcomes: [{run: smoke-1, result: Failed, time: \"2026-03-01T12:00:00Z\", commit: 0a1b2c, version: v1}, {run: smoke-2, result: NotRun, time: \"2026-03-02T12:00:00Z\"}]", "resolveAfterPasses: 0", "quarantine: {owner: voice, reason: r, starts: \"2026-03-01T12:00:00Z\", expires: \"2026-03-15T12:00:00Z\"}", "voice: {turn: 3, turnOffsetMilliseconds: 41250, utterance: for two, expectedTranscript: a table for two, heardTranscript: a table for you, wordErrorRate: \"0.25\", latencies: [{stage: model, p50Milliseconds: 420, p95Milliseconds: 1100}], interruptions: 0, locale: en-US, persona: hurried, agentVersion: v1, verdict: fail, explanation: e, callID: c1, audioURL: \"https://audio.example.com/c1.wav?signature=x#t=41\", audioExpires: \"2026-03-02T12:00:00Z\"}", "evidence: {time: \"2026-03-01T12:00:00Z\", files: [{name: call.wav, bytes: 10485760, sha256: "+strings.Repeat("0a", 32)+"}], links: [{name: a b.wav, url: \"https://ci.example.com/a%20b.wav\"}], more: 3}", "state: InProgress", "jira: {integrationRef: {name: jira}, create: Always, labels: [x]}")},
		"a title of lines, tabs and emoji": {defect, "title: \"a\\n\\tb \\u200f\u05e9\u05dc\u05d5\u05dd 👩\\u200d👦\"\n  severity: Low"},
		"the longest title":                {defect, "title: " + long(512) + "\n  severity: Low"},
		"a notification":                   {notification, notificationSpec},
		"a notification with all fields":   {notification, lines("rule: {name: r, uid: u}", `channel: "#a"`, "integrationRef: {name: i}", `event: {id: e1, type: DefectCreated, time: "2026-03-01T12:00:00Z", severity: High, labels: {a: b}, subject: {kind: Defect, name: d}, data: {n: 1, list: [a], deep: {x: true}}}`)},
	} {
		t.Run(name, func(t *testing.T) {
			o := object(t, c.kind, c.spec)
			given := o.DeepCopy()
			if err := create(t, o); err != nil {
				t.Fatal(err)
			}
			expectKept(t, "spec", given.Object["spec"], o.Object["spec"])
			if g, _, _ := unstructured.NestedInt64(o.Object, "status", "observedGeneration"); g != -1 {
				t.Errorf("status.observedGeneration is %d before the first status, want -1", g)
			}
		})
	}
}

// expectKept checks that the API server kept all given values.
func expectKept(t *testing.T, path string, given, got any) {
	t.Helper()
	switch given := given.(type) {
	case map[string]any:
		m, ok := got.(map[string]any)
		if !ok {
			t.Errorf("%s is %v, want %v", path, got, given)
			return
		}
		for k, v := range given {
			expectKept(t, path+"."+k, v, m[k])
		}
	case []any:
		l, ok := got.([]any)
		if !ok || len(l) != len(given) {
			t.Errorf("%s is %v, want %v", path, got, given)
			return
		}
		for i, v := range given {
			expectKept(t, fmt.Sprintf("%s[%d]", path, i), v, l[i])
		}
	default:
		if got != given {
			t.Errorf("%s is %v, want %v", path, got, given)
		}
	}
}
