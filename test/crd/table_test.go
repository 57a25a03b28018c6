package crd_test

import (
	"context"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	slack  = "SlackIntegration"
	jira   = "JiraIntegration"
	rule   = "NotificationRule"
	defect = "Defect"
	notif  = "Notification"

	bot      = "bot: {tokenSecretRef: {name: s, key: k}}\n  defaultChannel: \"#alerts\""
	webhook  = "webhook: {urlSecretRef: {name: s, key: k}}"
	basic    = "basic: {username: bot@example.com, tokenSecretRef: {name: s, key: k}}"
	jiraSpec = "apiURL: https://jira.example.com\n  projectKey: VOICE\n  " + basic
	ruleSpec = "eventTypes: [DefectCreated]"
	bug      = "title: It is broken\n  severity: High"
	told     = "rule: {name: r, uid: u}\n  event: {id: e1, type: DefectCreated, time: \"2026-03-01T12:00:00Z\"}"
)

// and puts lines of a spec together.
func and(lines ...string) string { return strings.Join(lines, "\n  ") }

func many(n int, item string) string {
	return "[" + strings.TrimSuffix(strings.Repeat(item+", ", n), ", ") + "]"
}

// numbered are n different items.
func numbered(n int, prefix string) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(prefix + strings.Repeat("x", i))
	}
	return "[" + b.String() + "]"
}

func long(n int) string { return strings.Repeat("a", n) }

func TestAccepted(t *testing.T) {
	for name, c := range map[string]struct{ kind, spec string }{
		"a bot":                        {slack, bot},
		"a webhook":                    {slack, webhook},
		"a bot with everything":        {slack, and(bot, "default: true", "signingSecretRef: {name: s, key: k}", "appTokenSecretRef: {name: s, key: k}", "oauth: {clientID: c, clientSecretRef: {name: s, key: k}}", "apiURL: https://slack-gov.com/api/", "rateLimit: {channelMessagesPerMinute: 30, workspaceMessagesPerMinute: 200}", "allowedNamespaces: {from: Selector, selector: {matchLabels: {team: a}}}", "probeIntervalSeconds: 60", "suspend: true")},
		"a channel by ID":              {slack, and("bot: {tokenSecretRef: {name: s, key: k}}", "defaultChannel: C0123456789")},
		"a channel in another script":  {slack, and("bot: {tokenSecretRef: {name: s, key: k}}", `defaultChannel: "#アラート"`)},
		"a loopback URL with a port":   {slack, and(bot, "apiURL: http://127.0.0.1:8080/api/")},
		"basic":                        {jira, jiraSpec},
		"bearer":                       {jira, and("apiURL: https://jira.example.com", "projectKey: A1_B", "bearer: {tokenSecretRef: {name: s, key: k}}")},
		"a Jira with everything":       {jira, and(jiraSpec, "siteURL: https://example.atlassian.net", "deployment: Cloud", "issueType: Bug", "labels: [a, b]", "priorities: {critical: P1}", `fields: [{name: customfield_10010, type: Option, template: "{{ .suite }}"}]`, "autoCreate: {enabled: true, minSeverity: High, categories: [Defect, EdgeCase], selector: {matchExpressions: [{key: a, operator: In, values: [b]}]}}", "states: [{status: Done, state: Closed}]", "transitions: [{state: Open, status: To Do}]", "reopen: {policy: Reopen, withinSeconds: 3600, exceptResolutions: [Duplicate]}", "pollIntervalSeconds: 60", "settleSeconds: 10", "webhookSecretRef: {name: s, key: k}", "rateLimit: {requestsPerSecond: 10, concurrency: 4}")},
		"a rule":                       {rule, ruleSpec},
		"a rule with everything":       {rule, and("eventTypes: [DefectCreated, SystemAlertFiring]", "selector: {matchExpressions: [{key: a, operator: Exists}]}", "minSeverity: Medium", `when: event.severity == "High"`, "integrationRef: {name: slack, namespace: platform}", `channel: "#dev"`, "mentions: [here, channel, U0123456789, S0123456789]", `template: {title: "{{ .title }}", body: b}`, "grouping: {by: [suite], windowSeconds: 60}", `muteWindows: [{days: [Saturday, Sunday], start: "00:00", end: "24:00", timeZone: Europe/Berlin}]`)},
		"a defect":                     {defect, bug},
		"a defect with everything":     {defect, and(bug, "category: EdgeCase", "description: |\n    two\n    lines", "stepsToReproduce: s", "expectedResult: e", "actualResult: a", "suite: smoke", "run: smoke-1", "testCase: t", "fingerprint: a/b:c=1", `occurrence: {time: "2026-03-01T12:00:00Z", run: smoke-1}`, "state: InProgress", "jira: {integrationRef: {name: jira}, create: Always, labels: [x]}")},
		"the longest title":            {defect, "title: " + long(512) + "\n  severity: Low"},
		"a notification":               {notif, told},
		"a notification with all data": {notif, and("rule: {name: r, uid: u}", `channel: "#a"`, "integrationRef: {name: i}", `event: {id: e1, type: DefectCreated, time: "2026-03-01T12:00:00Z", severity: High, labels: {a: b}, subject: {kind: Defect, name: d}, data: {n: 1, list: [a], deep: {x: true}}}`)},
	} {
		t.Run(name, func(t *testing.T) {
			o := object(t, c.kind, c.spec)
			given := o.DeepCopy()
			if err := create(o); err != nil {
				t.Fatal(err)
			}
			kept(t, "spec", given.Object["spec"], o.Object["spec"])
			if g, _, _ := unstructured.NestedInt64(o.Object, "status", "observedGeneration"); g != -1 {
				t.Errorf("status.observedGeneration is %d before the first status, want -1", g)
			}
		})
	}
}

