// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/voiceai-dev/integrations-operator/internal/testresult"
)

// parameters match what a name says of the parameters of a test: name[a-1], name(1, 2), name with data set "x", name:2.
var parameters = regexp.MustCompile(`(?:\[[^\]]*\]|\([^()]*\)| with data set .*|:\d+| #\d+| \{.*\})\s*$`)

// repetition matches the number before the name of a repeated test in JUnit 5: [3] name, repetition 3 of 5.
var repetition = regexp.MustCompile(`^\[\d+\]\s*|\brepetition \d+ of \d+\b`)

// isFile matches the path of a file with tests.
var isFile = regexp.MustCompile(`\.(?:[cm]?[jt]sx?|py|rb|php|phpt|go|rs|cs|java|kt|feature|robot|bats)$`)

// Test is the identity of a test: the same in each run, whatever its parameters.
type Test struct {
	// ID is what the report declares, or what its names say.
	ID string
	// Name is for people.
	Name string
}

// TestOf returns the identity of a case. The property variant, such as a browser or a locale, makes tests of one name
// different ones.
func TestOf(c *testresult.Case) Test {
	name := strings.TrimSpace(repetition.ReplaceAllString(c.Name, ""))
	for range 3 {
		shorter := strings.TrimSpace(parameters.ReplaceAllString(name, ""))
		if shorter == "" || shorter == name {
			break
		}
		name = shorter
	}
	if name == "" { // it has parameters alone
		name = c.Name
	}
	shown := name
	if class := lastPart(c.Class); class != "" && !hasWord(name, class) {
		shown = class + ": " + name
	}
	variant := c.Property("variant")
	if variant != "" {
		shown += " (" + variant + ")"
	}
	if shown == "" {
		shown = "A test without a name"
	}
	if c.ID != "" {
		return Test{ID: withVariant("id:"+c.ID, variant), Name: shown}
	}
	parts := slices.DeleteFunc([]string{c.Suite, c.File, c.Class, name}, func(part string) bool { return part == "" })
	if len(parts) == 0 {
		parts = []string{"unnamed"}
	}
	return Test{ID: withVariant(strings.Join(parts, " > "), variant), Name: shown}
}

func withVariant(id, variant string) string {
	if variant == "" {
		return id
	}
	return id + " > variant " + variant
}

// hasWord reports whether a name has a word that is not a part of a longer one: fifteen does not have en.
func hasWord(name, word string) bool {
	_, size := utf8.DecodeRuneInString(word)
	for from := 0; ; from += size {
		i := strings.Index(name[from:], word)
		if i < 0 {
			return false
		}
		from += i
		last, _ := utf8.DecodeLastRuneInString(name[:from])
		next, _ := utf8.DecodeRuneInString(name[from+len(word):])
		if !unicode.IsLetter(last) && !unicode.IsLetter(next) {
			return true
		}
	}
}

// lastPart returns the last part of the name of a class: without its package.
func lastPart(class string) string {
	if isFile.MatchString(class) { // as in reports of Playwright and Vitest
		return class[strings.LastIndexAny(class, `/\`)+1:]
	}
	if strings.ContainsAny(class, " ") {
		return class
	}
	return class[strings.LastIndexAny(class, `./\`)+1:]
}
