// SPDX-License-Identifier: Apache-2.0

package client

import (
	"net/http"
	"time"
)

// Run is a run of a suite. One that is read alone has more fields.
type Run struct {
	Namespace       string     `json:"namespace"`
	Name            string     `json:"name"`
	Suite           string     `json:"suite"`
	State           string     `json:"state"`
	Reason          string     `json:"reason"`
	Message         string     `json:"message"`
	CreatedTime     time.Time  `json:"createdTime"`
	StartedTime     *time.Time `json:"startedTime"`
	FinishedTime    *time.Time `json:"finishedTime"`
	DurationSeconds float64    `json:"durationSeconds"`
	Results         *Results   `json:"results"`
	ResultError     string     `json:"resultError"`
	Commit          string     `json:"commit"`
	Deleted         bool       `json:"deleted"`
	Outside         bool       `json:"outside"`

	Previous *Run        `json:"previous"`
	Defects  *RunDefects `json:"defects"`
}

// Results are the counts of a run.
type Results struct {
	Passed    int64  `json:"passed"`
	Failed    int64  `json:"failed"`
	Skipped   int64  `json:"skipped"`
	Total     int64  `json:"total"`
	ReportURL string `json:"reportURL"`
}

// RunDefects are the Defects about which a run changed something.
type RunDefects struct {
	New   int         `json:"new"`
	Known int         `json:"known"`
	Flaky int         `json:"flaky"`
	Fixed int         `json:"fixed"`
	Items []RunDefect `json:"items"`
}

// RunDefect is a Defect with what a run changed about it.
type RunDefect struct {
	DefectRow
	Change string `json:"change"`
}

// When returns when a run ended; when it was created while it has not.
func (r Run) When() time.Time {
	if r.FinishedTime != nil {
		return *r.FinishedTime
	}
	return r.CreatedTime
}

// RunFilter selects runs. An empty field selects all.
type RunFilter struct {
	Text, Suite, State, Commit string
	Cursor                     string
}

// Filtered reports whether the filter leaves any run out.
func (f RunFilter) Filtered() bool {
	return f.Text != "" || f.Suite != "" || f.State != "" || f.Commit != ""
}

// Parameters returns the names and values of the URL parameters for the filter, without the cursor.
func (f RunFilter) Parameters() []string {
	return []string{"q", f.Text, "suite", f.Suite, "state", f.State, "commit", f.Commit}
}

// Runs returns a page of the list, the newest first.
func (c *Client) Runs(namespace string, f RunFilter) (out List[Run], err error) {
	pairs := append(f.Parameters(), "namespace", namespace, "cursor", f.Cursor, "limit", perPage)
	err = c.get("/api/v1/runs", Query(pairs...), &out)
	return out, err
}

// Run returns a run.
func (c *Client) Run(key Key) (out Run, err error) {
	err = c.get("/api/v1/runs/"+key.Name, Query("namespace", key.Namespace), &out)
	return out, err
}

// Suite is a CronJob that runs a suite.
type Suite struct {
	Suite       string     `json:"suite"`
	Namespace   string     `json:"namespace"`
	Name        string     `json:"name"`
	Schedule    string     `json:"schedule"`
	TimeZone    string     `json:"timeZone"`
	OnDemand    bool       `json:"onDemand"`
	NextRunTime *time.Time `json:"nextRunTime"`
	LastRun     *Run       `json:"lastRun"`
}

// SuiteHistory is a suite with its last runs.
type SuiteHistory struct {
	Suite        string     `json:"suite"`
	Namespace    string     `json:"namespace"`
	CronJobs     []Suite    `json:"cronJobs"`
	NextRunTime  *time.Time `json:"nextRunTime"`
	Runs         []Run      `json:"runs"`
	LastPassed   *Run       `json:"lastPassed"`
	FailingSince *time.Time `json:"failingSince"`
}

// Suites returns the suites of a namespace, or of all when it is *.
func (c *Client) Suites(namespace string) ([]Suite, error) {
	var out struct {
		Items []Suite `json:"items"`
	}
	err := c.get("/api/v1/suites", Query("namespace", namespace), &out)
	return out.Items, err
}

func suitePath(key Key) string { return "/api/v1/suites/" + key.Name }

// Suite returns a suite with its last runs.
func (c *Client) Suite(key Key) (out SuiteHistory, err error) {
	err = c.get(suitePath(key), Query("namespace", key.Namespace), &out)
	return out, err
}

// StartRun starts a run of a suite, once for each idempotency key. started is false when it was started before.
func (c *Client) StartRun(key Key, cronJob, idempotencyKey string) (run Run, started bool, err error) {
	return c.start(call{
		path: suitePath(key) + "/runs", query: Query("namespace", key.Namespace, "name", cronJob),
		header: map[string]string{"Idempotency-Key": idempotencyKey},
	})
}

// Rerun runs the suite of a run again. started is false when that was done before.
func (c *Client) Rerun(key Key) (run Run, started bool, err error) {
	return c.start(call{path: "/api/v1/runs/" + key.Name + "/rerun", query: Query("namespace", key.Namespace)})
}

func (c *Client) start(request call) (run Run, started bool, err error) {
	request.method = http.MethodPost
	request.into = &run
	a, err := c.do(request)
	if err != nil {
		return Run{}, false, err
	}
	return run, a.status == http.StatusCreated, nil
}
