// SPDX-License-Identifier: Apache-2.0

package project_test

import (
	"regexp"
	"strings"
	"testing"
)

var testName = regexp.MustCompile(`\bTest[A-Z]\w*`)

// TestPromisesNameTests checks that the tests exist which architecture.md names for each promise.
func TestPromisesNameTests(t *testing.T) {
	_, section, _ := strings.Cut(read(t, "docs/architecture.md"), "\n## Promises and their tests\n")
	section, _, _ = strings.Cut(section, "\n## ")
	named := 0
	for row := range strings.Lines(section) {
		if !strings.HasPrefix(row, "| ") {
			continue
		}
		code := ""
		for part := range strings.SplitSeq(row, "`") {
			if strings.HasSuffix(part, "_test.go") {
				code += read(t, part)
			}
		}
		for _, name := range testName.FindAllString(row, -1) {
			named++
			if !strings.Contains(code, "func "+name+"(") {
				t.Errorf("no %s in the files of: %s", name, row)
			}
		}
	}
	if named == 0 {
		t.Error("no tests are named")
	}
}
