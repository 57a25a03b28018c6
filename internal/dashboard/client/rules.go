// SPDX-License-Identifier: Apache-2.0

package client

import (
	"net/http"
	"time"
)

// RuleRow is a NotificationRule in a list.
type RuleRow struct {
	Namespace     string     `json:"namespace"`
	Name          string     `json:"name"`
	EventTypes    []string   `json:"eventTypes"`
	Channel       string     `json:"channel"`
	Suspended     bool       `json:"suspended"`
	Ready         bool       `json:"ready"`
	Reason        string     `json:"reason"`
	Message       string     `json:"message"`
	MatchedTotal  int64      `json:"matchedTotal"`
	SentTotal     int64      `json:"sentTotal"`
	FailedTotal   int64      `json:"failedTotal"`
	LastError     string     `json:"lastError"`
	LastMatchTime *time.Time `json:"lastMatchTime"`
}

// State returns Suspended, Ready or NotReady.
func (r RuleRow) State() string { return ruleState(r.Suspended || r.Reason == "Suspended", r.Ready) }

func ruleState(suspended, ready bool) string {
	switch {
	case suspended:
		return "Suspended"
	case ready:
		return "Ready"
	}
	return "NotReady"
}

// Rule is a NotificationRule with all that its page shows.
type Rule struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Spec      Spec   `json:"spec"`
	Status    struct {
		Conditions   []Condition `json:"conditions"`
		MatchedTotal int64       `json:"matchedTotal"`
		SentTotal    int64       `json:"sentTotal"`
		FailedTotal  int64       `json:"failedTotal"`
		ErrorsTotal  int64       `json:"errorsTotal"`
		LastError    *struct {
			Time      *time.Time `json:"time"`
			EventID   string     `json:"eventID"`
			EventType string     `json:"eventType"`
			Message   string     `json:"message"`
		} `json:"lastError"`
		LastMatchTime *time.Time `json:"lastMatchTime"`
	} `json:"status"`
}

// State returns Suspended, Ready or NotReady.
func (r Rule) State() string {
	ready := false
	suspended := r.Spec.Get("suspend") == true
	for _, c := range r.Status.Conditions {
		if c.Type == "Ready" {
			ready = c.Status == "True"
			suspended = suspended || c.Reason == "Suspended" // or its integration is
		}
	}
	return ruleState(suspended, ready)
}

// RuleTest is the result of a dry run: what a rule would do with an event.
type RuleTest struct {
	Matches bool   `json:"matches"`
	Why     string `json:"why"`
	Source  string `json:"source"`
	Event   struct {
		ID       string            `json:"id"`
		Type     string            `json:"type"`
		Time     *time.Time        `json:"time"`
		Severity string            `json:"severity"`
		Labels   map[string]string `json:"labels"`
		Subject  *struct {
			Kind string `json:"kind"`
			Name string `json:"name"`
		} `json:"subject"`
	} `json:"event"`
	Message *Message `json:"message"`
}

// Rules returns a page of the list.
func (c *Client) Rules(namespace, cursor string) (out List[RuleRow], err error) {
	err = c.get("/api/v1/rules", Query("namespace", namespace, "cursor", cursor, "limit", perPage), &out)
	return out, err
}

func rulePath(key Key) string { return "/api/v1/rules/" + key.Name }

// Rule returns a NotificationRule.
func (c *Client) Rule(key Key) (out Rule, err error) {
	err = c.get(rulePath(key), Query("namespace", key.Namespace), &out)
	return out, err
}

// TestedEvent is the event of a dry run: the one with an ID, or else the newest about the Defect or run of a name.
type TestedEvent struct{ Subject, ID string }

// TestRule tests a rule with an event. The API chooses one for an empty TestedEvent. Nothing is sent to Slack.
func (c *Client) TestRule(key Key, e TestedEvent) (*RuleTest, error) {
	var body any
	switch {
	case e.ID != "":
		body = map[string]string{"eventID": e.ID}
	case e.Subject != "":
		body = map[string]string{"subject": e.Subject}
	}
	out := &RuleTest{}
	_, err := c.do(call{
		method: http.MethodPost, path: rulePath(key) + "/test", query: Query("namespace", key.Namespace), body: body, into: out,
	})
	return out, err
}
