// SPDX-License-Identifier: Apache-2.0

package secrets

import (
	"encoding/base64"
	"regexp"
	"strings"
	"unicode"
)

// variable matches the beginning of a line of an environment file. A token that has an = has small letters before it.
var variable = regexp.MustCompile(`^[A-Z][A-Z0-9_]{1,40}=[^=]`)

// userAndToken matches an e-mail address and a token, as HTTP's basic authentication joins them.
var userAndToken = regexp.MustCompile(`^[^@\s:/]+@[^@\s:/]+:.`)

// knownTokens are beginnings of credentials by which their kind is known, the longest first.
var knownTokens = []struct{ prefix, kind string }{
	{"xoxe.xoxb-", botToken},
	{"xoxe-", "a refresh token of Slack"},
	{"xoxb-", botToken},
	{"xoxp-", botToken}, // a user's token, which can post too
	{"xapp-", appToken},
	{"https://", webAddress},
	{"http://", webAddress},
	{"ATATT", jiraToken},
}

const (
	botToken   = "a token of Slack"
	webAddress = "a URL"
	jiraToken  = "an API token of Jira"
	appToken   = "an app-level token of Slack (xapp-…)"
)

// kindOf returns the kind of a credential by its beginning; empty when it is not known.
func kindOf(value string) string {
	for _, t := range knownTokens {
		if strings.HasPrefix(value, t.prefix) {
			return t.kind
		}
	}
	return ""
}

// FormProblem returns what is wrong with the form of a credential and what to do, as the end of a sentence; empty when
// nothing is. field is the field that refers to it. The text never has any part of the value.
func FormProblem(field, value string) string {
	switch {
	case strings.ContainsFunc(value, isInvisible):
		return "contains invisible characters, such as a byte order mark or a zero-width space. Write the Secret again without them"
	case isQuoted(value):
		return "is in quotes. Store it without them"
	case strings.HasPrefix(value, "{"), strings.HasPrefix(value, "["):
		return "is JSON. Store the token or URL alone"
	case variable.MatchString(value):
		return "has the form NAME=value. Store what follows the = alone"
	case isEncodedTwice(value):
		return "is encoded as base64 twice. Put the plain text in stringData, or encode it once in data"
	}
	return kindProblem(field, value)
}

// kindProblem returns that a credential is of another kind than its field needs.
func kindProblem(field, value string) string {
	kind := kindOf(value)
	switch {
	case strings.HasPrefix(field, "spec.webhook."):
		switch {
		case kind == botToken:
			return "is " + kind + ". The URL of an incoming webhook begins with https://. For a token, use spec.bot"
		case kind != webAddress && strings.Contains(value, "/"):
			return "is not a URL. The URL of an incoming webhook begins with https://"
		}
	case strings.HasPrefix(field, "spec.bot."):
		switch {
		case kind == webAddress:
			return "is a URL. A bot token begins with xoxb-. For an incoming webhook, use spec.webhook"
		case kind != "" && kind != botToken:
			return "is " + kind + ". A bot token begins with xoxb-"
		}
	case strings.HasPrefix(field, "spec.appToken"):
		if kind != "" && kind != appToken {
			return "is " + kind + ". An app-level token begins with xapp-"
		}
	case kind != "" && kind != jiraToken:
		return "is " + kind + ", not a token of Jira"
	case strings.HasPrefix(field, "spec.basic.") && userAndToken.MatchString(value):
		return "has the form user:token. Store the token alone. The user goes to spec.basic.username"
	}
	return ""
}

// isInvisible reports whether a character cannot be seen in an editor.
func isInvisible(r rune) bool {
	return unicode.Is(unicode.Cf, r) || r == '\u00A0' || r == unicode.ReplacementChar
}

// isQuoted reports whether a text is in quotes.
func isQuoted(value string) bool {
	runes := []rune(value)
	if len(runes) < 2 {
		return false
	}
	first := runes[0]
	last := runes[len(runes)-1]
	for _, pair := range []string{`""`, "''", "``", "“”", "‘’"} {
		if p := []rune(pair); first == p[0] && last == p[1] {
			return true
		}
	}
	return false
}

// isEncodedTwice reports whether a text is the base64 of a credential: of one whose kind is known, or of a line of text
// with the line break that echo adds. Some tokens are base64 themselves, of bytes that are no text.
func isEncodedTwice(value string) bool {
	decoded, err := base64.StdEncoding.DecodeString(value)
	if err != nil || len(decoded) < 4 {
		return false
	}
	text := string(decoded)
	if kindOf(strings.TrimSpace(text)) != "" {
		return true
	}
	line, ended := strings.CutSuffix(text, "\n")
	return ended && !strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r > '~' })
}
