// SPDX-License-Identifier: Apache-2.0

//go:build browser

package browser_test

import (
	"testing"
)

// TestDocumentation reads the documentation before and after signing in.
func TestDocumentation(t *testing.T) {
	w := newWorld(t)
	p := w.tab(t)
	p.openURL(dashboard + "/docs")
	p.see("Getting started", "Troubleshooting")
	p.absent("sign out")
	p.look("docs")
	p.openURL(dashboard + "/docs/troubleshooting#secretnotfound")
	p.see("Create the Secret")
	p.seeInWindow("#secretnotfound") // the reason that its address names
	p.look("docs-troubleshooting")

	p.signIn(w.viewer)
	p.follow("link", "documentation")
	p.follow("link", "getting started")
	p.see("From nothing to the first ticket", "sign out")
	p.look("docs-getting-started")
}
