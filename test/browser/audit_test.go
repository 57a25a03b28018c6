// SPDX-License-Identifier: Apache-2.0

//go:build browser

package browser_test

import (
	_ "embed"
	"fmt"
	"slices"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

//go:embed audit.js
var audit string

// interactiveRoles are the roles of elements that people use, and which therefore need a name.
var interactiveRoles = []string{
	"button", "link", "textbox", "searchbox", "combobox", "checkbox", "radio", "spinbutton", "switch", "tab", "menuitem",
	"listbox", "DisclosureTriangle",
}

// windows are the windows in which every page is checked.
var windows = []struct {
	width, height int64
	scheme        string
}{{1280, 900, "light"}, {1280, 900, "dark"}, {360, 740, "light"}, {360, 740, "dark"}}

// look takes pictures of the page, wide and narrow, light and dark, and runs the audit in each of these windows.
func (p *tab) look(name string) {
	p.Helper()
	all, err := p.nodes()
	p.must(err)
	for _, n := range all {
		if n.name == "" && slices.Contains(interactiveRoles, n.role) {
			p.Errorf("%s: a %s has no name", name, n.role)
		}
	}
	for _, l := range windows {
		p.window(l.width, l.height, l.scheme)
		p.shoot(fmt.Sprintf("%s-%d-%s", name, l.width, l.scheme))
	}
	p.write(kb.Tab) // from here on the browser shows the focus as it does for keyboard users
	for _, l := range windows {
		p.window(l.width, l.height, l.scheme)
		problems, err := eval[[]string](p, audit)
		p.must(err)
		for _, problem := range problems {
			p.Errorf("%s, %d pixels wide, %s: %s", name, l.width, l.scheme, problem)
		}
	}
	p.window(1280, 900, "light")
}

// window sets the size of the window and the preferred colour scheme. Animations are off, so that pictures are
// stable.
func (p *tab) window(width, height int64, scheme string) {
	p.Helper()
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	p.must(err)
	p.do(chromedp.EmulateViewport(width, height))
}
