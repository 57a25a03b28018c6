// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"slices"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/secrets"
)

// Slot is a place in a spec that refers to a credential.
type Slot struct {
	Name Name
	// Ref is the reference; nil when the spec has none.
	Ref *v1alpha1.SecretKeyReference
	// Set sets the reference.
	Set func(v1alpha1.SecretKeyReference)
}

// companions returns the slots of what goes with a credential. Their places follow from its place.
func (s Slot) companions() []Slot {
	if s.Name != BotToken || s.Ref == nil {
		return nil
	}
	refresh := secrets.RefreshTokenRef(*s.Ref)
	expires := secrets.ExpiresRef(*s.Ref)
	return []Slot{{Name: RefreshToken, Ref: &refresh}, {Name: TokenExpires, Ref: &expires}}
}

// SlackSlots returns the slots of a Slack integration.
func SlackSlots(s *v1alpha1.SlackIntegrationSpec) []Slot {
	out := []Slot{
		{SigningSecret, s.SigningSecretRef, func(r v1alpha1.SecretKeyReference) { s.SigningSecretRef = &r }},
		{AppToken, s.AppTokenSecretRef, func(r v1alpha1.SecretKeyReference) { s.AppTokenSecretRef = &r }},
	}
	if s.Bot != nil {
		out = append(out, slotOf(BotToken, &s.Bot.TokenSecretRef))
	}
	if s.Webhook != nil {
		out = append(out, slotOf(WebhookURL, &s.Webhook.URLSecretRef))
	}
	if s.OAuth != nil {
		out = append(out, slotOf(ClientSecret, &s.OAuth.ClientSecretRef))
	}
	return out
}

// JiraSlots returns the slots of a Jira integration.
func JiraSlots(s *v1alpha1.JiraIntegrationSpec) []Slot {
	out := []Slot{
		{WebhookSecret, s.WebhookSecretRef, func(r v1alpha1.SecretKeyReference) { s.WebhookSecretRef = &r }},
	}
	if s.Basic != nil {
		out = append(out, slotOf(APIToken, &s.Basic.TokenSecretRef))
	}
	if s.Bearer != nil {
		out = append(out, slotOf(BearerToken, &s.Bearer.TokenSecretRef))
	}
	return out
}

// slotOf returns the slot of a required reference.
func slotOf(name Name, ref *v1alpha1.SecretKeyReference) Slot {
	return Slot{name, ref, func(r v1alpha1.SecretKeyReference) { *ref = r }}
}

// setRefs sets the references of the slots to keys of a Secret.
func setRefs(slots []Slot, secret string, keys Keys) {
	for _, s := range slots {
		if key := keys[s.Name]; key != "" {
			s.Set(v1alpha1.SecretKeyReference{Name: secret, Key: string(key)})
		}
	}
}

// replaced returns the slot of the tokens that a bot token has replaced and that are to be revoked. They stay when the token
// is replaced once more.
func (s Slot) replaced() []Slot {
	if s.Name != BotToken || s.Ref == nil {
		return nil
	}
	ref := secrets.ReplacedRef(*s.Ref)
	return []Slot{{Name: ReplacedTokens, Ref: &ref}}
}

// usedKeys returns the keys of a Secret that slots, and what goes with them, refer to.
func usedKeys(slots []Slot, secret string) Keys {
	out := Keys{}
	for _, s := range slots {
		for _, s := range slices.Concat(s.companions(), s.replaced(), []Slot{s}) {
			if s.Ref != nil && s.Ref.Name == secret {
				out[s.Name] = Key(s.Ref.Key)
			}
		}
	}
	return out
}
