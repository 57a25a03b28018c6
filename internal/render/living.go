package render

import (
	"strings"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// Living is the first message about something as it is edited when that moves on. now is its event with the facts as they are now: of a Defect,
// the headline and the colour tell its present state, and a line the way there.
func Living(now *event.Event, o Options) chat.Message {
	if now.Type != v1alpha1.EventDefectCreated && now.Type != v1alpha1.EventEdgeCaseDiscovered {
		return Message(now, o)
	}
	open := "found"
	if now.Type == v1alpha1.EventEdgeCaseDiscovered {
		open = "discovered"
	}
	return compose(now, o, lookOfState(now, open), standing(now))
}

// standing is how far a Defect has come: opened → ticketed VOICE-12 → in progress. Empty while it was only found.
func standing(e *event.Event) string {
	steps := []string{"opened"}
	if key := short(e.Text("ticketKey"), maxField); key != "" {
		steps = append(steps, "ticketed "+key)
	}
	if state := stateName(e.Text("state")); state != "" && state != "open" {
		steps = append(steps, state)
	}
	if len(steps) == 1 {
		return ""
	}
	steps[len(steps)-1] = "*" + steps[len(steps)-1] + "*"
	return strings.Join(steps, " → ")
}

// Reply is a later event in the thread of the first message: one short line. It pings nobody, except when a Defect is back: then it pings as the
// first message did and shows in the channel too. Whoever posts it sets ThreadTS.
func Reply(e *event.Event, o Options) chat.Message {
	l := lookOf(e)
	line := l.emoji + " " + l.headline
	if more := links(e, o); e.Type == v1alpha1.EventDefectTicketed && len(more) > 0 {
		line += ": " + link(more[0].url, orElse(short(e.Text("ticketKey"), maxField), "open"))
	}
	if e.Type == v1alpha1.EventDefectStateChanged {
		for _, detail := range []string{
			change(stateName(e.Text("previousState")), stateName(e.Text("state"))),
			cause(e), by(e),
		} {
			if visible(detail) {
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

func by(e *event.Event) string {
	if name := short(e.Text("changedBy"), maxField); name != "" {
		return "by " + name
	}
	return ""
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
