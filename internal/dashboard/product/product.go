// SPDX-License-Identifier: Apache-2.0

// Package product describes Slack and Jira where their pages differ.
package product

import (
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/dashboard/client"
	"github.com/voiceai-dev/integrations-operator/internal/dashboard/form"
)

// Product is Slack or Jira.
type Product struct {
	Provider client.Provider
	Kind     string
	// Resource is what Kubernetes' rights name.
	Resource string
	// Fields are the fields of the spec that the form shows.
	Fields []form.SpecField
	// Credentials are the names of the credentials that the form accepts.
	Credentials []string
}

// All are Slack and Jira.
var All = []Product{Slack, Jira}

// The products.
var (
	Slack = Product{
		Provider: "slack", Kind: "SlackIntegration", Resource: "slackintegrations",
		Fields: []form.SpecField{
			{Path: "default", Kind: form.Flag},
			{Path: "defaultChannel", Kind: form.Text},
			{Path: "apiURL", Kind: form.Text},
			{Path: "suspend", Kind: form.Flag},
			{Path: "rateLimit.channelMessagesPerMinute", Kind: form.Integer},
			{Path: "rateLimit.workspaceMessagesPerMinute", Kind: form.Integer},
		},
		Credentials: []string{"botToken", "webhookURL"},
	}
	Jira = Product{
		Provider: "jira", Kind: "JiraIntegration", Resource: "jiraintegrations",
		Fields: []form.SpecField{
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
		Credentials: []string{"username", "apiToken", "bearerToken", "webhookSecret"},
	}
)

// CredentialLabels are the labels of the fields of credentials.
var CredentialLabels = map[string]string{
	"botToken": "Bot token", "webhookURL": "Incoming webhook",
	"apiToken": "API token", "bearerToken": "Personal access token", "webhookSecret": "Webhook secret",
}

// Title returns Slack or Jira.
func (p Product) Title() string { return strings.TrimSuffix(p.Kind, "Integration") }

// Name returns slack or jira, the product's part of addresses.
func (p Product) Name() string { return string(p.Provider) }

// FieldNames returns the names of the form's fields. The form has fields for secrets only if the user may store them.
func (p Product) FieldNames(mayStoreSecrets bool) []string {
	var out []string
	for _, f := range p.Fields {
		out = append(out, f.Name())
	}
	for _, c := range p.Credentials {
		if mayStoreSecrets || c == "username" {
			out = append(out, "credentials."+c)
		}
	}
	return out
}

// CredentialAt returns the field of the credential that a place of a spec refers to; empty when it refers to none.
func CredentialAt(place string) string {
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
