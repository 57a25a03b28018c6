// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"bytes"
	"embed"
	"html/template"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/dashboard/chart"
	"github.com/voiceai-dev/integrations-operator/internal/dashboard/client"
	"github.com/voiceai-dev/integrations-operator/internal/dashboard/form"
	"github.com/voiceai-dev/integrations-operator/internal/dashboard/web"
)

//go:embed templates
var templates embed.FS

// view is what the templates of a page get. Handlers set the first four fields, render sets the others.
type view struct {
	// Title is the page's heading, and the title of its window.
	Title string
	// Section is the page's entry of the navigation, such as defects.
	Section string
	// Follow are the kinds whose changes reload the page's live regions, such as Defect,Notification. The page is not
	// live when it is empty.
	Follow string
	// Data is what only this page has.
	Data any

	*visit
	// Note says what the form that led here has done.
	Note string
	// SignIn is the address at which a user who is not signed in can do that, and comes back; empty on that page itself.
	SignIn string
	site   *site
}

// notes are the texts that a page shows after a form, by the key in the address.
var notes = map[string]string{
	"moved":          "The state was changed.",
	"ticket":         "Ticket requested. Its key appears here once Jira has created it.",
	"ticket-there":   "There is a ticket already.",
	"saved":          "Saved.",
	"replaced":       "Replaced. The integration is checked with the new value.",
	"created":        "Created.",
	"installed":      "The app was installed. The integration is checked with its token.",
	"revoked":        "The token was revoked, and removed from its Secret.",
	"run-started":    "The run was started.",
	"run-known":      "It was started again before: this is that run.",
	"removed":        "Removed.",
	"tested":         "The test has finished. Its result is below.",
	"test-undecided": "The test has not finished yet. Its result appears here.",
}

// parseTemplates parses the templates: each page with the layout and the parts.
func (s *site) parseTemplates() map[string]*template.Template {
	functions := web.Functions(s.now)
	maps.Copy(functions, template.FuncMap{
		"choices": form.Choices, "spark": chart.Spark, "strip": chart.Strip, "outcomes": chart.OutcomesOf,
		"results": chart.ResultsOf, "passRate": chart.PassRateOf,
	})
	base := template.New("layout.html").Funcs(functions)
	template.Must(base.ParseFS(templates, "templates/layout.html", "templates/parts/*.html"))
	entries, err := templates.ReadDir("templates")
	if err != nil {
		panic(err) // the folder is embedded
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

// render answers with a page. v is nil for a user who is not signed in.
func (s *site) render(w http.ResponseWriter, r *http.Request, v *visit, status int, name string, page view) {
	page.visit = v
	page.site = s
	switch {
	case v != nil:
		page.Note = notes[v.parameter("done")]
	case name != "signin":
		page.SignIn = signInAddress(r)
	}
	var out bytes.Buffer
	if err := s.templates[name].ExecuteTemplate(&out, "layout.html", page); err != nil {
		panic(err) // a bug in a template; the API's handler answers and logs it
	}
	html := s.keepNamespace(out.Bytes(), page.LinkNamespace())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(html) // fails only when the browser has gone
	}
}

// navigationEntry is a link of the navigation.
type navigationEntry struct{ Section, Path, Label string }

// Navigation returns the entries of the navigation.
func (view) Navigation() []navigationEntry {
	return []navigationEntry{
		{"overview", "/", "Overview"},
		{"activity", "/activity", "Activity"},
		{"runs", "/runs", "Runs"},
		{"defects", "/defects", "Defects"},
		{"integrations", "/integrations", "Integrations"},
		{"rules", "/rules", "Rules"},
	}
}

// SectionPath returns the path of the section's first page. The switch between namespaces leads there.
func (p view) SectionPath() string {
	for _, e := range p.Navigation() {
		if e.Section == p.Section {
			return e.Path
		}
	}
	return "/"
}

// SignedIn reports whether the user is signed in.
func (p view) SignedIn() bool { return p.visit != nil }

// Static returns the address of a static file.
func (p view) Static(name string) string { return p.site.files[name].Address }

// Namespace returns the namespace that the page is about, or * for all.
func (p view) Namespace() string { return p.namespace }

// All reports whether the page is about every namespace. Objects are then shown with theirs.
func (p view) All() bool { return p.namespace == "*" }

// LinkNamespace returns the namespace parameter of links, which keeps users in the namespace that they have chosen.
func (p view) LinkNamespace() string {
	if p.visit == nil {
		return ""
	}
	if object := p.r.PathValue("namespace"); p.chosen == "" && object != "" && !p.Everywhere {
		return object
	}
	return p.chosen
}

// Link returns the address of a page about the same namespace, with parameters by name and value. Empty values are
// left out.
func (p view) Link(path string, pairs ...string) string {
	return address(path, append([]string{"namespace", p.LinkNamespace()}, pairs...)...)
}

// LinkWith returns the same as Link, with further parameters in a list.
func (p view) LinkWith(path string, filters []string, pairs ...string) string {
	return p.Link(path, append(slices.Clone(filters), pairs...)...)
}

// LinkTo returns the address of an object's page, or of one of its forms: LinkTo "defects" namespace name.
func (p view) LinkTo(section string, parts ...string) string {
	return address("/"+section+"/"+strings.Join(parts, "/"), "namespace", p.chosen)
}

// Live returns the address of the stream of changes to what the page shows. It is empty when the page is not live, or
// when the user may watch none of its kinds.
func (p view) Live() string {
	if p.visit == nil || p.Follow == "" {
		return ""
	}
	q := client.Query("namespace", p.namespace, "since", p.api.WatchPosition())
	for kind := range strings.SplitSeq(p.Follow, ",") {
		if p.May("watch", strings.ToLower(kind)+"s") {
			q.Add("kinds", kind)
		}
	}
	if !q.Has("kinds") {
		return ""
	}
	return "/live?" + q.Encode()
}

// NeedsReload reports whether the page shows what may change, but cannot follow the changes.
func (p view) NeedsReload() bool { return p.visit != nil && p.Follow != "" && p.Live() == "" }

// object is an object that a reference names. URL is the address of its page; empty when it has none.
type object struct{ Kind, Namespace, Name, URL string }

// Object parses a reference such as Defect/namespace/name.
func (p view) Object(reference string) object {
	parts := strings.SplitN(reference, "/", 3)
	if len(parts) != 3 {
		return object{Name: reference}
	}
	o := object{Kind: parts[0], Namespace: parts[1], Name: parts[2]}
	section := map[string]string{
		"Defect":           "defects",
		"Job":              "runs",
		"Notification":     "activity",
		"NotificationRule": "rules",
		"SlackIntegration": "integrations/slack",
		"JiraIntegration":  "integrations/jira",
	}[o.Kind]
	if section != "" {
		o.URL = p.LinkTo(section, o.Namespace, o.Name)
	}
	return o
}
