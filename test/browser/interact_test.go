// SPDX-License-Identifier: Apache-2.0

//go:build browser

package browser_test

// Using a tab: elements are found by role and accessible name, and used with mouse and keyboard.

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/input"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// node is a node of the accessibility tree.
type node struct {
	role, name string
	at         cdp.BackendNodeID
	disabled   bool
}

// nodes returns the accessibility tree as a list.
func (p *tab) nodes() ([]node, error) {
	tree, err := chromedp.Call(p.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		return nil, err
	}
	word := func(v *accessibility.Value) string {
		var s string
		if v != nil {
			_ = json.Unmarshal(v.Value, &s) // a value that is no string gives no name
		}
		return strings.Join(strings.Fields(s), " ")
	}
	var out []node
	for _, n := range tree.Nodes {
		if n.Ignored || n.BackendDOMNodeID == 0 {
			continue
		}
		found := node{role: word(n.Role), name: word(n.Name), at: n.BackendDOMNodeID}
		for _, property := range n.Properties {
			found.disabled = found.disabled || property.Name == accessibility.PropertyNameDisabled && string(property.Value.Value) == "true"
		}
		out = append(out, found)
	}
	return out, nil
}

// find returns the node with a role and a name: with exactly this name, else one whose name begins with it, else one
// whose name contains it.
func (p *tab) find(role, name string) (node, error) {
	all, err := p.nodes()
	if err != nil {
		return node{}, err
	}
	var others []string
	want := strings.ToLower(name)
	for _, matches := range []func(a, b string) bool{func(a, b string) bool { return a == b }, strings.HasPrefix, strings.Contains} {
		for _, n := range all {
			if n.role == role && matches(strings.ToLower(n.name), want) {
				return n, nil
			}
		}
	}
	for _, n := range all {
		if n.role == role {
			others = append(others, n.name)
		}
	}
	return node{}, fmt.Errorf("there is no %s %q; there are %q", role, name, others)
}

// has reports whether there is a node with this role and name.
func (p *tab) has(role, name string) bool {
	p.Helper()
	_, err := p.find(role, name)
	return err == nil
}

// names returns the names of all nodes with a role.
func (p *tab) names(role string) []string {
	p.Helper()
	all, err := p.nodes()
	p.must(err)
	var out []string
	for _, n := range all {
		if n.role == role {
			out = append(out, n.name)
		}
	}
	return out
}

// textOf returns the text of a node.
func (p *tab) textOf(n node) (string, error) {
	o, err := chromedp.Call(p.ctx, dom.ResolveNode, dom.ResolveNodeParams{BackendNodeID: n.at})
	if err != nil {
		return "", err
	}
	text, err := chromedp.Run(p.ctx, chromedp.CallFunctionOn[string](`function() { return this.innerText }`,
		func(c *cdpruntime.CallFunctionOnParams) { c.ObjectID = o.Object.ObjectID }))
	return strings.Join(strings.Fields(text), " "), err
}

// seeIn waits for texts in the region with this heading.
func (p *tab) seeIn(heading string, texts ...string) {
	p.Helper()
	p.until(fmt.Sprintf("%q under %q", texts, heading), func() error {
		n, err := p.find("region", heading)
		if err != nil {
			return err
		}
		shown, err := p.textOf(n)
		if err != nil {
			return err
		}
		for _, text := range texts {
			if !strings.Contains(strings.ToLower(shown), strings.ToLower(text)) {
				return fmt.Errorf("%q is not in %q", text, shown)
			}
		}
		return nil
	})
}

// click clicks the middle of a node.
func (p *tab) click(role, name string) {
	p.Helper()
	p.until(fmt.Sprintf("a click on %s %q", role, name), func() error {
		n, err := p.find(role, name)
		if err != nil {
			return err
		}
		if n.disabled {
			return errors.New("it is disabled")
		}
		if _, err := chromedp.Call(p.ctx, dom.ScrollIntoViewIfNeeded, dom.ScrollIntoViewIfNeededParams{BackendNodeID: n.at}); err != nil {
			return err
		}
		quads, err := chromedp.Call(p.ctx, dom.GetContentQuads, dom.GetContentQuadsParams{BackendNodeID: n.at})
		if err != nil {
			return err
		}
		if len(quads.Quads) == 0 || len(quads.Quads[0]) != 8 {
			return errors.New("it has no box in the window")
		}
		q := quads.Quads[0]
		return chromedp.Do(p.ctx, chromedp.MouseClickXY((q[0]+q[4])/2, (q[1]+q[5])/2))
	})
}

// follow clicks a node and waits for the page that it leads to.
func (p *tab) follow(role, name string) {
	p.Helper()
	p.navigates(fmt.Sprintf("%s %q", role, name), func() { p.click(role, name) })
}

// fill replaces the text of a field, as pasting does.
func (p *tab) fill(name, value string) {
	p.Helper()
	role := "textbox"
	if p.has("searchbox", name) {
		role = "searchbox"
	}
	p.focus(role, name)
	_, err := eval[bool](p, `document.activeElement.select(), true`)
	p.must(err)
	_, err = chromedp.Call(p.ctx, input.InsertText, input.InsertTextParams{Text: value})
	p.must(err)
}

// choose selects an option of a list by its text.
func (p *tab) choose(name, option string) {
	p.Helper()
	p.focus("combobox", name)
	chosen, err := eval[bool](p, fmt.Sprintf(`(() => {
		const list = document.activeElement, want = %q.toLowerCase()
		const found = [...list.options].find(o => o.text.trim().toLowerCase() === want)
		if (!found) return false
		list.value = found.value
		list.dispatchEvent(new Event("input", { bubbles: true }))
		list.dispatchEvent(new Event("change", { bubbles: true }))
		return true
	})()`, option))
	p.must(err)
	if !chosen {
		p.Fatalf("%q has no option %q", name, option)
	}
}

// focus focuses a node.
func (p *tab) focus(role, name string) {
	p.Helper()
	p.until(fmt.Sprintf("%s %q", role, name), func() error {
		n, err := p.find(role, name)
		if err != nil {
			return err
		}
		_, err = chromedp.Call(p.ctx, dom.Focus, dom.FocusParams{BackendNodeID: n.at})
		return err
	})
}

// write types into the element with the focus.
func (p *tab) write(text string) {
	p.Helper()
	p.do(chromedp.KeyEvent(text))
}

// tabTo presses Tab until a node with this role and name has the focus.
func (p *tab) tabTo(role, name string) {
	p.Helper()
	p.until(fmt.Sprintf("%s %q", role, name), func() error {
		_, err := p.find(role, name)
		return err
	})
	for range 100 {
		p.write(kb.Tab)
		at, err := chromedp.Run(p.ctx, chromedp.Evaluate[*cdpruntime.RemoteObject](`document.activeElement`))
		p.must(err)
		there, err := chromedp.Call(p.ctx, dom.DescribeNode, dom.DescribeNodeParams{ObjectID: at.ObjectID})
		p.must(err)
		if n, err := p.find(role, name); err == nil && there.Node.BackendNodeID == n.at { // a live update may have replaced it
			return
		}
	}
	p.Fatalf("Tab does not lead to %s %q", role, name)
}
