// SPDX-License-Identifier: Apache-2.0

// Package docs renders the project's documentation for the dashboard. The address of a page is its path in the project
// without .md, so that a link between files is one between pages too.
package docs

import (
	"html/template"
	"io/fs"
	"path"
	"strings"
	"sync"
)

// Index is the address of the first page.
const Index = "/docs"

// Page is a page of the documentation.
type Page struct {
	Address, Title string
	// Content renders the page when it is first called.
	Content func() Content
}

// Content is what a page shows.
type Content struct {
	// Heading is the heading of the page, HTML what follows it.
	Heading, HTML template.HTML
	// Sections are the headings of the second level.
	Sections []Section
}

// Section is a part of a page.
type Section struct{ ID, Title string }

// File is what pages link to beside pages, and the text of each page.
type File struct {
	Address string
	Text    []byte
}

// Docs are the pages and the files.
type Docs struct {
	Pages []Page
	Files []File
}

// New returns the documentation in a directory. other has the addresses of what is served elsewhere, by path.
func New(directory fs.FS, other map[string]string) (Docs, error) {
	texts, err := read(directory)
	if err != nil {
		return Docs{}, err
	}
	l := links{pages: map[string]string{}, files: texts, other: other}
	for name := range texts {
		if !isPage(name) {
			continue
		}
		l.pages[name] = addressOf(name)
		if directory := path.Dir(name); directory != "." {
			l.pages[directory] = addressOf(directory)
		}
	}
	var out Docs
	for name, text := range texts {
		out.Files = append(out.Files, File{Address: "/" + name, Text: text})
	}
	for name, address := range l.pages {
		text, ok := texts[name]
		if !ok {
			if texts[path.Join(name, readme)] != nil {
				continue // the directory has a page of its own
			}
			text = listOf(name, texts)
			name = path.Join(name, readme)
		}
		out.Pages = append(out.Pages, Page{
			Address: address, Title: titleOf(text), Content: sync.OnceValue(func() Content { return render(name, text, l) }),
		})
	}
	return out, nil
}

const readme = "README.md"

func isPage(name string) bool { return path.Ext(name) == ".md" }

// addressOf returns the address of a page, or of a directory.
func addressOf(name string) string {
	if directory, file := path.Split(name); file == readme && directory != "" {
		return "/" + path.Clean(directory)
	}
	return "/" + strings.TrimSuffix(name, ".md")
}

// read returns the text of every file, by its path.
func read(directory fs.FS) (map[string][]byte, error) {
	out := map[string][]byte{}
	err := fs.WalkDir(directory, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		out[name], err = fs.ReadFile(directory, name)
		return err
	})
	return out, err
}
