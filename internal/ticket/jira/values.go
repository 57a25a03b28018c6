// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/voiceai-dev/integrations-operator/internal/text"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// The maximum lengths in UTF-16 units.
const (
	maxText  = 32_767
	maxLine  = 255
	maxLabel = 255
)

// maxListed is the maximum number of names in a message.
const maxListed = 20

// singleLine are the types of custom fields with a text of one line, which Jira shows literally. Others, and Jira's
// own fields, have many lines, which Jira renders as wiki markup.
var singleLine = []string{
	"com.atlassian.jira.plugin.system.customfieldtypes:textfield",
	"com.atlassian.jira.plugin.system.customfieldtypes:url",
}

// accountID is the format of Atlassian's account IDs.
var accountID = regexp.MustCompile(`^[A-Za-z0-9:_-]{1,128}$`)

// fill returns a field's ID and its value as Jira expects it, or the problem with it. markup is the value of a text
// as wiki markup.
func (m *form) fill(f ticket.Field, value, markup string, d ticket.Deployment) (id string, encoded any, problem string) {
	on, ok := m.fields[f.Name]
	if !ok {
		return "", nil, m.unusable[f.Name]
	}
	encoded, problem = on.encode(value, markup, d)
	return on.id(), encoded, problem
}

// encode returns a value as Jira expects it, or the problem with it.
func (f *screenField) encode(value, markup string, d ticket.Deployment) (encoded any, problem string) {
	switch f.kind() {
	case ticket.Number:
		n, err := strconv.ParseFloat(value, 64)
		if err != nil || math.IsInf(n, 0) || math.IsNaN(n) {
			return nil, quoted(value) + " is not a number"
		}
		return n, ""
	case ticket.Option:
		return f.choose(value)
	case ticket.MultiOption:
		return f.chooseAll(value)
	case ticket.User:
		if d != ticket.Cloud {
			return map[string]string{"name": text.TruncateUTF16(value, maxLine)}, ""
		}
		if !accountID.MatchString(value) {
			return nil, quoted(value) + " is not an account ID"
		}
		return map[string]string{"accountId": value}, ""
	case ticket.Date:
		if _, err := time.Parse(time.DateOnly, value); err != nil {
			return nil, quoted(value) + " is not a date such as 2006-01-02"
		}
		return value, ""
	default:
		return f.encodeText(value, markup)
	}
}

// encodeText returns a text on one line, or as markup, as Jira expects it.
func (f *screenField) encodeText(value, markup string) (encoded any, problem string) {
	switch {
	case slices.Contains(singleLine, f.Schema.Custom):
		return text.TruncateUTF16(strings.Join(strings.Fields(value), " "), maxLine), ""
	case markup == "":
		return nil, quoted(value) + " has no markup, which the field needs"
	default:
		return text.TruncateUTF16(markup, maxText), ""
	}
}

// choose returns one of the allowed values, by its ID. If the field does not list them, it returns the value itself.
func (f *screenField) choose(value string) (encoded any, problem string) {
	if f.AllowedValues == nil {
		if f.Schema.Type == "option" || f.Schema.Items == "option" {
			return map[string]string{"value": value}, ""
		}
		return map[string]string{"name": value}, ""
	}
	var labels []string
	for _, c := range f.AllowedValues {
		switch {
		case c.label() == "":
			continue
		case !strings.EqualFold(c.label(), value):
			labels = append(labels, text.Truncate(c.label(), 100))
		case c.ID != "":
			return map[string]string{"id": c.ID}, ""
		case c.Value != "":
			return map[string]string{"value": c.Value}, ""
		default:
			return map[string]string{"name": c.Name}, ""
		}
	}
	return nil, fmt.Sprintf("%s is not one of: %s", quoted(value), list(labels))
}

// chooseAll returns a list of allowed values, or of words for a field of labels.
func (f *screenField) chooseAll(values string) (encoded any, problem string) {
	all := []any{}
	var seen []string
	for value := range strings.SplitSeq(values, ",") {
		if value = strings.TrimSpace(value); value == "" || slices.Contains(seen, value) {
			continue
		}
		seen = append(seen, value)
		if f.Schema.Items != "string" {
			one, problem := f.choose(value)
			if problem != "" {
				return nil, problem
			}
			all = append(all, one)
			continue
		}
		if strings.ContainsFunc(value, unicode.IsSpace) || text.UTF16Len(value) > maxLabel {
			return nil, quoted(value) + " contains white space or has more than 255 characters"
		}
		all = append(all, value)
	}
	if len(all) == 0 {
		return nil, quoted(values) + " contains no value"
	}
	return all, ""
}

// quoted returns a value in quotes, truncated.
func quoted(value string) string { return strconv.Quote(text.Truncate(value, 100)) }

// list joins names, up to maxListed.
func list(names []string) string {
	switch rest := len(names) - maxListed; {
	case len(names) == 0:
		return "none"
	case rest > 0:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxListed], ", "), rest)
	default:
		return strings.Join(names, ", ")
	}
}
