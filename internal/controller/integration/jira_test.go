package integration

import (
	"strings"
	"testing"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

func TestUnknownPriorities(t *testing.T) {
	for name, test := range map[string]struct {
		known []string
		says  string
	}{
		"all are taken":    {[]string{"Highest", "High", "Medium", "Low"}, ""},
		"Jira says none":   {nil, ""},
		"no such field":    {[]string{}, "the issue type has no such field"},
		"some are not":     {[]string{"High", "Medium", "P4"}, "does not have the priority Highest, Low,"},
		"and what it does": {[]string{"P1"}, "It has P1"},
	} {
		t.Run(name, func(t *testing.T) {
			got := unknownPriorities(&v1alpha1.JiraIntegration{}, test.known)
			if (got == "") != (test.says == "") || !strings.Contains(got, test.says) {
				t.Errorf("it says %q, want %q", got, test.says)
			}
		})
	}
}
