// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/catalog"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/issue"
)

// Workflow is the workflow of a project. In all of them, an issue gets a resolution when it moves to Done, and loses
// it when it moves away.
type Workflow string

// The workflows.
const (
	// Simple has transitions from every status to every other. The transition to Done sets a default resolution.
	Simple Workflow = "simple"
	// Strict is like Simple, but the transition to Done requires a resolution.
	Strict Workflow = "strict"
	// OneWay is like Simple, but no transition leads away from Done.
	OneWay Workflow = "oneWay"
)

// workflow returns the workflow of an issue. It needs the lock.
func (s *Site) workflow(is *issue.Issue) Workflow {
	if w := s.workflows[is.Project]; w != "" {
		return w
	}
	return Simple
}

// reachable returns the statuses that transitions lead to.
func (w Workflow) reachable(is *issue.Issue) []catalog.Status {
	if st, _ := catalog.FindStatus(is.Status); w == OneWay && st.Category.Key == "done" {
		return nil
	}
	return catalog.Statuses
}

// Moves returns the statuses that a person can move an issue to.
func (s *Site) Moves(is *issue.Issue) []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var names []string
	for _, st := range s.workflow(is).reachable(is) {
		if st.Name != is.Status {
			names = append(names, st.Name)
		}
	}
	return names
}

// transitions implements GET /issue/{issue}/transitions.
func (s *Site) transitions(r *request) (int, any, *problem) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	is := s.find(r.PathValue("issue"))
	if is == nil {
		return 0, nil, errNoIssue
	}
	w := s.workflow(is)
	withFields := slices.Contains(r.list("expand"), "transitions.fields")
	list := []object{}
	for _, st := range w.reachable(is) {
		done := st.Category.Key == "done"
		t := object{
			"id": st.Transition, "name": st.Name, "to": st.View(r.base), "hasScreen": done, "isGlobal": true, "isInitial": false,
			"isAvailable": true, "isConditional": false,
		}
		if withFields {
			f := object{}
			if done {
				f["resolution"] = object{
					"required": w == Strict, "hasDefaultValue": w != Strict, "name": "Resolution", "key": "resolution",
					"operations": []string{"set"}, "schema": object{"type": "resolution", "system": "resolution"},
					"allowedValues": catalog.Views(r.base, "resolution", catalog.Resolutions),
				}
			}
			t["fields"] = f
		}
		list = append(list, t)
	}
	return http.StatusOK, object{"expand": "transitions", "transitions": list}, nil
}

// transition implements POST /issue/{issue}/transitions.
func (s *Site) transition(r *request) (int, any, *problem) {
	var in issueInput
	if p := r.decode(&in); p != nil {
		return 0, nil, p
	}
	if in.Transition == nil || in.Transition.ID == "" {
		return 0, nil, refuse(http.StatusBadRequest, "Missing 'transition' identifier")
	}
	bodies, p := commentVerbs(in.Update)
	if p != nil {
		return 0, nil, p
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.find(r.PathValue("issue"))
	if old == nil {
		return 0, nil, errNoIssue
	}
	if p := s.change(old, r.user, eventMoved, func(is *issue.Issue) *problem {
		for _, body := range bodies {
			if p := s.addComment(is, r.user, body); p != nil {
				return p
			}
		}
		return s.move(is, in.Transition.ID, in.Fields)
	}); p != nil {
		return 0, nil, p
	}
	s.counts.Transitions++
	return http.StatusNoContent, nil, nil
}

// commentVerbs reads the comments that a transition adds. It supports no other update.
func commentVerbs(update map[string]json.RawMessage) ([]string, *problem) {
	var bodies []string
	for id, raw := range update {
		var verbs []struct {
			Add struct{ Body string }
		}
		if id != "comment" || json.Unmarshal(raw, &verbs) != nil {
			return nil, &problem{status: http.StatusBadRequest, errors: map[string]string{
				id: fmt.Sprintf(issue.NotOnScreen, id),
			}}
		}
		for _, v := range verbs {
			bodies = append(bodies, v.Add.Body)
		}
	}
	return bodies, nil
}

// move makes a transition. It needs the lock.
func (s *Site) move(is *issue.Issue, id string, values map[string]json.RawMessage) *problem {
	w := s.workflow(is)
	to := w.reachable(is)
	i := slices.IndexFunc(to, func(st catalog.Status) bool { return st.Transition == id })
	if i < 0 {
		return refuse(http.StatusBadRequest, "Transition id '%s' is not valid for this issue.", id)
	}
	done := to[i].Category.Key == "done"
	resolution := ""
	if done && w != Strict {
		resolution = catalog.Resolutions[0].Name
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		message := fmt.Sprintf(issue.NotOnScreen, name)
		if name == "resolution" && done {
			resolution, message = issue.ReadNamed(values[name], catalog.Resolutions, "", "Specify a valid resolution ID or name")
		}
		if message != "" {
			return &problem{status: http.StatusBadRequest, errors: map[string]string{name: message}}
		}
	}
	if done && w == Strict && resolution == "" {
		return &problem{status: http.StatusBadRequest, errors: map[string]string{"resolution": "Resolution is required."}}
	}
	is.Status = to[i].Name
	is.Resolution = resolution
	is.Resolved = time.Time{}
	if resolution != "" {
		is.Resolved = s.now()
	}
	return nil
}
