// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/dashboard/client"
	"github.com/voiceai-dev/integrations-operator/internal/dashboard/form"
)

// product is Slack or Jira: where their pages differ.
type product struct {
	provider client.Provider
	kind     string
	// resource is what Kubernetes' rights name.
	resource string
	// fields are the fields of the spec that the form shows.
	fields []form.SpecField
	// credentials are the names of the credentials that the form accepts.
	credentials []string
}

var products = []product{
	{
		provider: "slack", kind: "SlackIntegration", resource: "slackintegrations",
		fields: []form.SpecField{
			{Path: "default", Kind: form.Flag},
			{Path: "defaultChannel", Kind: form.Text},
			{Path: "apiURL", Kind: form.Text},
			{Path: "suspend", Kind: form.Flag},
			{Path: "rateLimit.channelMessagesPerMinute", Kind: form.Integer},
			{Path: "rateLimit.workspaceMessagesPerMinute", Kind: form.Integer},
		},
		credentials: []string{"botToken", "webhookURL"},
	},
	{
		provider: "jira", kind: "JiraIntegration", resource: "jiraintegrations",
		fields: []form.SpecField{
			{Path: "default", Kind: form.Flag},
			{Path: "apiURL", Kind: form.Text},
			{Path: "siteURL", Kind: form.Text},
			{Path: "deployment", Kind: form.Text},
			{Path: "projectKey", Kind: form.Text},
			{Path: "issueType", Kind: form.Text},
			{Path: "labels", Kind: form.Lines},
			{Path: "priorities.critical", Kind: form.Text},
			{Path: "priorities.high", Kind: form.Text},
			{Path: "priorities.medium", Kind: form.Text},
			{Path: "priorities.low", Kind: form.Text},
			{Path: "autoCreate.enabled", Kind: form.Flag},
			{Path: "autoCreate.minSeverity", Kind: form.Text},
			{Path: "autoCreate.categories", Kind: form.Options},
			{Path: "reopen.policy", Kind: form.Text},
			{Path: "pollIntervalSeconds", Kind: form.Integer},
			{Path: "suspend", Kind: form.Flag},
		},
		credentials: []string{"username", "apiToken", "bearerToken", "webhookSecret"},
	},
}

// credentialLabels are the labels of the fields of credentials.
var credentialLabels = map[string]string{
	"botToken": "Bot token", "webhookURL": "Incoming webhook",
	"apiToken": "API token", "bearerToken": "Personal access token", "webhookSecret": "Webhook secret",
}

// Title returns Slack or Jira.
func (p product) Title() string { return strings.TrimSuffix(p.kind, "Integration") }

// Name returns slack or jira, the product's part of addresses.
func (p product) Name() string { return string(p.provider) }

// Resource returns the resource that Kubernetes' rights name.
func (p product) Resource() string { return p.resource }

// fieldNames returns the names of the form's fields. The form has fields for secrets only if the user may store them.
func (p product) fieldNames(mayStoreSecrets bool) []string {
	var out []string
	for _, f := range p.fields {
		out = append(out, f.Name())
	}
	for _, c := range p.credentials {
		if mayStoreSecrets || c == "username" {
			out = append(out, "credentials."+c)
		}
	}
	return out
}

// credentialAt returns the field of the credential that a place of a spec refers to; empty when it refers to none.
func credentialAt(place string) string {
	for _, at := range []struct{ place, credential string }{
		{"spec.bot", "botToken"},
		{"spec.webhookSecretRef", "webhookSecret"},
		{"spec.webhook", "webhookURL"},
		{"spec.basic.username", "username"},
		{"spec.basic", "apiToken"},
		{"spec.bearer", "bearerToken"},
	} {
		if rest, ok := strings.CutPrefix(place, at.place); ok && (rest == "" || rest[0] == '.') {
			return "credentials." + at.credential
		}
	}
	return ""
}
