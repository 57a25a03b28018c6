// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"strings"
	"testing"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

func TestUnknownPriorities(t *testing.T) {
	for name, test := range map[string]struct {
		known    []string
		required bool
		says     string
		blocks   bool
	}{
		"all are taken":             {[]string{"Highest", "High", "Medium", "Low"}, true, "", false},
		"in another case":           {[]string{"HIGHEST", "high", "Medium", "low"}, true, "", false},
		"Jira says none":            {nil, true, "", false},
		"no such field":             {[]string{}, false, "the issue type has no such field", false},
		"some are not":              {[]string{"High", "Medium", "P4"}, false, "does not have the priority Highest, Low, so such tickets are", false},
		"and what it does":          {[]string{"P1"}, false, "It has P1", false},
		"some are not and required": {[]string{"High"}, true, "Highest, Medium, Low, and requires one, so Jira refuses such tickets", false},
		"none is, and required":     {[]string{"P1"}, true, "so Jira refuses such tickets", true},
	} {
		t.Run(name, func(t *testing.T) {
			found := ticket.Project{Priorities: test.known, PriorityRequired: test.required}
			got := unknownPriorities(&v1alpha1.JiraIntegration{}, found)
			if (got == "") != (test.says == "") || !strings.Contains(got, test.says) {
				t.Errorf("it says %q, want %q", got, test.says)
			}
			if f := blockedBy(&v1alpha1.JiraIntegration{}, found); (f != nil) != test.blocks {
				t.Errorf("it is blocked by %v, want a fault: %v", f, test.blocks)
			}
		})
	}
}
