// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ExpiryOf returns when the credential in a Secret expires. ok is false when its annotation does not say so.
func ExpiryOf(secret metav1.Object) (at time.Time, ok bool) {
	text := secret.GetAnnotations()[ExpiresAnnotation]
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

// CredentialRef returns the reference to the credential of the integration's client, and the path of the field that
// holds it.
func (i *SlackIntegration) CredentialRef() (ref SecretKeyReference, field string) {
	switch {
	case i.Spec.Webhook != nil:
		return i.Spec.Webhook.URLSecretRef, "spec.webhook.urlSecretRef"
	case i.Spec.Bot != nil:
		return i.Spec.Bot.TokenSecretRef, "spec.bot.tokenSecretRef"
	}
	return SecretKeyReference{}, ""
}

// CredentialRef returns the reference to the credential of the integration's client, and the path of the field that
// holds it.
func (i *JiraIntegration) CredentialRef() (ref SecretKeyReference, field string) {
	switch {
	case i.Spec.Bearer != nil:
		return i.Spec.Bearer.TokenSecretRef, "spec.bearer.tokenSecretRef"
	case i.Spec.Basic != nil:
		return i.Spec.Basic.TokenSecretRef, "spec.basic.tokenSecretRef"
	}
	return SecretKeyReference{}, ""
}

// defaultPollInterval is spec.pollIntervalSeconds when it is empty.
const defaultPollInterval = time.Minute

// PollInterval returns how often the integration's tickets are polled.
func (i *JiraIntegration) PollInterval() time.Duration {
	if i.Spec.PollIntervalSeconds > 0 {
		return time.Duration(i.Spec.PollIntervalSeconds) * time.Second
	}
	return defaultPollInterval
}
