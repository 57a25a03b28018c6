// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/issue"
)

// maxRemoteLinks is the maximum number of remote links of an issue. Jira answers 413 to more.
const maxRemoteLinks = 2000

// remoteLinkInput is the body of a request for a remote link.
type remoteLinkInput struct {
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

// check returns the errors by member.
func (in remoteLinkInput) check() map[string]string {
	errs := map[string]string{}
	if u, err := url.Parse(in.Object.URL); in.Object.URL == "" {
		errs["url"] = "'url' is required."
	} else if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		errs["url"] = "'url' is invalid."
	}
	if in.Object.Title == "" {
		errs["title"] = "'title' is required."
	}
	if issue.Units(in.GlobalID) > 255 {
		errs["globalId"] = "'globalId' must be less than 255 characters."
	}
	if issue.Units(in.Object.Title) > 255 {
		errs["title"] = "'title' must be less than 255 characters."
	}
	return errs
}

// remoteLink implements POST /issue/{issue}/remotelink.
func (s *Site) remoteLink(r *request) (int, any, *problem) {
	var in remoteLinkInput
	if p := r.decode(&in); p != nil {
		return 0, nil, p
	}
	if errs := in.check(); len(errs) > 0 {
		return 0, nil, &problem{status: http.StatusBadRequest, errors: errs}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.find(r.PathValue("issue"))
	if old == nil {
		return 0, nil, errNoIssue
	}
	link := issue.RemoteLink{ID: len(old.RemoteLinks) + 10_000, GlobalID: in.GlobalID, URL: in.Object.URL, Title: in.Object.Title}
	at := slices.IndexFunc(old.RemoteLinks, func(l issue.RemoteLink) bool { return l.GlobalID != "" && l.GlobalID == link.GlobalID })
	if p := s.change(old, r.user, eventUpdated, func(is *issue.Issue) *problem {
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

// remoteLinks implements GET /issue/{issue}/remotelink.
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
