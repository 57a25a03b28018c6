// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/catalog"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/issue"
)

// The names of changes in Jira's webhooks, as in its list of issue events.
const (
	eventCreated   = "issue_created"
	eventUpdated   = "issue_updated"
	eventMoved     = "issue_generic" // a transition
	eventRelocated = "issue_moved"   // to another project
	eventCommented = "issue_commented"
	eventDeleted   = "issue_deleted"
)

// act changes an issue as a user.
func (s *Site) act(key, as, event string, edit func(*issue.Issue) *problem) error {
	u, found := catalog.FindUser("", as)
	if !found {
		return fmt.Errorf("user %q does not exist", as)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	is := s.find(key)
	if is == nil {
		return fmt.Errorf("issue %q does not exist", key)
	}
	if p := s.change(is, u, event, edit); p != nil {
		return fmt.Errorf("issue %s: %w", is.Key, p)
	}
	return nil
}

// Edit edits an issue as a person does on its screen. It uses Summary, Description, Labels, Priority and Assignee
// (the name of a user, or empty) from the edited copy, and ignores its other members. It fails as in Jira.
func (s *Site) Edit(key, as string, edit func(*issue.Issue)) error {
	return s.act(key, as, eventUpdated, func(is *issue.Issue) *problem {
		edited := *is
		edited.Labels = slices.Clone(is.Labels)
		edit(&edited)
		values := map[string]any{
			"summary": edited.Summary, "description": edited.Description, "labels": append([]string{}, edited.Labels...),
		}
		if edited.Priority != is.Priority {
			values["priority"] = map[string]string{"name": edited.Priority}
		}
		errs := issue.Set(is, rawFields(values), s.readUser)
		if _, found := catalog.FindUser("", edited.Assignee); !found && edited.Assignee != "" {
			errs["assignee"] = fmt.Sprintf("User '%s' does not exist.", edited.Assignee)
		}
		if len(errs) > 0 {
			return &problem{status: http.StatusBadRequest, errors: errs}
		}
		is.Assignee = edited.Assignee
		return nil
	})
}

// rawFields encodes the values of fields.
func rawFields(values map[string]any) map[string]json.RawMessage {
	raw := map[string]json.RawMessage{}
	for id, v := range values {
		raw[id], _ = json.Marshal(v) // cannot fail for strings, and lists and maps of strings
	}
	return raw
}

// Transition moves an issue to a status as a person does, with a resolution if it is required.
func (s *Site) Transition(key, status, as string) error {
	st, found := catalog.FindStatus(status)
	if !found {
		return fmt.Errorf("status %q does not exist", status)
	}
	return s.act(key, as, eventMoved, func(is *issue.Issue) *problem {
		var values map[string]json.RawMessage
		if s.workflow(is) == Strict && st.Category.Key == "done" {
			values = rawFields(map[string]any{"resolution": map[string]string{"name": catalog.Resolutions[0].Name}})
		}
		return s.move(is, st.Transition, values)
	})
}

// Move moves an issue to a status as a tester, and reports whether it succeeded.
func (s *Site) Move(key, status string) bool { return s.Transition(key, status, catalog.Tester) == nil }

// Comment adds a comment in wiki markup.
func (s *Site) Comment(key, as, body string) error {
	u, _ := catalog.FindUser("", as)
	return s.act(key, as, eventCommented, func(is *issue.Issue) *problem { return s.addComment(is, u, body) })
}

// MoveToProject moves an issue to another project and returns its new key. The ID stays, and the former key still
// finds the issue. The priority is removed if the other project has none.
func (s *Site) MoveToProject(key, project, as string) (string, error) {
	to, found := catalog.FindProject(project)
	if !found {
		return "", fmt.Errorf("project %q does not exist", project)
	}
	var newKey string
	err := s.act(key, as, eventRelocated, func(is *issue.Issue) *problem {
		if is.Project == to.Key {
			return refuse(http.StatusBadRequest, "The issue is already in the project %s.", to.Key)
		}
		is.Project = to.Key
		s.number(is)
		switch {
		case to.NoPriority:
			is.Priority = ""
		case is.Priority == "":
			is.Priority = catalog.DefaultPriority
		}
		newKey = is.Key
		return nil
	})
	return newKey, err
}

// Delete deletes an issue as an administrator, and reports whether it existed.
func (s *Site) Delete(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	is := s.find(key)
	if is == nil {
		return false
	}
	s.past.Add(s.now(), is.ID, is)
	s.drop(is)
	s.announceDeleted(is, catalog.Users[1])
	return true
}
