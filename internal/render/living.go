// SPDX-License-Identifier: Apache-2.0

package render

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/markup"
)

// Living returns the first message about an event's subject as it is after the subject changed. now is the event with
// the present data. For a Defect, headline and color show the present state, and a line shows the states before.
func Living(now *event.Event, o Options) chat.Message {
	if now.Type != v1alpha1.EventDefectCreated && now.Type != v1alpha1.EventEdgeCaseDiscovered {
		return Message(now, o)
	}
	open := "found"
	if now.Type == v1alpha1.EventEdgeCaseDiscovered {
		open = "discovered"
	}
	return compose(now, o, lookOfState(now, open), progress(now))
}

// progress returns how far a Defect has come, such as: opened → ticketed VOICE-12 → in progress. It is empty for a
// Defect that was only found.
func progress(e *event.Event) string {
	steps := []string{"opened"}
	if key := markup.FitLine(e.Text("ticketKey"), maxField); key != "" {
		steps = append(steps, "ticketed "+key)
	}
	if state := stateName(e.Text("state")); state != "" && state != "open" {
		steps = append(steps, state)
	}
	if len(steps) == 1 {
		return ""
	}
	steps[len(steps)-1] = "*" + steps[len(steps)-1] + "*"
	line := strings.Join(steps, " → ")
	if by := changedBy(e); by != "" && stateName(e.Text("state")) != "open" {
		line += " " + by
	}
	return line
}

// Reply returns a later event as a reply in the thread of the first message, in one short line. It mentions no one,
// unless a Defect occurred again: then it mentions the same people as the first message and shows in the channel too.
// The caller sets ThreadTS.
func Reply(e *event.Event, o Options) chat.Message {
	l := lookOf(e)
	line := l.emoji + " " + l.headline
	if more := links(e, o); e.Type == v1alpha1.EventDefectTicketed && len(more) > 0 {
		line += ": " + markup.Link(more[0].url, cmp.Or(markup.FitLine(e.Text("ticketKey"), maxField), "open"))
		if by := person(e.Text("requestedBy")); markup.Visible(by) {
			line += " · requested by " + by
		}
	}
	if e.Type == v1alpha1.EventDefectStateChanged {
		for _, detail := range []string{
			transition(stateName(e.Text("previousState")), stateName(e.Text("state"))),
			causeText(e), changedBy(e),
		} {
			if markup.Visible(detail) {
				line += " · " + detail
			}
		}
	}
	m := chat.Message{DeliveryID: o.DeliveryID, Channel: o.Channel, Text: l.headline + ": " + titleOf(e)}
	if isRegression(e) {
		m.Broadcast = true
		line = strings.TrimSpace(line + "  " + mention(o.Mentions))
	}
	m.Blocks = []chat.Block{{Section: line}}
	return m
}

// changedBy returns who changed a Defect, in words; empty when that is not known.
func changedBy(e *event.Event) string {
	if name := person(e.Text("changedBy")); name != "" {
		return "by " + name
	}
	return ""
}

// slackUser matches a person in Slack as a user of Kubernetes.
var slackUser = regexp.MustCompile(`^slack:[A-Z0-9]{2,32}:([UW][A-Z0-9]{1,31})$`)

// person returns the name of a user. A person in Slack is mentioned, as Slack shows no name for an ID.
func person(user string) string {
	if m := slackUser.FindStringSubmatch(user); m != nil {
		return "<@" + m[1] + ">"
	}
	return markup.FitLine(user, maxField)
}
