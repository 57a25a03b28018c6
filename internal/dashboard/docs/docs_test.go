// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/voiceai-dev/integrations-operator/internal/dashboard/docs"
)

// TestContent renders one page of a small documentation, and the list of a directory.
func TestContent(t *testing.T) {
	files := fstest.MapFS{}
	for name, text := range map[string]string{
		"README.md":        "# Project",
		"docs/README.md":   "# Index",
		"docs/notes/b.md":  "# Second",
		"docs/notes/a.md":  "# First *note*",
		"docs/picture.svg": "<svg/>",
		"docs/page.md": `# Page: of "all"

<script>alert(1)</script>

Text <b>bold</b> <a id="a-place"></a>here, [next](notes/a.md#x), [up](../README.md), [notes](notes), [api](api.json),
[out](https://example.com/a.md), [bad](javascript:alert(2)), ![picture](picture.svg), <https://example.com>.

## First ` + "`code`" + ` & more

| a | b |
|---|---|
| 1 | 2 |

    kubectl get <name>

## First code & more
`,
	} {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	all, err := docs.New(files, map[string]string{"docs/api.json": "/openapi"})
	if err != nil {
		t.Fatal(err)
	}
	pages := map[string]docs.Page{}
	for _, page := range all.Pages {
		pages[page.Address] = page
	}
	content := pages["/docs/page"].Content()
	if !strings.Contains(string(content.Heading), `<h1 id="page-of-all">`) || strings.Contains(string(content.HTML), "<h1") {
		t.Errorf("the heading is %s", content.Heading)
	}
	for _, want := range []string{
		`<span id="a-place"></span>here`, `&lt;b&gt;bold&lt;/b&gt;`, `href="/docs/notes/a#x"`, `href="/README"`,
		`href="/docs/notes"`, `href="/openapi"`, `href="https://example.com/a.md"`, `src="/docs/picture.svg"`,
		`<table aria-labelledby="first-code--more">`, `<th scope="col">a</th>`, `<td data-label="a">1</td>`, `<code>kubectl get &lt;name&gt;`,
		`<h2 id="first-code--more-1">`,
	} {
		if !strings.Contains(string(content.HTML), want) {
			t.Errorf("the page has no %s:\n%s", want, content.HTML)
		}
	}
	for _, unwanted := range []string{"<script", "javascript:", "<b>"} {
		if strings.Contains(string(content.HTML), unwanted) {
			t.Errorf("the page has %s:\n%s", unwanted, content.HTML)
		}
	}
	if want := (docs.Section{ID: "first-code--more", Title: "First code & more"}); len(content.Sections) != 2 || content.Sections[0] != want {
		t.Errorf("the sections are %v", content.Sections)
	}
	list := pages["/docs/notes"]
	html := string(list.Content().HTML)
	if list.Title != "Notes" || !strings.Contains(html, `<a href="/docs/notes/a">First <em>note</em></a>`) {
		t.Errorf("the list %s is\n%s", list.Title, html)
	}
	if len(pages) != 6 || len(all.Files) != 6 || pages[docs.Index].Title != "Index" {
		t.Errorf("got the pages %v", pages)
	}
}
