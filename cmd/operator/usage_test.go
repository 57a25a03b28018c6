// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"flag"
	"strings"
	"testing"
)

// TestParse checks what a user reads of the flags: all of them if the user asks, and otherwise what is wrong.
func TestParse(t *testing.T) {
	for name, c := range map[string]struct {
		argument string
		code     int
		ends     bool
		lines    int
		has      string
	}{
		"good":    {"--call-timeout=5s", 0, false, 0, ""},
		"unknown": {"--nope", 2, true, 2, "-nope"},
		"invalid": {"--deny-cidrs=1.2.3", 2, true, 2, "is not a network such as 10.0.0.0/8"},
		"help":    {"--help", 0, true, 50, "slack-manifest"},
	} {
		t.Run(name, func(t *testing.T) {
			set := flag.NewFlagSet("test", flag.ExitOnError)
			(&flags{}).register(set)
			var out bytes.Buffer
			code, ends := parse(set, []string{c.argument}, &out)
			if code != c.code || ends != c.ends {
				t.Errorf("got %d %v, want %d %v", code, ends, c.code, c.ends)
			}
			lines := strings.Count(out.String(), "\n")
			if c.lines < 50 && lines != c.lines || lines < c.lines || !strings.Contains(out.String(), c.has) {
				t.Errorf("it prints %d lines:\n%s", lines, &out)
			}
		})
	}
}
