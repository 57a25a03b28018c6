// SPDX-License-Identifier: Apache-2.0

//go:build browser

package browser_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// pages creates a suite with a run, and returns the addresses of all pages of a world with a Defect of this name.
func (w *world) pages(defect string) []string {
	w.t.Helper()
	w.suite("nightly")
	w.ended("nightly-1", "nightly", 1, `{"passed":3,"failed":1}`)
	return []string{
		"/", "/activity", "/runs", "/runs/" + w.namespace + "/nightly-1", "/suites", "/suites/" + w.namespace + "/nightly",
		"/defects", "/defects/" + w.namespace + "/" + defect,
		"/integrations", "/integrations/slack/" + w.namespace + "/" + slackName,
		"/integrations/jira/" + w.namespace + "/" + jiraName, "/rules", "/rules/" + w.namespace + "/" + ruleName,
	}
}

// formTargets returns the addresses that the page's forms post to, except for signing out.
func (p *tab) formTargets() []string {
	p.Helper()
	to, err := eval[[]string](p, `[...document.forms].filter(f => f.method === "post")
		.map(f => new URL(f.action).pathname).filter(a => a !== "/signout")`)
	p.must(err)
	return to
}

func TestViewerHasNoForms(t *testing.T) {
	w := newWorld(t)
	w.defect("unmade", "Confirms a booking it has not made", v1alpha1.SeverityCritical)
	viewer := w.tab(t)
	admin := w.tab(t)
	viewer.signIn(w.viewer)
	admin.signIn(w.admin)
	forms := 0
	for _, path := range w.pages("unmade") {
		admin.open(path)
		viewer.open(path)
		forms += len(admin.formTargets())
		if targets := viewer.formTargets(); len(targets) > 0 {
			t.Errorf("%s has forms for a viewer, to %q", path, targets)
		}
		if heading := viewer.names("heading"); len(heading) == 0 || viewer.alert() != "" {
			t.Errorf("%s shows nothing to a viewer: %s", path, viewer.text())
		}
	}
	if forms < 5 {
		t.Errorf("all pages together have %d forms for an admin", forms)
	}
	viewer.open("/defects/" + w.namespace + "/unmade")
	viewer.see("Confirms a booking it has not made")
	viewer.look("defect-viewer")
}

func TestUserWithoutRightsSeesNothing(t *testing.T) {
	w := newWorld(t)
	d := w.defect("unmade", "Confirms a booking it has not made", v1alpha1.SeverityCritical)
	w.until("the message", func() (bool, error) { return len(w.messages()) > 0, nil })
	p := w.tab(t)
	p.allow(http.StatusForbidden, http.StatusNotFound)
	p.signIn(w.noRights)
	p.look("overview-no-rights")
	for _, path := range w.pages(d.Name) {
		p.open(path)
		if targets := p.formTargets(); len(targets) > 0 {
			t.Errorf("%s has forms for a user without rights, to %q", path, targets)
		}
		p.absent(d.Spec.Title, channel, "books_the_right_day", w.server.URL, "sandbox")
	}
	// The answer does not depend on whether the object exists.
	p.open("/defects/" + w.namespace + "/unmade")
	existing := p.text()
	p.look("forbidden")
	p.open("/defects/" + w.namespace + "/absent")
	if absent := strings.ReplaceAll(p.text(), "absent", "unmade"); absent != existing {
		t.Errorf("the answers for an existing and an absent Defect differ:\n%s\n%s", existing, absent)
	}
}

func TestEmptyPages(t *testing.T) {
	w := newWorld(t)
	p := w.tab(t)
	p.allow(http.StatusNotFound)
	p.signIn(w.admin)
	p.open("/defects/" + w.namespace + "/absent")
	p.look("missing-defect")
	p.open("/nowhere")
	p.look("missing")
	for _, path := range []string{"/defects", "/activity"} {
		p.open(path)
		p.look("empty" + strings.ReplaceAll(path, "/", "-"))
	}
}

// TestHostileText puts scripts into every text that comes from outside.
func TestHostileText(t *testing.T) {
	w := newWorld(t)
	const title = `<script>alert("ran")</script>`
	const more = `"><img src=x onerror=alert("ran")><svg onload=alert("ran")>{{.}}</textarea></title>javascript:alert("ran")`
	d := w.defect("hostile", title, v1alpha1.SeverityHigh)
	hostile := &v1alpha1.Defect{Spec: v1alpha1.DefectSpec{
		Title: "More " + more, Severity: v1alpha1.SeverityLow, TestCase: more,
		Description: more, StepsToReproduce: more, ExpectedResult: more, ActualResult: more,
	}}
	hostile.Name = "more"
	w.create(hostile)
	w.until("the messages", func() (bool, error) { return len(w.messages()) == 2, nil })
	p := w.tab(t)
	p.signIn(w.admin)
	for _, path := range append(w.pages(d.Name), "/defects/"+w.namespace+"/more",
		"/defects?q=%3Cscript%3Ealert(1)%3C/script%3E", "/activity?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E") {
		p.open(path)
		found, err := eval[int](p, `document.querySelectorAll("main img, main [onerror], main [onload], main script:not([src])").length`)
		p.must(err)
		if found > 0 {
			t.Errorf("%s has elements from a text", path)
		}
	}
	p.open("/defects/" + w.namespace + "/hostile")
	p.see(title)
	p.open("/defects")
	p.see(title)
	p.follow("link", title)
	p.see(title)
}
