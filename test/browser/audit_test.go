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

// pressed are the roles whose elements people use, and which therefore need a name.
var pressed = []string{"button", "link", "textbox", "searchbox", "combobox", "checkbox", "radio", "spinbutton", "switch", "tab", "menuitem", "listbox", "DisclosureTriangle"}

// looks are the windows in which every page is looked at.
var looks = []struct {
	width, height int64
	scheme        string
}{{1280, 900, "light"}, {1280, 900, "dark"}, {360, 740, "light"}, {360, 740, "dark"}}

// look takes pictures of the page as it stands, wide and narrow, light and dark, and fails where somebody could not use it.
func (p *tab) look(name string) {
	p.Helper()
	all, err := p.nodes()
	p.must(err)
	for _, n := range all {
		if n.name == "" && slices.Contains(pressed, n.role) {
			p.Errorf("%s: a %s has no name", name, n.role)
		}
	}
	for _, l := range looks {
		p.window(l.width, l.height, l.scheme)
		p.shoot(fmt.Sprintf("%s-%d-%s", name, l.width, l.scheme))
	}
	p.write(kb.Tab) // from here on focus is shown as for a keyboard
	for _, l := range looks {
		p.window(l.width, l.height, l.scheme)
		wrong, err := eval[[]string](p, audit)
		p.must(err)
		for _, sentence := range wrong {
			p.Errorf("%s, %d pixels wide, %s: %s", name, l.width, l.scheme, sentence)
		}
	}
	p.window(1280, 900, "light")
}

// window sets the size of the window and the scheme that the user likes. Nothing moves, so that what is seen is what stays.
func (p *tab) window(width, height int64, scheme string) {
	p.Helper()
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	p.must(err)
	p.do(chromedp.EmulateViewport(width, height))
}
