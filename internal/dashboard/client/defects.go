// SPDX-License-Identifier: Apache-2.0

package client

import (
	"cmp"
	"net/http"
	"slices"
	"time"
)

// DefectRow is a Defect in a list.
type DefectRow struct {
	Namespace    string     `json:"namespace"`
	Name         string     `json:"name"`
	Title        string     `json:"title"`
	Severity     string     `json:"severity"`
	Category     string     `json:"category"`
	State        string     `json:"state"`
	Suite        string     `json:"suite"`
	TestCase     string     `json:"testCase"`
	TicketKey    string     `json:"ticketKey"`
	TicketURL    string     `json:"ticketURL"`
	Occurrences  int64      `json:"occurrences"`
	Strip        string     `json:"strip"`
	Stability    string     `json:"stability"`
	FlakeRate    int        `json:"flakeRatePercent"`
	CreatedTime  time.Time  `json:"createdTime"`
	LastSeenTime *time.Time `json:"lastSeenTime"`
}

// Defect is a Defect with all that its page shows.
type Defect struct {
	Namespace   string            `json:"namespace"`
	Name        string            `json:"name"`
	Labels      map[string]string `json:"labels"`
	CreatedTime time.Time         `json:"createdTime"`
	Spec        DefectSpec        `json:"spec"`
	Status      DefectStatus      `json:"status"`
}

// DefectSpec is the spec of a Defect.
type DefectSpec struct {
	Title            string    `json:"title"`
	Severity         string    `json:"severity"`
	Category         string    `json:"category"`
	Description      string    `json:"description"`
	StepsToReproduce string    `json:"stepsToReproduce"`
	ExpectedResult   string    `json:"expectedResult"`
	ActualResult     string    `json:"actualResult"`
	Suite            string    `json:"suite"`
	Run              string    `json:"run"`
	TestCase         string    `json:"testCase"`
	Fingerprint      string    `json:"fingerprint"`
	State            string    `json:"state"`
	Voice            *Voice    `json:"voice"`
	Evidence         *Evidence `json:"evidence"`
	Tests            []struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"tests"`
	Jira struct {
		IntegrationRef struct {
			Namespace string `json:"namespace"`
			Name      string `json:"name"`
		} `json:"integrationRef"`
	} `json:"jira"`
}

// JiraIntegration returns the name of the integration that the spec names, with its namespace if it has one; empty when
// it names none.
func (s DefectSpec) JiraIntegration() string {
	ref := s.Jira.IntegrationRef
	if ref.Namespace != "" {
		return ref.Namespace + "/" + ref.Name
	}
	return ref.Name
}

// DefectStatus is the status of a Defect.
type DefectStatus struct {
	State       string      `json:"state"`
	Conditions  []Condition `json:"conditions"`
	StateChange *struct {
		From  string    `json:"from"`
		Cause string    `json:"cause"`
		Time  time.Time `json:"time"`
	} `json:"stateChange"`
	Jira          *Ticket    `json:"jira"`
	Occurrences   int64      `json:"occurrences"`
	FirstSeenTime *time.Time `json:"firstSeenTime"`
	LastSeenTime  *time.Time `json:"lastSeenTime"`
	ResolvedTime  *time.Time `json:"resolvedTime"`
	Regressions   int64      `json:"regressions"`
	History       *struct {
		Strip            string       `json:"strip"`
		LastGood         *TestOutcome `json:"lastGood"`
		FirstBad         *TestOutcome `json:"firstBad"`
		FlakeRatePercent int          `json:"flakeRatePercent"`
		Stability        string       `json:"stability"`
	} `json:"history"`
	Messages []struct {
		Rule        string `json:"rule"`
		Integration string `json:"integration"`
		Channel     string `json:"channel"`
		Permalink   string `json:"permalink"`
	} `json:"messages"`
	Evidence *EvidenceStatus `json:"evidence"`
}

// Ticket is the Jira issue of a Defect.
type Ticket struct {
	Integration  string     `json:"integration"`
	Key          string     `json:"key"`
	URL          string     `json:"url"`
	Status       string     `json:"status"`
	Resolution   string     `json:"resolution"`
	Assignee     string     `json:"assignee"`
	CreatedTime  *time.Time `json:"createdTime"`
	LastSyncTime *time.Time `json:"lastSyncTime"`
}

// State returns the state in the status or, before the operator has written one, the wanted state.
func (d Defect) State() string { return cmp.Or(d.Status.State, d.Spec.State, "Open") }

// HasTicket reports whether the Defect has a Jira issue.
func (d Defect) HasTicket() bool { return d.Status.Jira != nil && d.Status.Jira.Key != "" }

// Condition returns the condition of a type, and nil when there is none.
func (d Defect) Condition(conditionType string) *Condition {
	at := slices.IndexFunc(d.Status.Conditions, func(c Condition) bool { return c.Type == conditionType })
	if at < 0 {
		return nil
	}
	return &d.Status.Conditions[at]
}

// DefectFilter selects and orders Defects. An empty field selects all.
type DefectFilter struct {
	Text, State, Severity, Category, Ticket, Suite, Stability string
	// Reason and Detail are those of the condition Stalled.
	Reason, Detail string
	Sort           string
	Cursor         string
}

// Filtered reports whether the filter leaves any Defect out.
func (f DefectFilter) Filtered() bool {
	return f.Text != "" || f.State != "" || f.Severity != "" || f.Category != "" || f.Ticket != "" || f.Suite != "" ||
		f.Stability != "" || f.Narrowed()
}

// Narrowed reports whether the filter has a part that no field of the page sets: a count links to what it counts.
func (f DefectFilter) Narrowed() bool { return f.Reason != "" || f.Detail != "" }

// Parameters returns the names and values of the URL parameters for the filter, without order and cursor.
func (f DefectFilter) Parameters() []string {
	return []string{
		"q", f.Text, "state", f.State, "severity", f.Severity, "category", f.Category, "ticket", f.Ticket, "suite", f.Suite,
		"stability", f.Stability,
		"reason", f.Reason, "detail", f.Detail,
	}
}

// Defects returns a page of the list.
func (c *Client) Defects(namespace string, f DefectFilter) (out List[DefectRow], err error) {
	pairs := append(f.Parameters(), "namespace", namespace, "sort", f.Sort, "cursor", f.Cursor, "limit", perPage)
	err = c.get("/api/v1/defects", Query(pairs...), &out)
	return out, err
}

func defectPath(key Key) string { return "/api/v1/defects/" + key.Name }

// Defect returns a Defect.
func (c *Client) Defect(key Key) (out Defect, err error) {
	err = c.get(defectPath(key), Query("namespace", key.Namespace), &out)
	return out, err
}

// MoveDefect changes a Defect's state.
func (c *Client) MoveDefect(key Key, state string) error {
	_, err := c.do(call{
		method: http.MethodPatch, path: defectPath(key), query: Query("namespace", key.Namespace),
		body: map[string]string{"state": state},
	})
	return err
}

// RequestTicket requests a Jira issue for a Defect. It reports whether there is one already.
func (c *Client) RequestTicket(key Key) (exists bool, err error) {
	a, err := c.do(call{method: http.MethodPost, path: defectPath(key) + "/jira", query: Query("namespace", key.Namespace)})
	if err != nil {
		return false, err
	}
	return a.status == http.StatusOK, nil
}
