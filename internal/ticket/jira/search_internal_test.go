// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"testing"
	"time"
)

func TestQuote(t *testing.T) {
	for value, want := range map[string]string{
		`defect-1`:         `"defect-1"`,
		`a "b" c`:          `"a \"b\" c"`,
		`\`:                `"\\"`,
		`x\" OR key = "y`:  `"x\\\" OR key = \"y"`,
		"two\nlines\r":     `"two\nlines\r"`,
		`'single' and ~*?`: `"'single' and ~*?"`,
		``:                 `""`,
	} {
		if got := quote(value); got != want {
			t.Errorf("%q is %s, want %s", value, got, want)
		}
	}
}

func TestQuery(t *testing.T) {
	for within, minutes := range map[time.Duration]string{
		-time.Hour: "-2m", 0: "-2m", time.Nanosecond: "-3m", time.Minute: "-3m", 61 * time.Second: "-4m", time.Hour: "-62m",
		40 * 24 * time.Hour: "-57602m",
	} {
		want := `labels = "voice-ai-testing" AND updated >= "` + minutes + `" ORDER BY updated DESC, key DESC`
		if got := query("updated", within); got != want {
			t.Errorf("%s: %s, want %s", within, got, want)
		}
	}
}
