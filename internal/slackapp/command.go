// SPDX-License-Identifier: Apache-2.0

package slackapp

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/markup"
	"github.com/voiceai-dev/integrations-operator/internal/render"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/answer"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// maxWords bounds the words of a command that are used, and maxWord the length of each, in bytes.
const (
	maxWords = 8
	maxWord  = 300
)

// verb is what a person can do by a command.
type verb struct {
	name, arguments, help string
	// most is how many arguments it takes at most, least how many at least.
	least, most int
	do          func(*session, context.Context, []string) (chat.Response, error)
	// lists is set if the answer is about all that the person may see.
	lists bool
}

// verbs returns the commands, in the order of the help.
func verbs() []verb {
	return []verb{
		{"status", "", "health of the integrations, runs in progress, open defects", 0, 0, (*session).status, true},
		{"run", "SUITE", "starts a run of a suite", 1, 1, (*session).startRun, false},
		{"runs", "[SUITE]", "the last runs", 0, 1, (*session).listRuns, true},
		{"defects", "[SEVERITY] [SUITE]", "the newest open defects", 0, 2, (*session).listDefects, true},
		{"defect", "NAME", "one defect", 1, 1, (*session).showDefect, false},
		{"ticket", "NAME", "creates the Jira ticket of a defect", 1, 1, (*session).requestTicket, false},
		{"whoami", "", "who you are in Kubernetes, and what you may do", 0, 0, (*session).whoami, false},
		{"help", "", "this list", 0, 0, (*session).help, false},
	}
}

// mention matches a mention of the app in a message to it, and what separates it from the command.
var mention = regexp.MustCompile(`<@[A-Z0-9]+(\|[^>]*)?>[\s,;:.!]*`)

// withoutMention returns the command in a message to the app: what follows the mention or, if nothing does, what precedes it.
func withoutMention(text string) string {
	at := mention.FindStringIndex(text)
	switch {
	case at == nil:
		return text
	case at[1] < len(text):
		return text[at[1]:]
	}
	return text[:at[0]]
}

// command does what a command asks for, and returns the answer.
func (s *session) command(ctx context.Context, text string) chat.Response {
	if r := s.refusal(); r != nil {
		return *r
	}
	words := wordsIn(text)
	v, ok := verbOf(words)
	if !ok {
		return answer.Paragraphs(s.mistyped(words, v))
	}
	r, err := v.do(s, ctx, words[1:])
	var gone *action.NotFoundError
	switch {
	case errors.As(err, &gone):
		return s.withLeftOut(s.refused(err))
	case err != nil:
		return s.refused(err)
	case v.lists:
		return s.withLeftOut(r)
	}
	return r
}

// wordsIn returns the words of a command, as the person typed them.
func wordsIn(text string) []string {
	words := strings.Fields(text)
	if len(words) == 0 {
		return []string{"help"}
	}
	words = words[:min(len(words), maxWords)]
	for i, w := range words {
		words[i] = unlinked(w)
	}
	return words
}

// verbOf returns the verb of a command, if there is one, and reports whether it takes so many arguments.
func verbOf(words []string) (v verb, ok bool) {
	for _, v := range verbs() {
		if strings.EqualFold(v.name, words[0]) {
			n := len(words) - 1
			return v, n >= v.least && n <= v.most
		}
	}
	return verb{}, false
}

// mistyped returns what is wrong with a command, and what to write instead. v is its verb, if there is one.
func (s *session) mistyped(words []string, v verb) string {
	if v.name != "" {
		return "Write " + s.written(v.name+" "+v.arguments) + ": " + v.help + "."
	}
	var names []string
	for _, v := range verbs() {
		names = append(names, v.name)
	}
	problem := "There is no command " + render.Line(words[0], 100) + ". "
	if near := text.Nearest(words[0], names); near != "" {
		return problem + "Did you mean " + s.written(near) + "? " + s.written("help") + " lists all commands."
	}
	return problem + "The commands are " + strings.Join(names, ", ") + ": see " + s.written("help") + "."
}

// written returns a command as the person writes it here.
func (s *session) written(command string) string {
	command = strings.TrimSpace(command)
	switch {
	case s.Command != nil:
		return "`" + s.Command.Name + " " + command + "`"
	case s.integration.Status.BotUserID != "":
		return "<@" + s.integration.Status.BotUserID + "> `" + command + "`"
	}
	return "`@app " + command + "`"
}

// link matches a word that Slack made a link, such as <http://smoke.v2|smoke.v2>.
var link = regexp.MustCompile(`^<[^|>]+\|([^|>]+)>$`)

// unlinked returns a word as the person typed it, also if it was copied from an answer.
func unlinked(word string) string {
	if m := link.FindStringSubmatch(word); m != nil {
		word = m[1]
	}
	return markup.Prefix(markup.Unescape(word), maxWord)
}

// help lists the commands.
func (s *session) help(context.Context, []string) (chat.Response, error) {
	var lines []string
	for _, v := range verbs() {
		lines = append(lines, s.written(v.name+" "+v.arguments)+" "+v.help)
	}
	return answer.Paragraphs(strings.Join(lines, "\n"), chat.Block{Context: []string{
		"A name in another namespace is written as namespace/name. In threads, mention the app instead of the slash.",
	}}), nil
}
