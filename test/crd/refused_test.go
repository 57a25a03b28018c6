package crd_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestRefused(t *testing.T) {
	for name, c := range map[string]struct{ kind, spec, field, says string }{
		"Slack: neither webhook nor bot":      {slack, `defaultChannel: "#a"`, "spec", "exactly one of the fields in [webhook bot] must be set"},
		"Slack: webhook and bot":              {slack, and(bot, webhook), "spec", "exactly one of the fields in [webhook bot] must be set"},
		"Slack: bot without channel":          {slack, "bot: {tokenSecretRef: {name: s, key: k}}", "spec.defaultChannel", "defaultChannel is required with bot"},
		"Slack: oauth without bot":            {slack, and(webhook, "oauth: {clientID: c, clientSecretRef: {name: s, key: k}}"), "spec.oauth", "oauth needs bot"},
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
		"Slack: Selector without selector":    {slack, and(bot, "allowedNamespaces: {from: Selector}"), "spec.allowedNamespaces.selector", "selector must be set when from is Selector"},
		"Slack: selector without Selector":    {slack, and(bot, "allowedNamespaces: {from: All, selector: {matchLabels: {a: b}}}"), "spec.allowedNamespaces.selector", "and only then"},
		"Slack: namespaces from nowhere":      {slack, and(bot, "allowedNamespaces: {from: Some}"), "spec.allowedNamespaces.from", `supported values: "Same", "All", "Selector"`},
		"Slack: In without values":            {slack, and(bot, "allowedNamespaces: {from: Selector, selector: {matchExpressions: [{key: a, operator: In}]}}"), "spec.allowedNamespaces.selector.matchExpressions[0].values", "values must be given for In and NotIn"},
		"Slack: Exists with values":           {slack, and(bot, "allowedNamespaces: {from: Selector, selector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}}"), "spec.allowedNamespaces.selector.matchExpressions[0].values", "and only for them"},
		"Slack: a field nobody knows":         {slack, and(bot, "chanel: x"), "spec.chanel", "unknown field"},
		"Slack: URL that is too long":         {slack, and(bot, "apiURL: https://example.com/"+long(1024)), "spec.apiURL", "may not be more than 1024"},
		"Slack: bot without a token":          {slack, "bot: {}\n  defaultChannel: \"#a\"", "spec.bot.tokenSecretRef", "Required value"},
		"Slack: empty secret name":            {slack, `webhook: {urlSecretRef: {name: "", key: k}}`, "spec.webhook.urlSecretRef.name", "at least 1 chars"},
		"Slack: secret name that is too long": {slack, "webhook: {urlSecretRef: {name: " + long(254) + ", key: k}}", "spec.webhook.urlSecretRef.name", "may not be more than 253"},
		"Slack: key that starts with ..":      {slack, "webhook: {urlSecretRef: {name: s, key: ..a}}", "spec.webhook.urlSecretRef.key", "not starting with '..'"},
		"Slack: signing secret without a key": {slack, and(bot, "signingSecretRef: {name: s}"), "spec.signingSecretRef.key", "Required value"},
		"Slack: empty client":                 {slack, and(bot, `oauth: {clientID: "", clientSecretRef: {name: s, key: k}}`), "spec.oauth.clientID", "at least 1 chars"},
		"Slack: too many messages":            {slack, and(bot, "rateLimit: {workspaceMessagesPerMinute: 60001}"), "spec.rateLimit.workspaceMessagesPerMinute", "less than or equal to 60000"},
		"Slack: probes too rarely":            {slack, and(bot, "probeIntervalSeconds: 86401"), "spec.probeIntervalSeconds", "less than or equal to 86400"},
		"Slack: half a second":                {slack, and(bot, "probeIntervalSeconds: 60.5"), "spec.probeIntervalSeconds", "must be of type int32"},
		"Slack: suspend as text":              {slack, and(bot, `suspend: "yes"`), "spec.suspend", "must be of type boolean"},
		"Slack: NotIn with no values":         {slack, and(bot, "allowedNamespaces: {from: Selector, selector: {matchExpressions: [{key: a, operator: NotIn, values: []}]}}"), "spec.allowedNamespaces.selector.matchExpressions[0].values", "values must be given for In and NotIn"},
		"Slack: another operator":             {slack, and(bot, "allowedNamespaces: {from: Selector, selector: {matchExpressions: [{key: a, operator: Gt, values: [b]}]}}"), "spec.allowedNamespaces.selector.matchExpressions[0].operator", `supported values: "In", "NotIn", "Exists", "DoesNotExist"`},
		"Slack: key that is no label's":       {slack, and(bot, `allowedNamespaces: {from: Selector, selector: {matchExpressions: [{key: "a b", operator: Exists}]}}`), "spec.allowedNamespaces.selector.matchExpressions[0].key", "must be the key of a label"},
		"Slack: value that is no label's":     {slack, and(bot, `allowedNamespaces: {from: Selector, selector: {matchExpressions: [{key: a, operator: In, values: ["b c"]}]}}`), "spec.allowedNamespaces.selector.matchExpressions[0].values[0]", "must be the value of a label"},
		"Slack: too many expressions":         {slack, and(bot, "allowedNamespaces: {from: Selector, selector: {matchExpressions: "+many(17, "{key: a, operator: Exists}")+"}}"), "spec.allowedNamespaces.selector.matchExpressions", "must have at most 16 items"},
		"Slack: a field nobody knows, deep":   {slack, and(bot, "rateLimit: {perMinute: 5}"), "spec.rateLimit.perMinute", "unknown field"},

		"Jira: neither basic nor bearer":    {jira, and("apiURL: https://jira.example.com", "projectKey: VOICE"), "spec", "exactly one of the fields in [basic bearer] must be set"},
		"Jira: basic and bearer":            {jira, and(jiraSpec, "bearer: {tokenSecretRef: {name: s, key: k}}"), "spec", "exactly one of the fields in [basic bearer] must be set"},
		"Jira: no URL":                      {jira, and("projectKey: VOICE", basic), "spec.apiURL", "Required value"},
		"Jira: URL with a space":            {jira, and(`apiURL: "https://a b"`, "projectKey: VOICE", basic), "spec.apiURL", "must be an absolute URL"},
		"Jira: site that is no URL":         {jira, and(jiraSpec, "siteURL: example.com/x"), "spec.siteURL", "must be an absolute URL"},
		"Jira: no project":                  {jira, and("apiURL: https://jira.example.com", basic), "spec.projectKey", "Required value"},
		"Jira: project in lower case":       {jira, and("apiURL: https://jira.example.com", "projectKey: voice", basic), "spec.projectKey", "must be a project key such as VOICE"},
		"Jira: project with a path":         {jira, and("apiURL: https://jira.example.com", `projectKey: "A/../B"`, basic), "spec.projectKey", "must be a project key such as VOICE"},
		"Jira: username with a colon":       {jira, and("apiURL: https://jira.example.com", "projectKey: VOICE", `basic: {username: "a:b", tokenSecretRef: {name: s, key: k}}`), "spec.basic.username", "without spaces and ':'"},
		"Jira: empty username":              {jira, and("apiURL: https://jira.example.com", "projectKey: VOICE", `basic: {username: "", tokenSecretRef: {name: s, key: k}}`), "spec.basic.username", "at least 1 chars"},
		"Jira: another deployment":          {jira, and(jiraSpec, "deployment: Server"), "spec.deployment", `supported values: "Cloud", "DataCenter"`},
		"Jira: label with a space":          {jira, and(jiraSpec, "labels: [two words]"), "spec.labels[0]", "must not contain spaces"},
		"Jira: label that is too long":      {jira, and(jiraSpec, "labels: ["+long(256)+"]"), "spec.labels[0]", "may not be more than 255"},
		"Jira: too many labels":             {jira, and(jiraSpec, "labels: "+numbered(21, "l")), "spec.labels", "must have at most 20 items"},
		"Jira: the same label twice":        {jira, and(jiraSpec, "labels: [a, a]"), "spec.labels[1]", "Duplicate value"},
		"Jira: empty issue type":            {jira, and(jiraSpec, `issueType: ""`), "spec.issueType", "at least 1 chars"},
		"Jira: unknown severity":            {jira, and(jiraSpec, "autoCreate: {enabled: true, minSeverity: Blocker}"), "spec.autoCreate.minSeverity", `supported values: "Critical", "High", "Medium", "Low"`},
		"Jira: unknown category":            {jira, and(jiraSpec, "autoCreate: {enabled: true, categories: [Bug]}"), "spec.autoCreate.categories[0]", `supported values: "Defect", "EdgeCase"`},
		"Jira: autoCreate without enabled":  {jira, and(jiraSpec, "autoCreate: {minSeverity: High}"), "spec.autoCreate.enabled", "Required value"},
		"Jira: field of another type":       {jira, and(jiraSpec, "fields: [{name: f, type: Colour, template: x}]"), "spec.fields[0].type", "supported values"},
		"Jira: field without template":      {jira, and(jiraSpec, "fields: [{name: f, type: Text}]"), "spec.fields[0].template", "Required value"},
		"Jira: the same field twice":        {jira, and(jiraSpec, "fields: [{name: f, type: Text, template: x}, {name: f, type: Text, template: y}]"), "spec.fields[1]", "Duplicate value"},
		"Jira: state nobody knows":          {jira, and(jiraSpec, "states: [{status: Done, state: Finished}]"), "spec.states[0].state", `supported values: "Open", "InProgress", "Resolved", "Closed"`},
		"Jira: polls too often":             {jira, and(jiraSpec, "pollIntervalSeconds: 1"), "spec.pollIntervalSeconds", "greater than or equal to 10"},
		"Jira: settles for too long":        {jira, and(jiraSpec, "settleSeconds: 4000"), "spec.settleSeconds", "less than or equal to 3600"},
		"Jira: too much at once":            {jira, and(jiraSpec, "rateLimit: {concurrency: 1000}"), "spec.rateLimit.concurrency", "less than or equal to 256"},
		"Jira: reopen without policy":       {jira, and(jiraSpec, "reopen: {withinSeconds: 60}"), "spec.reopen.policy", "Required value"},
		"Jira: project of one letter":       {jira, and("apiURL: https://jira.example.com", "projectKey: V", basic), "spec.projectKey", "at least 2 chars"},
		"Jira: bearer without a token":      {jira, and("apiURL: https://jira.example.com", "projectKey: VOICE", "bearer: {}"), "spec.bearer.tokenSecretRef", "Required value"},
		"Jira: username that is too long":   {jira, and("apiURL: https://jira.example.com", "projectKey: VOICE", "basic: {username: "+long(256)+", tokenSecretRef: {name: s, key: k}}"), "spec.basic.username", "may not be more than 255"},
		"Jira: username with a space":       {jira, and("apiURL: https://jira.example.com", "projectKey: VOICE", "basic: {username: a b, tokenSecretRef: {name: s, key: k}}"), "spec.basic.username", "must be an e-mail address or user name"},
		"Jira: issue type that is too long": {jira, and(jiraSpec, "issueType: "+long(256)), "spec.issueType", "may not be more than 255"},
		"Jira: empty label":                 {jira, and(jiraSpec, `labels: [""]`), "spec.labels[0]", "at least 1 chars"},
		"Jira: label with a hard space":     {jira, and(jiraSpec, `labels: ["two\u00a0words"]`), "spec.labels[0]", "must not contain spaces"},
		"Jira: label of two lines":          {jira, and(jiraSpec, `labels: ["two\nlines"]`), "spec.labels[0]", "must not contain spaces or control characters"},
		"Jira: empty priority":              {jira, and(jiraSpec, `priorities: {low: ""}`), "spec.priorities.low", "at least 1 chars"},
		"Jira: priority of no severity":     {jira, and(jiraSpec, "priorities: {blocker: P0}"), "spec.priorities.blocker", "unknown field"},
		"Jira: the same category twice":     {jira, and(jiraSpec, "autoCreate: {enabled: true, categories: [Defect, Defect]}"), "spec.autoCreate.categories[1]", "Duplicate value"},
		"Jira: key that is no label's":      {jira, and(jiraSpec, `autoCreate: {enabled: true, selector: {matchLabels: {"a b": c}}}`), "spec.autoCreate.selector.matchLabels", "each key must be the key of a label"},
		"Jira: value that is no label's":    {jira, and(jiraSpec, "autoCreate: {enabled: true, selector: {matchLabels: {a: -b}}}"), "spec.autoCreate.selector.matchLabels[a]", "must be the value of a label"},
		"Jira: value that is too long":      {jira, and(jiraSpec, "autoCreate: {enabled: true, selector: {matchLabels: {a: "+long(64)+"}}}"), "spec.autoCreate.selector.matchLabels.a", "may not be more than 63"},
		"Jira: too many labels to match":    {jira, and(jiraSpec, "autoCreate: {enabled: true, selector: {matchLabels: "+keys(17)+"}}"), "spec.autoCreate.selector.matchLabels", "must have at most 16 items"},
		"Jira: template that is too long":   {jira, and(jiraSpec, "fields: [{name: f, type: Text, template: "+long(2049)+"}]"), "spec.fields[0].template", "may not be more than 2048"},
		"Jira: the same status twice":       {jira, and(jiraSpec, "states: [{status: Done, state: Closed}, {status: Done, state: Open}]"), "spec.states[1]", "Duplicate value"},
		"Jira: the same state twice":        {jira, and(jiraSpec, "transitions: [{state: Open, status: A}, {state: Open, status: B}]"), "spec.transitions[1]", "Duplicate value"},
		"Jira: transition to nowhere":       {jira, and(jiraSpec, "transitions: [{state: Open}]"), "spec.transitions[0].status", "Required value"},
		"Jira: reopen by another policy":    {jira, and(jiraSpec, "reopen: {policy: Clone}"), "spec.reopen.policy", `supported values: "Reopen", "Comment"`},
		"Jira: reopen within a moment":      {jira, and(jiraSpec, "reopen: {policy: Reopen, withinSeconds: 1}"), "spec.reopen.withinSeconds", "greater than or equal to 60"},
		"Jira: too many resolutions":        {jira, and(jiraSpec, "reopen: {policy: Reopen, exceptResolutions: "+numbered(21, "r")+"}"), "spec.reopen.exceptResolutions", "must have at most 20 items"},
		"Jira: no request a second":         {jira, and(jiraSpec, "rateLimit: {requestsPerSecond: 0}"), "spec.rateLimit.requestsPerSecond", "greater than or equal to 1"},
		"Jira: webhook secret, no name":     {jira, and(jiraSpec, "webhookSecretRef: {key: k}"), "spec.webhookSecretRef.name", "Required value"},

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
		"rule: mute for no time":          {rule, and(ruleSpec, `muteWindows: [{start: "06:00", end: "06:00"}]`), "spec.muteWindows[0].end", "start and end must differ"},
		"rule: mute on no day":            {rule, and(ruleSpec, `muteWindows: [{days: [Someday], start: "06:00", end: "07:00"}]`), "spec.muteWindows[0].days[0]", "supported values"},
		"rule: mute in a zone with a ..":  {rule, and(ruleSpec, `muteWindows: [{start: "06:00", end: "07:00", timeZone: "../etc"}]`), "spec.muteWindows[0].timeZone", "must be an IANA time zone"},
		"rule: integration of a bad name": {rule, and(ruleSpec, "integrationRef: {name: A B}"), "spec.integrationRef.name", "must be the name of an integration"},
		"rule: namespace of a bad name":   {rule, and(ruleSpec, "integrationRef: {name: a, namespace: a.b}"), "spec.integrationRef.namespace", "must be the name of a namespace"},
		"rule: unknown severity":          {rule, and(ruleSpec, "minSeverity: Blocker"), "spec.minSeverity", "supported values"},
		"rule: expression that is none":   {rule, and(ruleSpec, "when: true"), "spec.when", "must be of type string"},
		"rule: In without values":         {rule, and(ruleSpec, "selector: {matchExpressions: [{key: a, operator: In}]}"), "spec.selector.matchExpressions[0].values", "values must be given for In and NotIn"},
		"rule: the same mention twice":    {rule, and(ruleSpec, "mentions: [here, here]"), "spec.mentions[1]", "Duplicate value"},
		"rule: mention of everyone":       {rule, and(ruleSpec, "mentions: [everyone]"), "spec.mentions[0]", "must be here, channel, a user ID"},
		"rule: mention of nobody":         {rule, and(ruleSpec, `mentions: [""]`), "spec.mentions[0]", "at least 3 chars"},
		"rule: empty template":            {rule, and(ruleSpec, `template: {title: ""}`), "spec.template.title", "at least 1 chars"},
		"rule: template that is too long": {rule, and(ruleSpec, "template: {body: "+long(8193)+"}"), "spec.template.body", "may not be more than 8192"},
		"rule: window of no time":         {rule, and(ruleSpec, "grouping: {windowSeconds: 0}"), "spec.grouping.windowSeconds", "greater than or equal to 1"},
		"rule: group by nothing":          {rule, and(ruleSpec, `grouping: {by: [""], windowSeconds: 60}`), "spec.grouping.by[0]", "at least 1 chars"},
		"rule: group by the same twice":   {rule, and(ruleSpec, "grouping: {by: [suite, suite], windowSeconds: 60}"), "spec.grouping.by[1]", "Duplicate value"},
		"rule: mute without an end":       {rule, and(ruleSpec, `muteWindows: [{start: "06:00"}]`), "spec.muteWindows[0].end", "Required value"},
		"rule: mute at six, briefly":      {rule, and(ruleSpec, `muteWindows: [{start: "6:00", end: "07:00"}]`), "spec.muteWindows[0].start", "at least 5 chars"},
		"rule: mute from 24:00 on":        {rule, and(ruleSpec, `muteWindows: [{start: "24:00", end: "06:00"}]`), "spec.muteWindows[0].start", "use 00:00"},
		"rule: mute on Sunday twice":      {rule, and(ruleSpec, `muteWindows: [{days: [Sunday, Sunday], start: "06:00", end: "07:00"}]`), "spec.muteWindows[0].days[1]", "Duplicate value"},
		"rule: mute in an empty zone":     {rule, and(ruleSpec, `muteWindows: [{start: "06:00", end: "07:00", timeZone: ""}]`), "spec.muteWindows[0].timeZone", "at least 1 chars"},
		"rule: too many mute windows":     {rule, and(ruleSpec, "muteWindows: "+many(11, `{start: "06:00", end: "07:00"}`)), "spec.muteWindows", "must have at most 10 items"},
		"rule: integration without name":  {rule, and(ruleSpec, "integrationRef: {namespace: a}"), "spec.integrationRef.name", "Required value"},
		"rule: empty namespace":           {rule, and(ruleSpec, `integrationRef: {name: a, namespace: ""}`), "spec.integrationRef.namespace", "at least 1 chars"},
		"rule: a field nobody knows":      {rule, and(ruleSpec, "events: [DefectCreated]"), "spec.events", "unknown field"},

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
		"defect: title of a hard space":   {defect, "title: \"\\u00a0\"\n  severity: High", "spec.title", "must not be blank"},
		"defect: steps too long":          {defect, and(bug, "stepsToReproduce: "+long(16385)), "spec.stepsToReproduce", "may not be more than 16384"},
		"defect: expectation too long":    {defect, and(bug, "expectedResult: "+long(16385)), "spec.expectedResult", "may not be more than 16384"},
		"defect: result too long":         {defect, and(bug, "actualResult: "+long(16385)), "spec.actualResult", "may not be more than 16384"},
		"defect: empty state":             {defect, and(bug, `state: ""`), "spec.state", `supported values: "Open", "InProgress", "Resolved", "Closed"`},
		"defect: empty suite":             {defect, and(bug, `suite: ""`), "spec.suite", "at least 1 chars"},
		"defect: suite too long":          {defect, and(bug, "suite: "+long(64)), "spec.suite", "may not be more than 63"},
		"defect: run too long":            {defect, and(bug, "run: "+long(254)), "spec.run", "may not be more than 253"},
		"defect: empty test case":         {defect, and(bug, `testCase: ""`), "spec.testCase", "at least 1 chars"},
		"defect: test case too long":      {defect, and(bug, "testCase: "+long(513)), "spec.testCase", "may not be more than 512"},
		"defect: fingerprint too long":    {defect, and(bug, "fingerprint: "+long(129)), "spec.fingerprint", "may not be more than 128"},
		"defect: integration, no name":    {defect, and(bug, "jira: {integrationRef: {}}"), "spec.jira.integrationRef.name", "Required value"},
		"defect: the same label twice":    {defect, and(bug, "jira: {labels: [a, a]}"), "spec.jira.labels[1]", "Duplicate value"},
		"defect: a field nobody knows":    {defect, and(bug, "steps: s"), "spec.steps", "unknown field"},

		"notification: no rule":            {notif, `event: {id: e1, type: DefectCreated, time: "2026-03-01T12:00:00Z"}`, "spec.rule", "Required value"},
		"notification: no event":           {notif, "rule: {name: r, uid: u}", "spec.event", "Required value"},
		"notification: unknown type":       {notif, `rule: {name: r, uid: u}` + "\n  " + `event: {id: e1, type: Nothing, time: "2026-03-01T12:00:00Z"}`, "spec.event.type", "supported values"},
		"notification: text as data":       {notif, `rule: {name: r, uid: u}` + "\n  " + `event: {id: e1, type: DefectCreated, time: "2026-03-01T12:00:00Z", data: text}`, "spec.event.data", "must be of type object"},
		"notification: rule, no uid":       {notif, and("rule: {name: r}", event), "spec.rule.uid", "Required value"},
		"notification: empty id":           {notif, and("rule: {name: r, uid: u}", `event: {id: "", type: DefectCreated, time: "2026-03-01T12:00:00Z"}`), "spec.event.id", "at least 1 chars"},
		"notification: no time":            {notif, and("rule: {name: r, uid: u}", "event: {id: e1, type: DefectCreated}"), "spec.event.time", "Required value"},
		"notification: unknown severity":   {notif, toldWith("severity: Blocker"), "spec.event.severity", "supported values"},
		"notification: subject, no name":   {notif, toldWith("subject: {kind: Defect}"), "spec.event.subject.name", "Required value"},
		"notification: too many labels":    {notif, toldWith("labels: " + keys(65)), "spec.event.labels", "must have at most 64 items"},
		"notification: label key too long": {notif, toldWith("labels: {" + long(318) + ": b}"), "spec.event.labels", "a key may have at most 317 characters"},
		"notification: label too long":     {notif, toldWith("labels: {a: " + long(1025) + "}"), "spec.event.labels.a", "may not be more than 1024"},
		"notification: too much data":      {notif, toldWith("data: " + keys(65)), "spec.event.data", "must have at most 64 items"},
		"notification: a list as data":     {notif, toldWith("data: [a]"), "spec.event.data", "must be of type object"},
		"notification: bad channel":        {notif, and(told, "channel: alerts"), "spec.channel", "must be a channel name"},
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, create(t, object(t, c.kind, c.spec)), c.field, c.says)
		})
	}
}

// refused checks that the API server refused it because of that very field, and says so.
func refused(t *testing.T, err error, field, says string) {
	t.Helper()
	var status apierrors.APIStatus
	switch {
	case err == nil:
		t.Fatal("it was accepted")
	case apierrors.IsBadRequest(err): // strict decoding: no causes, one text
		if text := err.Error(); !strings.Contains(text, fmt.Sprintf("%s %q", says, field)) {
			t.Errorf("want %s %q, got: %s", says, field, text)
		}
		return
	case !apierrors.IsInvalid(err) || !errors.As(err, &status) || status.Status().Details == nil:
		t.Fatalf("refused for another reason: %v", err)
	}
	if !slices.ContainsFunc(status.Status().Details.Causes, func(c metav1.StatusCause) bool {
		return c.Field == field && strings.Contains(c.Message, says)
	}) {
		t.Errorf("nothing says of %s that %q: %v", field, says, err)
	}
}
