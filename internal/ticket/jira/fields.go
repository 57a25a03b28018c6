package jira

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/voiceai-dev/integrations-operator/internal/text"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

const (
	// maxText is what a text takes, maxLine what one of a single line takes, maxLabel what a label takes: in characters.
	maxText, maxLine, maxLabel = 32_767, 255, 255
	// maxListed is how many names a message lists.
	maxListed = 20
)

// singleLine are the types of custom fields with a text of one line, which is shown as it is. Others, and Jira's own, have many lines, which are
// taken for wiki markup.
var singleLine = []string{
	"com.atlassian.jira.plugin.system.customfieldtypes:textfield",
	"com.atlassian.jira.plugin.system.customfieldtypes:url",
}

// filled are the fields that every ticket has from us, or from Jira itself.
var filled = []string{"project", "issuetype", "summary", "description", "labels", "priority", "reporter"}

// accountID is what Atlassian's account IDs look like.
var accountID = regexp.MustCompile(`^[A-Za-z0-9:_-]{1,128}$`)

// screenField is a field of a create screen
// (https://developer.atlassian.com/cloud/jira/platform/rest/v2/api-group-issues/, FieldCreateMetadata).
type screenField struct {
	FieldID, Key, Name        string
	Required, HasDefaultValue bool
	Schema                    struct{ Type, Items, Custom string }
	AllowedValues             []choice
}

func (f *screenField) id() string { return cmp.Or(f.FieldID, f.Key) }

// kind is the type that fits the field, or empty when none does.
func (f *screenField) kind() ticket.FieldType {
	switch f.Schema.Type {
	case "string":
		return ticket.Text
	case "number":
		return ticket.Number
	case "user":
		return ticket.User
	case "date":
		return ticket.Date
	case "array":
		if slices.Contains([]string{"option", "component", "version", "string"}, f.Schema.Items) {
			return ticket.MultiOption
		}
		return ""
	case "option", "option-with-child", "priority", "version", "securitylevel":
		return ticket.Option
	default:
		if len(f.AllowedValues) > 0 {
			return ticket.Option
		}
		return ""
	}
}

// shape is what Jira calls the field's type.
func (f *screenField) shape() string {
	if f.Schema.Type == "array" {
		return "array of " + cmp.Or(f.Schema.Items, "unknown")
	}
	return cmp.Or(f.Schema.Type, "unknown")
}

// choice is a value that a field allows. Options have a value; components, versions and priorities have a name.
type choice struct{ ID, Value, Name string }

// UnmarshalJSON takes what it understands: fields of apps allow values of any kind.
func (c *choice) UnmarshalJSON(raw []byte) error {
	var v struct{ ID, Value, Name json.RawMessage }
	_ = json.Unmarshal(raw, &v) // what is no object is no choice
	*c = choice{ID: strings.Trim(string(v.ID), `"`)}
	_ = json.Unmarshal(v.Value, &c.Value)
	_ = json.Unmarshal(v.Name, &c.Name)
	return nil
}

func (c choice) label() string { return cmp.Or(c.Value, c.Name) }

// priorities are those that a screen takes: none when it has no such field, and nil when it does not say which.
func priorities(screen []screenField) []string {
	i := slices.IndexFunc(screen, func(f screenField) bool { return f.id() == "priority" })
	if i < 0 {
		return []string{}
	}
	var names []string
	for _, c := range screen[i].AllowedValues {
		if c.Name != "" {
			names = append(names, c.Name)
		}
	}
	return names
}

// form says how to fill in a ticket.
type form struct {
	// priorities are those of ticket.Project.
	priorities []string
	// fields are the configured ones that can be filled in, wrong says why others cannot; both by the name in the configuration.
	fields map[string]screenField
	wrong  map[string]string
	// problems are for people.
	problems []string
}

// newForm holds the configured fields against a screen.
func newForm(c ticket.Config, screen []screenField) *form {
	out := &form{priorities: priorities(screen), fields: map[string]screenField{}, wrong: map[string]string{}}
	configured := map[string]string{} // by ID, the name under which it is configured
	for _, f := range c.Fields {
		on, why := match(c, f, screen)
		if on.id() != "" {
			if other, twice := configured[on.id()]; twice && why == "" {
				why = fmt.Sprintf("is the same field as %q: leave one of them out", other)
			}
			configured[on.id()] = f.Name
		}
		if why != "" {
			out.wrong[f.Name] = why
			out.problems = append(out.problems, fmt.Sprintf("field %q %s", f.Name, why))
			continue
		}
		out.fields[f.Name] = on
	}
	var missing []string
	for _, f := range screen {
		if _, ok := configured[f.id()]; f.Required && !f.HasDefaultValue && !ok && !slices.Contains(filled, f.id()) {
			missing = append(missing, fmt.Sprintf("%q (%s)", text.Truncate(f.Name, 100), f.id()))
		}
	}
	if missing != nil {
		out.problems = append(out.problems, fmt.Sprintf("Jira requires what nothing fills in, and will refuse tickets: %s: add it to spec.fields, or make it optional for %s in Jira",
			list(missing), c.IssueType))
	}
	var lacking []string
	for _, id := range []string{"description", "labels"} { // a summary is on every screen
		if !slices.ContainsFunc(screen, func(f screenField) bool { return f.id() == id }) {
			lacking = append(lacking, id)
		}
	}
	if lacking != nil {
		out.problems = append(out.problems, fmt.Sprintf("the create screen of %s in %s lacks what every ticket has, and Jira will refuse tickets: add %s to the screen",
			c.IssueType, c.Project, strings.Join(lacking, " and ")))
	}
	return out
}