// kept checks that everything that was given is there.
func kept(t *testing.T, path string, given, got any) {
	t.Helper()
	switch given := given.(type) {
	case map[string]any:
		m, ok := got.(map[string]any)
		if !ok {
			t.Errorf("%s is gone", path)
		}
		for k, v := range given {
			kept(t, path+"."+k, v, m[k])
		}
	case []any:
		l, ok := got.([]any)
		if !ok || len(l) != len(given) {
			t.Errorf("%s is %v, want %v", path, got, given)
			return
		}
		for i, v := range given {
			kept(t, path, v, l[i])
		}
	default:
		if got == nil {
			t.Errorf("%s is gone", path)
		}
	}
}

func TestRefused(t *testing.T) {
	for name, c := range map[string]struct{ kind, spec, field, says string }{
		"Slack: neither webhook nor bot":      {slack, `defaultChannel: "#a"`, "spec", "exactly one of the fields in [webhook bot] must be set"},
		"Slack: webhook and bot":              {slack, and(bot, webhook), "spec", "exactly one of the fields in [webhook bot] must be set"},
		"Slack: bot without channel":          {slack, "bot: {tokenSecretRef: {name: s, key: k}}", "spec", "defaultChannel is required with bot"},
		"Slack: oauth without bot":            {slack, and(webhook, "oauth: {clientID: c, clientSecretRef: {name: s, key: k}}"), "spec", "oauth needs bot"},
		"Slack: channel with capitals":        {slack, and(webhook, `defaultChannel: "#Alerts"`), "spec.defaultChannel", "must be a channel name such as #voice-ai-alerts"},
		"Slack: channel with a space":         {slack, and(webhook, `defaultChannel: "#two words"`), "spec.defaultChannel", "must be a channel name"},
		"Slack: channel without #":            {slack, and(webhook, "defaultChannel: alerts"), "spec.defaultChannel", "must be a channel name"},
		"Slack: channel that is too long":     {slack, and(webhook, `defaultChannel: "#`+long(81)+`"`), "spec.defaultChannel", "may not be more than 81"},
		"Slack: channel that is empty":        {slack, and(webhook, `defaultChannel: ""`), "spec.defaultChannel", "at least 2 chars"},
		"Slack: URL that is none":             {slack, and(bot, "apiURL: not-a-url"), "spec.apiURL", "must be an absolute URL such as https://example.com/path"},
		"Slack: URL of another scheme":        {slack, and(bot, "apiURL: ftp://example.com"), "spec.apiURL", "must be an absolute URL"},
		"Slack: URL with credentials":         {slack, and(bot, "apiURL: https://u:p@example.com"), "spec.apiURL", "without credentials"},
		"Slack: URL with a query":             {slack, and(bot, `apiURL: "https://example.com/?a=b"`), "spec.apiURL", "without credentials, query"},
		"Slack: URL with a fragment":          {slack, and(bot, `apiURL: "https://example.com/#a"`), "spec.apiURL", "without credentials, query or fragment"},
		"Slack: secret without a key":         {slack, "webhook: {urlSecretRef: {name: s}}", "spec.webhook.urlSecretRef.key", "Required value"},
		"Slack: secret without a name":        {slack, "webhook: {urlSecretRef: {key: k}}", "spec.webhook.urlSecretRef.name", "Required value"},
		"Slack: secret of an impossible name": {slack, "webhook: {urlSecretRef: {name: A_b, key: k}}", "spec.webhook.urlSecretRef.name", "must be the name of a Secret"},
		"Slack: key of an impossible name":    {slack, `webhook: {urlSecretRef: {name: s, key: "a b"}}`, "spec.webhook.urlSecretRef.key", "must be a key of a Secret"},
		"Slack: rate of zero":                 {slack, and(bot, "rateLimit: {channelMessagesPerMinute: 0}"), "spec.rateLimit.channelMessagesPerMinute", "greater than or equal to 1"},
		"Slack: probes too often":             {slack, and(bot, "probeIntervalSeconds: 5"), "spec.probeIntervalSeconds", "greater than or equal to 30"},
		"Slack: Selector without selector":    {slack, and(bot, "allowedNamespaces: {from: Selector}"), "spec.allowedNamespaces", "selector must be set when from is Selector"},
		"Slack: selector without Selector":    {slack, and(bot, "allowedNamespaces: {from: All, selector: {matchLabels: {a: b}}}"), "spec.allowedNamespaces", "and only then"},
		"Slack: namespaces from nowhere":      {slack, and(bot, "allowedNamespaces: {from: Some}"), "spec.allowedNamespaces.from", `supported values: "Same", "All", "Selector"`},
		"Slack: In without values":            {slack, and(bot, "allowedNamespaces: {from: Selector, selector: {matchExpressions: [{key: a, operator: In}]}}"), "spec.allowedNamespaces.selector.matchExpressions[0]", "values must be given for In and NotIn"},
		"Slack: Exists with values":           {slack, and(bot, "allowedNamespaces: {from: Selector, selector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}}"), "spec.allowedNamespaces.selector.matchExpressions[0]", "and only for them"},
		"Slack: a field nobody knows":         {slack, and(bot, "chanel: x"), "spec.chanel", "unknown field"},

		"Jira: neither basic nor bearer":   {jira, and("apiURL: https://jira.example.com", "projectKey: VOICE"), "spec", "exactly one of the fields in [basic bearer] must be set"},
		"Jira: basic and bearer":           {jira, and(jiraSpec, "bearer: {tokenSecretRef: {name: s, key: k}}"), "spec", "exactly one of the fields in [basic bearer] must be set"},
		"Jira: no URL":                     {jira, and("projectKey: VOICE", basic), "spec.apiURL", "Required value"},
		"Jira: URL with a space":           {jira, and(`apiURL: "https://a b"`, "projectKey: VOICE", basic), "spec.apiURL", "must be an absolute URL"},
		"Jira: site that is no URL":        {jira, and(jiraSpec, "siteURL: example.com/x"), "spec.siteURL", "must be an absolute URL"},
		"Jira: no project":                 {jira, and("apiURL: https://jira.example.com", basic), "spec.projectKey", "Required value"},
		"Jira: project in lower case":      {jira, and("apiURL: https://jira.example.com", "projectKey: voice", basic), "spec.projectKey", "must be a project key such as VOICE"},
		"Jira: project with a path":        {jira, and("apiURL: https://jira.example.com", `projectKey: "A/../B"`, basic), "spec.projectKey", "must be a project key such as VOICE"},
		"Jira: username with a colon":      {jira, and("apiURL: https://jira.example.com", "projectKey: VOICE", `basic: {username: "a:b", tokenSecretRef: {name: s, key: k}}`), "spec.basic.username", "without spaces and ':'"},
		"Jira: empty username":             {jira, and("apiURL: https://jira.example.com", "projectKey: VOICE", `basic: {username: "", tokenSecretRef: {name: s, key: k}}`), "spec.basic.username", "at least 1 chars"},
		"Jira: another deployment":         {jira, and(jiraSpec, "deployment: Server"), "spec.deployment", `supported values: "Cloud", "DataCenter"`},
		"Jira: label with a space":         {jira, and(jiraSpec, "labels: [two words]"), "spec.labels[0]", "must not contain spaces"},
		"Jira: label that is too long":     {jira, and(jiraSpec, "labels: ["+long(256)+"]"), "spec.labels[0]", "may not be more than 255"},
		"Jira: too many labels":            {jira, and(jiraSpec, "labels: "+numbered(21, "l")), "spec.labels", "must have at most 20 items"},
		"Jira: the same label twice":       {jira, and(jiraSpec, "labels: [a, a]"), "spec.labels[1]", "Duplicate value"},
		"Jira: empty issue type":           {jira, and(jiraSpec, `issueType: ""`), "spec.issueType", "at least 1 chars"},
		"Jira: unknown severity":           {jira, and(jiraSpec, "autoCreate: {enabled: true, minSeverity: Blocker}"), "spec.autoCreate.minSeverity", `supported values: "Critical", "High", "Medium", "Low"`},
		"Jira: unknown category":           {jira, and(jiraSpec, "autoCreate: {enabled: true, categories: [Bug]}"), "spec.autoCreate.categories[0]", `supported values: "Defect", "EdgeCase"`},
		"Jira: autoCreate without enabled": {jira, and(jiraSpec, "autoCreate: {minSeverity: High}"), "spec.autoCreate.enabled", "Required value"},
		"Jira: field of another type":      {jira, and(jiraSpec, "fields: [{name: f, type: Colour, template: x}]"), "spec.fields[0].type", "supported values"},
		"Jira: field without template":     {jira, and(jiraSpec, "fields: [{name: f, type: Text}]"), "spec.fields[0].template", "Required value"},
		"Jira: the same field twice":       {jira, and(jiraSpec, "fields: [{name: f, type: Text, template: x}, {name: f, type: Text, template: y}]"), "spec.fields[1]", "Duplicate value"},
		"Jira: state nobody knows":         {jira, and(jiraSpec, "states: [{status: Done, state: Finished}]"), "spec.states[0].state", `supported values: "Open", "InProgress", "Resolved", "Closed"`},
		"Jira: polls too often":            {jira, and(jiraSpec, "pollIntervalSeconds: 1"), "spec.pollIntervalSeconds", "greater than or equal to 10"},
		"Jira: settles for too long":       {jira, and(jiraSpec, "settleSeconds: 4000"), "spec.settleSeconds", "less than or equal to 3600"},
		"Jira: too much at once":           {jira, and(jiraSpec, "rateLimit: {concurrency: 1000}"), "spec.rateLimit.concurrency", "less than or equal to 256"},
		"Jira: reopen without policy":      {jira, and(jiraSpec, "reopen: {withinSeconds: 60}"), "spec.reopen.policy", "Required value"},

		"rule: no types":                  {rule, "eventTypes: []", "spec.eventTypes", "should have at least 1 items"},
		"rule: types not given":           {rule, "suspend: true", "spec.eventTypes", "Required value"},
		"rule: unknown type":              {rule, "eventTypes: [DefectDeleted]", "spec.eventTypes[0]", `supported values: "TestRunCompleted"`},
		"rule: the same type twice":       {rule, "eventTypes: [DefectCreated, DefectCreated]", "spec.eventTypes[1]", "Duplicate value"},
		"rule: empty expression":          {rule, and(ruleSpec, `when: ""`), "spec.when", "at least 1 chars"},
		"rule: expression too long":       {rule, and(ruleSpec, "when: "+long(2049)), "spec.when", "may not be more than 2048"},
		"rule: mention of a name":         {rule, and(ruleSpec, "mentions: [alice]"), "spec.mentions[0]", "must be here, channel, a user ID"},
		"rule: mention that is markup":    {rule, and(ruleSpec, `mentions: ["<!everyone>"]`), "spec.mentions[0]", "must be here, channel, a user ID"},
		"rule: too many mentions":         {rule, and(ruleSpec, "mentions: "+many(11, "here")), "spec.mentions", "must have at most 10 items"},
		"rule: bad channel":               {rule, and(ruleSpec, `channel: "#a b"`), "spec.channel", "must be a channel name"},
		"rule: group without a window":    {rule, and(ruleSpec, "grouping: {by: [suite]}"), "spec.grouping.windowSeconds", "Required value"},
		"rule: window of a week":          {rule, and(ruleSpec, "grouping: {windowSeconds: 604800}"), "spec.grouping.windowSeconds", "less than or equal to 86400"},
		"rule: group by too much":         {rule, and(ruleSpec, "grouping: {by: "+numbered(6, "k")+", windowSeconds: 60}"), "spec.grouping.by", "must have at most 5 items"},
		"rule: mute at 25 o'clock":        {rule, and(ruleSpec, `muteWindows: [{start: "25:00", end: "06:00"}]`), "spec.muteWindows[0].start", "must be a time of day as 15:04"},
		"rule: mute for no time":          {rule, and(ruleSpec, `muteWindows: [{start: "06:00", end: "06:00"}]`), "spec.muteWindows[0]", "start and end must differ"},
		"rule: mute on no day":            {rule, and(ruleSpec, `muteWindows: [{days: [Someday], start: "06:00", end: "07:00"}]`), "spec.muteWindows[0].days[0]", "supported values"},
		"rule: mute in a zone with a ..":  {rule, and(ruleSpec, `muteWindows: [{start: "06:00", end: "07:00", timeZone: "../etc"}]`), "spec.muteWindows[0].timeZone", "must be an IANA time zone"},
		"rule: integration of a bad name": {rule, and(ruleSpec, "integrationRef: {name: A B}"), "spec.integrationRef.name", "must be the name of an integration"},
		"rule: namespace of a bad name":   {rule, and(ruleSpec, "integrationRef: {name: a, namespace: a.b}"), "spec.integrationRef.namespace", "must be the name of a namespace"},

		"defect: no title":                {defect, "severity: High", "spec.title", "Required value"},
		"defect: empty title":             {defect, "title: \"\"\n  severity: High", "spec.title", "at least 1 chars"},
		"defect: blank title":             {defect, "title: \"  \"\n  severity: High", "spec.title", "must not be blank"},
		"defect: title too long":          {defect, "title: " + long(513) + "\n  severity: High", "spec.title", "may not be more than 512"},
		"defect: no severity":             {defect, "title: x", "spec.severity", "Required value"},
		"defect: unknown severity":        {defect, "title: x\n  severity: critical", "spec.severity", `supported values: "Critical", "High", "Medium", "Low"`},
		"defect: unknown category":        {defect, and(bug, "category: Feature"), "spec.category", `supported values: "Defect", "EdgeCase"`},
		"defect: description too long":    {defect, and(bug, "description: "+long(16385)), "spec.description", "may not be more than 16384"},
		"defect: unknown state":           {defect, and(bug, "state: Done"), "spec.state", "supported values"},
		"defect: suite that is no label":  {defect, and(bug, "suite: two words"), "spec.suite", "must be a suite's id"},
		"defect: fingerprint with spaces": {defect, and(bug, "fingerprint: a b"), "spec.fingerprint", "must consist of letters, digits"},
		"defect: occurrence without time": {defect, and(bug, "occurrence: {run: r}"), "spec.occurrence.time", "Required value"},
		"defect: occurrence without date": {defect, and(bug, "occurrence: {time: today}"), "spec.occurrence.time", "must be of type date-time"},
		"defect: ticket perhaps":          {defect, and(bug, "jira: {create: Maybe}"), "spec.jira.create", `supported values: "Auto", "Always", "Never"`},
		"defect: label with a space":      {defect, and(bug, "jira: {labels: [two words]}"), "spec.jira.labels[0]", "must not contain spaces"},
		"defect: too many labels":         {defect, and(bug, "jira: {labels: "+numbered(21, "l")+"}"), "spec.jira.labels", "must have at most 20 items"},

		"notification: no rule":      {notif, `event: {id: e1, type: DefectCreated, time: "2026-03-01T12:00:00Z"}`, "spec.rule", "Required value"},
		"notification: no event":     {notif, "rule: {name: r, uid: u}", "spec.event", "Required value"},
		"notification: unknown type": {notif, `rule: {name: r, uid: u}` + "\n  " + `event: {id: e1, type: Nothing, time: "2026-03-01T12:00:00Z"}`, "spec.event.type", "supported values"},
		"notification: text as data": {notif, `rule: {name: r, uid: u}` + "\n  " + `event: {id: e1, type: DefectCreated, time: "2026-03-01T12:00:00Z", data: text}`, "spec.event.data", "must be of type object"},
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, create(object(t, c.kind, c.spec)), c.field, c.says)
		})
	}
}

