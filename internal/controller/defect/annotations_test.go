// SPDX-License-Identifier: Apache-2.0

package defect

import (
	"strings"
	"testing"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// TestAnnotationsInStatus checks that what a status repeats of an annotation is short, and takes over no terminal.
func TestAnnotationsInStatus(t *testing.T) {
	for in, want := range map[string]string{
		"2026-03-04T12:00:00Z":   "2026-03-04T12:00:00Z",
		"\x1b[2J\u009b31m now\a": "now",
		strings.Repeat("x", 80):  strings.Repeat("x", 63) + "…",
	} {
		d := &v1alpha1.Defect{}
		d.Annotations = map[string]string{v1alpha1.TicketRequestedAtAnnotation: in, v1alpha1.JiraChangedAtAnnotation: in}
		if got := requestedAt(d); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
		if got := changedAt(d); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}
