// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
)

// A commandFlag is one flag of a program.
type commandFlag struct {
	name         string
	valueType    string
	defaultValue string
	usage        string
}

// readHelp returns what a program prints for --help.
func readHelp(ctx context.Context, program string) (string, error) {
	out, err := exec.CommandContext(ctx, program, "--help").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("running %s --help: %w: %s", program, err, out)
	}
	return string(out), nil
}

var (
	flagLine    = regexp.MustCompile(`^  -([a-z][a-z0-9-]*)(?: (\S+))?(?:\t(.*))?$`)
	defaultPart = regexp.MustCompile(` \(default (.+)\)$`)
)

// parseHelp returns the flags that package flag describes in a help text, in its order.
func parseHelp(help string) ([]commandFlag, error) {
	var flags []commandFlag
	for line := range strings.Lines(help) {
		line = strings.TrimRight(line, "\n")
		if m := flagLine.FindStringSubmatch(line); m != nil {
			flags = append(flags, commandFlag{name: m[1], valueType: m[2], usage: m[3]})
			continue
		}
		text, isUsage := strings.CutPrefix(line, "    \t")
		if !isUsage {
			continue // the heading
		}
		if len(flags) == 0 {
			return nil, fmt.Errorf("usage without a flag: %q", line)
		}
		last := &flags[len(flags)-1]
		last.usage = strings.TrimSpace(last.usage + " " + text)
	}
	if len(flags) == 0 {
		return nil, fmt.Errorf("no flags found in %q", help)
	}
	for i := range flags {
		f := &flags[i]
		if m := defaultPart.FindStringSubmatchIndex(f.usage); m != nil {
			f.defaultValue = strings.Trim(f.usage[m[2]:m[3]], `"`)
			f.usage = f.usage[:m[0]]
		}
		if f.valueType == "" { // package flag names neither the type of a boolean flag nor its default false
			f.valueType = "bool"
			f.defaultValue = cmp.Or(f.defaultValue, "false")
		}
	}
	return flags, nil
}

// flagReference returns the Markdown page about flags.
func flagReference(flags []commandFlag) string {
	var b strings.Builder
	b.WriteString(notice)
	b.WriteString("# Flags of the operator\n\n| Flag | Type | Default | Meaning |\n|---|---|---|---|\n")
	for _, f := range flags {
		fmt.Fprintf(&b, "| `--%s` | %s | %s | %s |\n", f.name, f.valueType, code(f.defaultValue), escape(f.usage))
	}
	return b.String()
}