func refused(t *testing.T, err error, field, says string) {
	t.Helper()
	if err == nil {
		t.Fatal("it was accepted")
	}
	if !apierrors.IsInvalid(err) && !apierrors.IsBadRequest(err) {
		t.Fatalf("refused for another reason: %v", err)
	}
	if text := err.Error(); !strings.Contains(text, field) || !strings.Contains(text, says) {
		t.Errorf("the message names %q: %v, says %q: %v\n%s", field, strings.Contains(text, field), says, strings.Contains(text, says), text)
	}
}

func TestImmutable(t *testing.T) {
	for name, c := range map[string]struct {
		kind, spec string
		status     map[string]any
		field      string
		value      any
		says       string
	}{
		"a defect's fingerprint changes":  {defect, and(bug, "fingerprint: a"), nil, "fingerprint", "b", "fingerprint is immutable"},
		"a defect's fingerprint comes":    {defect, bug, nil, "fingerprint", "b", "fingerprint is immutable"},
		"a defect's fingerprint goes":     {defect, and(bug, "fingerprint: a"), nil, "fingerprint", nil, "fingerprint is immutable"},
		"a defect's integration changes":  {defect, and(bug, "jira: {integrationRef: {name: a}}"), ticketed, "jira", map[string]any{"integrationRef": map[string]any{"name": "b"}}, "spec.jira.integrationRef cannot change once there is a ticket"},
		"a defect's integration goes":     {defect, and(bug, "jira: {integrationRef: {name: a}}"), ticketed, "jira", map[string]any{}, "spec.jira.integrationRef cannot change once there is a ticket"},
		"a notification's channel":        {notif, and(told, `channel: "#a"`), nil, "channel", "#b", "spec is immutable"},
		"before the ticket it may change": {defect, and(bug, "jira: {integrationRef: {name: a}}"), nil, "jira", map[string]any{"integrationRef": map[string]any{"name": "b"}}, ""},
		"the rest may change after it":    {defect, and(bug, "jira: {integrationRef: {name: a}}"), ticketed, "severity", "Low", ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := object(t, c.kind, c.spec)
			if err := create(o); err != nil {
				t.Fatal(err)
			}
			if c.status != nil {
				o.Object["status"] = c.status
				if err := kube.Status().Update(context.Background(), o); err != nil {
					t.Fatal(err)
				}
			}
			spec := o.Object["spec"].(map[string]any)
			if spec[c.field] = c.value; c.value == nil {
				delete(spec, c.field)
			}
			err := kube.Update(context.Background(), o)
			if c.says == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			refused(t, err, "spec", c.says)
		})
	}
}

var ticketed = map[string]any{"jira": map[string]any{"key": "VOICE-1"}}

func TestStatusIsBounded(t *testing.T) {
	o := object(t, slack, bot)
	if err := create(o); err != nil {
		t.Fatal(err)
	}
	var activities []any
	for range 21 {
		activities = append(activities, map[string]any{"time": "2026-03-01T12:00:00Z", "action": "PostMessage", "outcome": "Succeeded"})
	}
	o.Object["status"] = map[string]any{"activities": activities}
	refused(t, kube.Status().Update(context.Background(), o), "status.activities", "must have at most 20 items")
}
