// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/catalog"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/issue"
)

// column is a status on the board.
type column struct {
	Status string
	Cards  []card
	Total  int
}

// card is an issue on the board, with the statuses that it can move to.
type card struct {
	*issue.Issue
	Moves []string
}

// boardPage shows the board, the newest issues first.
func (s *Sandbox) boardPage(w http.ResponseWriter, _ *http.Request) {
	var columns []column
	issues := s.jira.Issues()
	slices.Reverse(issues)
	for _, status := range catalog.Columns() {
		c := column{Status: status}
		for _, is := range issues {
			if is.Status != status {
				continue
			}
			if c.Total++; len(c.Cards) < cardsShown {
				c.Cards = append(c.Cards, card{is, s.jira.Moves(is)})
			}
		}
		columns = append(columns, c)
	}
	s.show(w, page{template: "board", title: "Board", link: "/jira/board", data: columns})
}

// issuePage shows an issue. It redirects from a former key to the current one, as Jira does.
func (s *Sandbox) issuePage(w http.ResponseWriter, r *http.Request) {
	is, found := s.jira.Issue(r.PathValue("key"))
	if !found {
		s.notFound(w, "This issue does not exist.")
		return
	}
	if is.Key != r.PathValue("key") {
		http.Redirect(w, r, "/jira/browse/"+is.Key, http.StatusFound)
		return
	}
	others := slices.DeleteFunc(catalog.Projects(), func(key string) bool { return key == is.Project })
	s.show(w, page{template: "issue", title: is.Key, link: "/jira/board", data: map[string]any{
		"Issue": is, "Moves": s.jira.Moves(is), "Projects": others,
	}})
}

// attachmentPage leads to the issue of an attachment: the sandbox keeps no content.
func (s *Sandbox) attachmentPage(w http.ResponseWriter, r *http.Request) {
	key, found := s.jira.IssueOfAttachment(r.PathValue("id"), r.PathValue("name"))
	if !found {
		s.notFound(w, "This attachment does not exist.")
		return
	}
	http.Redirect(w, r, "/jira/browse/"+key, http.StatusFound)
}

// changeIssue handles the buttons of the pages. It acts as a tester.
func (s *Sandbox) changeIssue(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4096)
	to, err := s.press(r.PathValue("key"), r.PostFormValue)
	if err != nil {
		s.notFound(w, "The issue was not changed: "+err.Error()+".")
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// errNoAction is the error for a form without any of the buttons.
var errNoAction = errors.New("the form has no action")

// press does what a button of the pages stands for, and returns the path of the next page.
func (s *Sandbox) press(key string, form func(string) string) (string, error) {
	is, found := s.jira.Issue(key)
	if !found {
		return "", fmt.Errorf("issue %q does not exist", key)
	}
	to := "/jira/board"
	if form("from") == "issue" {
		to = "/jira/browse/" + is.Key
	}
	switch {
	case form("status") != "":
		return to, s.jira.Transition(is.Key, form("status"), catalog.Tester)
	case form("project") != "":
		moved, err := s.jira.MoveToProject(is.Key, form("project"), catalog.Tester)
		return "/jira/browse/" + moved, err
	case form("action") == "delete":
		s.jira.Delete(is.Key)
		return "/jira/board", nil
	}
	return "", errNoAction
}
