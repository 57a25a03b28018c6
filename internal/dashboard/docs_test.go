// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	project "github.com/voiceai-dev/integrations-operator"
	"github.com/voiceai-dev/integrations-operator/internal/dashboard/docs"
)

var (
	reference = regexp.MustCompile(`<(a|img|link|script)[^>]* (href|src)="([^"]*)"`)
	id        = regexp.MustCompile(` id="([^"]*)"`)
)

// TestDocumentation opens every page, signed in and not, and follows each of its links.
func TestDocumentation(t *testing.T) {
	d := newTester(t, nil)
	pages := map[string]string{}
	visit := func(at string) string {
		if page, ok := pages[at]; ok {
			return page
		}
		w := d.send("GET", at, "")
		for range 2 {
			if w.Code == http.StatusFound || w.Code == http.StatusSeeOther {
				w = d.send("GET", w.Header().Get("Location"), "")
			}
		}
		if w.Code != http.StatusOK {
			t.Errorf("GET %s: got %d", at, w.Code)
		}
		pages[at] = w.Body.String()
		return pages[at]
	}
	files, err := fs.Glob(project.Documentation, "docs/*.md")
	if err != nil || len(files) < 20 {
		t.Fatalf("only the pages %v are embedded: %v", files, err)
	}
	waiting := []string{docs.Index}
	for _, file := range files {
		if file != "docs/README.md" {
			waiting = append(waiting, "/"+strings.TrimSuffix(file, ".md"))
		}
	}
	seen := map[string]bool{}
	for len(waiting) > 0 {
		at := waiting[0]
		waiting = waiting[1:]
		if seen[at] {
			continue
		}
		seen[at] = true
		signedOut := visit(at)
		page := d.open(at, http.StatusOK)
		d.has(page, `<article class="doc">`, "Sign out", "<h1")
		d.hasNot(page, " style=", "raw HTML omitted", "href=\"\"")
		d.hasNot(signedOut, "Sign out")
		var ids []string
		for _, m := range id.FindAllStringSubmatch(page, -1) {
			if slices.Contains(ids, m[1]) {
				t.Errorf("%s has the id %s twice", at, m[1])
			}
			ids = append(ids, m[1])
		}
		_, article, _ := strings.Cut(page, `<article class="doc">`)
		for _, m := range reference.FindAllStringSubmatch(article, -1) {
			to, place, _ := strings.Cut(m[3], "#")
			switch {
			case strings.Contains(to, ":") && m[1] == "a", to == openAPIPage:
				continue
			case to == "":
				to = at
			case !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//"):
				t.Errorf("%s loads %s or leads there", at, m[3])
				continue
			}
			target := visit(to)
			if place != "" && !strings.Contains(target, ` id="`+place+`"`) {
				t.Errorf("%s leads to %s, which has no such place", at, m[3])
			}
			if strings.Contains(target, `<article class="doc">`) {
				waiting = append(waiting, to)
			}
		}
	}
	for _, at := range []string{"/README", "/docs/decisions", "/docs/runbooks/VoiceAINoLeader", "/charts/voiceai-integrations"} {
		if !seen[at] {
			t.Errorf("no page leads to %s", at)
		}
	}
}

// TestDocumentationKeepsNamespace checks that what a user reads of the documentation leads back to the namespace that the user has
// chosen, and that a user who is not signed in can sign in and go on reading.
func TestDocumentationKeepsNamespace(t *testing.T) {
	d := newTester(t, nil)
	d.has(d.open("/docs/slack?namespace=qa", http.StatusOK), `<a href="/docs?namespace=qa">Documentation</a>`,
		`href="/docs/slack-rbac?namespace=qa"`, `href="/docs/troubleshooting?namespace=qa#unauthorized"`,
		`href="/defects?namespace=qa"`, `href="https://api.slack.com/apps"`, `src="/docs/images/slack-form.png"`)
	d.has(d.open("/defects/qa/d-1?namespace=qa", http.StatusNotFound), `href="/docs?namespace=qa"`)
	d.hasNot(d.open("/docs/slack", http.StatusOK), "?namespace=", "Sign in<")
	d.has(d.send("GET", "/docs/slack", "").Body.String(), `<a class="button quiet enter" href="/signin?to=%2Fdocs%2Fslack">Sign in</a>`)
	d.hasNot(d.send("GET", "/signin", "").Body.String(), "/signin?")
}

// TestDrawing checks that a drawing may use its styles, and nothing else.
func TestDrawing(t *testing.T) {
	w := newTester(t, nil).send("GET", "/docs/images/architecture.svg", "")
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "image/svg+xml" ||
		w.Header().Get("Content-Security-Policy") != "default-src 'none'; style-src 'unsafe-inline'; sandbox" {
		t.Errorf("got %d %v", w.Code, w.Header())
	}
	if body := w.Body.String(); strings.Contains(body, "<script") || strings.Contains(body, "href=") {
		t.Errorf("the drawing is %s", body)
	}
}

// TestDocumentationForPrograms follows the links of llms.txt, which lead to the text of pages.
func TestDocumentationForPrograms(t *testing.T) {
	d := newTester(t, nil)
	if w := d.send("GET", "/llms.txt", ""); w.Header().Get("Location") != "/docs/llms.txt" {
		t.Errorf("/llms.txt leads to %q", w.Header().Get("Location"))
	}
	w := d.send("GET", "/docs/llms.txt", "")
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Fatalf("got %d %v", w.Code, w.Header())
	}
	links := regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(w.Body.String(), -1)
	if len(links) < 20 {
		t.Errorf("llms.txt has the links %v", links)
	}
	for _, m := range links {
		if m[1] == "openapi.json" {
			continue // the API serves it
		}
		w := d.send("GET", path.Join(docs.Index, m[1]), "")
		kind := w.Header().Get("Content-Type")
		isText := kind == "text/markdown; charset=utf-8" && strings.Contains(w.Body.String(), "# ")
		if w.Code != http.StatusOK || isText != strings.HasSuffix(m[1], ".md") {
			t.Errorf("%s: got %d %v", m[1], w.Code, w.Header())
		}
	}
}
