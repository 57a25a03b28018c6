// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/catalog"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/issue"
)

// timeLayout is the format of times.
const timeLayout = "2006-01-02T15:04:05.000-0700"

// issueInput is the body of create, edit and transition, as in Atlassian's OpenAPI description.
type issueInput struct {
	Fields          map[string]json.RawMessage `json:"fields"`
	Update          map[string]json.RawMessage `json:"update"`
	Properties      []entityProperty           `json:"properties"`
	Transition      *transitionRef             `json:"transition"`
	HistoryMetadata json.RawMessage            `json:"historyMetadata"`
}

// transitionRef refers to a transition.
type transitionRef struct {
	ID string `json:"id"`
}

// decodeIssue reads the body of create and edit. According to Atlassian's OpenAPI description, a field may be in
// "fields" or in "update", not in both.
func (r *request) decodeIssue() (issueInput, *problem) {
	var in issueInput
	if p := r.decode(&in); p != nil {
		return in, p
	}
	errs := map[string]string{}
	for id := range in.Update {
		if in.Fields[id] != nil {
			errs[id] = "Field '" + id + "' cannot be in both 'fields' and 'update'."
		}
	}
	if len(errs) > 0 {
		return in, &problem{status: http.StatusBadRequest, errors: errs}
	}
	return in, nil
}

