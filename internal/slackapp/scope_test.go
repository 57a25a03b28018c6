// SPDX-License-Identifier: Apache-2.0

package slackapp_test

import (
	"strings"
	"testing"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// TestWhatIsLeftOut checks that an answer about the namespaces in which the person may do something names the others.
func TestWhatIsLeftOut(t *testing.T) {
	const note = "What you may not do in other is left out: `/voiceai whoami` shows what would allow it."
	both := everything()
	for _, right := range everything() {
		both = append(both, strings.TrimSuffix(right, "qa")+"other")
	}
	for text, want := range map[string]string{
		"status": "Integrations", "defects": "Open defects", "defects critical": "There is no open defect", "runs": "There is no run.",
		"runs smoke": "Suite smoke has no run.", "run nightly": "there is no suite nightly in qa", "defect b": "there is no defect b in qa",
		"ticket b": "there is no defect b in qa", "defect a": "hangs up: a", "run booking": "was started", "ticket a": "Ticket requested",
		"whoami": "You are the user", "help": "this list",
	} {
		suite := booking()
		suite.Namespace = "other"
		suite.Labels = map[string]string{v1alpha1.SuiteLabel: "nightly"}
		shared := slackIntegration()
		shared.Spec.AllowedNamespaces = &v1alpha1.AllowedNamespaces{From: v1alpha1.NamespacesFromAll}
		rule := &v1alpha1.NotificationRule{ObjectMeta: meta("rule")}
		rule.Namespace = "other"
		rule.Spec.IntegrationRef = &v1alpha1.IntegrationReference{Namespace: "qa", Name: "slack"}
		w := newWorld(t, allow(everything()...), shared, secret(), rule, booking(), suite, defect("a"))

		got := w.send(0, command(text))
		switch isLimited := strings.Contains(got, note); {
		case !strings.Contains(got, want):
			t.Errorf("%q is answered\n%s\nwithout %q", text, got, want)
		case isLimited != (limited(text) || strings.Contains(got, "Nothing was done")):
			t.Errorf("%q is answered\n%s\nwith what is left out: %v", text, got, isLimited)
		}
		w.review.allowed = allow(both...).allowed
		again := command(text)
		again.Command.TriggerID = "again"
		if got := w.send(0, again); strings.Contains(got, "left out") {
			t.Errorf("a person with all permissions is answered %q\n%s", text, got)
		}
	}
}

// limited reports whether the answer to a command depends on all namespaces.
func limited(text string) bool {
	return strings.HasPrefix(text, "status") || strings.HasPrefix(text, "defects") || strings.HasPrefix(text, "runs")
}
