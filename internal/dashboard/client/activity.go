// SPDX-License-Identifier: Apache-2.0

package client

import (
	"cmp"
	"strings"
	"time"
)

// Delivery is an entry of the activity log. That of a Notification has more fields when it is read alone.
type Delivery struct {
	Time            time.Time  `json:"time"`
	Integration     string     `json:"integration"`
	Action          string     `json:"action"`
	Object          string     `json:"object"`
	Title           string     `json:"title"`
	Outcome         string     `json:"outcome"`
	Reason          string     `json:"reason"`
	Detail          string     `json:"detail"`
	EventType       string     `json:"eventType"`
	Notification    string     `json:"notification"`
	Rule            string     `json:"rule"`
	Channel         string     `json:"channel"`
	ChannelName     string     `json:"channelName"`
	Permalink       string     `json:"permalink"`
	Attempts        int        `json:"attempts"`
	NextAttemptTime *time.Time `json:"nextAttemptTime"`

	Event struct {
		ID       string            `json:"id"`
		Time     *time.Time        `json:"time"`
		Severity string            `json:"severity"`
		Labels   map[string]string `json:"labels"`
	} `json:"event"`
	CreatedTime *time.Time  `json:"createdTime"`
	Digest      string      `json:"digest"`
	Members     []string    `json:"members"`
	Conditions  []Condition `json:"conditions"`
	Message     *Message    `json:"message"`
}

// Condition is a condition of a resource.
type Condition struct {
	Type               string    `json:"type"`
	Status             string    `json:"status"`
	Reason             string    `json:"reason"`
	Message            string    `json:"message"`
	LastTransitionTime time.Time `json:"lastTransitionTime"`
}

// Message is a Slack message. Its texts are mrkdwn.
type Message struct {
	Text   string `json:"text"`
	Color  string `json:"color"`
	Blocks []struct {
		Section string   `json:"section"`
		Fields  []string `json:"fields"`
		Context []string `json:"context"`
		Divider bool     `json:"divider"`
	} `json:"blocks"`
}

// EventOrAction returns the type of the event that was delivered, or the action of an entry that is no delivery.
func (d Delivery) EventOrAction() string { return cmp.Or(d.EventType, d.Action) }

// RowKey returns a key that distinguishes an entry without a page of its own from the other rows.
func (d Delivery) RowKey() string {
	return strings.Join([]string{d.Time.Format(time.RFC3339), d.Integration, d.Action, d.Object}, " ")
}

// ChannelLabel returns the channel's name, or its ID when the name is unknown.
func (d Delivery) ChannelLabel() string { return cmp.Or(d.ChannelName, d.Channel) }

// DeliveryFilter selects entries of the log. An empty field selects all.
type DeliveryFilter struct {
	// Integration and Object have the form Kind/namespace/name.
	Integration, Object string
	Outcome, Text       string
	// Kind is Notification or Activity. Reason and Detail are those of the entry, as a whole.
	Kind, Reason, Detail string
	// Rule has the form namespace/name.
	Rule string
	// Since is a time in RFC 3339.
	Since  string
	Cursor string
}

// Filtered reports whether the filter leaves any entry out.
func (f DeliveryFilter) Filtered() bool {
	return f.Integration != "" || f.Outcome != "" || f.Text != "" || f.Object != "" || f.Narrowed()
}

// Narrowed reports whether the filter has a part that no field of the page sets: a count links to what it counts.
func (f DeliveryFilter) Narrowed() bool {
	return f.Kind != "" || f.Rule != "" || f.Reason != "" || f.Detail != "" || f.Since != ""
}

// Parameters returns the names and values of the URL parameters for the filter, without the cursor.
func (f DeliveryFilter) Parameters() []string {
	return []string{
		"q", f.Text, "outcome", f.Outcome, "integration", f.Integration, "object", f.Object,
		"kind", f.Kind, "reason", f.Reason, "detail", f.Detail, "rule", f.Rule, "since", f.Since,
	}
}

// Deliveries returns a page of the activity log, newest first.
func (c *Client) Deliveries(namespace string, f DeliveryFilter) (out List[Delivery], err error) {
	pairs := append(f.Parameters(), "namespace", namespace, "cursor", f.Cursor, "limit", perPage)
	err = c.get("/api/v1/integrations/logs", Query(pairs...), &out)
	return out, err
}

// Delivery returns a Notification.
func (c *Client) Delivery(key Key) (out Delivery, err error) {
	err = c.get("/api/v1/notifications/"+key.Name, Query("namespace", key.Namespace), &out)
	return out, err
}
