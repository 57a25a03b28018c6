// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"os"
	"strings"
	"testing"
)

// TestNormalize compares pairs of messages of the same failure, and of different ones.
func TestNormalize(t *testing.T) {
	raw, err := os.ReadFile("testdata/messages.tsv")
	if err != nil {
		t.Fatal(err)
	}
	unescape := strings.NewReplacer(`\n`, "\n", `\\`, `\`)
	pairs := 0
	for line := range strings.Lines(string(raw)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		parts := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(parts) != 3 {
			t.Fatalf("%q has %d parts", line, len(parts))
		}
		pairs++
		a := Normalize(unescape.Replace(parts[1]))
		b := Normalize(unescape.Replace(parts[2]))
		if (a == b) != (parts[0] == "same") {
			t.Errorf("want %s:\n  %s\n  %s\n=>\n  %s\n  %s", parts[0], parts[1], parts[2], a, b)
		}
	}
	if pairs < 200 {
		t.Errorf("there are %d pairs, want 200", pairs)
	}
}
