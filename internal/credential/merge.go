// SPDX-License-Identifier: Apache-2.0

package credential

import "github.com/voiceai-dev/integrations-operator/api/v1alpha1"

// MergeSlack makes room in a new spec for the credentials that are given, and copies the references that it leaves
// out from the spec before.
func MergeSlack(spec, before *v1alpha1.SlackIntegrationSpec, given Values) {
	hasBot := given[BotToken] != ""
	hasWebhook := given[WebhookURL] != ""
	switch {
	case hasBot && !hasWebhook:
		spec.Bot = &v1alpha1.SlackBot{}
		spec.Webhook = nil
	case hasWebhook && !hasBot:
		spec.Webhook = &v1alpha1.SlackWebhook{}
		spec.Bot = nil
	case spec.Bot == nil && spec.Webhook == nil:
		spec.Bot = before.Bot.DeepCopy()
		spec.Webhook = before.Webhook.DeepCopy()
	}
	if spec.SigningSecretRef == nil {
		spec.SigningSecretRef = before.SigningSecretRef.DeepCopy()
	}
	if spec.AppTokenSecretRef == nil {
		spec.AppTokenSecretRef = before.AppTokenSecretRef.DeepCopy()
	}
	if spec.OAuth != nil && before.OAuth != nil && spec.OAuth.ClientSecretRef.Name == "" {
		spec.OAuth.ClientSecretRef = before.OAuth.ClientSecretRef
	}
}

// MergeJira makes room in a new spec for the credentials that are given, and copies the references that it leaves out
// from the spec before.
func MergeJira(spec, before *v1alpha1.JiraIntegrationSpec, given Values) {
	hasAPIToken := given[APIToken] != ""
	hasBearerToken := given[BearerToken] != ""
	switch {
	case hasAPIToken && !hasBearerToken:
		spec.Basic = &v1alpha1.JiraBasicAuth{Username: usernameOf(spec, before, given)}
		spec.Bearer = nil
	case hasBearerToken && !hasAPIToken:
		spec.Bearer = &v1alpha1.JiraBearerAuth{}
		spec.Basic = nil
	default:
		if spec.Basic == nil && spec.Bearer == nil {
			spec.Basic = before.Basic.DeepCopy()
			spec.Bearer = before.Bearer.DeepCopy()
		}
		if given[Username] != "" && spec.Basic != nil {
			spec.Basic.Username = string(given[Username])
		}
	}
	if spec.WebhookSecretRef == nil {
		spec.WebhookSecretRef = before.WebhookSecretRef.DeepCopy()
	}
}

// usernameOf returns the user's name that goes with a new API token.
func usernameOf(spec, before *v1alpha1.JiraIntegrationSpec, given Values) string {
	if name := given[Username]; name != "" {
		return string(name)
	}
	for _, s := range []*v1alpha1.JiraIntegrationSpec{spec, before} {
		if s.Basic != nil && s.Basic.Username != "" {
			return s.Basic.Username
		}
	}
	return ""
}