// create implements POST /issue.
func (s *Site) create(r *request) (int, any, *problem) {
	in, p := r.decodeIssue()
	if p != nil {
		return 0, nil, p
	}
	is := &issue.Issue{Status: catalog.Statuses[0].Name, Reporter: r.user.Name, Properties: map[string]json.RawMessage{}}
	errs := issue.Init(is, in.Fields, s.readUser)
	s.updateFields(is, in.Update, errs)
	if len(errs) > 0 {
		return 0, nil, &problem{status: http.StatusBadRequest, errors: errs}
	}
	if p := setProperties(is, in.Properties); p != nil {
		return 0, nil, p
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.Transition != nil {
		if p := s.move(is, in.Transition.ID, nil); p != nil {
			return 0, nil, p
		}
	}
	s.insert(is, r.user)
	s.counts.Creates++
	return http.StatusCreated, object{"id": is.ID, "key": is.Key, "self": selfLink(r.base, is)}, nil
}

// setProperties sets properties of an issue.
func setProperties(is *issue.Issue, list []entityProperty) *problem {
	properties := maps.Clone(is.Properties)
	for _, p := range list {
		if refused := p.check(); refused != nil {
			return refused
		}
		properties[p.Key] = p.Value
	}
	is.Properties = properties
	return nil
}

// edit implements PUT /issue/{issue}.
func (s *Site) edit(r *request) (int, any, *problem) {
	in, p := r.decodeIssue()
	if p != nil {
		return 0, nil, p
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.find(r.PathValue("issue"))
	if old == nil {
		return 0, nil, errNoIssue
	}
	if p := s.change(old, r.user, eventUpdated, func(is *issue.Issue) *problem {
		errs := issue.Set(is, in.Fields, s.readUser)
		s.updateFields(is, in.Update, errs)
		if len(errs) > 0 {
			return &problem{status: http.StatusBadRequest, errors: errs}
		}
		return setProperties(is, in.Properties)
	}); p != nil {
		return 0, nil, p
	}
	s.counts.Edits++
	return http.StatusNoContent, nil, nil
}

// updateFields applies the verbs of "update", and adds errors to errs. Labels can be added, removed and set, other
// fields only set.
func (s *Site) updateFields(is *issue.Issue, update map[string]json.RawMessage, errs map[string]string) {
	for _, id := range slices.Sorted(maps.Keys(update)) {
		var verbs []map[string]json.RawMessage
		if json.Unmarshal(update[id], &verbs) != nil {
			errs[id] = "data was not an array"
			continue
		}
		for _, verb := range verbs {
			for name, raw := range verb {
				var label string
				switch {
				case name == "set":
					maps.Copy(errs, issue.Set(is, map[string]json.RawMessage{id: raw}, s.readUser))
				case id == "labels" && (name == "add" || name == "remove") && json.Unmarshal(raw, &label) == nil:
					if message := is.UpdateLabel(name, label); message != "" {
						errs[id] = message
					}
				default:
					errs[id] = "Field with id '" + id + "' and name '" + id + "' does not support operation '" + name + "'"
				}
			}
		}
	}
}

// get implements GET /issue/{issue}.
func (s *Site) get(r *request) (int, any, *problem) {
	s.mu.Lock()
	is := s.find(r.PathValue("issue"))
	s.counts.Reads++
	s.mu.Unlock()
	if is == nil {
		return 0, nil, errNoIssue
	}
	wanted := r.list("fields")
	if wanted == nil {
		wanted = []string{"*all"}
	}
	return http.StatusOK, s.issueView(r.base, is, wanted, r.list("properties")), nil
}

// selfLink returns the URL of an issue.
func selfLink(base string, is *issue.Issue) string { return base + "/rest/api/2/issue/" + is.ID }

// issueView returns an issue with the wanted fields as the REST API shows it. *all and *navigable mean all fields, -x
// means all but x.
func (s *Site) issueView(base string, is *issue.Issue, wanted, properties []string) object {
	v := object{"expand": "renderedFields,names,schema,transitions", "id": is.ID, "key": is.Key, "self": selfLink(base, is)}
	all := s.fieldsView(base, is)
	kept := object{}
	for _, w := range wanted {
		switch {
		case w == "*all" || w == "*navigable":
			maps.Copy(kept, all)
		case strings.HasPrefix(w, "-"):
			if len(kept) == 0 {
				maps.Copy(kept, all)
			}
			delete(kept, w[1:])
		default:
			if value, ok := all[w]; ok {
				kept[w] = value
			}
		}
	}
	v["fields"] = kept
	if properties != nil {
		found := object{}
		for k, value := range is.Properties {
			if slices.Contains(properties, k) || slices.Contains(properties, "*all") {
				found[k] = value
			}
		}
		v["properties"] = found
	}
	return v
}

// fieldsView returns the fields of an issue as the REST API shows them.
func (s *Site) fieldsView(base string, is *issue.Issue) object {
	p, _ := catalog.FindProject(is.Project)
	st, _ := catalog.FindStatus(is.Status)
	kind, _ := catalog.Find(catalog.IssueTypes, "", is.Type)
	v := object{
		"project": p.View(base), "issuetype": kind.TypeView(base), "summary": is.Summary, "description": nullable(is.Description),
		"labels": append([]string{}, is.Labels...), "status": st.View(base), "created": is.Created.Format(timeLayout),
		"updated": is.Updated.Format(timeLayout), "resolution": nil, "resolutiondate": nil, "priority": nil, "assignee": nil,
		"reporter": nil, "creator": s.userView(base, catalog.Users[0]), "comment": s.commentsView(base, is), "components": []object{},
		"environment": nil, "duedate": nil, "attachment": attachmentsView(base, is.Attachments),
	}
	if !p.NoPriority {
		if n, found := catalog.Find(catalog.Priorities, "", is.Priority); found {
			v["priority"] = n.View(base, "priority")
		}
	} else {
		delete(v, "priority")
	}
	if n, found := catalog.Find(catalog.Resolutions, "", is.Resolution); found {
		v["resolution"] = n.View(base, "resolution")
		v["resolutiondate"] = is.Resolved.Format(timeLayout)
	}
	for id, name := range map[string]string{"assignee": is.Assignee, "reporter": is.Reporter} {
		if u, found := catalog.FindUser("", name); found {
			v[id] = s.userView(base, u)
		}
	}
	for id, raw := range is.Fields {
		v[id] = raw
	}
	return v
}

// nullable returns nil for an empty string.
func nullable(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// property implements GET /issue/{issue}/properties/{key}.
func (s *Site) property(r *request) (int, any, *problem) {
	if r.PathValue("part") != "properties" {
		return 0, nil, errNoResource(r)
	}
	is, found := s.Issue(r.PathValue("issue"))
	if !found {
		return 0, nil, errNoIssue
	}
	key := r.PathValue("key")
	value, found := is.Properties[key]
	if !found {
		return 0, nil, refuse(http.StatusNotFound, "The property with key '%s' does not exist.", key)
	}
	return http.StatusOK, object{"key": key, "value": value}, nil
}

// putProperty implements PUT /issue/{issue}/properties/{key}.
func (s *Site) putProperty(r *request) (int, any, *problem) {
	if !json.Valid(r.body) {
		return 0, nil, refuse(http.StatusBadRequest, "The property value is not valid JSON.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.find(r.PathValue("issue"))
	if old == nil {
		return 0, nil, errNoIssue
	}
	_, existed := old.Properties[r.PathValue("key")]
	if p := s.change(old, r.user, "", func(is *issue.Issue) *problem {
		return setProperties(is, []entityProperty{{r.PathValue("key"), r.body}})
	}); p != nil {
		return 0, nil, p
	}
	if existed {
		return http.StatusOK, nil, nil
	}
	return http.StatusCreated, nil, nil
}

// The limits of entity properties in UTF-16 units.
const (
	maxPropertyKey   = 255
	maxPropertyValue = 32_768
)

// entityProperty is an entity property in a request.
type entityProperty struct {
	Key   string          `json:"key"`
	Value json.RawMessage `json:"value"`
}

// check returns the refusal of an invalid property, or nil.
func (p entityProperty) check() *problem {
	switch {
	case p.Key == "" || issue.Units(p.Key) > maxPropertyKey:
		return refuse(http.StatusBadRequest, "The property key must have 1 to 255 characters.")
	case len(p.Value) == 0:
		return refuse(http.StatusBadRequest, "The property value must not be empty.")
	case issue.Units(string(p.Value)) > maxPropertyValue:
		return refuse(http.StatusBadRequest, "The property value is too long. It exceeds the allowed limit of 32768 characters.")
	}
	return nil
}
