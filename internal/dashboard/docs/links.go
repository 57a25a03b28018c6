// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"path"
	"strconv"
	"strings"
	"unicode"

	"github.com/yuin/goldmark/ast"
	extensionast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/util"
)

// links resolve the links of pages.
type links struct {
	// pages are the addresses of pages and of directories of pages, other of what is served elsewhere, by their path.
	pages, other map[string]string
	// files are the texts of all files.
	files map[string][]byte
}

// resolve returns the address that a link of a page leads to.
func (l links) resolve(page, link string) string {
	file, place, hasPlace := strings.Cut(link, "#")
	if file == "" || strings.Contains(link, ":") {
		return link
	}
	name := path.Join(path.Dir(page), file)
	address := "/" + name
	for _, known := range []map[string]string{l.pages, l.other} {
		if at, ok := known[name]; ok {
			address = at
		}
	}
	if hasPlace {
		address += "#" + place
	}
	return address
}

// prepare resolves the links of a page, names its tables, and returns its sections.
func (l links) prepare(document ast.Node, page string, source []byte) []Section {
	var sections []Section
	var heading []byte
	_ = ast.Walk(document, func(n ast.Node, entering bool) (ast.WalkStatus, error) { // the function returns no error
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Link:
			n.Destination = []byte(l.resolve(page, string(n.Destination)))
		case *ast.Image:
			n.Destination = []byte(l.resolve(page, string(n.Destination)))
		case *ast.Heading:
			id, _ := n.AttributeString("id")
			heading, _ = id.([]byte)
			if n.Level == 2 {
				sections = append(sections, Section{ID: string(heading), Title: plain(n, source)})
			}
		case *extensionast.Table:
			n.SetAttributeString(labelledBy, heading)
			labelCells(n, source)
		}
		return ast.WalkContinue, nil
	})
	return sections
}

// labelCells gives each cell of a table the label of its column, which narrow windows show beside it.
func labelCells(table ast.Node, source []byte) {
	var labels []string
	for row := table.FirstChild(); row != nil; row = row.NextSibling() {
		column := 0
		for cell := row.FirstChild(); cell != nil; cell = cell.NextSibling() {
			switch {
			case row.Kind() == extensionast.KindTableHeader:
				cell.SetAttributeString("scope", []byte("col"))
				labels = append(labels, plain(cell, source))
			case column < len(labels):
				cell.SetAttributeString("data-label", []byte(labels[column]))
			}
			column++
		}
	}
}

// plain returns the text in a node.
func plain(n ast.Node, source []byte) string {
	var out strings.Builder
	for child := n.FirstChild(); child != nil; child = child.NextSibling() {
		if t, ok := child.(*ast.Text); ok {
			out.Write(util.UnescapePunctuations(t.Value(source)))
			continue
		}
		out.WriteString(plain(child, source))
	}
	return out.String()
}

// slugs give headings the ids that GitHub gives them, so that links work in both.
type slugs struct{ used map[string]bool }

// Generate returns the id of a heading.
func (s *slugs) Generate(heading []byte, _ ast.NodeKind) []byte {
	slug := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r), unicode.IsNumber(r), r == '_', r == '-':
			return unicode.ToLower(r)
		case r == ' ':
			return '-'
		default:
			return -1
		}
	}, string(heading))
	name := slug
	for n := 1; s.used[name]; n++ {
		name = slug + "-" + strconv.Itoa(n)
	}
	s.used[name] = true
	return []byte(name)
}

// Put records an id that is in use.
func (s *slugs) Put(id []byte) { s.used[string(id)] = true }
