// SPDX-License-Identifier: Apache-2.0

// Package block reads the blocks of code in the documentation, for tests that use them.
package block

import "strings"

// All returns the blocks of code in a page, without their indentation.
func All(text string) []string {
	var out []string
	var block []string
	isFenced := false
	end := func() {
		if len(block) > 0 {
			out = append(out, strings.TrimRight(strings.Join(block, "\n"), "\n"))
		}
		block = nil
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(strings.TrimSpace(line), "```"):
			end()
			isFenced = !isFenced
		case isFenced || strings.HasPrefix(line, "    "):
			block = append(block, line)
		case line == "" && len(block) > 0:
			block = append(block, "")
		default:
			end()
		}
	}
	end()
	for i := range out {
		out[i] = dedent(out[i])
	}
	return out
}

// dedent removes the indentation that all lines of a text share.
func dedent(text string) string {
	lines := strings.Split(text, "\n")
	indent := len(text)
	for _, line := range lines {
		if trimmed := strings.TrimLeft(line, " "); trimmed != "" {
			indent = min(indent, len(line)-len(trimmed))
		}
	}
	for i, line := range lines {
		lines[i] = line[min(indent, len(line)):]
	}
	return strings.Join(lines, "\n")
}

// Objects returns the objects in a block: all of it, if it begins as a manifest does, or what a command applies from its
// input.
func Objects(block string) []string {
	if _, input, ok := strings.Cut(block, "<<EOF\n"); ok {
		block, _, _ = strings.Cut(input, "\nEOF")
	}
	if !strings.HasPrefix(strings.TrimLeft(block, "-# \n"), "apiVersion:") {
		return nil
	}
	return strings.Split(block, "\n---\n")
}
