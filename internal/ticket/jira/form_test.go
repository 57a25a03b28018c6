// SPDX-License-Identifier: Apache-2.0

package jira_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// screen is a create screen with a field of each kind.
var screen = strings.Join([]string{
	`{"fieldId":"summary","name":"Summary","required":true,"schema":{"type":"string"}}`,
	`{"fieldId":"description","name":"Description","schema":{"type":"string"}}`,
	`{"fieldId":"labels","name":"Labels","schema":{"type":"array","items":"string"}}`,
	`{"fieldId":"project","name":"Project","required":true,"schema":{"type":"project"}}`,
	`{"fieldId":"issuetype","name":"Issue Type","required":true,"schema":{"type":"issuetype"}}`,
	`{"fieldId":"reporter","name":"Reporter","required":true,"schema":{"type":"user"}}`,
	`{"fieldId":"priority","name":"Priority","required":true,"schema":{"type":"priority"},"allowedValues":[{"id":"1","name":"High"}]}`,
	`{"fieldId":"environment","name":"Environment","schema":{"type":"string"}}`,
	`{"fieldId":"customfield_1","name":"Found by","schema":{"type":"string"` +
		`,"custom":"com.atlassian.jira.plugin.system.customfieldtypes:textfield"}}`,
	`{"fieldId":"customfield_2","name":"Severity level","schema":{"type":"option"}` +
		`,"allowedValues":[{"id":"21","value":"A"},{"value":"B"},"odd",{"name":"C"}]}`,
	`{"fieldId":"customfield_3","name":"Occurrences","schema":{"type":"number"}}`,
	`{"fieldId":"components","name":"Components","schema":{"type":"array","items":"component"}` +
		`,"allowedValues":[{"id":"31","name":"Speech"},{"id":32,"name":"Telephony"}]}`,
	`{"fieldId":"customfield_4","name":"Tags","schema":{"type":"array","items":"string"}}`,
	`{"fieldId":"assignee","name":"Assignee","schema":{"type":"user"}}`,
	`{"fieldId":"duedate","name":"Due date","schema":{"type":"date"}}`,
	`{"fieldId":"customfield_5","name":"Area","schema":{"type":"option"}}`,
	`{"fieldId":"customfield_6","name":"Twin","schema":{"type":"string"}}`,
	`{"fieldId":"customfield_7","name":"Twin","schema":{"type":"string"}}`,
	`{"fieldId":"customfield_8","name":"Sprint","schema":{"type":"array","items":"json"}}`,
	`{"fieldId":"customfield_9","name":"At","schema":{"type":"datetime"}}`,
	`{"fieldId":"customfield_10","name":"Region","schema":{"type":"array","items":"option"}}`,
	`{"fieldId":"customfield_11","name":"Root cause","schema":{"type":"option-with-child"}` +
		`,"allowedValues":[{"id":"111","value":"Network","children":[{"id":"112","value":"DNS"}]}]}`,
	`{"fieldId":"customfield_12","name":"Steered by","schema":{"type":"app-thing"},"allowedValues":[{"id":"121","name":"Desk"}]}`,
	`{"fieldId":"customfield_13","name":"Report","schema":{"type":"string","custom":"com.atlassian.jira.plugin.system.customfieldtypes:url"}}`,
	`{"fieldId":"customfield_14","name":"Notes","schema":{"type":"string"` +
		`,"custom":"com.atlassian.jira.plugin.system.customfieldtypes:textarea"}}`,
}, ",")

