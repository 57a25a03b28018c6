// SPDX-License-Identifier: Apache-2.0

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
	for name, c := range map[string]struct{ kind, spec, field, message string }{
		"Slack: neither webhook nor bot":      {slack, `defaultChannel: "#a"`, "spec", "exactly one of the fields in [webhook bot] must be set"},
		"Slack: webhook and bot":              {slack, lines(bot, webhook), "spec", "exactly one of the fields in [webhook bot] must be set"},
		"Slack: bot without channel":          {slack, "bot: {tokenSecretRef: {name: s, key: k}}", "spec.defaultChannel", "defaultChannel is required with bot"},
		"Slack: oauth without bot":            {slack, lines(webhook, "oauth: {clientID: c, clientSecretRef: {name: s, key: k}}"), "spec.oauth", "oauth requires bot"},
		"Slack: channel with capitals":        {slack, lines(webhook, `defaultChannel: "#Alerts"`), "spec.defaultChannel", "must be a channel name such as #voice-ai-alerts"},
		"Slack: channel with a space":         {slack, lines(webhook, `defaultChannel: "#two words"`), "spec.defaultChannel", "must be a channel name"},
		"Slack: channel without #":            {slack, lines(webhook, "defaultChannel: alerts"), "spec.defaultChannel", "must be a channel name"},
		"Slack: channel too long":             {slack, lines(webhook, `defaultChannel: "#`+long(81)+`"`), "spec.defaultChannel", "may not be more than 81"},
		"Slack: empty channel":                {slack, lines(webhook, `defaultChannel: ""`), "spec.defaultChannel", "at least 2 chars"},
		"Slack: invalid URL":                  {slack, lines(bot, "apiURL: not-a-url"), "spec.apiURL", "must be an absolute URL such as https://example.com/path"},
		"Slack: URL with another scheme":      {slack, lines(bot, "apiURL: ftp://example.com"), "spec.apiURL", "must be an absolute URL"},
		"Slack: URL with credentials":         {slack, lines(bot, "apiURL: https://u:p@example.com"), "spec.apiURL", "without credentials"},
		"Slack: URL with a query":             {slack, lines(bot, `apiURL: "https://example.com/?a=b"`), "spec.apiURL", "without credentials, query"},
		"Slack: URL with a fragment":          {slack, lines(bot, `apiURL: "https://example.com/#a"`), "spec.apiURL", "without credentials, query or fragment"},
		"Slack: Secret without a key":         {slack, "webhook: {urlSecretRef: {name: s}}", "spec.webhook.urlSecretRef.key", "Required value"},
		"Slack: Secret without a name":        {slack, "webhook: {urlSecretRef: {key: k}}", "spec.webhook.urlSecretRef.name", "Required value"},
		"Slack: invalid Secret name":          {slack, "webhook: {urlSecretRef: {name: A_b, key: k}}", "spec.webhook.urlSecretRef.name", "must be the name of a Secret"},
		"Slack: invalid Secret key":           {slack, `webhook: {urlSecretRef: {name: s, key: "a b"}}`, "spec.webhook.urlSecretRef.key", "must be a key of a Secret"},
		"Slack: rate is zero":                 {slack, lines(bot, "rateLimit: {channelMessagesPerMinute: 0}"), "spec.rateLimit.channelMessagesPerMinute", "greater than or equal to 1"},
		"Slack: probes too often":             {slack, lines(bot, "probeIntervalSeconds: 5"), "spec.probeIntervalSeconds", "greater than or equal to 30"},
		"Slack: Selector without selector":    {slack, lines(bot, "allowedNamespaces: {from: Selector}"), "spec.allowedNamespaces.selector", "selector is required when from is Selector"},
		"Slack: selector without Selector":    {slack, lines(bot, "allowedNamespaces: {from: All, selector: {matchLabels: {a: b}}}"), "spec.allowedNamespaces.selector", "and forbidden otherwise"},
		"Slack: unknown namespaces":           {slack, lines(bot, "allowedNamespaces: {from: Some}"), "spec.allowedNamespaces.from", `supported values: "Same", "All", "Selector"`},
		"Slack: In without values":            {slack, lines(bot, "allowedNamespaces: {from: Selector, selector: {matchExpressions: [{key: a, operator: In}]}}"), "spec.allowedNamespaces.selector.matchExpressions[0].values", "values are required when operator is In or NotIn"},
		"Slack: Exists with values":           {slack, lines(bot, "allowedNamespaces: {from: Selector, selector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}}"), "spec.allowedNamespaces.selector.matchExpressions[0].values", "and forbidden otherwise"},
		"Slack: unknown field":                {slack, lines(bot, "chanel: x"), "spec.chanel", "unknown field"},
		"Slack: URL too long":                 {slack, lines(bot, "apiURL: https://example.com/"+long(1024)), "spec.apiURL", "may not be more than 1024"},
		"Slack: bot without a token":          {slack, "bot: {}\n  defaultChannel: \"#a\"", "spec.bot.tokenSecretRef", "Required value"},
		"Slack: empty Secret name":            {slack, `webhook: {urlSecretRef: {name: "", key: k}}`, "spec.webhook.urlSecretRef.name", "at least 1 chars"},
		"Slack: Secret name too long":         {slack, "webhook: {urlSecretRef: {name: " + long(254) + ", key: k}}", "spec.webhook.urlSecretRef.name", "may not be more than 253"},
		"Slack: key that starts with ..":      {slack, "webhook: {urlSecretRef: {name: s, key: ..a}}", "spec.webhook.urlSecretRef.key", "not starting with '..'"},
		"Slack: signing secret without a key": {slack, lines(bot, "signingSecretRef: {name: s}"), "spec.signingSecretRef.key", "Required value"},
		"Slack: empty client ID":              {slack, lines(bot, `oauth: {clientID: "", clientSecretRef: {name: s, key: k}}`), "spec.oauth.clientID", "at least 1 chars"},
		"Slack: rate too high":                {slack, lines(bot, "rateLimit: {workspaceMessagesPerMinute: 60001}"), "spec.rateLimit.workspaceMessagesPerMinute", "less than or equal to 60000"},
		"Slack: probes too rarely":            {slack, lines(bot, "probeIntervalSeconds: 86401"), "spec.probeIntervalSeconds", "less than or equal to 86400"},
		"Slack: fraction of a second":         {slack, lines(bot, "probeIntervalSeconds: 60.5"), "spec.probeIntervalSeconds", "must be of type int32"},
		"Slack: suspend as text":              {slack, lines(bot, `suspend: "yes"`), "spec.suspend", "must be of type boolean"},
		"Slack: NotIn with no values":         {slack, lines(bot, "allowedNamespaces: {from: Selector, selector: {matchExpressions: [{key: a, operator: NotIn, values: []}]}}"), "spec.allowedNamespaces.selector.matchExpressions[0].values", "values are required when operator is In or NotIn"},
		"Slack: unknown operator":             {slack, lines(bot, "allowedNamespaces: {from: Selector, selector: {matchExpressions: [{key: a, operator: Gt, values: [b]}]}}"), "spec.allowedNamespaces.selector.matchExpressions[0].operator", `supported values: "In", "NotIn", "Exists", "DoesNotExist"`},
		"Slack: invalid label key":            {slack, lines(bot, `allowedNamespaces: {from: Selector, selector: {matchExpressions: [{key: "a b", operator: Exists}]}}`), "spec.allowedNamespaces.selector.matchExpressions[0].key", "must be a label key"},
		"Slack: invalid label value":          {slack, lines(bot, `allowedNamespaces: {from: Selector, selector: {matchExpressions: [{key: a, operator: In, values: ["b c"]}]}}`), "spec.allowedNamespaces.selector.matchExpressions[0].values[0]", "must be a label value"},
		"Slack: too many expressions":         {slack, lines(bot, "allowedNamespaces: {from: Selector, selector: {matchExpressions: "+repeat(17, "{key: a, operator: Exists}")+"}}"), "spec.allowedNamespaces.selector.matchExpressions", "must have at most 16 items"},
		"Slack: unknown nested field":         {slack, lines(bot, "rateLimit: {perMinute: 5}"), "spec.rateLimit.perMinute", "unknown field"},

		"Jira: neither basic nor bearer":     {jira, lines("apiURL: https://jira.example.com", "projectKey: VOICE"), "spec", "exactly one of the fields in [basic bearer] must be set"},
		"Jira: basic and bearer":             {jira, lines(jiraSpec, "bearer: {tokenSecretRef: {name: s, key: k}}"), "spec", "exactly one of the fields in [basic bearer] must be set"},
		"Jira: no URL":                       {jira, lines("projectKey: VOICE", basic), "spec.apiURL", "Required value"},
		"Jira: URL with a space":             {jira, lines(`apiURL: "https://a b"`, "projectKey: VOICE", basic), "spec.apiURL", "must be an absolute URL"},
		"Jira: invalid site URL":             {jira, lines(jiraSpec, "siteURL: example.com/x"), "spec.siteURL", "must be an absolute URL"},
		"Jira: no project":                   {jira, lines("apiURL: https://jira.example.com", basic), "spec.projectKey", "Required value"},
		"Jira: project in lower case":        {jira, lines("apiURL: https://jira.example.com", "projectKey: voice", basic), "spec.projectKey", "must be a project key such as VOICE"},
		"Jira: project with a path":          {jira, lines("apiURL: https://jira.example.com", `projectKey: "A/../B"`, basic), "spec.projectKey", "must be a project key such as VOICE"},
		"Jira: username with a colon":        {jira, lines("apiURL: https://jira.example.com", "projectKey: VOICE", `basic: {username: "a:b", tokenSecretRef: {name: s, key: k}}`), "spec.basic.username", "without spaces or ':'"},
		"Jira: empty username":               {jira, lines("apiURL: https://jira.example.com", "projectKey: VOICE", `basic: {username: "", tokenSecretRef: {name: s, key: k}}`), "spec.basic.username", "at least 1 chars"},
		"Jira: unknown deployment":           {jira, lines(jiraSpec, "deployment: Server"), "spec.deployment", `supported values: "Cloud", "DataCenter"`},
		"Jira: label with a space":           {jira, lines(jiraSpec, "labels: [two words]"), "spec.labels[0]", "must not contain spaces"},
		"Jira: label too long":               {jira, lines(jiraSpec, "labels: ["+long(256)+"]"), "spec.labels[0]", "may not be more than 255"},
		"Jira: too many labels":              {jira, lines(jiraSpec, "labels: "+numbered(21, "l")), "spec.labels", "must have at most 20 items"},
		"Jira: label of the operator":        {jira, lines(jiraSpec, "labels: [defect-triage]"), "spec.labels[0]", "must not begin with defect-"},
		"Jira: ... in capitals":              {jira, lines(jiraSpec, "labels: [DEFECT-triage]"), "spec.labels[0]", "must not begin with defect-"},
		"Jira: the operator's other label":   {jira, lines(jiraSpec, "labels: [voice-ai-defect-x]"), "spec.labels[0]", "must not begin with defect-"},
		"Jira: the same label twice":         {jira, lines(jiraSpec, "labels: [a, a]"), "spec.labels[1]", "Duplicate value"},
		"Jira: empty issue type":             {jira, lines(jiraSpec, `issueType: ""`), "spec.issueType", "at least 1 chars"},
		"Jira: unknown severity":             {jira, lines(jiraSpec, "autoCreate: {enabled: true, minSeverity: Blocker}"), "spec.autoCreate.minSeverity", `supported values: "Critical", "High", "Medium", "Low"`},
		"Jira: unknown category":             {jira, lines(jiraSpec, "autoCreate: {enabled: true, categories: [Bug]}"), "spec.autoCreate.categories[0]", `supported values: "Defect", "EdgeCase"`},
		"Jira: autoCreate without enabled":   {jira, lines(jiraSpec, "autoCreate: {minSeverity: High}"), "spec.autoCreate.enabled", "Required value"},
		"Jira: field of unknown type":        {jira, lines(jiraSpec, "fields: [{name: f, type: Colour, template: x}]"), "spec.fields[0].type", "supported values"},
		"Jira: field without template":       {jira, lines(jiraSpec, "fields: [{name: f, type: Text}]"), "spec.fields[0].template", "Required value"},
		"Jira: the same field twice":         {jira, lines(jiraSpec, "fields: [{name: f, type: Text, template: x}, {name: f, type: Text, template: y}]"), "spec.fields[1]", "Duplicate value"},
		"Jira: unknown state":                {jira, lines(jiraSpec, "states: [{status: Done, state: Finished}]"), "spec.states[0].state", `supported values: "Open", "InProgress", "Resolved", "Closed"`},
		"Jira: polls too often":              {jira, lines(jiraSpec, "pollIntervalSeconds: 1"), "spec.pollIntervalSeconds", "greater than or equal to 10"},
		"Jira: settle time too long":         {jira, lines(jiraSpec, "settleSeconds: 4000"), "spec.settleSeconds", "less than or equal to 3600"},
		"Jira: concurrency too high":         {jira, lines(jiraSpec, "rateLimit: {concurrency: 1000}"), "spec.rateLimit.concurrency", "less than or equal to 256"},
		"Jira: reopen without policy":        {jira, lines(jiraSpec, "reopen: {withinSeconds: 60}"), "spec.reopen.policy", "Required value"},
		"Jira: project of one letter":        {jira, lines("apiURL: https://jira.example.com", "projectKey: V", basic), "spec.projectKey", "at least 2 chars"},
		"Jira: bearer without a token":       {jira, lines("apiURL: https://jira.example.com", "projectKey: VOICE", "bearer: {}"), "spec.bearer.tokenSecretRef", "Required value"},
		"Jira: username too long":            {jira, lines("apiURL: https://jira.example.com", "projectKey: VOICE", "basic: {username: "+long(256)+", tokenSecretRef: {name: s, key: k}}"), "spec.basic.username", "may not be more than 255"},
		"Jira: username with a space":        {jira, lines("apiURL: https://jira.example.com", "projectKey: VOICE", "basic: {username: a b, tokenSecretRef: {name: s, key: k}}"), "spec.basic.username", "must be an e-mail address or a user name"},
		"Jira: issue type too long":          {jira, lines(jiraSpec, "issueType: "+long(256)), "spec.issueType", "may not be more than 255"},
		"Jira: empty label":                  {jira, lines(jiraSpec, `labels: [""]`), "spec.labels[0]", "at least 1 chars"},
		"Jira: label with a no-break space":  {jira, lines(jiraSpec, `labels: ["two\u00a0words"]`), "spec.labels[0]", "must not contain spaces"},
		"Jira: label with a line break":      {jira, lines(jiraSpec, `labels: ["two\nlines"]`), "spec.labels[0]", "must not contain spaces or control characters"},
		"Jira: empty priority":               {jira, lines(jiraSpec, `priorities: {low: ""}`), "spec.priorities.low", "at least 1 chars"},
		"Jira: priority of unknown severity": {jira, lines(jiraSpec, "priorities: {blocker: P0}"), "spec.priorities.blocker", "unknown field"},
		"Jira: the same category twice":      {jira, lines(jiraSpec, "autoCreate: {enabled: true, categories: [Defect, Defect]}"), "spec.autoCreate.categories[1]", "Duplicate value"},
		"Jira: invalid label key":            {jira, lines(jiraSpec, `autoCreate: {enabled: true, selector: {matchLabels: {"a b": c}}}`), "spec.autoCreate.selector.matchLabels", "each key must be a label key"},
		"Jira: invalid label value":          {jira, lines(jiraSpec, "autoCreate: {enabled: true, selector: {matchLabels: {a: -b}}}"), "spec.autoCreate.selector.matchLabels[a]", "must be a label value"},
		"Jira: label value too long":         {jira, lines(jiraSpec, "autoCreate: {enabled: true, selector: {matchLabels: {a: "+long(64)+"}}}"), "spec.autoCreate.selector.matchLabels.a", "may not be more than 63"},
		"Jira: too many matchLabels":         {jira, lines(jiraSpec, "autoCreate: {enabled: true, selector: {matchLabels: "+keys(17)+"}}"), "spec.autoCreate.selector.matchLabels", "must have at most 16 items"},
		"Jira: template too long":            {jira, lines(jiraSpec, "fields: [{name: f, type: Text, template: "+long(2049)+"}]"), "spec.fields[0].template", "may not be more than 2048"},
		"Jira: the same status twice":        {jira, lines(jiraSpec, "states: [{status: Done, state: Closed}, {status: Done, state: Open}]"), "spec.states[1]", "Duplicate value"},
		"Jira: the same state twice":         {jira, lines(jiraSpec, "transitions: [{state: Open, status: A}, {state: Open, status: B}]"), "spec.transitions[1]", "Duplicate value"},
		"Jira: transition without status":    {jira, lines(jiraSpec, "transitions: [{state: Open}]"), "spec.transitions[0].status", "Required value"},
		"Jira: unknown reopen policy":        {jira, lines(jiraSpec, "reopen: {policy: Clone}"), "spec.reopen.policy", `supported values: "Reopen", "Comment"`},
		"Jira: reopen period too short":      {jira, lines(jiraSpec, "reopen: {policy: Reopen, withinSeconds: 1}"), "spec.reopen.withinSeconds", "greater than or equal to 60"},
		"Jira: too many resolutions":         {jira, lines(jiraSpec, "reopen: {policy: Reopen, exceptResolutions: "+numbered(21, "r")+"}"), "spec.reopen.exceptResolutions", "must have at most 20 items"},
		"Jira: rate is zero":                 {jira, lines(jiraSpec, "rateLimit: {requestsPerSecond: 0}"), "spec.rateLimit.requestsPerSecond", "greater than or equal to 1"},
		"Jira: webhook Secret without name":  {jira, lines(jiraSpec, "webhookSecretRef: {key: k}"), "spec.webhookSecretRef.name", "Required value"},

		"rule: empty types":         {rule, "eventTypes: []", "spec.eventTypes", "should have at least 1 items"},
		"rule: no types":            {rule, "suspend: true", "spec.eventTypes", "Required value"},
		"rule: unknown type":        {rule, "eventTypes: [DefectDeleted]", "spec.eventTypes[0]", `supported values: "TestRunCompleted"`},
		"rule: the same type twice": {rule, "eventTypes: [DefectCreated, DefectCreated]", "spec.eventTypes[1]", "Duplicate value"},
		"rule: empty expression":    {rule, lines(ruleSpec, `when: ""`), "spec.when", "at least 1 chars"},
		"rule: expression too long": {rule, lines(ruleSpec, "when: "+long(2049)), "spec.when", "may not be more than 2048"},
		"rule: mention by name":     {rule, lines(ruleSpec, "mentions: [alice]"), "spec.mentions[0]", "must be here, channel, a user ID"},
		"rule: mention for nothing": {rule, lines(ruleSpec, "mentionsOnFailure: [{mentions: [here]}]"), "spec.mentionsOnFailure[0]",
			"must have suites or tests"},
		"rule: mention of nobody": {rule, lines(ruleSpec, "mentionsOnFailure: [{suites: [a], mentions: []}]"),
			"spec.mentionsOnFailure[0].mentions", "at least 1 items"},
		"rule: mention with markup":            {rule, lines(ruleSpec, `mentions: ["<!everyone>"]`), "spec.mentions[0]", "must be here, channel, a user ID"},
		"rule: too many mentions":              {rule, lines(ruleSpec, "mentions: "+repeat(11, "here")), "spec.mentions", "must have at most 10 items"},
		"rule: invalid channel":                {rule, lines(ruleSpec, `channel: "#a b"`), "spec.channel", "must be a channel name"},
		"rule: grouping without a window":      {rule, lines(ruleSpec, "grouping: {by: [suite]}"), "spec.grouping.windowSeconds", "Required value"},
		"rule: window too long":                {rule, lines(ruleSpec, "grouping: {windowSeconds: 604800}"), "spec.grouping.windowSeconds", "less than or equal to 86400"},
		"rule: too many keys to group by":      {rule, lines(ruleSpec, "grouping: {by: "+numbered(6, "k")+", windowSeconds: 60}"), "spec.grouping.by", "must have at most 5 items"},
		"rule: mute at 25 o'clock":             {rule, lines(ruleSpec, `muteWindows: [{start: "25:00", end: "06:00"}]`), "spec.muteWindows[0].start", "must be a time of day such as 15:04"},
		"rule: mute window of no length":       {rule, lines(ruleSpec, `muteWindows: [{start: "06:00", end: "06:00"}]`), "spec.muteWindows[0].end", "start and end must differ"},
		"rule: unknown day":                    {rule, lines(ruleSpec, `muteWindows: [{days: [Someday], start: "06:00", end: "07:00"}]`), "spec.muteWindows[0].days[0]", "supported values"},
		"rule: time zone with a ..":            {rule, lines(ruleSpec, `muteWindows: [{start: "06:00", end: "07:00", timeZone: "../etc"}]`), "spec.muteWindows[0].timeZone", "must be an IANA time zone"},
		"rule: invalid integration name":       {rule, lines(ruleSpec, "integrationRef: {name: A B}"), "spec.integrationRef.name", "must be the name of an integration"},
		"rule: invalid namespace name":         {rule, lines(ruleSpec, "integrationRef: {name: a, namespace: a.b}"), "spec.integrationRef.namespace", "must be the name of a namespace"},
		"rule: unknown severity":               {rule, lines(ruleSpec, "minSeverity: Blocker"), "spec.minSeverity", "supported values"},
		"rule: boolean as expression":          {rule, lines(ruleSpec, "when: true"), "spec.when", "must be of type string"},
		"rule: In without values":              {rule, lines(ruleSpec, "selector: {matchExpressions: [{key: a, operator: In}]}"), "spec.selector.matchExpressions[0].values", "values are required when operator is In or NotIn"},
		"rule: the same mention twice":         {rule, lines(ruleSpec, "mentions: [here, here]"), "spec.mentions[1]", "Duplicate value"},
		"rule: mention of everyone":            {rule, lines(ruleSpec, "mentions: [everyone]"), "spec.mentions[0]", "must be here, channel, a user ID"},
		"rule: empty mention":                  {rule, lines(ruleSpec, `mentions: [""]`), "spec.mentions[0]", "at least 3 chars"},
		"rule: empty template":                 {rule, lines(ruleSpec, `template: {title: ""}`), "spec.template.title", "at least 1 chars"},
		"rule: template too long":              {rule, lines(ruleSpec, "template: {body: "+long(8193)+"}"), "spec.template.body", "may not be more than 8192"},
		"rule: window is zero":                 {rule, lines(ruleSpec, "grouping: {windowSeconds: 0}"), "spec.grouping.windowSeconds", "greater than or equal to 1"},
		"rule: empty key to group by":          {rule, lines(ruleSpec, `grouping: {by: [""], windowSeconds: 60}`), "spec.grouping.by[0]", "at least 1 chars"},
		"rule: the same key to group by twice": {rule, lines(ruleSpec, "grouping: {by: [suite, suite], windowSeconds: 60}"), "spec.grouping.by[1]", "Duplicate value"},
		"rule: mute window without an end":     {rule, lines(ruleSpec, `muteWindows: [{start: "06:00"}]`), "spec.muteWindows[0].end", "Required value"},
		"rule: mute at 6:00":                   {rule, lines(ruleSpec, `muteWindows: [{start: "6:00", end: "07:00"}]`), "spec.muteWindows[0].start", "at least 5 chars"},
		"rule: mute from 24:00":                {rule, lines(ruleSpec, `muteWindows: [{start: "24:00", end: "06:00"}]`), "spec.muteWindows[0].start", "use 00:00"},
		"rule: mute on Sunday twice":           {rule, lines(ruleSpec, `muteWindows: [{days: [Sunday, Sunday], start: "06:00", end: "07:00"}]`), "spec.muteWindows[0].days[1]", "Duplicate value"},
		"rule: empty time zone":                {rule, lines(ruleSpec, `muteWindows: [{start: "06:00", end: "07:00", timeZone: ""}]`), "spec.muteWindows[0].timeZone", "at least 1 chars"},
		"rule: too many mute windows":          {rule, lines(ruleSpec, "muteWindows: "+repeat(11, `{start: "06:00", end: "07:00"}`)), "spec.muteWindows", "must have at most 10 items"},
		"rule: integration without a name":     {rule, lines(ruleSpec, "integrationRef: {namespace: a}"), "spec.integrationRef.name", "Required value"},
		"rule: empty namespace":                {rule, lines(ruleSpec, `integrationRef: {name: a, namespace: ""}`), "spec.integrationRef.namespace", "at least 1 chars"},
		"rule: unknown field":                  {rule, lines(ruleSpec, "events: [DefectCreated]"), "spec.events", "unknown field"},

		"defect: no title":                              {defect, "severity: High", "spec.title", "Required value"},
		"defect: empty title":                           {defect, "title: \"\"\n  severity: High", "spec.title", "at least 1 chars"},
		"defect: blank title":                           {defect, "title: \"  \"\n  severity: High", "spec.title", "must not be blank"},
		"defect: title too long":                        {defect, "title: " + long(513) + "\n  severity: High", "spec.title", "may not be more than 512"},
		"defect: no severity":                           {defect, "title: x", "spec.severity", "Required value"},
		"defect: unknown severity":                      {defect, "title: x\n  severity: critical", "spec.severity", `supported values: "Critical", "High", "Medium", "Low"`},
		"defect: unknown category":                      {defect, lines(defectSpec, "category: Feature"), "spec.category", `supported values: "Defect", "EdgeCase"`},
		"defect: description too long":                  {defect, lines(defectSpec, "description: "+long(16385)), "spec.description", "may not be more than 16384"},
		"defect: unknown state":                         {defect, lines(defectSpec, "state: Done"), "spec.state", "supported values"},
		"defect: invalid suite":                         {defect, lines(defectSpec, "suite: two words"), "spec.suite", "must be the ID of a suite"},
		"defect: fingerprint with spaces":               {defect, lines(defectSpec, "fingerprint: a b"), "spec.fingerprint", "must consist of letters, digits"},
		"defect: occurrence without a time":             {defect, lines(defectSpec, "occurrence: {run: r}"), "spec.occurrence.time", "Required value"},
		"defect: occurrence with an invalid time":       {defect, lines(defectSpec, "occurrence: {time: today}"), "spec.occurrence.time", "must be of type date-time"},
		"defect: unknown ticket creation":               {defect, lines(defectSpec, "jira: {create: Maybe}"), "spec.jira.create", `supported values: "Auto", "Always", "Never"`},
		"defect: label with a space":                    {defect, lines(defectSpec, "jira: {labels: [two words]}"), "spec.jira.labels[0]", "must not contain spaces"},
		"defect: label of the operator":                 {defect, lines(defectSpec, "jira: {labels: [defect-triage]}"), "spec.jira.labels[0]", "must not begin with defect-"},
		"defect: too many labels":                       {defect, lines(defectSpec, "jira: {labels: "+numbered(21, "l")+"}"), "spec.jira.labels", "must have at most 20 items"},
		"defect: title of a no-break space":             {defect, "title: \"\\u00a0\"\n  severity: High", "spec.title", "must not be blank"},
		"defect: title with an escape":                  {defect, "title: \"a\\e[2Jb\"\n  severity: High", "spec.title", "must not contain control characters"},
		"defect: title with an escape of 8 bits":        {defect, "title: \"a\\u009b2Jb\"\n  severity: High", "spec.title", "must not contain control characters"},
		"defect: title with a bell":                     {defect, "title: \"a\\ab\"\n  severity: High", "spec.title", "must not contain control characters"},
		"defect: title that turns around":               {defect, "title: \"a\\u202eb\"\n  severity: High", "spec.title", "marks that change the direction"},
		"defect: title that isolates":                   {defect, "title: \"a\\u2066b\"\n  severity: High", "spec.title", "marks that change the direction"},
		"defect: steps too long":                        {defect, lines(defectSpec, "stepsToReproduce: "+long(16385)), "spec.stepsToReproduce", "may not be more than 16384"},
		"defect: expected result too long":              {defect, lines(defectSpec, "expectedResult: "+long(16385)), "spec.expectedResult", "may not be more than 16384"},
		"defect: actual result too long":                {defect, lines(defectSpec, "actualResult: "+long(16385)), "spec.actualResult", "may not be more than 16384"},
		"defect: empty state":                           {defect, lines(defectSpec, `state: ""`), "spec.state", `supported values: "Open", "InProgress", "Resolved", "Closed"`},
		"defect: empty suite":                           {defect, lines(defectSpec, `suite: ""`), "spec.suite", "at least 1 chars"},
		"defect: suite too long":                        {defect, lines(defectSpec, "suite: "+long(64)), "spec.suite", "may not be more than 63"},
		"defect: run too long":                          {defect, lines(defectSpec, "run: "+long(254)), "spec.run", "may not be more than 253"},
		"defect: empty test case":                       {defect, lines(defectSpec, `testCase: ""`), "spec.testCase", "at least 1 chars"},
		"defect: test case too long":                    {defect, lines(defectSpec, "testCase: "+long(513)), "spec.testCase", "may not be more than 512"},
		"defect: fingerprint too long":                  {defect, lines(defectSpec, "fingerprint: "+long(129)), "spec.fingerprint", "may not be more than 128"},
		"defect: integration without a name":            {defect, lines(defectSpec, "jira: {integrationRef: {}}"), "spec.jira.integrationRef.name", "Required value"},
		"defect: the same label twice":                  {defect, lines(defectSpec, "jira: {labels: [a, a]}"), "spec.jira.labels[1]", "Duplicate value"},
		"defect: unknown field":                         {defect, lines(defectSpec, "steps: s"), "spec.steps", "unknown field"},
		"defect: tests without an ID":                   {defect, lines(defectSpec, `tests: [{name: t}]`), "spec.tests[0].id", "Required value"},
		"defect: the same test twice":                   {defect, lines(defectSpec, `tests: [{id: t}, {id: t}]`), "spec.tests[1]", "Duplicate value"},
		"defect: outcome without a run":                 {defect, lines(defectSpec, `outcomes: [{result: Passed, time: "2026-03-01T12:00:00Z"}]`), "spec.outcomes[0].run", "Required value"},
		"defect: outcome without a time":                {defect, lines(defectSpec, `outcomes: [{run: r, result: Passed}]`), "spec.outcomes[0].time", "Required value"},
		"defect: outcome with an unknown result":        {defect, lines(defectSpec, `outcomes: [{run: r, result: Skipped, time: "2026-03-01T12:00:00Z"}]`), "spec.outcomes[0].result", `supported values: "Passed", "Failed", "Flaky", "NotRun"`},
		"defect: the same run twice":                    {defect, lines(defectSpec, `outcomes: [{run: r, result: Passed, time: "2026-03-01T12:00:00Z"}, {run: r, result: Failed, time: "2026-03-01T12:00:00Z"}]`), "spec.outcomes[1]", "Duplicate value"},
		"defect: passes without a bound":                {defect, lines(defectSpec, `resolveAfterPasses: 51`), "spec.resolveAfterPasses", "less than or equal to 50"},
		"defect: quarantine without an owner":           {defect, lines(defectSpec, `quarantine: {reason: r, starts: "2026-03-01T12:00:00Z", expires: "2026-03-02T12:00:00Z"}`), "spec.quarantine.owner", "Required value"},
		"defect: quarantine without an end":             {defect, lines(defectSpec, `quarantine: {owner: o, reason: r, starts: "2026-03-01T12:00:00Z"}`), "spec.quarantine.expires", "Required value"},
		"defect: quarantine that is too long":           {defect, lines(defectSpec, `quarantine: {owner: o, reason: r, starts: "2026-03-01T12:00:00Z", expires: "2026-03-15T12:00:01Z"}`), "spec.quarantine.expires", "at most 14 days after starts"},
		"defect: quarantine that ends before it starts": {defect, lines(defectSpec, `quarantine: {owner: o, reason: r, starts: "2026-03-02T12:00:00Z", expires: "2026-03-01T12:00:00Z"}`), "spec.quarantine.expires", "must be after starts"},
		"defect: word error rate as a percentage":       {defect, lines(defectSpec, `voice: {wordErrorRate: "12%"}`), "spec.voice.wordErrorRate", "must be a decimal such as 0.125"},
		"defect: recording in a file":                   {defect, lines(defectSpec, `voice: {audioURL: "file:///tmp/a.wav"}`), "spec.voice.audioURL", "must be an absolute http or https URL"},
		"defect: evidence in a directory":               {defect, lines(defectSpec, evidenceOf(`a/b.log`, 1)), "spec.evidence.files[0].name", "must consist of letters"},
		"defect: hidden evidence":                       {defect, lines(defectSpec, evidenceOf(`.ssh`, 1)), "spec.evidence.files[0].name", "not start with"},
		"defect: empty evidence":                        {defect, lines(defectSpec, evidenceOf(`a.log`, 0)), "spec.evidence.files[0].bytes", "greater than or equal to 1"},
		"defect: too much evidence":                     {defect, lines(defectSpec, strings.Replace(evidenceOf(`a.log`, 10485760), "}]}", "}, {name: b, bytes: 1, sha256: "+strings.Repeat("0a", 32)+"}]}", 1)), "spec.evidence.files", "10485760 bytes (10 MiB) together"},
		"defect: too many files":                        {defect, lines(defectSpec, `evidence: {time: "2026-03-01T12:00:00Z", files: `+repeat(21, "{name: a, bytes: 1, sha256: "+strings.Repeat("0a", 32)+"}")+`}`), "spec.evidence.files", "must have at most 20 items"},
		"defect: a recording that is no file":           {defect, lines(defectSpec, strings.Replace(evidenceOf(`a.log`, 1), "{time", "{clip: b.wav, time", 1)), "spec.evidence.clip", "must be the name of one of the files"},
		"defect: evidence without a time":               {defect, lines(defectSpec, `evidence: {more: 1}`), "spec.evidence.time", "Required value"},
		"defect: turn zero":                             {defect, lines(defectSpec, `voice: {turn: 0}`), "spec.voice.turn", "greater than or equal to 1"},
		"defect: the same stage twice":                  {defect, lines(defectSpec, `voice: {latencies: [{stage: a}, {stage: a}]}`), "spec.voice.latencies[1]", "Duplicate value"},
		"defect: utterance too long":                    {defect, lines(defectSpec, "voice: {utterance: "+long(4097)+"}"), "spec.voice.utterance", "may not be more than 4096"},
		"defect: too many outcomes":                     {defect, lines(defectSpec, "outcomes: "+outcomes(51)), "spec.outcomes", "must have at most 50 items"},
		"defect: too many tests":                        {defect, lines(defectSpec, "tests: "+tests(101)), "spec.tests", "must have at most 100 items"},
		"Jira: resolve without policy":                  {jira, lines(jiraSpec, "resolve: {}"), "spec.resolve.policy", "Required value"},
		"Jira: transcripts":                             {jira, lines(jiraSpec, "transcripts: Plain"), "spec.transcripts", `supported values: "Masked", "Verbatim"`},
		"Slack: transcripts":                            {slack, lines(bot, "transcripts: Plain"), "spec.transcripts", `supported values: "Masked", "Verbatim"`},

		"notification: no rule":                {notification, `event: {id: e1, type: DefectCreated, time: "2026-03-01T12:00:00Z"}`, "spec.rule", "Required value"},
		"notification: no event":               {notification, "rule: {name: r, uid: u}", "spec.event", "Required value"},
		"notification: unknown type":           {notification, `rule: {name: r, uid: u}` + "\n  " + `event: {id: e1, type: Nothing, time: "2026-03-01T12:00:00Z"}`, "spec.event.type", "supported values"},
		"notification: text as data":           {notification, `rule: {name: r, uid: u}` + "\n  " + `event: {id: e1, type: DefectCreated, time: "2026-03-01T12:00:00Z", data: text}`, "spec.event.data", "must be of type object"},
		"notification: rule without a UID":     {notification, lines("rule: {name: r}", event), "spec.rule.uid", "Required value"},
		"notification: empty event ID":         {notification, lines("rule: {name: r, uid: u}", `event: {id: "", type: DefectCreated, time: "2026-03-01T12:00:00Z"}`), "spec.event.id", "at least 1 chars"},
		"notification: no time":                {notification, lines("rule: {name: r, uid: u}", "event: {id: e1, type: DefectCreated}"), "spec.event.time", "Required value"},
		"notification: unknown severity":       {notification, notificationSpecWith("severity: Blocker"), "spec.event.severity", "supported values"},
		"notification: subject without a name": {notification, notificationSpecWith("subject: {kind: Defect}"), "spec.event.subject.name", "Required value"},
		"notification: too many labels":        {notification, notificationSpecWith("labels: " + keys(65)), "spec.event.labels", "must have at most 64 items"},
		"notification: label key too long":     {notification, notificationSpecWith("labels: {" + long(318) + ": b}"), "spec.event.labels", "a key must have at most 317 characters"},
		"notification: label too long":         {notification, notificationSpecWith("labels: {a: " + long(1025) + "}"), "spec.event.labels.a", "may not be more than 1024"},
		"notification: too much data":          {notification, notificationSpecWith("data: " + keys(65)), "spec.event.data", "must have at most 64 items"},
		"notification: list as data":           {notification, notificationSpecWith("data: [a]"), "spec.event.data", "must be of type object"},
		"notification: invalid channel":        {notification, lines(notificationSpec, "channel: alerts"), "spec.channel", "must be a channel name"},
	} {
		t.Run(name, func(t *testing.T) {
			expectRefusal(t, create(t, object(t, c.kind, c.spec)), c.field, c.message)
		})
	}
}

