// SPDX-License-Identifier: Apache-2.0

//go:build browser

package browser_test

import (
	"encoding/base64"
	"strings"
	"testing"
)

// goodPage is a page without mistakes. Each case of TestAudit puts one into it.
const goodPage = `<!doctype html><html lang="en"><head><title>Good</title><meta name="viewport" content="width=device-width">
<link rel="stylesheet" href="data:text/css,:focus-visible%7Boutline:2px solid blue%7D">
<link rel="stylesheet" href="data:text/css,button,input%7Bheight:32px;min-width:32px%7D">
<link rel="stylesheet" href="data:text/css,nav a%7Bdisplay:inline-block;padding:8px%7D"></head><body>
<a href="#main">Skip</a><header>Top</header><nav><a href="/">Overview</a></nav><main id="main"><h1>Good</h1><h2>Part</h2>
<p>Text</p><label for="f">Field</label><input id="f"><button>Press</button>
<table><caption>Numbers</caption><tr><th scope="col">One</th></tr><tr><td>1</td></tr></table>
<time datetime="2026-01-01T00:00:00Z">then</time></main></body></html>`

// TestAudit checks that the audit finds each mistake.
func TestAudit(t *testing.T) {
	p := newTab(t)
	problems := func(page string) []string {
		p.openURL("data:text/html;base64," + base64.StdEncoding.EncodeToString([]byte(page)))
		p.write("\t")
		out, err := eval[[]string](p, audit)
		p.must(err)
		return out
	}
	if found := problems(goodPage); len(found) > 0 {
		t.Errorf("the good page has problems: %q", found)
	}
	for _, c := range []struct{ name, old, new, want string }{
		{"language", ` lang="en"`, ``, "its language"},
		{"title", `<title>Good</title>`, ``, "no title"},
		{"viewport", `name="viewport"`, `name="other"`, "adapt to the window"},
		{"two h1", `<h2>`, `<h1>Second</h1><h2>`, "there are 2 h1"},
		{"skipped level", `<h2>Part</h2>`, `<h4>Part</h4>`, "comes after an h1"},
		{"no main", `<main id="main">`, `<div id="main">`, "there are 0 main"},
		{"no header", `<header>Top</header>`, ``, "no header"},
		{"duplicate id", `<p>`, `<p id="f">`, "2 elements have the id f"},
		{"label without field", `for="f"`, `for="g"`, "for=g"},
		{"no label", `<label for="f">Field</label>`, ``, "no label"},
		{"no alt", `<p>Text`, `<p><img src="data:,">`, "no alt"},
		{"no caption", `<caption>Numbers</caption>`, ``, "no caption"},
		{"no scope", ` scope="col"`, ``, "no scope"},
		{"no datetime", ` datetime="2026-01-01T00:00:00Z"`, ``, "no datetime"},
		{"focus order", `<button>`, `<button tabindex="3">`, "tabindex 3"},
		{"inline style", `<p>`, `<p style="margin:0">`, "inline style"},
		{"no skip link", `<a href="#main">Skip</a>`, ``, "not a skip link"},
		{"invisible focus", `:focus-visible%7Boutline:2px solid blue%7D`, `*:focus-visible%7Boutline:none%7D`, "looks the same"},
		{"small", `<button>`, `<button style="all:unset">`, "pixels"},
		{"broken word", `>Field<`, ` style="display:block;width:3ch;overflow-wrap:anywhere">Field<`, "on 2 lines"},
		{"narrow field", `<input id="f">`, `<input id="f" style="width:40px">`, "pixels wide"},
		{"low contrast", `<p>Text`, `<p style="color:#999">Text`, "contrast of the text"},
		{"low contrast on dark", `<p>Text`, `<p style="background:#222"><span style="color:rgb(255 255 255 / 30%)">Text</span>`,
			"contrast of the text"},
		{"transparent", `<p>Text`, `<p style="opacity:.4">Text`, "contrast of the text"},
		{"wide", `<p>Text`, `<p style="width:3000px">Text`, "pixels wide"},
		{"scrolling box", `<p>Text`, `<p style="overflow-x:auto;width:50px;white-space:nowrap">Text that goes on and on and on`,
			"the keyboard does not reach it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			page := strings.Replace(goodPage, c.old, c.new, 1)
			if page == goodPage {
				t.Fatalf("%q is not in the page", c.old)
			}
			found := problems(page)
			for _, sentence := range found {
				if strings.Contains(sentence, c.want) {
					return
				}
			}
			t.Errorf("no problem contains %q: %q", c.want, found)
		})
	}
}

// TestTabRecordsProblems checks the events that a tab listens to.
func TestTabRecordsProblems(t *testing.T) {
	for name, c := range map[string]struct{ body, want string }{
		"error":     {`<script>console.error("broken")</script>`, "broken"},
		"exception": {`<script>throw new Error("broken")</script>`, "broken"},
		"policy":    {`<meta http-equiv="Content-Security-Policy" content="script-src 'none'"><script>1</script>`, "the policy is violated"},
		"elsewhere": {`<img alt="" src="http://127.0.0.1:1/broken.png">`, "to another server"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newTab(t)
			page := "<!doctype html><title>Broken</title>" + c.body
			p.openURL("data:text/html;base64," + base64.StdEncoding.EncodeToString([]byte(page)))
			p.until("the problem", func() error { return p.hasProblem(c.want) })
			p.mu.Lock()
			defer p.mu.Unlock()
			p.problems = nil // the test expects it
		})
	}
}
