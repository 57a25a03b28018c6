package jira

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The most that one page of a search has. Who asks for more gets this many, and the rest on further pages.
const (
	searchDefault = 50
	cloudMost     = 5000 // with no more than IDs and keys
	fieldsMost    = 1000
	serverMost    = 1000
	// idsOnlyMost is how many reconcileIssues Cloud takes.
	idsOnlyMost = 50
)

// searchJQL is Cloud's search: no total, pages by token, and nothing but the ID unless fields are asked for.
func (s *Site) searchJQL(r *request) (int, any, *problem) {
	if s.mode != Cloud {
		return 0, nil, errNoResource(r)
	}
	in := struct {
		JQL             string   `json:"jql"`
		MaxResults      *int     `json:"maxResults"`
		NextPageToken   string   `json:"nextPageToken"`
		Fields          []string `json:"fields"`
		Properties      []string `json:"properties"`
		Expand          string   `json:"expand"`
		FieldsByKeys    bool     `json:"fieldsByKeys"`
		FailFast        bool     `json:"failFast"`
		ReconcileIssues []int    `json:"reconcileIssues"`
	}{}
	if r.Method == http.MethodPost {
		if p := r.decode(&in); p != nil {
			return 0, nil, p
		}
	} else {
		q := r.URL.Query()
		size := r.number("maxResults", searchDefault, cloudMost)
		in.JQL, in.MaxResults, in.NextPageToken = q.Get("jql"), &size, q.Get("nextPageToken")
		in.Fields, in.Properties = r.list("fields"), r.list("properties")
	}
	if len(in.ReconcileIssues) > idsOnlyMost {
		return 0, nil, refuse(http.StatusBadRequest, "The number of reconcileIssues must not exceed %d.", idsOnlyMost)
	}
	size := searchDefault
	if in.MaxResults != nil {
		size = *in.MaxResults
	}
	if size < 0 {
		return 0, nil, refuse(http.StatusBadRequest, "The value of maxResults must not be negative.")
	}
	idsOnly := !slices.ContainsFunc(in.Fields, func(f string) bool { return f != "id" && f != "key" })
	most := fieldsMost
	if idsOnly {
		most = cloudMost
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
	end := min(start+min(size, most), len(found))
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

// pageToken is good for one query only, as with the real Jira.
func pageToken(start int, jql string) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d.%d", start, hash(jql)))
}

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

func hash(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s))
	return h.Sum64()
}

// search is Data Center's search; Cloud has taken it away.
func (s *Site) search(r *request) (int, any, *problem) {
	if s.mode == Cloud {
		return 0, nil, refuse(http.StatusGone, "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. A full migration guideline is available at https://developer.atlassian.com/changelog/#CHANGE-2046")
	}
	in := struct {
		JQL           string          `json:"jql"`
		StartAt       int             `json:"startAt"`
		MaxResults    *int            `json:"maxResults"`
		Fields        []string        `json:"fields"`
		Properties    []string        `json:"properties"`
		Expand        json.RawMessage `json:"expand"`
		FieldsByKeys  bool            `json:"fieldsByKeys"`
		ValidateQuery any             `json:"validateQuery"`
	}{}
	if r.Method == http.MethodPost {
		if p := r.decode(&in); p != nil {
			return 0, nil, p
		}
	} else {
		size := r.number("maxResults", searchDefault, serverMost)
		in.JQL, in.StartAt, in.MaxResults = r.URL.Query().Get("jql"), r.number("startAt", 0, maxIssues), &size
		in.Fields, in.Properties = r.list("fields"), r.list("properties")
		in.ValidateQuery = r.URL.Query().Get("validateQuery")
	}
	size := searchDefault
	if in.MaxResults != nil {
		size = max(*in.MaxResults, 0)
	}
	strict := in.ValidateQuery != false && in.ValidateQuery != "false" && in.ValidateQuery != "none" && in.ValidateQuery != "warn"
	found, most, p := s.query(in.JQL, strict, serverMost)
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
	return http.StatusOK, object{"expand": "schema,names", "startAt": start, "maxResults": size, "total": len(found), "issues": issues}, nil
}

