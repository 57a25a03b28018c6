// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/catalog"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/issue"
)

// maxComments is the maximum number of comments on an issue. Jira answers 413 to more.
const maxComments = 5000

// addComment adds a comment to an issue. It needs the lock.
func (s *Site) addComment(is *issue.Issue, author catalog.User, body string) *problem {
	switch {
	case strings.TrimSpace(body) == "":
		return &problem{status: http.StatusBadRequest, errors: map[string]string{"comment": "Comment body can not be empty!"}}
	case issue.Units(body) > issue.MaxText:
		return &problem{status: http.StatusBadRequest, errors: map[string]string{"comment": issue.TooLong}}
	case len(is.Comments) >= maxComments:
		return refuse(http.StatusRequestEntityTooLarge, "The issue has reached its limit of %d comments.", maxComments)
	}
	s.lastComment++
	// Clip makes append copy the list, which the former version of the issue keeps.
	is.Comments = append(slices.Clip(is.Comments), issue.Comment{
		ID: strconv.Itoa(s.lastComment), Body: body, Author: author.Name, Created: s.now(),
	})
	return nil
}

// comment implements POST /issue/{issue}/comment.
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
	var added *issue.Issue
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.find(r.PathValue("issue"))
	if old == nil {
		return 0, nil, errNoIssue
	}
	if p := s.change(old, r.user, eventCommented, func(is *issue.Issue) *problem {
		added = is
		return s.addComment(is, r.user, *in.Body)
	}); p != nil {
		return 0, nil, p
	}
	s.counts.Comments++
	return http.StatusCreated, s.commentView(r.base, added, added.Comments[len(added.Comments)-1]), nil
}

// commentView returns a comment as the REST API shows it.
func (s *Site) commentView(base string, is *issue.Issue, c issue.Comment) object {
	author, _ := catalog.FindUser("", c.Author)
	return object{
		"self": selfLink(base, is) + "/comment/" + c.ID, "id": c.ID, "body": c.Body, "author": s.userView(base, author),
		"updateAuthor": s.userView(base, author), "created": c.Created.Format(timeLayout), "updated": c.Created.Format(timeLayout),
	}
}

// commentsView returns the comments of an issue as the REST API shows them.
func (s *Site) commentsView(base string, is *issue.Issue) object {
	list := []object{}
	for _, c := range is.Comments {
		list = append(list, s.commentView(base, is, c))
	}
	return object{"comments": list, "startAt": 0, "maxResults": len(list), "total": len(list)}
}

// comments implements GET /issue/{issue}/comment.
func (s *Site) comments(r *request) (int, any, *problem) {
	is, found := s.Issue(r.PathValue("issue"))
	if !found {
		return 0, nil, errNoIssue
	}
	part := *is
	switch order := r.URL.Query().Get("orderBy"); order {
	case "", "created", "+created", " created": // an unescaped plus is a space
	case "-created":
		part.Comments = slices.Clone(is.Comments)
		slices.Reverse(part.Comments)
	default:
		return 0, nil, refuse(http.StatusBadRequest, "The value '%s' of orderBy is not valid: it must be created, +created or -created.", order)
	}
	start := r.number("startAt", 0, len(is.Comments))
	size := r.number("maxResults", 50, maxComments)
	part.Comments = part.Comments[start:min(start+size, len(is.Comments))]
	v := s.commentsView(r.base, &part)
	v["startAt"] = start
	v["maxResults"] = size
	v["total"] = len(is.Comments)
	return http.StatusOK, v, nil
}