// blankForm is for an issue type of which Jira does not say what tickets are to have.
func blankForm(c ticket.Config, why string) *form {
	unknown := fmt.Sprintf("Jira does not say what tickets of %s in %s are to have", c.IssueType, c.Project)
	out := &form{wrong: map[string]string{}, problems: []string{unknown + ": " + why}}
	for _, f := range c.Fields {
		out.wrong[f.Name] = unknown
	}
	if c.Fields != nil {
		out.problems[0] += "; spec.fields are left out"
	}
	return out
}

// match finds the field of a screen that is meant, and says what is wrong with it.
func match(c ticket.Config, f ticket.Field, screen []screenField) (on screenField, why string) {
	var fits []screenField
	for _, s := range screen {
		if s.id() == f.Name {
			fits = []screenField{s}
			break
		}
		if strings.EqualFold(s.Name, f.Name) {
			fits = append(fits, s)
		}
	}
	switch {
	case len(fits) == 0:
		var names []string
		for _, s := range screen {
			if !slices.Contains(filled, s.id()) {
				names = append(names, s.Name)
			}
		}
		slices.Sort(names)
		return on, fmt.Sprintf("is unknown, or not on the create screen of %s in %s, which has %s: mend its name, or add it to the screen",
			c.IssueType, c.Project, list(names))
	case len(fits) > 1:
		var ids []string
		for _, s := range fits {
			ids = append(ids, s.id())
		}
		return on, fmt.Sprintf("may be %s: name it by its ID", list(ids))
	}
	on = fits[0]
	switch kind := on.kind(); {
	case on.id() != "reporter" && slices.Contains(filled, on.id()):
		why = "is filled in already: leave it out"
	case kind == "":
		why = fmt.Sprintf("is of the type %s in Jira, which cannot be filled in: leave it out", on.shape())
	case kind != f.Type:
		why = fmt.Sprintf("is of the type %s in Jira, which %s does not fit: make its type %s", on.shape(), f.Type, kind)
	}
	return on, why
}

// fill is a field's ID and its value as Jira takes it, or why there is none. markup is the value as wiki markup, of a text.
func (m *form) fill(f ticket.Field, value, markup string, d ticket.Deployment) (id string, encoded any, why string) {
	on, usable := m.fields[f.Name]
	if !usable {
		return "", nil, m.wrong[f.Name]
	}
	encoded, why = on.encode(value, markup, d)
	return on.id(), encoded, why
}

func (f *screenField) encode(value, markup string, d ticket.Deployment) (encoded any, why string) {
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
			return map[string]string{"name": text.Truncate(value, maxLine)}, ""
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
		switch {
		case slices.Contains(singleLine, f.Schema.Custom):
			return text.Truncate(strings.Join(strings.Fields(value), " "), maxLine), ""
		case markup == "":
			return nil, quoted(value) + " is not given as markup, for which the field takes it"
		}
		return text.Truncate(markup, maxText), ""
	}
}

// choose is one of the allowed values, by its ID. Without a list of them it is taken at its word.
func (f *screenField) choose(value string) (encoded any, why string) {
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
	return nil, fmt.Sprintf("%s is none of %s", quoted(value), list(labels))
}

// chooseAll is a list of allowed values, or of words for a field of labels.
func (f *screenField) chooseAll(values string) (encoded any, why string) {
	all := []any{}
	var seen []string
	for value := range strings.SplitSeq(values, ",") {
		if value = strings.TrimSpace(value); value == "" || slices.Contains(seen, value) {
			continue
		}
		seen = append(seen, value)
		if f.Schema.Items != "string" {
			one, why := f.choose(value)
			if why != "" {
				return nil, why
			}
			all = append(all, one)
			continue
		}
		if strings.ContainsFunc(value, unicode.IsSpace) || utf8.RuneCountInString(value) > maxLabel {
			return nil, quoted(value) + " has white space or is longer than 255 characters"
		}
		all = append(all, value)
	}
	if len(all) == 0 {
		return nil, quoted(values) + " has no value"
	}
	return all, ""
}

func quoted(value string) string { return strconv.Quote(text.Truncate(value, 100)) }

// list writes names out, up to a bound.
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
