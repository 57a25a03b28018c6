// SPDX-License-Identifier: Apache-2.0

package render

import (
	"strings"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/markup"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/button"
)

// Options are the options of a message. All of them may be empty.
type Options struct {
	// Channel is the channel that the message goes to.
	Channel string
	// DeliveryID identifies the delivery.
	DeliveryID string
	// Mentions are the people that the message mentions.
	Mentions []v1alpha1.Mention
	// Template is the rule's template.
	Template *MessageTemplate
	// Transcripts decides whether transcripts are masked. If empty, they are.
	Transcripts v1alpha1.TranscriptPolicy
	// DashboardURL is the URL of the dashboard.
	DashboardURL string
	// Button is what the message's buttons carry: the integration and the rule. Without an integration there are none.
	Button button.Object
}

// Message returns an event as a message.
func Message(e *event.Event, o Options) chat.Message { return compose(e, o, lookOf(e), "") }

// compose returns a message of these parts: headline and title, progress, facts, a longer text, the failing turn of
// a call, small print.
func compose(e *event.Event, o Options, l look, progress string) chat.Message {
	e = o.quoting(e)
	title := titleOf(e)
	more := links(e, o)
	own := o.Template.fill(e)
	m := chat.Message{DeliveryID: o.DeliveryID, Channel: o.Channel, Color: l.color}
	add := func(section string) {
		if markup.Visible(section) {
			m.Blocks = append(m.Blocks, chat.Block{Section: section})
		}
	}
	mentions := mention(o.Mentions)
	if own.title != "" {
		m.Text = own.title
		add(strings.TrimSpace(own.title + "  " + mentions))
	} else {
		m.Text = l.headline + ": " + title
		shown := title
		if len(more) > 0 {
			shown = markup.Link(more[0].url, title)
			more = more[1:]
		}
		add(strings.TrimSpace(l.emoji+" *"+l.headline+"*  "+mentions) + "\n*" + shown + "*")
	}
	add(progress)
	if own.hasBody {
		add(own.body)
	} else {
		if fields := facts(e); len(fields) > 0 {
			m.Blocks = append(m.Blocks, chat.Block{Fields: fields})
		}
		add(excerpt(e))
		add(failingTurn(e))
		add(runDefects(e, o))
	}
	m.Blocks = append(m.Blocks, buttons(e, o)...)
	m.Blocks = append(m.Blocks, chat.Block{Context: smallPrint(e, more, own.problem)})
	return m
}

// smallPrint returns the subject, the time, links and, if the rule's template failed, why.
func smallPrint(e *event.Event, more []namedLink, problem string) []string {
	var out []string
	if s := e.Subject; s != nil && markup.Visible(s.Name) {
		out = append(out, markup.FitLine(s.Kind+" "+s.Namespace+"/"+s.Name, maxTitle))
	}
	out = append(out, date(e.Time))
	for _, l := range more {
		out = append(out, markup.Link(l.url, l.name))
	}
	if problem != "" {
		out = append(out, ":warning: "+markup.FitLine(problem, maxTitle))
	}
	return out
}

// mention returns mentions as Slack's mrkdwn.
func mention(mentions []v1alpha1.Mention) string {
	var out []string
	for _, m := range mentions {
		switch {
		case m == "here" || m == "channel":
			out = append(out, "<!"+string(m)+">")
		case strings.HasPrefix(string(m), "S"):
			out = append(out, "<!subteam^"+string(m)+">")
		default:
			out = append(out, "<@"+string(m)+">")
		}
	}
	return strings.Join(out, " ")
}
