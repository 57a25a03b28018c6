// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"cmp"
	"slices"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/dashboard/client"
	"github.com/voiceai-dev/integrations-operator/internal/dashboard/web"
)

// step is an entry of a Defect's history.
type step struct {
	Time    time.Time
	What    string
	Detail  string
	Outcome string
	// Delivery is the Notification of the step, as Notification/namespace/name; empty when there is none.
	Delivery string
	// rank orders steps of the same time: the effect has a higher one than its cause.
	rank int
}

// changeCauses are the texts for the causes of a change of state.
var changeCauses = map[string]string{
	"Spec":       "Changed in the dashboard or in the cluster",
	"Jira":       "The ticket was moved in Jira",
	"Regression": "It occurred again after it was resolved",
	"Passed":     "Its test passes again",
}

// The ranks of what the log has: of what happened in the same second, it comes last. What was done with the ticket is
// announced afterwards, and a Defect before its ticket.
const (
	activityRank = 100 + iota
	discoveryRank
	deliveryRank
)

// historyOf returns what is known of a Defect's past, newest first. Clocks of Kubernetes have seconds: what happened in
// the same one is ordered by cause and effect.
func historyOf(d client.Defect, deliveries []client.Delivery) []step {
	var out []step
	add := func(at *time.Time, what, detail string) {
		if at != nil {
			out = append(out, step{Time: *at, What: what, Detail: detail, rank: len(out)})
		}
	}
	status := d.Status
	add(&d.CreatedTime, "Created", "")
	if status.LastSeenTime != nil && (status.FirstSeenTime == nil || !status.LastSeenTime.Equal(*status.FirstSeenTime)) {
		add(status.LastSeenTime, "Seen again", web.Count(status.Occurrences, "occurrence so far", "occurrences so far"))
	}
	if c := status.StateChange; c != nil {
		add(&c.Time, web.Words(c.From)+" → "+web.Words(d.State()), changeCauses[c.Cause])
	}
	if d.HasTicket() {
		add(status.Jira.CreatedTime, "Ticket "+status.Jira.Key, "")
	}
	for _, delivery := range deliveries {
		if d.HasTicket() && delivery.Action == "CreateIssue" && delivery.Detail == status.Jira.Key {
			continue // the history has the ticket already
		}
		out = append(out, stepOf(delivery))
	}
	slices.SortStableFunc(out, func(a, b step) int {
		return cmp.Or(b.Time.Truncate(time.Second).Compare(a.Time.Truncate(time.Second)), cmp.Compare(b.rank, a.rank))
	})
	return out
}

func stepOf(d client.Delivery) step {
	out := step{rank: rankOf(d), Time: d.Time, What: web.Words(d.EventOrAction()), Detail: d.ChannelLabel(), Outcome: d.Outcome}
	if d.Notification != "" {
		out.What = "Notification: " + out.What
		out.Delivery = "Notification/" + d.Notification
	}
	if d.Outcome != "Succeeded" {
		out.Detail = d.Detail
	}
	return out
}

func rankOf(d client.Delivery) int {
	switch d.EventType {
	case "":
		return activityRank
	case "DefectCreated", "EdgeCaseDiscovered":
		return discoveryRank
	}
	return deliveryRank
}

// nameChannels replaces the IDs of channels in a Defect's messages with the names that its deliveries know.
func nameChannels(d *client.Defect, deliveries []client.Delivery) {
	names := map[string]string{}
	for _, delivery := range deliveries {
		if _, known := names[delivery.Channel]; !known && delivery.ChannelName != "" {
			names[delivery.Channel] = delivery.ChannelName
		}
	}
	for i, m := range d.Status.Messages {
		if name, ok := names[m.Channel]; ok {
			d.Status.Messages[i].Channel = name
		}
	}
}
