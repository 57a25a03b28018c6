// SPDX-License-Identifier: Apache-2.0

package session

import (
	"net/url"
	"path"
	"slices"
	"strings"
)

// sections are the first parts of the addresses that a sign-in may return to.
var sections = []string{
	"", "activity", "charts", "defects", "docs", "integrations", "oauth", "rules", "runs", "suites",
}

// ReturnPath returns the address to open after signing in: wanted if it is a page of the dashboard, and / otherwise.
func ReturnPath(wanted string) string {
	const home = "/"
	u, err := url.Parse(wanted)
	if err != nil || len(wanted) > 2048 || !strings.HasPrefix(wanted, "/") || path.Clean(u.Path) != u.Path {
		return home
	}
	if u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" {
		return home
	}
	// Browsers read a backslash as a slash, and ignore control characters.
	unsafe := func(c rune) bool { return c < ' ' || c == '\\' || c == 0x7f }
	if strings.ContainsFunc(wanted, unsafe) || strings.ContainsFunc(u.Path, unsafe) {
		return home
	}
	section, _, _ := strings.Cut(u.Path[1:], "/")
	if !slices.Contains(sections, section) {
		return home
	}
	return (&url.URL{Path: u.Path, RawQuery: u.RawQuery}).String()
}
