// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack/display"
)

// line is a message on a channel's page, with its replies.
type line struct {
	slack.Message
	View    display.View
	Replies []line
	// Channel and Person are where and as whom a button is pressed.
	Channel, Person string
	// Private is set for a message that only the person sees.
	Private bool
}

// channelPage shows the messages of a channel. With the query parameter at, that message is among them.
func (s *Sandbox) channelPage(w http.ResponseWriter, r *http.Request) {
	ch, found := s.slack.Channel(r.PathValue("channel"))
	if !found {
		s.notFound(w, "This channel does not exist.")
		return
	}
	user := personOf(r)
	messages := s.slack.Messages(ch.ID)
	first := max(0, len(messages)-messagesShown)
	if i := indexOf(messages, r.FormValue("at")); i >= 0 {
		first = min(first, i)
	}
	end := min(first+messagesShown, len(messages))
	var private []line
	for _, p := range s.slack.Privates(ch.ID) {
		if p.User == user {
			private = append(private, line{Message: p.Message, View: p.View(), Channel: ch.ID, Person: user, Private: true})
		}
	}
	data := map[string]any{
		"Channel": ch, "Lines": threads(messages[first:end], user), "Older": first, "Newer": len(messages) - end,
		"Person": user, "People": slack.People(), "Private": private, "Command": slack.Command, "Groups": s.slack.UserGroups(),
		"SocketMode": s.slack.App().SocketMode, "Connections": s.slack.Sockets().Open(),
	}
	if f, open := s.slack.OpenForm(user); open {
		data["Form"] = f
	}
	s.show(w, page{template: "channel", title: "#" + ch.Name, link: "/slack/" + ch.ID, data: data})
}

// threads returns messages with the replies below the message that they answer, if it is among them.
func threads(messages []slack.Message, person string) []line {
	var lines []line
	at := map[string]int{}
	for _, m := range messages {
		l := line{Message: m, View: m.View(), Channel: m.Channel, Person: person}
		if i, shown := at[m.ThreadTS]; shown {
			lines[i].Replies = append(lines[i].Replies, l)
			if !m.Broadcast {
				continue
			}
		}
		at[m.TS] = len(lines)
		lines = append(lines, l)
	}
	return lines
}

// followPermalink redirects from the permalink of a message to its place on the channel's page.
func (s *Sandbox) followPermalink(w http.ResponseWriter, r *http.Request) {
	ts := timestamp(r.PathValue("message"))
	ch, found := s.slack.Channel(r.PathValue("channel"))
	if !found || indexOf(s.slack.Messages(ch.ID), ts) < 0 {
		s.notFound(w, "This message does not exist.")
		return
	}
	place := url.URL{Path: "/slack/" + ch.ID, RawQuery: url.Values{"at": {ts}}.Encode(), Fragment: "m" + ts}
	http.Redirect(w, r, place.String(), http.StatusFound)
}

// indexOf returns the index of the message with a timestamp. It is negative if there is none.
func indexOf(messages []slack.Message, ts string) int {
	return slices.IndexFunc(messages, func(m slack.Message) bool { return m.TS == ts })
}

// timestamp returns the timestamp in the last part of a permalink, "p" and its digits. It is empty if the part has
// another form.
func timestamp(part string) string {
	const decimals = 6
	digits, ok := strings.CutPrefix(part, "p")
	if !ok || len(digits) <= decimals {
		return ""
	}
	seconds := len(digits) - decimals
	return digits[:seconds] + "." + digits[seconds:]
}