func TestProblems(t *testing.T) {
	required := `,{"fieldId":"customfield_90","name":"Team","required":true,"schema":{"type":"option"}},` +
		`{"fieldId":"customfield_91","name":"Squad","required":true,"hasDefaultValue":true,"schema":{"type":"option"}}`
	const has = "Area, Assignee, At, Components, Due date, Environment, Found by, Notes, Occurrences, Region, Report, Root cause, " +
		"Severity level, Sprint, Steered by, Tags, Twin, Twin"
	many := screen
	for i := range 10 {
		many += fmt.Sprintf(`,{"fieldId":"customfield_2%d","name":"Zone %d","schema":{"type":"string"}}`, i, i)
	}
	for name, c := range map[string]struct {
		screen   string
		fields   []ticket.Field
		want     []string
		blockers []string
	}{
		"none": {screen, nil, nil, nil},
		"all fit": {screen, []ticket.Field{
			{Name: "Found by", Type: ticket.Text}, {Name: "severity LEVEL", Type: ticket.Option}, {Name: "customfield_3", Type: ticket.Number},
			{Name: "Components", Type: ticket.MultiOption}, {Name: "Tags", Type: ticket.MultiOption}, {Name: "Region", Type: ticket.MultiOption},
			{Name: "Assignee", Type: ticket.User}, {Name: "Reporter", Type: ticket.User}, {Name: "Due date", Type: ticket.Date},
			{Name: "customfield_6", Type: ticket.Text}, {Name: "Root cause", Type: ticket.Option}, {Name: "Steered by", Type: ticket.Option},
		}, nil, nil},
		"unknown": {screen, []ticket.Field{{Name: "Severity", Type: ticket.Option}}, []string{
			`field "Severity" is not on the create screen of Bug in VOICE, which has ` + has +
				`: fix its name, or add it to the screen`,
		}, nil},
		"unknown among many": {many, []ticket.Field{{Name: "x", Type: ticket.Text}}, []string{
			`field "x" is not on the create screen of Bug in VOICE, which has ` + has +
				`, Zone 0, Zone 1 and 8 more: fix its name, or add it to the screen`,
		}, nil},
		"ambiguous": {screen, []ticket.Field{{Name: "Twin", Type: ticket.Text}}, []string{
			`field "Twin" is ambiguous: use the ID of one of customfield_6, customfield_7`,
		}, nil},
		"duplicate": {screen, []ticket.Field{{Name: "Found by", Type: ticket.Text}, {Name: "customfield_1", Type: ticket.Text}}, []string{
			`field "customfield_1" is the same field as "Found by": remove one of them`,
		}, nil},
		"always filled in": {screen, []ticket.Field{{Name: "Priority", Type: ticket.Option}},
			[]string{`field "Priority" is always filled in: remove it`}, nil},
		"other types": {screen, []ticket.Field{
			{Name: "Found by", Type: ticket.Number}, {Name: "Severity level", Type: ticket.Text}, {Name: "Tags", Type: ticket.Option},
			{Name: "Sprint", Type: ticket.MultiOption}, {Name: "At", Type: ticket.Date}, {Name: "Assignee", Type: ticket.Text},
		}, []string{
			`field "Found by" has the type string in Jira, not Number: set its type to Text`,
			`field "Severity level" has the type option in Jira, not Text: set its type to Option`,
			`field "Tags" has the type array of string in Jira, not Option: set its type to MultiOption`,
			`field "Sprint" has the unsupported type array of json in Jira: remove it`,
			`field "At" has the unsupported type datetime in Jira: remove it`,
			`field "Assignee" has the type user in Jira, not Text: set its type to User`,
		}, nil},
		"required": {screen + required, nil, nil, []string{
			`Jira requires "Team" (customfield_90), which spec.fields does not fill in: add or fix it, or make it optional for Bug in Jira`,
		}},
		"required, and of another type": {screen + required, []ticket.Field{{Name: "Team", Type: ticket.Text}},
			[]string{`field "Team" has the type option in Jira, not Text: set its type to Option`}, []string{
				`Jira requires "Team" (customfield_90), which spec.fields does not fill in: add or fix it, or make it optional for Bug in Jira`,
			}},
		"required and ambiguous": {screen + required + strings.ReplaceAll(required, "customfield_9", "customfield_8"),
			[]ticket.Field{{Name: "Team", Type: ticket.Option}, {Name: "customfield_80", Type: ticket.Option}},
			[]string{`field "Team" is ambiguous: use the ID of one of customfield_90, customfield_80`}, []string{
				`Jira requires "Team" (customfield_90), which spec.fields does not fill in: add or fix it, or make it optional for Bug in Jira`,
			}},
		"no labels": {strings.Replace(screen, `"labels"`, `"customfield_99"`, 1),
			[]ticket.Field{{Name: "customfield_99", Type: ticket.MultiOption}}, nil, []string{
				`the create screen of Bug in VOICE has no labels, which every ticket needs: add it to the screen`,
			}},
		"neither labels nor description": {`{"fieldId":"summary","name":"Summary","required":true,"schema":{"type":"string"}}`, nil, nil,
			[]string{
				`the create screen of Bug in VOICE has no description and no labels, which every ticket needs: add it to the screen`,
			}},
		"required and filled in": {screen + required, []ticket.Field{{Name: "Team", Type: ticket.Option}}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			for _, kind := range []string{"Cloud", "Server"} {
				s := serve(t, project(kind, c.screen))
				p, err := dial(t, ticket.Config{APIURL: s.URL, Token: secret, Project: "VOICE", IssueType: "Bug", Fields: c.fields}).Probe(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(c.want, p.Problems); d != "" {
					t.Error(d)
				}
				if d := cmp.Diff(c.blockers, p.Blockers); d != "" {
					t.Error(d)
				}
			}
		})
	}
}

