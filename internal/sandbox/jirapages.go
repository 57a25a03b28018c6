package sandbox

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira"
)

// column is a status on the board.
type column struct {
	Status string
	Cards  []card
	Total  int
}

// card is an issue with the statuses that it can be moved to.
type card struct {
	*jira.Issue
	Moves []string
}

func (s *Sandbox) boardPage(w http.ResponseWriter, _ *http.Request) {
	var columns []column
	issues := s.jira.Issues()
	slices.Reverse(issues)
	for _, status := range jira.Columns() {
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
	s.show(w, http.StatusOK, "board", "Board", "/jira/board", columns)
}

// issuePage goes on to the present key when it is asked for a former one, as Jira does.
func (s *Sandbox) issuePage(w http.ResponseWriter, r *http.Request) {
	is, found := s.jira.Issue(r.PathValue("key"))
	if !found {
		s.missing(w, "There is no such issue.")
		return
	}
	if is.Key != r.PathValue("key") {
		http.Redirect(w, r, "/jira/browse/"+is.Key, http.StatusFound)
		return
	}
	others := slices.DeleteFunc(jira.Projects(), func(key string) bool { return key == is.Project })
	s.show(w, http.StatusOK, "issue", is.Key, "/jira/board", map[string]any{"Issue": is, "Moves": s.jira.Moves(is), "Projects": others})
}

// changeIssue is what the buttons do, as a tester would do it.
func (s *Sandbox) changeIssue(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4096)
	to, err := s.press(r.PathValue("key"), r.PostFormValue)
	if err != nil {
		s.missing(w, "That cannot be done: "+err.Error()+".")
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// errNoAction is for a form with none of the buttons of an issue's page.
var errNoAction = errors.New("there is nothing to do")

// press does what a button of the pages says, and returns where to go then.
func (s *Sandbox) press(key string, form func(string) string) (string, error) {
	is, found := s.jira.Issue(key)
	if !found {
		return "", fmt.Errorf("there is no issue %q", key)
	}
	to := "/jira/board"
	if form("from") == "issue" {
		to = "/jira/browse/" + is.Key
	}
	switch {
	case form("status") != "":
		return to, s.jira.Transition(is.Key, form("status"), jira.Tester)
	case form("project") != "":
		moved, err := s.jira.MoveToProject(is.Key, form("project"), jira.Tester)
		return "/jira/browse/" + moved, err
	case form("action") == "delete":
		s.jira.Delete(is.Key)
		return "/jira/board", nil
	}
	return "", errNoAction
}
