// SPDX-License-Identifier: Apache-2.0

package view

import (
	"slices"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/manifest"
)

// SlackApp is what is known of the app of a SlackIntegration with a bot.
type SlackApp struct {
	GrantedScopes []v1alpha1.SlackScope `json:"grantedScopes" doc:"The scopes of its token, as Slack lists them."`
	MissingScopes []MissingScope        `json:"missingScopes" doc:"The scopes of operator slack-manifest that its token lacks."`
	Receives      []string              `json:"receives" enum:"HTTP,SocketMode" doc:"How Slack sends commands and clicks to it: HTTP with spec.signingSecretRef, SocketMode with spec.appTokenSecretRef."`
}

// MissingScope is a scope that a token lacks.
type MissingScope struct {
	Name    string `json:"name" doc:"The scope, such as files:write."`
	Feature string `json:"feature,omitempty" doc:"The feature of operator slack-manifest that needs it; none if every app does."`
	Reason  string `json:"reason" doc:"What the operator does with it."`
}

// slackAppOf returns the app of an integration; nil if it has none.
func slackAppOf(o *v1alpha1.SlackIntegration) *SlackApp {
	if o.Spec.Bot == nil {
		return nil
	}
	out := &SlackApp{GrantedScopes: o.Status.GrantedScopes, MissingScopes: []MissingScope{}, Receives: []string{}}
	if o.Spec.SigningSecretRef != nil {
		out.Receives = append(out.Receives, "HTTP")
	}
	if o.Spec.AppTokenSecretRef != nil {
		out.Receives = append(out.Receives, "SocketMode")
	}
	if len(out.GrantedScopes) == 0 { // Slack has not listed them, or a proxy drops the list
		out.GrantedScopes = []v1alpha1.SlackScope{}
		return out
	}
	features := slices.DeleteFunc(manifest.Features(), func(f manifest.Feature) bool {
		return f == manifest.Recordings && o.Spec.Evidence != v1alpha1.EvidenceAll
	})
	for _, s := range manifest.Scopes(features) {
		if !slices.Contains(out.GrantedScopes, v1alpha1.SlackScope(s.Name)) {
			out.MissingScopes = append(out.MissingScopes, MissingScope{Name: s.Name, Feature: string(s.Feature), Reason: s.Reason})
		}
	}
	return out
}
