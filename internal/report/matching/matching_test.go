// SPDX-License-Identifier: Apache-2.0

package matching

import (
	"testing"

	"github.com/voiceai-dev/integrations-operator/internal/findings"
	"github.com/voiceai-dev/integrations-operator/internal/testresult"
)

// TestMatch decides whose file it is.
func TestMatch(t *testing.T) {
	all := []findings.Finding{
		{Fingerprint: "f1", Cases: []*testresult.Case{{Name: "books", Attachments: []string{"out/files/x.wav", "/abs/files/y.wav"}}}},
		{Fingerprint: "f2", Cases: []*testresult.Case{{Name: "books a flight", Attachments: []string{"x.wav", "../z.wav", "."}}, {Name: "pay"}}},
	}
	for path, want := range map[string]string{
		"x.wav":                         "f1",
		"y.wav":                         "f1",
		"z.wav":                         "",
		"books.log":                     "f1",
		"run/Books/trace.zip":           "f1",
		"books-a-flight-chromium/a.png": "f2",
		"pay.log":                       "", // its name is too short to be found
		"other.log":                     "",
	} {
		got := Match("/abs/out/files", []File{{Path: path, Bytes: 1}}, all)
		if path == "y.wav" {
			got = Match("/abs/files", []File{{Path: path, Bytes: 1}}, all)
		}
		owner := ""
		for fingerprint := range got.Files {
			owner = fingerprint
		}
		if owner != want || (got.Left == 1) != (want == "") {
			t.Errorf("%s belongs to %q, want %q; %d are left", path, owner, want, got.Left)
		}
	}
	one := Match("/abs", []File{{Path: "other.log"}}, all[:1])
	if len(one.Files["f1"]) != 1 || one.Left != 0 {
		t.Errorf("of a single finding: %+v", one)
	}
}
