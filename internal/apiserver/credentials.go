// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"maps"
	"slices"
	"strings"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/problem"
	"github.com/voiceai-dev/integrations-operator/internal/credential"
	"github.com/voiceai-dev/integrations-operator/internal/secrets"
)

type (
	slackSpec v1alpha1.SlackIntegrationSpec
	jiraSpec  v1alpha1.JiraIntegrationSpec
)

type slackCredentials struct {
	BotToken      string `json:"botToken,omitempty" writeOnly:"true" minLength:"1" maxLength:"4096" doc:"The bot token (xoxb-…). Replaces an incoming webhook."`
	WebhookURL    string `json:"webhookURL,omitempty" writeOnly:"true" minLength:"1" maxLength:"4096" doc:"The incoming webhook's URL. Replaces a bot token."`
	SigningSecret string `json:"signingSecret,omitempty" writeOnly:"true" minLength:"1" maxLength:"4096" doc:"The app's signing secret."`
	AppToken      string `json:"appToken,omitempty" writeOnly:"true" minLength:"1" maxLength:"4096" doc:"The app-level token (xapp-…)."`
	ClientSecret  string `json:"clientSecret,omitempty" writeOnly:"true" minLength:"1" maxLength:"4096" doc:"The OAuth client secret; spec.oauth.clientID names the client."`
}

func (c slackCredentials) given() credential.Values {
	return credential.Given(credential.Values{
		credential.BotToken:      credential.Value(c.BotToken),
		credential.WebhookURL:    credential.Value(c.WebhookURL),
		credential.SigningSecret: credential.Value(c.SigningSecret),
		credential.AppToken:      credential.Value(c.AppToken),
		credential.ClientSecret:  credential.Value(c.ClientSecret),
	})
}

type jiraCredentials struct {
	Username      string `json:"username,omitempty" minLength:"1" maxLength:"255" doc:"The account's e-mail address or user name, with apiToken."`
	APIToken      string `json:"apiToken,omitempty" writeOnly:"true" minLength:"1" maxLength:"4096" doc:"The account's API token or password. Replaces a bearer token."`
	BearerToken   string `json:"bearerToken,omitempty" writeOnly:"true" minLength:"1" maxLength:"4096" doc:"A personal access token. Replaces username and apiToken."`
	WebhookSecret string `json:"webhookSecret,omitempty" writeOnly:"true" minLength:"1" maxLength:"4096" doc:"The secret with which Jira signs its webhooks."`
}

func (c jiraCredentials) given() credential.Values {
	return credential.Given(credential.Values{
		credential.Username:      credential.Value(c.Username),
		credential.APIToken:      credential.Value(c.APIToken),
		credential.BearerToken:   credential.Value(c.BearerToken),
		credential.WebhookSecret: credential.Value(c.WebhookSecret),
	})
}

// fieldsOfCredentials are the fields of the spec that refer to tokens and URLs, by which their form is known. A passphrase
// may have any form.
var fieldsOfCredentials = map[credential.Name]string{
	credential.BotToken:    "spec.bot.tokenSecretRef",
	credential.WebhookURL:  "spec.webhook.urlSecretRef",
	credential.AppToken:    "spec.appTokenSecretRef",
	credential.APIToken:    "spec.basic.tokenSecretRef",
	credential.BearerToken: "spec.bearer.tokenSecretRef",
}

// checkForms returns a problem if a credential has a form that no such credential has, such as a URL instead of a token.
// Otherwise only the status of the integration would say so, once it is stored.
func checkForms(given credential.Values) error {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		field, ok := fieldsOfCredentials[name]
		if !ok {
			continue
		}
		if wrong := secrets.FormProblem(field, strings.TrimSpace(string(given[name]))); wrong != "" {
			return problem.Invalid("body.credentials."+string(name), "The value %s", wrong)
		}
	}
	return nil
}

// credentialState is whether a credential is set, and never its value.
type credentialState struct {
	Set    bool   `json:"set" doc:"Whether it has a value."`
	Secret string `json:"secret,omitempty" doc:"The Secret that holds it."`
	Key    string `json:"key,omitempty" doc:"The key in that Secret."`
}