// TestFields files a ticket with one field. A value that does not fit is omitted, with the reason.
func TestFields(t *testing.T) {
	for _, c := range []struct {
		name    string
		kind    ticket.FieldType
		value   string
		id      string
		cloud   string
		server  string
		omitted string
	}{
		{"Environment", ticket.Text, " two\nlines ", "environment", `"two\nlines"`, "", ""},
		{"Environment", ticket.Text, strings.Repeat("ä", 32_768), "environment", `"` + strings.Repeat("ä", 32_766) + `…"`, "", ""},
		{"Found by", ticket.Text, "two\nlines", "customfield_1", `"two lines"`, "", ""},
		{"Found by", ticket.Text, strings.Repeat("ä", 256), "customfield_1", `"` + strings.Repeat("ä", 254) + `…"`, "", ""},
		{"Found by", ticket.Text, strings.Repeat("📞", 128), "customfield_1", `"` + strings.Repeat("📞", 127) + `…"`, "", ""},
		{"Notes", ticket.Text, "[~" + strings.Repeat("📞", 20_000), "customfield_14", `"\\[~` + strings.Repeat("📞", 16_381) + `…"`, "", ""},
		{"Environment", ticket.Text, " \n", "", "", "", ""},
		{"Environment", ticket.Text, "[~x]", "environment", `"\\[~x]"`, "", ""},
		{"Notes", ticket.Text, "[~x]\n", "customfield_14", `"\\[~x]"`, "", ""},
		{"Notes", ticket.Text, "no markup", "", "", "", `Notes: "no markup" has no markup, which the field needs`},
		{"Found by", ticket.Text, "[~x]", "customfield_1", `"[~x]"`, "", ""},
		{"Report", ticket.Text, "http://e/[x]", "customfield_13", `"http://e/[x]"`, "", ""},
		{"Severity level", ticket.Option, "a", "customfield_2", `{"id":"21"}`, "", ""},
		{"Severity level", ticket.Option, "B", "customfield_2", `{"value":"B"}`, "", ""},
		{"Severity level", ticket.Option, "C", "customfield_2", `{"name":"C"}`, "", ""},
		{"Severity level", ticket.Option, "x", "", "", "", `Severity level: "x" is not one of: A, B, C`},
		{"Severity level", ticket.Option, "\"\n", "", "", "", `Severity level: "\"" is not one of: A, B, C`},
		{"Area", ticket.Option, "North", "customfield_5", `{"value":"North"}`, "", ""},
		{"Root cause", ticket.Option, "Network", "customfield_11", `{"id":"111"}`, "", ""},
		{"Steered by", ticket.Option, "desk", "customfield_12", `{"id":"121"}`, "", ""},
		{"Occurrences", ticket.Number, "1.50", "customfield_3", `1.5`, "", ""},
		{"Occurrences", ticket.Number, "-3", "customfield_3", `-3`, "", ""},
		{"Occurrences", ticket.Number, "many", "", "", "", `Occurrences: "many" is not a number`},
		{"Occurrences", ticket.Number, "NaN", "", "", "", `Occurrences: "NaN" is not a number`},
		{"Occurrences", ticket.Number, "Inf", "", "", "", `Occurrences: "Inf" is not a number`},
		{"Occurrences", ticket.Number, "1e999", "", "", "", `Occurrences: "1e999" is not a number`},
		{"Components", ticket.MultiOption, "speech, Telephony,,Telephony", "components", `[{"id":"31"},{"id":"32"}]`, "", ""},
		{"Components", ticket.MultiOption, "Speech, Other", "", "", "", `Components: "Other" is not one of: Speech, Telephony`},
		{"Components", ticket.MultiOption, " , ", "", "", "", `Components: "," contains no value`},
		{"Region", ticket.MultiOption, "EU,US", "customfield_10", `[{"value":"EU"},{"value":"US"}]`, "", ""},
		{"Tags", ticket.MultiOption, "one, two,one", "customfield_4", `["one","two"]`, "", ""},
		{"Tags", ticket.MultiOption, "one,two three", "", "", "", `Tags: "two three" contains white space or has more than 255 characters`},
		{"Tags", ticket.MultiOption, strings.Repeat("x", 256), "", "", "",
			`Tags: "` + strings.Repeat("x", 99) + `…" contains white space or has more than 255 characters`},
		{"Tags", ticket.MultiOption, strings.Repeat("📞", 128), "", "", "",
			`Tags: "` + strings.Repeat("📞", 99) + `…" contains white space or has more than 255 characters`},
		{"Assignee", ticket.User, "712020:ab-c", "assignee", `{"accountId":"712020:ab-c"}`, `{"name":"712020:ab-c"}`, ""},
		{"Due date", ticket.Date, "2026-11-30", "duedate", `"2026-11-30"`, "", ""},
		{"Due date", ticket.Date, "30.11.2026", "", "", "", `Due date: "30.11.2026" is not a date such as 2006-01-02`},
		{"Due date", ticket.Date, "2026-02-30", "", "", "", `Due date: "2026-02-30" is not a date such as 2006-01-02`},
		{"Twin", ticket.Text, "x", "", "", "", `Twin: is ambiguous: use the ID of one of customfield_6, customfield_7`},
		{"Twin", ticket.Text, "", "", "", "", ""},
	} {
		for _, kind := range []string{"Cloud", "Server"} {
			t.Run(c.name+" "+kind+" "+c.value[:min(len(c.value), 20)], func(t *testing.T) {
				routes := project(kind, screen)
				routes[createRoute] = []answer{created}
				s := serve(t, routes)
				tr := dial(t, ticket.Config{APIURL: s.URL, Token: secret, Project: "VOICE", IssueType: "Bug",
					Fields: []ticket.Field{{Name: c.name, Type: c.kind}}})
				if _, err := tr.Probe(t.Context()); err != nil {
					t.Fatal(err)
				}
				made, err := tr.Create(t.Context(), ticket.Draft{
					Summary: "s", Marker: "defect-1", Fields: map[string]string{c.name: c.value, "other": "x"},
					Markup: map[string]string{c.name: strings.NewReplacer("[", `\[`, "no markup", "").Replace(c.value)},
				})
				if err != nil {
					t.Fatal(err)
				}
				var wantOmitted []string
				if c.omitted != "" {
					wantOmitted = []string{c.omitted}
				}
				if d := cmp.Diff(wantOmitted, made.Omitted); d != "" {
					t.Error(d)
				}
				want := map[string]string{
					"project": `{"key":"VOICE"}`, "issuetype": `{"id":"10004"}`, "summary": `"s"`, "description": `""`,
					"labels": `["voice-ai-testing","defect-1"]`,
				}
				if want[c.id] = c.cloud; kind == "Server" && c.server != "" {
					want[c.id] = c.server
				}
				if c.id == "" {
					delete(want, "")
				}
				if d := cmp.Diff(want, sentFields(t, s)); d != "" {
					t.Error(d)
				}
			})
		}
	}
}

