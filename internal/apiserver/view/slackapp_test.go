// SPDX-License-Identifier: Apache-2.0

package view

import (
	"slices"
	"testing"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/manifest"
)

func TestSlackApp(t *testing.T) {
	var all []v1alpha1.SlackScope
	for _, s := range manifest.Scopes(manifest.Features()) {
		all = append(all, v1alpha1.SlackScope(s.Name))
	}
	without := func(names ...v1alpha1.SlackScope) []v1alpha1.SlackScope {
		return slices.DeleteFunc(slices.Clone(all), func(s v1alpha1.SlackScope) bool { return slices.Contains(names, s) })
	}
	ref := &v1alpha1.SecretKeyReference{Name: "s", Key: "k"}
	for name, c := range map[string]struct {
		granted           []v1alpha1.SlackScope
		spec              v1alpha1.SlackIntegrationSpec
		missing, receives []string
	}{
		"all":            {all, v1alpha1.SlackIntegrationSpec{}, nil, nil},
		"and others":     {append(without(), "users:read"), v1alpha1.SlackIntegrationSpec{}, nil, nil},
		"not known":      {nil, v1alpha1.SlackIntegrationSpec{}, nil, nil},
		"some":           {without("groups:read", "commands"), v1alpha1.SlackIntegrationSpec{SigningSecretRef: ref}, []string{"groups:read", "commands"}, []string{"HTTP"}},
		"no recordings":  {without("files:write"), v1alpha1.SlackIntegrationSpec{AppTokenSecretRef: ref}, nil, []string{"SocketMode"}},
		"and recordings": {without("files:write"), v1alpha1.SlackIntegrationSpec{Evidence: v1alpha1.EvidenceAll, AppTokenSecretRef: ref, SigningSecretRef: ref}, []string{"files:write"}, []string{"HTTP", "SocketMode"}},
	} {
		o := &v1alpha1.SlackIntegration{Spec: c.spec, Status: v1alpha1.SlackIntegrationStatus{GrantedScopes: c.granted}}
		o.Spec.Bot = &v1alpha1.SlackBot{}
		got := SlackStatus(o).Slack
		var missing []string
		for _, m := range got.MissingScopes {
			missing = append(missing, m.Name)
			if m.Reason == "" {
				t.Errorf("%s: it does not say what %s is for", name, m.Name)
			}
		}
		if !slices.Equal(missing, c.missing) || !slices.Equal(got.Receives, c.receives) || len(got.GrantedScopes) != len(c.granted) {
			t.Errorf("%s: got %+v", name, got)
		}
	}
	if got := SlackStatus(&v1alpha1.SlackIntegration{}).Slack; got != nil {
		t.Errorf("a webhook: got %+v", got)
	}
}
