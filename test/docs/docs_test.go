// SPDX-License-Identifier: Apache-2.0

// Package docs_test checks the documentation: its links, its index, the reasons that it explains, and the objects in it,
// which an API server must accept.
package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// root is the directory of the project.
const root = "../.."

// pages returns the text of every Markdown page, by its path from the root.
func pages(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md", "charts/*/*.md"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			name, err := filepath.Rel(root, file)
			if err != nil {
				t.Fatal(err)
			}
			out[name] = string(text)
		}
	}
	if len(out) < 30 {
		t.Fatalf("there are only %d pages", len(out))
	}
	return out
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#{1,6} (.+)$`)
	anchor  = regexp.MustCompile(`<a (?:id|name)="([^"]+)">`)
	symbols = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
	inCode  = regexp.MustCompile("(?ms)^```.*?^```|^ {4}.*?$|`[^`\n]*`")
)

// anchors returns the places of a page that a link can name, as GitHub makes them from headings.
func anchors(text string) map[string]bool {
	out := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		title := link.ReplaceAllString(m[1], "]")
		slug := strings.ReplaceAll(symbols.ReplaceAllString(strings.ToLower(title), ""), " ", "-")
		for name, n := slug, 1; ; n++ {
			if !out[name] {
				out[name] = true
				break
			}
			name = slug + "-" + strconv.Itoa(n)
		}
	}
	for _, m := range anchor.FindAllStringSubmatch(text, -1) {
		out[m[1]] = true
	}
	return out
}

// TestLinks checks that each link to a file or a heading of the project leads there.
func TestLinks(t *testing.T) {
	all := pages(t)
	checked := 0
	for name, text := range all {
		for _, m := range link.FindAllStringSubmatch(inCode.ReplaceAllString(text, ""), -1) {
			target := m[1]
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			checked++
			file, place, _ := strings.Cut(target, "#")
			path := name
			if file != "" {
				path = filepath.Join(filepath.Dir(name), file)
			}
			if _, err := os.Stat(filepath.Join(root, path)); err != nil {
				t.Errorf("%s: there is no %s", name, target)
				continue
			}
			if place != "" && strings.HasSuffix(path, ".md") && !anchors(all[path])[place] {
				t.Errorf("%s: %s has no heading #%s", name, path, place)
			}
		}
	}
	if checked < 50 {
		t.Errorf("only %d links were checked", checked)
	}
}

// TestIndex checks that docs/README.md names every page, and llms.txt every page that it names.
func TestIndex(t *testing.T) {
	all := pages(t)
	index := all[filepath.Join("docs", "README.md")]
	raw, err := os.ReadFile(filepath.Join(root, "docs", "llms.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for name := range all {
		page, ok := strings.CutPrefix(name, "docs/")
		if ok && !strings.Contains(page, "/") && page != "README.md" && !strings.Contains(index, "]("+page+")") {
			t.Errorf("docs/README.md does not name %s", page)
		}
	}
	for _, m := range link.FindAllStringSubmatch(index, -1) {
		if !strings.Contains(string(raw), m[0]) {
			t.Errorf("docs/llms.txt does not name %s", m[1])
		}
	}
}

// reasons returns the values of the API's constants Reason....
func reasons(t *testing.T) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	files, err := filepath.Glob(filepath.Join(root, "api/v1alpha1/*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "Reason") && len(spec.Values) == 1 {
				if literal, ok := spec.Values[0].(*ast.BasicLit); ok {
					if value, err := strconv.Unquote(literal.Value); err == nil {
						out[value] = true
					}
				}
			}
			return true
		})
	}
	return out
}

// TestReasons checks that troubleshooting explains each reason of a condition, says what to do, and knows no other.
func TestReasons(t *testing.T) {
	text := pages(t)[filepath.Join("docs", "troubleshooting.md")]
	row := regexp.MustCompile("(?m)^\\| <a id=\"([a-z]+)\"></a>`([A-Za-z]+)` \\| (.+) \\| (.+) \\|$")
	explained := map[string]bool{}
	for _, m := range row.FindAllStringSubmatch(text, -1) {
		explained[m[2]] = true
		if m[1] != strings.ToLower(m[2]) {
			t.Errorf("the row of %s has the anchor %s", m[2], m[1])
		}
	}
	known := reasons(t)
	if len(known) < 40 {
		t.Fatalf("the API has only the reasons %v", known)
	}
	for reason := range known {
		if !explained[reason] {
			t.Errorf("docs/troubleshooting.md does not explain %s", reason)
		}
	}
	for reason := range explained {
		if !known[reason] {
			t.Errorf("docs/troubleshooting.md explains %s, which the API does not have", reason)
		}
	}
}