// sentFields returns the fields of the last request as raw JSON.
func sentFields(t *testing.T, s *script) map[string]string {
	t.Helper()
	_, body, _ := strings.Cut(s.requests[len(s.requests)-1], createRoute+" ")
	var sent struct{ Fields map[string]json.RawMessage }
	if err := json.Unmarshal([]byte(body), &sent); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for k, v := range sent.Fields {
		out[k] = string(v)
	}
	return out
}

func TestEmailAddressIsNotAnAccountID(t *testing.T) {
	routes := project("Cloud", screen)
	routes[createRoute] = []answer{created}
	tr := dial(t, ticket.Config{APIURL: serve(t, routes).URL, Token: secret, Project: "VOICE", IssueType: "Bug",
		Fields: []ticket.Field{{Name: "Assignee", Type: ticket.User}}})
	made, err := tr.Create(t.Context(), ticket.Draft{Summary: "s", Fields: map[string]string{"Assignee": "ada@example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{`Assignee: "ada@example.com" is not an account ID`}, made.Omitted); d != "" {
		t.Error(d)
	}
}

// TestCreateReadsTheScreen checks that Create reads the screen once if there are fields to fill in and Probe was not
// called. If that fails, no ticket is filed.
func TestCreateReadsTheScreen(t *testing.T) {
	config := ticket.Config{Token: secret, Project: "VOICE", IssueType: "Bug",
		Fields: []ticket.Field{{Name: "Occurrences", Type: ticket.Number}}}
	with := ticket.Draft{Summary: "s", Marker: "defect-1", Fields: map[string]string{"Occurrences": "2"}}
	routes := project("Cloud", screen)
	routes[createRoute] = []answer{created}
	s := serve(t, routes)
	config.APIURL = s.URL
	tr := dial(t, config)
	for range 2 {
		if _, err := tr.Create(t.Context(), with); err != nil {
			t.Fatal(err)
		}
		if got := sentFields(t, s)["customfield_3"]; got != "2" {
			t.Errorf("Create sent %q", got)
		}
	}
	if len(s.requests) != 5 { // serverInfo, types, screen and two tickets
		t.Errorf("requests %q", s.requests)
	}
	for _, step := range []string{"GET /rest/api/2/serverInfo", typesRoute, screenRoute} {
		for name, odd := range map[string]answer{"dropped": {drop: true}, "503": {status: 503}, "{}": ok("{}")} {
			routes := project("Cloud", screen)
			routes[step] = []answer{odd}
			config.APIURL = serve(t, routes).URL
			t.Run(step+" "+name, func(t *testing.T) {
				_, err := dial(t, config).Create(t.Context(), with)
				is(t, err, fault.Unavailable, "Jira")
			})
		}
	}
}

// TestForm checks that a probe shows whether the project asks for something else than before.
func TestForm(t *testing.T) {
	form := func(screen string) string {
		t.Helper()
		config := ticket.Config{APIURL: serve(t, project("Cloud", screen)).URL, Token: secret}
		p, err := dial(t, config).Probe(t.Context())
		if err != nil || p.Form == "" {
			t.Fatal(p, err)
		}
		return p.Form
	}
	const team = `{"fieldId":"customfield_90","name":"Team","required":true,"schema":{"type":"option"}` +
		`,"allowedValues":[{"id":"1","value":"A"}]}`
	before := form(screen + "," + team)
	for name, c := range map[string]struct {
		screen string
		same   bool
	}{
		"the same":        {screen + "," + team, true},
		"another order":   {team + "," + screen, true},
		"optional":        {screen + "," + strings.Replace(team, "true", "false", 1), false},
		"removed":         {screen, false},
		"another option":  {screen + "," + strings.Replace(team, "[{", `[{"id":"2","value":"B"},{`, 1), false},
		"with a default":  {screen + "," + strings.Replace(team, `"required"`, `"hasDefaultValue":true,"required"`, 1), false},
		"of another type": {screen + "," + strings.Replace(team, `"type":"option"`, `"type":"string"`, 1), false},
	} {
		if got := form(c.screen) == before; got != c.same {
			t.Errorf("%s: the form is the same: %v, want %v", name, got, c.same)
		}
	}
}

// TestRefusedFields checks that a refused ticket says which configured fields were refused, and which were left out.
func TestRefusedFields(t *testing.T) {
	routes := project("Cloud", screen)
	const refusal = `{"errors":{"customfield_2":"no such option","customfield_3":"odd","summary":"too long"}}`
	routes[createRoute] = []answer{{status: 400, body: refusal}}
	s := serve(t, routes)
	tr := dial(t, ticket.Config{APIURL: s.URL, Token: secret, Project: "VOICE", IssueType: "Bug", Fields: []ticket.Field{
		{Name: "severity level", Type: ticket.Option}, {Name: "Occurrences", Type: ticket.Number}, {Name: "Due date", Type: ticket.Date},
	}})
	made, err := tr.Create(t.Context(), ticket.Draft{Summary: "s", Marker: "defect-1",
		Fields: map[string]string{"severity level": "A", "Occurrences": "1", "Due date": "soon"}})
	f := fault.From(err)
	if f == nil || f.Kind != fault.Invalid || f.Field != "" {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]string{"severity level": "no such option", "Occurrences": "odd", "summary": "too long"}, f.Fields); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{`Due date: "soon" is not a date such as 2006-01-02`}, made.Omitted); d != "" {
		t.Error(d)
	}
}