// query finds the issues, as they were before the search lag, and says how many one page may have. A strict one refuses projects and keys
// that do not exist.
func (s *Site) query(jql string, strict bool, most int) ([]*Issue, int, *problem) {
	q, err := parseJQL(jql)
	if err != nil {
		return nil, 0, &problem{status: http.StatusBadRequest, messages: []string{err.Error()}}
	}
	if s.mode == Cloud && len(q.clauses) == 0 {
		return nil, 0, refuse(http.StatusBadRequest, "Unbounded JQL queries are not allowed here. Please add a search restriction to your query.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if strict {
		if p := s.checkValues(q); p != nil {
			return nil, 0, p
		}
	}
	s.counts.Searches++
	now := s.now()
	var found []*Issue
	for _, is := range s.past.view(now, s.issues) {
		if !slices.ContainsFunc(q.clauses, func(c clause) bool { return !c.holds(is, now) }) {
			found = append(found, is)
		}
	}
	slices.Reverse(found) // the newest first, unless an order is asked for
	slices.SortStableFunc(found, func(a, b *Issue) int {
		for _, o := range q.order {
			if n := compareBy(o.field, a, b); n != 0 && o.desc {
				return -n
			} else if n != 0 {
				return n
			}
		}
		return 0
	})
	if s.mostResults > 0 {
		most = s.mostResults
	}
	return found, most, nil
}

// checkValues needs the lock.
func (s *Site) checkValues(q query) *problem {
	var messages []string
	for _, c := range q.clauses {
		for _, v := range c.values {
			known := true
			switch c.field {
			case "project":
				_, known = findProject(v)
			case "key":
				if s.find(v) == nil {
					messages = append(messages, fmt.Sprintf(noSuchIssue(v), v, c.name))
				}
			case "status":
				_, known = findStatus(v)
			case "statusCategory":
				known = slices.ContainsFunc(statuses, func(st status) bool { return st.category.is(v) })
			case "issuetype":
				_, known = match(issueTypes, "", v)
			case "priority":
				_, known = match(priorities, "", v)
			}
			if !known {
				messages = append(messages, fmt.Sprintf("The value '%s' does not exist for the field '%s'.", v, c.name))
			}
		}
	}
	if messages != nil {
		return &problem{status: http.StatusBadRequest, messages: messages}
	}
	return nil
}

// noSuchIssue is the complaint about a key or an ID, which are values of the same field.
func noSuchIssue(keyOrID string) string {
	if _, err := strconv.Atoi(keyOrID); err == nil {
		return "A value with ID '%s' does not exist for the field '%s'."
	}
	return "An issue with key '%s' does not exist for field '%s'."
}

func (c clause) holds(is *Issue, now time.Time) bool {
	if isTime(c.field) {
		t := is.Updated
		if c.field == "created" {
			t = is.Created
		}
		limit, _ := jqlTime(c.values[0], now)
		switch n := t.Compare(limit); c.op {
		case "<":
			return n < 0
		case "<=":
			return n <= 0
		case ">":
			return n > 0
		default:
			return n >= 0
		}
	}
	has := slices.ContainsFunc(c.values, func(v string) bool { return is.is(c.field, v) })
	if c.op == "!=" || c.op == "not in" {
		return !has
	}
	return has
}

func (is *Issue) is(field, value string) bool {
	switch field {
	case "project":
		p, _ := findProject(value)
		return p.Key == is.Project
	case "labels":
		return slices.Contains(is.Labels, value)
	case "key":
		return strings.EqualFold(value, is.Key) || value == is.ID ||
			slices.ContainsFunc(is.FormerKeys, func(key string) bool { return strings.EqualFold(value, key) })
	case "status":
		return strings.EqualFold(value, is.Status)
	case "statusCategory":
		st, _ := findStatus(is.Status)
		return st.category.is(value)
	case "issuetype":
		return strings.EqualFold(value, is.Type)
	case "priority":
		return strings.EqualFold(value, is.Priority)
	case "assignee", "reporter":
		name := is.Assignee
		if field == "reporter" {
			name = is.Reporter
		}
		u, found := findUser(value, value)
		return found && u.Name == name
	}
	return false
}

func compareBy(field string, a, b *Issue) int {
	switch field {
	case "key":
		return cmp.Or(cmp.Compare(a.Project, b.Project), cmp.Compare(a.number, b.number))
	case "created":
		return a.Created.Compare(b.Created)
	case "updated":
		return a.Updated.Compare(b.Updated)
	case "priority": // the highest has the lowest number
		return cmp.Compare(priorityRank(b), priorityRank(a))
	case "status":
		return cmp.Compare(a.Status, b.Status)
	case "issuetype":
		return cmp.Compare(a.Type, b.Type)
	}
	return 0
}

func priorityRank(is *Issue) int {
	return slices.IndexFunc(priorities, func(n named) bool { return n.Name == is.Priority })
}

var (
	jqlLayouts  = []string{"2006/01/02 15:04", "2006-01-02 15:04", "2006/01/02", "2006-01-02"}
	jqlPeriod   = regexp.MustCompile(`^([+-]?)(\d{1,6}[wdhm])(\s+\d{1,6}[wdhm])*$`)
	periodUnits = map[byte]time.Duration{'w': 7 * 24 * time.Hour, 'd': 24 * time.Hour, 'h': time.Hour, 'm': time.Minute}
)

func validTime(v string) bool {
	_, ok := jqlTime(v, time.Time{})
	return ok
}

// jqlTime reads a date, which has no seconds, a period from now, or milliseconds since 1970. Times are UTC.
func jqlTime(v string, now time.Time) (time.Time, bool) {
	v = strings.TrimSpace(v)
	for _, layout := range jqlLayouts {
		if t, err := time.Parse(layout, v); err == nil {
			return t, true
		}
	}
	if jqlPeriod.MatchString(v) {
		var d time.Duration
		for part := range strings.FieldsSeq(strings.TrimLeft(v, "+-")) {
			n, _ := strconv.Atoi(part[:len(part)-1])
			d += time.Duration(n) * periodUnits[part[len(part)-1]]
		}
		if v[0] == '-' {
			d = -d
		}
		return now.Add(d), true
	}
	if ms, err := strconv.ParseInt(v, 10, 64); err == nil {
		return time.UnixMilli(ms), true
	}
	return time.Time{}, false
}
