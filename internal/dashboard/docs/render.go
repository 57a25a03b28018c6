// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"bytes"
	"fmt"
	"html/template"
	"regexp"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extensionast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// markdown parses and renders pages. HTML in them is shown as text.
var markdown = goldmark.New(
	goldmark.WithExtensions(extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignNone)), extension.Linkify),
	goldmark.WithParserOptions(parser.WithAutoHeadingID()),
	goldmark.WithRendererOptions(renderer.WithNodeRenderers(util.Prioritized(elements{}, 100))),
)

// render renders the page of a name.
func render(name string, source []byte, l links) Content {
	context := parser.NewContext(parser.WithIDs(&slugs{used: map[string]bool{}}))
	document := markdown.Parser().Parse(text.NewReader(source), parser.WithContext(context))
	content := Content{Sections: l.prepare(document, name, source)}
	if first, ok := document.FirstChild().(*ast.Heading); ok && first.Level == 1 {
		document.RemoveChild(document, first)
		content.Heading = htmlOf(first, source)
	}
	content.HTML = htmlOf(document, source)
	return content
}

// htmlOf returns a node as HTML.
func htmlOf(n ast.Node, source []byte) template.HTML {
	var out bytes.Buffer
	if err := markdown.Renderer().Render(&out, source, n); err != nil {
		panic(err) // a buffer does not fail
	}
	return template.HTML(out.String()) //nolint:gosec // the text is the project's own, and HTML in it is escaped
}

// labelledBy is the attribute of a table that holds the id of the heading above it.
const labelledBy = "labelled-by"

// elements renders what the dashboard shows in its own way.
type elements struct{}

// RegisterFuncs registers how these elements are rendered.
func (e elements) RegisterFuncs(to renderer.NodeRendererFuncRegisterer) {
	to.Register(extensionast.KindTable, e.table)
	to.Register(ast.KindCodeBlock, e.code)
	to.Register(ast.KindFencedCodeBlock, e.code)
	to.Register(ast.KindRawHTML, e.html)
	to.Register(ast.KindHTMLBlock, func(util.BufWriter, []byte, ast.Node, bool) (ast.WalkStatus, error) {
		return ast.WalkSkipChildren, nil // a comment
	})
}

// table renders a table that scrolls by itself, with a name for those who cannot see it.
func (elements) table(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		_, _ = w.WriteString("</table></div>\n")
		return ast.WalkContinue, nil
	}
	_, _ = w.WriteString(`<div class="scroll" tabindex="0"><table`)
	if id, ok := n.AttributeString(labelledBy); ok {
		_, _ = w.WriteString(` aria-labelledby="`)
		_, _ = w.Write(util.EscapeHTML(id.([]byte))) //nolint:forcetypeassert // prepare has set it
		_ = w.WriteByte('"')
	}
	_, _ = w.WriteString(">\n")
	return ast.WalkContinue, nil
}

// code renders a block of code that the keyboard can scroll.
func (elements) code(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if entering {
		_, _ = w.WriteString(`<pre tabindex="0"><code>`)
		_, _ = w.Write(util.EscapeHTML(n.Lines().Value(source)))
		_, _ = w.WriteString("</code></pre>\n")
	}
	return ast.WalkSkipChildren, nil
}

// place matches the beginning of the HTML that a page may have: a place that links lead to.
var place = regexp.MustCompile(`^<a id="([a-z-]+)">$`)

// html renders a place. Other HTML is shown as text.
func (elements) html(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if entering {
		content := n.(*ast.RawHTML).Segments.Value(source) //nolint:forcetypeassert // it is registered for this kind
		if m := place.FindSubmatch(content); m != nil {
			content = fmt.Appendf(nil, `<span id="%s"></span>`, m[1])
		} else if string(content) == "</a>" {
			content = nil
		} else {
			content = util.EscapeHTML(content)
		}
		_, _ = w.Write(content)
	}
	return ast.WalkSkipChildren, nil
}
