// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// titleOf returns the first heading of a page.
func titleOf(text []byte) string {
	for line := range strings.Lines(string(text)) {
		if title, ok := strings.CutPrefix(line, "# "); ok {
			return strings.TrimSpace(title)
		}
	}
	return ""
}

// listOf returns a page that lists those of a directory without a page of its own.
func listOf(directory string, texts map[string][]byte) []byte {
	name := path.Base(directory)
	var out strings.Builder
	fmt.Fprintf(&out, "# %s%s\n\n", strings.ToUpper(name[:1]), name[1:])
	for _, page := range slices.Sorted(maps.Keys(texts)) {
		if path.Dir(page) == directory && isPage(page) {
			fmt.Fprintf(&out, "* [%s](%s)\n", titleOf(texts[page]), path.Base(page))
		}
	}
	return []byte(out.String())
}
