// SPDX-License-Identifier: Apache-2.0

package client

import "time"

// Summary is what the overview shows.
type Summary struct {
	Since        time.Time     `json:"since"`
	Integrations []Integration `json:"integrations"`
	Defects      *struct {
		Open       int            `json:"open"`
		BySeverity map[string]int `json:"bySeverity"`
		Unticketed int            `json:"unticketed"`
	} `json:"defects"`
	Attention []AttentionItem `json:"attention"`
	Needs     int             `json:"needs"`
	Suites    []SuiteSummary  `json:"suites"`
}

// AttentionItem is an object that needs attention, or Count similar ones.
type AttentionItem struct {
	Object    string    `json:"object"`
	Title     string    `json:"title"`
	EventType string    `json:"eventType"`
	Reason    string    `json:"reason"`
	Message   string    `json:"message"`
	Time      time.Time `json:"time"`
	Count     int       `json:"count"`
}

// SuiteSummary is a test suite with its recent runs, newest first.
type SuiteSummary struct {
	Namespace string `json:"namespace"`
	Suite     string `json:"suite"`
	Runs      []Run  `json:"runs"`
}

// Count returns the number of runs in a state.
func (s SuiteSummary) Count(state string) (n int) {
	for _, r := range s.Runs {
		if r.State == state {
			n++
		}
	}
	return n
}

// Last returns the newest run.
func (s SuiteSummary) Last() Run { return s.Runs[0] }

// Summary returns the summary of a namespace, or of all when it is *.
func (c *Client) Summary(namespace string) (out Summary, err error) {
	err = c.get("/api/v1/summary", Query("namespace", namespace), &out)
	return out, err
}
