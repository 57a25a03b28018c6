package render

import (
	"strings"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// Options say how a message is to be made. All of them may be empty.
type Options struct {
	// Channel it goes to.
	Channel string
	// DeliveryID says which delivery it is.
	DeliveryID string
	// Mentions are those whom it pings.
	Mentions []v1alpha1.Mention
	// Template are the rule's own words.
	Template *MessageTemplate
	// DashboardURL is the address of the dashboard.
	DashboardURL string
}

// Message is what Slack shows of an event.
func Message(e *event.Event, o Options) chat.Message { return compose(e, o, lookOf(e), "") }

// compose puts a message together: the headline and the title, where things stand if that is to be said, the facts, a longer text, small print.
func compose(e *event.Event, o Options, l look, standing string) chat.Message {
	title, more, own := titleOf(e), links(e, o), o.Template.words(e)
	m := chat.Message{DeliveryID: o.DeliveryID, Channel: o.Channel, Color: l.color}
	add := func(section string) {
		if visible(section) {
			m.Blocks = append(m.Blocks, chat.Block{Section: section})
		}
	}
	pings := mention(o.Mentions)
	if own.title != "" {
		m.Text = own.title
		add(strings.TrimSpace(own.title + "  " + pings))
	} else {
		m.Text = l.headline + ": " + title
		shown := title
		if len(more) > 0 {
			shown, more = link(more[0].url, title), more[1:]
		}
		add(strings.TrimSpace(l.emoji+" *"+l.headline+"*  "+pings) + "\n*" + shown + "*")
	}
	add(standing)
	if own.hasBody {
		add(own.body)
	} else {
		if fields := facts(e); len(fields) > 0 {
			m.Blocks = append(m.Blocks, chat.Block{Fields: fields})
		}
		add(excerpt(e))
	}
	m.Blocks = append(m.Blocks, chat.Block{Context: smallPrint(e, more, own.problem)})
	return m
}

// smallPrint says which object, when, where there is more and, when the rule's template failed, why the message looks as it does.
func smallPrint(e *event.Event, more []named, problem string) []string {
	var out []string
	if s := e.Subject; s != nil && visible(s.Name) {
		out = append(out, short(s.Kind+" "+s.Namespace+"/"+s.Name, maxTitle))
	}
	out = append(out, date(e.Time))
	for _, l := range more {
		out = append(out, link(l.url, l.name))
	}
	if problem != "" {
		out = append(out, ":warning: "+short(problem, maxTitle))
	}
	return out
}

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