// expectRefusal checks that err is the API server's refusal of an object, and that it names the field and contains the
// given text.
func expectRefusal(t *testing.T, err error, field, message string) {
	t.Helper()
	var status apierrors.APIStatus
	switch {
	case err == nil:
		t.Fatal("the API server accepted the object")
	case apierrors.IsBadRequest(err): // strict decoding: no causes, one text
		if text := err.Error(); !strings.Contains(text, fmt.Sprintf("%s %q", message, field)) {
			t.Errorf("want %s %q, got: %s", message, field, text)
		}
		return
	case !apierrors.IsInvalid(err) || !errors.As(err, &status) || status.Status().Details == nil:
		t.Fatalf("refused for another reason: %v", err)
	}
	if !slices.ContainsFunc(status.Status().Details.Causes, func(c metav1.StatusCause) bool {
		return c.Field == field && strings.Contains(c.Message, message)
	}) {
		t.Errorf("no cause with field %s and text %q: %v", field, message, err)
	}
}

// evidenceOf returns evidence of one file.
func evidenceOf(name string, bytes int) string {
	return fmt.Sprintf(`evidence: {time: "2026-03-01T12:00:00Z", files: [{name: %q, bytes: %d, sha256: %s}]}`,
		name, bytes, strings.Repeat("0a", 32))
}
