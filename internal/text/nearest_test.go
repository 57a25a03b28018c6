// SPDX-License-Identifier: Apache-2.0

package text_test

import (
	"testing"

	"github.com/voiceai-dev/integrations-operator/internal/text"
)

func TestNearest(t *testing.T) {
	commands := []string{"status", "run", "runs", "defects", "defect", "ticket"}
	for word, want := range map[string]string{
		"status": "status", "Staus": "status", "tsatus": "status", "rnu": "run", "defcets": "defects", "tickett": "ticket",
		"": "", "x": "", "deploy": "", "größe": "",
	} {
		if got := text.Nearest(word, commands); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
	if got := text.Nearest("grösse", []string{"größe"}); got != "größe" {
		t.Errorf("Nearest(grösse) = %q", got)
	}
}
