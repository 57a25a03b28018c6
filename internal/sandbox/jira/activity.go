package jira

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Jira takes no more of these on one issue, and answers 413.
const (
	maxComments    = 5000
	maxRemoteLinks = 2000
)

func (s *Site) transitions(r *request) (int, any, *problem) {
	if _, found := s.Issue(r.PathValue("issue")); !found {
		return 0, nil, errNoIssue
	}
	withFields := strings.Contains(r.URL.Query().Get("expand"), "transitions.fields")
	list := []object{}
	for _, st := range statuses {
		done := st.category.Key == "done"
		t := object{
			"id": st.Transition, "name": st.Name, "to": statusView(r.base, st), "hasScreen": done, "isGlobal": true, "isInitial": false,
			"isAvailable": true, "isConditional": false,
		}
		if withFields {
			f := object{}
			if done {
				f["resolution"] = object{
					"required": false, "name": "Resolution", "key": "resolution", "operations": []string{"set"},
					"schema": object{"type": "resolution", "system": "resolution"}, "allowedValues": views(r.base, "resolution", resolutions),
				}
			}
			t["fields"] = f
		}
		list = append(list, t)
	}
	return http.StatusOK, object{"expand": "transitions", "transitions": list}, nil
}

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
	if p := s.change(old, func(is *Issue) *problem {
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

// commentVerbs reads the comments to be added with a transition, the only update that one takes.
func commentVerbs(update map[string]json.RawMessage) ([]string, *problem) {
	var bodies []string
	for id, raw := range update {
		var verbs []struct {
			Add struct{ Body string }
		}
		if id != "comment" || json.Unmarshal(raw, &verbs) != nil {
			return nil, &problem{status: http.StatusBadRequest, errors: map[string]string{
				id: "Field '" + id + "' cannot be set. It is not on the appropriate screen, or unknown.",
			}}
		}
		for _, v := range verbs {
			bodies = append(bodies, v.Add.Body)
		}
	}
	return bodies, nil
}

func (s *Site) addComment(is *Issue, author user, body string) *problem {
	switch {
	case strings.TrimSpace(body) == "":
		return &problem{status: http.StatusBadRequest, errors: map[string]string{"comment": "Comment body can not be empty!"}}
	case utf8.RuneCountInString(body) > maxText:
		return &problem{status: http.StatusBadRequest, errors: map[string]string{"comment": tooLong}}
	case len(is.Comments) >= maxComments:
		return refuse(http.StatusRequestEntityTooLarge, "The issue has reached its limit of %d comments.", maxComments)
	}
	// Clipped, so that the former version of the issue keeps a list of its own.
	is.Comments = append(slices.Clip(is.Comments), Comment{
		ID: is.ID + strconv.Itoa(len(is.Comments)+1), Body: body, Author: author.Name, Created: s.now(),
	})
	return nil
}

func (s *Site) comment(r *request) (int, any, *problem) {
	var in struct {
		Body       *string          `json:"body"`
		Visibility json.RawMessage  `json:"visibility"`
		Properties []entityProperty `json:"properties"`
	}
	if p := r.decode(&in); p != nil {
		return 0, nil, p
	}
	if in.Body == nil {
		in.Body = new(string)
	}
	var added *Issue
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.find(r.PathValue("issue"))
	if old == nil {
		return 0, nil, errNoIssue
	}
	if p := s.change(old, func(is *Issue) *problem {
		added = is
		return s.addComment(is, r.user, *in.Body)
	}); p != nil {
		return 0, nil, p
	}
	s.counts.Comments++
	return http.StatusCreated, s.commentView(r.base, added, added.Comments[len(added.Comments)-1]), nil
}

func (s *Site) commentView(base string, is *Issue, c Comment) object {
	author, _ := findUser("", c.Author)
	return object{
		"self": selfLink(base, is) + "/comment/" + c.ID, "id": c.ID, "body": c.Body, "author": s.userView(base, author),
		"updateAuthor": s.userView(base, author), "created": c.Created.Format(timeLayout), "updated": c.Created.Format(timeLayout),
	}
}

func (s *Site) commentsView(base string, is *Issue) object {
	list := []object{}
	for _, c := range is.Comments {
		list = append(list, s.commentView(base, is, c))
	}
	return object{"comments": list, "startAt": 0, "maxResults": len(list), "total": len(list)}
}

func (s *Site) comments(r *request) (int, any, *problem) {
	is, found := s.Issue(r.PathValue("issue"))
	if !found {
		return 0, nil, errNoIssue
	}
	start := r.number("startAt", 0, len(is.Comments))
	size := r.number("maxResults", 50, maxComments)
	part := *is
	part.Comments = is.Comments[start:min(start+size, len(is.Comments))]
	v := s.commentsView(r.base, &part)
	v["startAt"], v["maxResults"], v["total"] = start, size, len(is.Comments)
	return http.StatusOK, v, nil
}

func (s *Site) remoteLink(r *request) (int, any, *problem) {
	var in struct {
		GlobalID     string          `json:"globalId"`
		Application  json.RawMessage `json:"application"`
		Relationship string          `json:"relationship"`
		Object       struct {
			URL     string          `json:"url"`
			Title   string          `json:"title"`
			Summary string          `json:"summary"`
			Icon    json.RawMessage `json:"icon"`
			Status  json.RawMessage `json:"status"`
		} `json:"object"`
	}
	if p := r.decode(&in); p != nil {
		return 0, nil, p
	}
	wrong := map[string]string{}
	if u, err := url.Parse(in.Object.URL); in.Object.URL == "" {
		wrong["url"] = "'url' is required."
	} else if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		wrong["url"] = "'url' is invalid."
	}
	if in.Object.Title == "" {
		wrong["title"] = "'title' is required."
	}
	if utf8.RuneCountInString(in.GlobalID) > 255 {
		wrong["globalId"] = "'globalId' must be less than 255 characters."
	}
	if utf8.RuneCountInString(in.Object.Title) > 255 {
		wrong["title"] = "'title' must be less than 255 characters."
	}
	if len(wrong) > 0 {
		return 0, nil, &problem{status: http.StatusBadRequest, errors: wrong}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.find(r.PathValue("issue"))
	if old == nil {
		return 0, nil, errNoIssue
	}
	link := RemoteLink{ID: len(old.RemoteLinks) + 10_000, GlobalID: in.GlobalID, URL: in.Object.URL, Title: in.Object.Title}
	at := slices.IndexFunc(old.RemoteLinks, func(l RemoteLink) bool { return l.GlobalID != "" && l.GlobalID == link.GlobalID })
	if p := s.change(old, func(is *Issue) *problem {
		is.RemoteLinks = slices.Clone(is.RemoteLinks)
		switch {
		case at >= 0:
			link.ID = is.RemoteLinks[at].ID
			is.RemoteLinks[at] = link
		case len(is.RemoteLinks) >= maxRemoteLinks:
			return refuse(http.StatusRequestEntityTooLarge, "The issue has reached its limit of %d remote links.", maxRemoteLinks)
		default:
			is.RemoteLinks = append(is.RemoteLinks, link)
		}
		return nil
	}); p != nil {
		return 0, nil, p
	}
	s.counts.RemoteLinks++
	status := http.StatusCreated
	if at >= 0 {
		status = http.StatusOK
	}
	return status, object{"id": link.ID, "self": selfLink(r.base, old) + "/remotelink/" + strconv.Itoa(link.ID)}, nil
}

func (s *Site) remoteLinks(r *request) (int, any, *problem) {
	is, found := s.Issue(r.PathValue("issue"))
	if !found {
		return 0, nil, errNoIssue
	}
	list := []object{}
	for _, l := range is.RemoteLinks {
		list = append(list, object{
			"id": l.ID, "self": selfLink(r.base, is) + "/remotelink/" + strconv.Itoa(l.ID), "globalId": l.GlobalID,
			"object": object{"url": l.URL, "title": l.Title},
		})
	}
	return http.StatusOK, list, nil
}
