// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// The number of issues in a page of a search. A request for more gets the maximum.
const (
	searchDefault = 50
	maxCloudPage  = 5000 // with IDs and keys only
	maxFieldsPage = 1000
	maxServerPage = 1000
	// maxReconcile is the maximum number of reconcileIssues.
	maxReconcile = 50
)

// cloudSearch is the input of Cloud's search.
type cloudSearch struct {
	JQL             string   `json:"jql"`
	MaxResults      *int     `json:"maxResults"`
	NextPageToken   string   `json:"nextPageToken"`
	Fields          []string `json:"fields"`
	Properties      []string `json:"properties"`
	Expand          string   `json:"expand"`
	FieldsByKeys    bool     `json:"fieldsByKeys"`
	FailFast        bool     `json:"failFast"`
	ReconcileIssues []int    `json:"reconcileIssues"`
}

// cloudSearch reads the input from the body or the query.
func (r *request) cloudSearch() (cloudSearch, *problem) {
	var in cloudSearch
	if r.Method == http.MethodPost {
		if p := r.decode(&in); p != nil {
			return in, p
		}
	} else {
		q := r.URL.Query()
		size := r.number("maxResults", searchDefault, maxCloudPage)
		in = cloudSearch{
			JQL: q.Get("jql"), MaxResults: &size, NextPageToken: q.Get("nextPageToken"),
			Fields: r.list("fields"), Properties: r.list("properties"),
		}
	}
	if len(in.ReconcileIssues) > maxReconcile {
		return in, refuse(http.StatusBadRequest, "The number of reconcileIssues must not exceed %d.", maxReconcile)
	}
	if in.MaxResults == nil {
		size := searchDefault
		in.MaxResults = &size
	}
	if *in.MaxResults < 0 {
		return in, refuse(http.StatusBadRequest, "The value of maxResults must not be negative.")
	}
	return in, nil
}

// searchJQL implements Cloud's search: it returns no total, pages by token, and only IDs unless the caller names
// fields.
func (s *Site) searchJQL(r *request) (int, any, *problem) {
	if s.mode != Cloud {
		return 0, nil, errNoResource(r)
	}
	in, p := r.cloudSearch()
	if p != nil {
		return 0, nil, p
	}
	idsOnly := !slices.ContainsFunc(in.Fields, func(f string) bool { return f != "id" && f != "key" })
	most := maxFieldsPage
	if idsOnly {
		most = maxCloudPage
	}
	found, most, p := s.query(in.JQL, true, most)
	if p != nil {
		return 0, nil, p
	}
	start, ok := readPageToken(in.NextPageToken, in.JQL)
	if !ok {
		return 0, nil, refuse(http.StatusBadRequest, "The nextPageToken is invalid or has expired.")
	}
	start = min(start, len(found))
	end := min(start+min(*in.MaxResults, most), len(found))
	issues := []object{}
	for _, is := range found[start:end] {
		if idsOnly && !slices.Contains(in.Fields, "key") {
			issues = append(issues, object{"id": is.ID})
		} else {
			issues = append(issues, s.issueView(r.base, is, in.Fields, in.Properties))
		}
	}
	answer := object{"issues": issues, "isLast": end == len(found)}
	if end < len(found) {
		answer["nextPageToken"] = pageToken(end, in.JQL)
	}
	return http.StatusOK, answer, nil
}

// pageToken returns a token for a page of a query. As with the real Jira, it is valid for that query only.
func pageToken(start int, jql string) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d.%d", start, hash(jql)))
}

// readPageToken returns the start of the page, and whether the token is valid for the query.
func readPageToken(token, jql string) (int, bool) {
	if token == "" {
		return 0, true
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return 0, false
	}
	at, sum, _ := strings.Cut(string(raw), ".")
	start, err := strconv.Atoi(at)
	return start, err == nil && start >= 0 && sum == strconv.FormatUint(hash(jql), 10)
}

// hash returns a hash of a string.
func hash(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s))
	return h.Sum64()
}

// serverSearch is the input of Data Center's search.
type serverSearch struct {
	JQL           string          `json:"jql"`
	StartAt       int             `json:"startAt"`
	MaxResults    *int            `json:"maxResults"`
	Fields        []string        `json:"fields"`
	Properties    []string        `json:"properties"`
	Expand        json.RawMessage `json:"expand"`
	FieldsByKeys  bool            `json:"fieldsByKeys"`
	ValidateQuery any             `json:"validateQuery"`
}

// serverSearch reads the input from the body or the query.
func (r *request) serverSearch() (serverSearch, *problem) {
	var in serverSearch
	if r.Method == http.MethodPost {
		p := r.decode(&in)
		return in, p
	}
	q := r.URL.Query()
	size := r.number("maxResults", searchDefault, maxServerPage)
	return serverSearch{
		JQL: q.Get("jql"), StartAt: r.number("startAt", 0, maxIssues), MaxResults: &size,
		Fields: r.list("fields"), Properties: r.list("properties"), ValidateQuery: q.Get("validateQuery"),
	}, nil
}

// search implements Data Center's search, which Cloud has removed.
func (s *Site) search(r *request) (int, any, *problem) {
	if s.mode == Cloud {
		return 0, nil, refuse(http.StatusGone, "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. "+
			"A full migration guideline is available at https://developer.atlassian.com/changelog/#CHANGE-2046")
	}
	in, p := r.serverSearch()
	if p != nil {
		return 0, nil, p
	}
	size := searchDefault
	if in.MaxResults != nil {
		size = max(*in.MaxResults, 0)
	}
	strict := in.ValidateQuery != false && in.ValidateQuery != "false" && in.ValidateQuery != "none" && in.ValidateQuery != "warn"
	found, most, p := s.query(in.JQL, strict, maxServerPage)
	if p != nil {
		return 0, nil, p
	}
	size = min(size, most)
	if len(in.Fields) == 0 {
		in.Fields = []string{"*navigable"}
	}
	start := min(max(in.StartAt, 0), len(found))
	issues := []object{}
	for _, is := range found[start:min(start+size, len(found))] {
		issues = append(issues, s.issueView(r.base, is, in.Fields, in.Properties))
	}
	return http.StatusOK, object{
		"expand": "schema,names", "startAt": start, "maxResults": size, "total": len(found), "issues": issues,
	}, nil
}
