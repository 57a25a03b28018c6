// SPDX-License-Identifier: Apache-2.0

// Package web holds what all pages share: template functions, the look of badges and of Slack messages,
// and static files.
package web

import (
	"fmt"
	"html/template"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Functions returns the functions that all templates may use. now returns the current time.
func Functions(now func() time.Time) template.FuncMap {
	return template.FuncMap{
		"ago":      func(t any) *Moment { return momentOf(t, now()) },
		"url":      URL,
		"mrkdwn":   Mrkdwn,
		"words":    Words,
		"num":      number,
		"count":    Count,
		"duration": duration,
		"size":     size,
		"sentence": Sentence,
		"badge":    badgeOf,
		"list":     func(all ...string) []string { return all },
		"join":     strings.Join,
		"sub":      func(a, b int) int { return a - b },
		"dict":     dict,

		"breakable": breakable,
		"helpPlace": strings.ToLower, "withoutHelp": withoutHelp,
	}
}

// URL returns an address if it is an HTTP or HTTPS URL, and an empty text otherwise. Pages link to nothing else.
func URL(address any) string {
	u, err := url.Parse(fmt.Sprint(address))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return ""
	}
	return u.String()
}

// helpLink matches the link at the end of the message of a condition Stalled. Pages link to their own copy of the page.
var helpLink = regexp.MustCompile(` See https://\S+/docs/troubleshooting\.md#[a-z]+$`)

// withoutHelp returns the message of a condition without that link.
func withoutHelp(message string) string { return helpLink.ReplaceAllString(message, "") }

// breakable returns a name such as that of a label, which lines may break behind its dots and slashes.
func breakable(name string) template.HTML {
	escaped := template.HTMLEscapeString(name)
	return template.HTML(strings.NewReplacer(".", ".<wbr>", "/", "/<wbr>").Replace(escaped)) //nolint:gosec // it is escaped
}

// dict returns a map from names and values, for a template that takes several arguments.
func dict(pairs ...any) (map[string]any, error) {
	out := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("argument %s of dict is not a name", strconv.Itoa(i))
		}
		out[name] = pairs[i+1]
	}
	return out, nil
}
