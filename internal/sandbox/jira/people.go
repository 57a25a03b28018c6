package jira

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
)

// The names by which Jira's webhooks tell what happened to an issue, as its list of issue events has them.
const (
	eventCreated   = "issue_created"
	eventUpdated   = "issue_updated"
	eventMoved     = "issue_generic" // a transition
	eventRelocated = "issue_moved"   // to another project
	eventCommented = "issue_commented"
	eventDeleted   = "issue_deleted"
)

// act changes an issue as one of the people of the site.
func (s *Site) act(key, as, event string, edit func(*Issue) *problem) error {
	u, known := findUser("", as)
	if !known {
		return fmt.Errorf("there is no user %q", as)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	is := s.find(key)
	if is == nil {
		return fmt.Errorf("there is no issue %q", key)
	}
	if p := s.change(is, u, event, edit); p != nil {
		return fmt.Errorf("issue %s: %w", is.Key, p)
	}
	return nil
}

// Edit changes an issue as a person does who fills in its screen: Summary, Description, Labels, Priority and Assignee (the name of one of
// the people, or empty); what edit does to anything else is forgotten. It is refused as Jira would refuse it.
func (s *Site) Edit(key, as string, edit func(*Issue)) error {
	return s.act(key, as, eventUpdated, func(is *Issue) *problem {
		wanted := *is
		wanted.Labels = slices.Clone(is.Labels)
		edit(&wanted)
		values := map[string]any{"summary": wanted.Summary, "description": wanted.Description, "labels": append([]string{}, wanted.Labels...)}
		if wanted.Priority != is.Priority {
			values["priority"] = map[string]string{"name": wanted.Priority}
		}
		wrong := s.setFields(is, rawFields(values), false)
		if _, known := findUser("", wanted.Assignee); !known && wanted.Assignee != "" {
			wrong["assignee"] = fmt.Sprintf("User '%s' does not exist.", wanted.Assignee)
		}
		if len(wrong) > 0 {
			return &problem{status: http.StatusBadRequest, errors: wrong}
		}
		is.Assignee = wanted.Assignee
		return nil
	})
}

func rawFields(values map[string]any) map[string]json.RawMessage {
	raw := map[string]json.RawMessage{}
	for id, v := range values {
		raw[id], _ = json.Marshal(v) // strings, and lists and maps of them: it cannot fail
	}
	return raw
}

// Transition moves an issue to a status, as a person does who gives the resolution when one is asked for.
func (s *Site) Transition(key, status, as string) error {
	st, found := findStatus(status)
	if !found {
		return fmt.Errorf("there is no status %q", status)
	}
	return s.act(key, as, eventMoved, func(is *Issue) *problem {
		var values map[string]json.RawMessage
		if s.workflow(is) == Strict && st.category.Key == "done" {
			values = rawFields(map[string]any{"resolution": map[string]string{"name": resolutions[0].Name}})
		}
		return s.move(is, st.Transition, values)
	})
}

// Move is Transition by a tester; it says whether there are such an issue and a way to such a status.
func (s *Site) Move(key, status string) bool { return s.Transition(key, status, Tester) == nil }

// Comment adds a comment, in wiki markup.
func (s *Site) Comment(key, as, body string) error {
	u, _ := findUser("", as)
	return s.act(key, as, eventCommented, func(is *Issue) *problem { return s.addComment(is, u, body) })
}

// MoveToProject gives an issue a new key in another project, which it returns. The ID stays, and the former key leads to the same issue.
// A priority is lost when the other project has none.
func (s *Site) MoveToProject(key, project, as string) (string, error) {
	to, found := findProject(project)
	if !found {
		return "", fmt.Errorf("there is no project %q", project)
	}
	var newKey string
	err := s.act(key, as, eventRelocated, func(is *Issue) *problem {
		if is.Project == to.Key {
			return refuse(http.StatusBadRequest, "The issue is in the project %s already.", to.Key)
		}
		is.Project = to.Key
		s.number(is)
		switch {
		case to.NoPriority:
			is.Priority = ""
		case is.Priority == "":
			is.Priority = defaultPriority
		}
		newKey = is.Key
		return nil
	})
	return newKey, err
}

// Delete removes an issue, as an administrator does, and says whether there was one.
func (s *Site) Delete(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	is := s.find(key)
	if is == nil {
		return false
	}
	s.past.add(s.now(), is.ID, is)
	s.drop(is)
	s.tellDeleted(is, users[1])
	return true
}
