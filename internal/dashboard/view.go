package dashboard

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"path"
	"slices"
	"strings"
)

//go:embed templates
var templates embed.FS

// view is what a page shows. A handler sets what is exported and not filled in by render.
type view struct {
	// Title is the page's heading, and its window's title.
	Title string
	// Section is the entry of the navigation that the page belongs to, such as defects.
	Section string
	// Follow are the kinds whose changes have the page's live regions loaded again, such as Defect,Notification; none when empty.
	Follow string
	// Data is the page's own.
	Data any

	// What follows is filled in.

	*visit
	// Note is what was done by the form that led here.
	Note string
	site *site
}

// entry is one of the navigation.
type entry struct{ Section, Path, Label string }

// Nav is the navigation.
func (view) Nav() []entry {
	return []entry{
		{"overview", "/", "Overview"}, {"activity", "/activity", "Activity"}, {"defects", "/defects", "Defects"},
		{"integrations", "/integrations", "Integrations"}, {"rules", "/rules", "Rules"},
	}
}

// SignedIn says whether somebody is.
func (p view) SignedIn() bool { return p.visit != nil }

// Static is the address of a file.
func (p view) Static(name string) string { return p.site.files[name].address }

// Namespace is what the page is about: a namespace, or * for all.
func (p view) Namespace() string { return p.namespace }

// All says that the page is about every namespace, so that each thing's has to be shown.
func (p view) All() bool { return p.namespace == "*" }

// Stay is the namespace that links carry along, so that whoever chose one stays in it.
func (p view) Stay() string {
	if p.visit == nil {
		return ""
	}
	if object := p.r.PathValue("namespace"); p.chosen == "" && object != "" && !p.Everywhere {
		return object
	}
	return p.chosen
}

// Link is the address of a page about the same namespace, with parameters by name and value; empty ones are left out.
func (p view) Link(path string, pairs ...string) string {
	return link(path, append([]string{"namespace", p.Stay()}, pairs...)...)
}

// LinkWith is Link with parameters that are there as a list.
func (p view) LinkWith(path string, filters []string, pairs ...string) string {
	return p.Link(path, append(slices.Clone(filters), pairs...)...)
}

// To is the address of an object's page, such as To "defects" namespace name.
func (p view) To(section string, parts ...string) string {
	return link("/"+section+"/"+strings.Join(parts, "/"), "namespace", p.chosen)
}

// Section's own page, for the switch between namespaces.
func (p view) SectionPath() string {
	for _, e := range p.Nav() {
		if e.Section == p.Section {
			return e.Path
		}
	}
	return "/"
}

// Live is where the page hears of what changes after it was made; empty when it does not, or the caller may not watch any of it.
func (p view) Live() string {
	if p.visit == nil || p.Follow == "" {
		return ""
	}
	q := query("namespace", p.namespace, "since", p.since)
	for _, kind := range strings.Split(p.Follow, ",") {
		if p.May("watch", strings.ToLower(kind)+"s") {
			q.Add("kinds", kind)
		}
	}
	if !q.Has("kinds") {
		return ""
	}
	return "/live?" + q.Encode()
}

// Still says that the page shows what changes, and does not hear of it.
func (p view) Still() bool { return p.visit != nil && p.Follow != "" && p.Live() == "" }

// object is what a reference means.
type object struct{ Kind, Namespace, Name, URL string }

// Object reads a reference such as Defect/namespace/name. URL is the object's page; empty where it has none.
func (p view) Object(reference string) object {
	parts := strings.SplitN(reference, "/", 3)
	if len(parts) != 3 {
		return object{Name: reference}
	}
	o := object{Kind: parts[0], Namespace: parts[1], Name: parts[2]}
	switch o.Kind {
	case "Defect":
		o.URL = p.To("defects", o.Namespace, o.Name)
	case "Notification":
		o.URL = p.To("activity", o.Namespace, o.Name)
	case "NotificationRule":
		o.URL = p.To("rules", o.Namespace, o.Name)
	case "SlackIntegration":
		o.URL = p.To("integrations/slack", o.Namespace, o.Name)
	case "JiraIntegration":
		o.URL = p.To("integrations/jira", o.Namespace, o.Name)
	}
	return o
}

// notes are what pages say after a form, by the key that the address carries.
var notes = map[string]string{
	"moved":          "The state was changed.",
	"ticket":         "The ticket was asked for. Its key appears here once Jira has it.",
	"ticket-there":   "There is a ticket already.",
	"saved":          "Saved.",
	"created":        "Created.",
	"removed":        "Removed.",
	"tested":         "The test was made. Its answer is below.",
	"test-undecided": "The test was asked for, and there is no answer yet. It appears here when there is one.",
}

// parseViews reads the templates: each page with the layout and the parts.
func (s *site) parseViews() map[string]*template.Template {
	base := template.Must(template.New("layout.html").Funcs(s.functions()).ParseFS(templates, "templates/layout.html", "templates/parts/*.html"))
	entries, err := templates.ReadDir("templates")
	if err != nil {
		panic(err) // it is embedded here
	}
	out := map[string]*template.Template{}
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), path.Ext(e.Name()))
		if e.IsDir() || name == "layout" {
			continue
		}
		out[name] = template.Must(template.Must(base.Clone()).ParseFS(templates, "templates/"+e.Name()))
	}
	return out
}

// render answers with a page. v is nil for who is not signed in.
func (s *site) render(w http.ResponseWriter, r *http.Request, v *visit, status int, name string, page view) {
	page.visit, page.site = v, s
	if v != nil {
		page.Note = notes[r.URL.Query().Get("done")]
	}
	var out bytes.Buffer
	if err := s.views[name].ExecuteTemplate(&out, "layout.html", page); err != nil {
		panic(err) // a mistake of ours, which the API's handler answers and logs
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(out.Bytes()) // who has gone need not know
	}
}
