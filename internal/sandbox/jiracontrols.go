// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/catalog"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/issue"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/webhook"
)

// JiraState is the site. Its issues are sorted by creation, the oldest first.
type JiraState struct {
	Mode     jira.Mode      `json:"mode"`
	Settings jira.Settings  `json:"settings"`
	Issues   []*issue.Issue `json:"issues"`
	Counts   jira.Counts    `json:"counts"`
	// Routes are the routes of the REST API that were called.
	Routes []JiraRoute `json:"routes"`
	// Deliveries counts the calls of the webhook. GET /_sandbox/jira/deliveries lists them.
	Deliveries webhook.Counts `json:"deliveries"`
}

// JiraRoute counts the calls of a route of Jira's REST API: those that succeeded, those that were refused with status
// 429, by the built-in rate limit or by a fault, and the others.
type JiraRoute struct {
	Route    string `json:"route"`
	Accepted int    `json:"accepted"`
	TooMany  int    `json:"tooMany"`
	Other    int    `json:"other"`
}

// jiraState returns the site's content.
func (s *Sandbox) jiraState() JiraState {
	state := JiraState{
		Mode:       s.jira.Mode(),
		Settings:   s.jira.Settings(),
		Issues:     s.jira.Issues(),
		Counts:     s.jira.Counts(),
		Routes:     []JiraRoute{},
		Deliveries: s.jira.DeliveryCounts(),
	}
	routes := map[string]JiraRoute{}
	for r, n := range s.Requests() {
		if r.Service != Jira {
			continue
		}
		route := routes[r.Route]
		route.Route = r.Route
		switch {
		case r.Status/100 == 2:
			route.Accepted += n
		case r.Status == http.StatusTooManyRequests:
			route.TooMany += n
		default:
			route.Other += n
		}
		routes[r.Route] = route
	}
	for _, route := range routes {
		state.Routes = append(state.Routes, route)
	}
	slices.SortFunc(state.Routes, func(a, b JiraRoute) int { return cmp.Compare(a.Route, b.Route) })
	return state
}

// person is the author of a change. Empty means a tester.
type person struct {
	As string `json:"as"`
}

// name returns the person's name.
func (p person) name() string { return cmp.Or(p.As, catalog.Tester) }

// jiraEdit is a person's edit of an issue. Absent members stay as they are.
type jiraEdit struct {
	person
	Summary     *string   `json:"summary"`
	Description *string   `json:"description"`
	Priority    *string   `json:"priority"`
	Assignee    *string   `json:"assignee"`
	Labels      *[]string `json:"labels"`
}

// apply edits an issue.
func (e jiraEdit) apply(is *issue.Issue) {
	for to, value := range map[*string]*string{
		&is.Summary: e.Summary, &is.Description: e.Description, &is.Priority: e.Priority, &is.Assignee: e.Assignee,
	} {
		if value != nil {
			*to = *value
		}
	}
	if e.Labels != nil {
		is.Labels = *e.Labels
	}
}

// addJiraControls adds the routes by which tests and people act as Jira's administrator and users.
func (s *Sandbox) addJiraControls(mux *http.ServeMux) {
	mux.HandleFunc("GET /_sandbox/jira", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, s.jira.Settings())
	})
	mux.HandleFunc("PUT /_sandbox/jira", control(func(_ *http.Request, in jira.Settings) error {
		return s.jira.Set(in)
	}))
	mux.HandleFunc("GET /_sandbox/jira/deliveries", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, s.jira.Deliveries())
	})
	const issue = "/_sandbox/jira/issues/{key}"
	mux.HandleFunc("PATCH "+issue, control(func(r *http.Request, in jiraEdit) error {
		return s.jira.Edit(r.PathValue("key"), in.name(), in.apply)
	}))
	mux.HandleFunc("PUT "+issue+"/status", control(func(r *http.Request, to struct {
		person
		Status string `json:"status"`
	}) error {
		return s.jira.Transition(r.PathValue("key"), to.Status, to.name())
	}))
	mux.HandleFunc("PUT "+issue+"/project", control(func(r *http.Request, to struct {
		person
		Project string `json:"project"`
	}) error {
		_, err := s.jira.MoveToProject(r.PathValue("key"), to.Project, to.name())
		return err
	}))
	mux.HandleFunc("POST "+issue+"/comments", control(func(r *http.Request, in struct {
		person
		Body string `json:"body"`
	}) error {
		return s.jira.Comment(r.PathValue("key"), in.name(), in.Body)
	}))
	mux.HandleFunc("DELETE "+issue, func(w http.ResponseWriter, r *http.Request) {
		if !s.jira.Delete(r.PathValue("key")) {
			answer(w, http.StatusNotFound, map[string]string{"error": "the issue does not exist"})
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}
