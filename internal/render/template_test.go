// SPDX-License-Identifier: Apache-2.0

package render

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/markup"
)

func TestTemplate(t *testing.T) {
	data := map[string]any{
		"suite": "booking", "empty": "", "count": 3.0, "labels": map[string]any{"team": "a", "zone": "b"}, "list": []any{"x", "y"},
		"big": strings.Repeat("x", 100),
	}
	names := slices.Sorted(maps.Keys(data))
	for text, want := range map[string]string{
		"{{ .labels.none }}":                                       "",
		`{{ .labels.none | default "-" }}`:                         "-",
		"{{ .labels.none | upper }}":                               "",
		"{{ trim .labels.none }}":                                  "",
		"{{ len .labels.none }}":                                   "0",
		"{{ len .list }}":                                          "2",
		`{{ if eq .labels.none "" }}no{{ end }}`:                   "no",
		"{{ with .labels.none }}{{ . }}{{ end }}":                  "",
		"{{ with .labels }}{{ .none }}{{ .team }}{{ end }}":        "a",
		"{{ range .labels }}{{ . }}{{ $.suite }}{{ end }}":         "abookingbbooking",
		`{{ index .labels "none" }}`:                               "",
		"{{ if .labels.none }}yes{{ else }}no{{ end }}":            "no",
		"{{ .suite }}":                                             "booking",
		"{{ .suite | upper }}!":                                    "BOOKING!",
		`{{ .empty | default "none" }}`:                            "none",
		"{{ if gt .count 2.0 }}many{{ end }}":                      "many",
		"{{ range $k, $v := .labels }}{{ $k }}={{ $v }} {{ end }}": "team=a zone=b ",
		"{{ index .labels \"team\" }}":                             "a",
		"  ":                                                       "",
		"":                                                         "",
	} {
		parsed, err := ParseTemplate(text, names)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got, err := parsed.Execute(data, 1000); err != nil || strings.TrimSpace(got) != strings.TrimSpace(want) {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"{{ .suite":                              "unclosed action",
		"{{ .suit }}":                            "there is no .suit: there are .big, .count",
		"{{ range .list }}{{ $.suit }}{{ end }}": "there is no .suit",
		"{{ with .list }}{{ else }}{{ .suit }}{{ end }}":         "there is no .suit",
		"{{ if .suit }}{{ end }}":                                "there is no .suit",
		"{{ .label.team }}":                                      "there is no .label",
		"{{ nope }}":                                             `function "nope" not defined`,
		`{{ printf "%1000000d" 1 }}`:                             "function printf is not allowed",
		"{{ .suite | html }}":                                    "function html is not allowed",
		`{{ (printf "%100000000d" 1).x }}`:                       "function printf is not allowed",
		`{{ call .suite }}`:                                      "function call is not allowed",
		`{{ define "a" }}{{ end }}x`:                             "define and block are not allowed",
		`{{ template "template" }}`:                              "template is not allowed",
		"{{ range 1000000000 }}{{ end }}":                        "range is allowed over a field only",
		"{{ range len .list }}{{ end }}":                         "range is allowed over a field only",
		"{{ range .list }}{{ range .labels }}{{ end }}{{ end }}": "range inside range",
		"{{ if true }}{{ else }}{{ with .list }}{{ range 9 }}{{ end }}{{ end }}{{ end }}": "range is allowed over a field only",
	} {
		if _, err := ParseTemplate(text, names); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	for text, want := range map[string]string{
		"{{ range .count }}{{ end }}": "range can't iterate",
		"{{ .big }}{{ .big }}":        "longer than 150 bytes",
		"{{ index .list 7 }}":         "out of range",
	} {
		parsed, err := ParseTemplate(text, names)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got, err := parsed.Execute(data, 150); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %q, %v, want %q", text, got, err, want)
		}
	}
}

// Unlike those of text/template, comparisons treat all numbers alike, and a missing label is equal to nothing but
// another.
func TestComparisons(t *testing.T) {
	for values, want := range map[string]string{ // for eq, ne, lt, le, gt and ge
		"1 2":         "n y y y n n",
		"2 2":         "y n n y n y",
		"3 2":         "n y n n y y",
		"2 2.0":       "y n n y n y",
		"1.5 2":       "n y y y n n",
		`"a" "b"`:     "n y y y n n",
		`"b" "b"`:     "y n n y n y",
		"true true":   "y n n y n y",
		"true false":  "n y n n y y",
		".none .none": "y n n y n y",
		".none 0":     "n y y y n n",
		`.none ""`:    "y n n y n y",
		`"" .none`:    "y n n y n y",
		`.none "a"`:   "n y y y n n",
		"0 .none":     "n y y y n n",
		`"a" 1`:       "",
		`1 "a"`:       "",
		"true 1":      "",
		`true "true"`: "",
		"1 true":      "",
	} {
		var got []string
		for _, op := range []string{"eq", "ne", "lt", "le", "gt", "ge"} {
			parsed, err := parseTemplate("{{ if "+op+" "+values+" }}y{{ else }}n{{ end }}", []string{"none"}, messageFunctions)
			if err != nil {
				t.Fatal(err)
			}
			if out, err := parsed.Execute(map[string]any{"none": nil}, 10); err == nil {
				got = append(got, out)
			} else if !strings.Contains(err.Error(), "incompatible types for comparison") {
				t.Errorf("%s %s: %v", op, values, err)
			}
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: %q, want %q", values, s, want)
		}
	}
	for text, want := range map[string]string{"{{ eq 1 2 3 1 }}": "true", "{{ eq 1 2 3 }}": "false", "{{ eq 1 }}": "false"} {
		parsed, err := parseTemplate(text, nil, messageFunctions)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := parsed.Execute(nil, 10); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", text, got, err, want)
		}
	}
}

func TestFields(t *testing.T) {
	d := sample()
	d.Spec.Suite = "booking"
	fields := []v1alpha1.JiraField{
		{Name: "Suite", Type: "Text", Template: "{{ .suite }}"}, {Name: "Team", Type: "Option", Template: `{{ index .labels "team" }}`},
		{Name: "Run", Type: "Text", Template: " {{ .run }} "}, {Name: "Typo", Type: "Text", Template: "{{ .suit }}"},
	}
	values, markup, omitted := Fields(d, fields)
	if len(values) != 1 || values["Suite"] != "booking" {
		t.Errorf("values %v, without the empty ones", values)
	}
	if len(markup) != 1 || markup["Suite"] != "booking" {
		t.Errorf("markup %v, without the empty ones", markup)
	}
	if len(omitted) != 1 || !strings.HasPrefix(omitted[0], "Typo: ") {
		t.Errorf("omitted %v", omitted)
	}
	if problems := CheckFields(fields); len(problems) != 1 || !strings.Contains(problems[0], `field "Typo"`) {
		t.Errorf("problems %v", problems)
	}
}

// The text of a template itself may be markup, its values may not. Comparisons see values as they are.
func TestFieldsCannotBeMarkup(t *testing.T) {
	const evil = `*C++* [~accountid:5b10] {code}x{code} !http://e/x.png! \`
	const safe = `\*C\+\+\* \[\~accountid:5b10\] \{code\}x\{code\} \!http://e/x.png\! &#92;`
	d := sample()
	d.Spec.Suite = evil
	d.Spec.Description = "h1. one\n* two"
	d.Spec.Run = "x"
	for template, want := range map[string]struct{ plain, escaped string }{
		"{{ .suite }}":                             {evil, safe},
		"*Suite:* {{ .suite }}":                    {"*Suite:* " + evil, "*Suite:* " + safe},
		"{{ .description }}":                       {"h1. one\n* two", "h1\u200b. one\n\\* two"},
		"{{ .suite | upper | trim }}":              {strings.ToUpper(evil), strings.ToUpper(safe)},
		`{{ .testCase | default "[x|http://e]" }}`: {"[x|http://e]", `\[x\|http://e\]`},
		"{{ if eq .suite `" + evil + "` }}{quote}{{ .suite }}{quote}{{ else }}no{{ end }}": {
			"{quote}" + evil + "{quote}", "{quote}" + safe + "{quote}"},
		"{{ if eq .run `y` }}{{ else if true }}{{ .suite }}{{ end }}":           {evil, safe},
		"{{ with $s := .suite }}{{ $t := $s }}{{ $t }}{{ end }}":                {evil, safe},
		"{{ range $k, $v := .labels }}{{ $k }}={{ $v }} {{ $.suite }}{{ end }}": {"a=-b- " + evil, `a=\-b\- ` + safe},
		"{{ len .run }}": {"1", "1"},
	} {
		d.Labels = map[string]string{"a": "-b-"}
		values, escaped, omitted := Fields(d, []v1alpha1.JiraField{{Name: "F", Type: "Text", Template: template}})
		if values["F"] != want.plain || escaped["F"] != want.escaped || omitted != nil {
			t.Errorf("%s is\n%q and\n%q, want\n%q and\n%q; omitted %q", template, values["F"], escaped["F"], want.plain, want.escaped, omitted)
		}
	}
	for _, text := range []string{"\\", "(*)", "(!)", ":)", "&#1;", "{"} { // the longest values are not cut
		d.Spec.Suite = strings.Repeat(text, maxFieldValue/len(text))
		_, escaped, omitted := Fields(d, []v1alpha1.JiraField{{Name: "F", Type: "Text", Template: "{{ .suite }}"}})
		if omitted != nil || escaped["F"] != markup.Wiki(d.Spec.Suite) {
			t.Errorf("many of %q: omitted %q", text, omitted)
		}
	}
	byName := []v1alpha1.JiraField{{Name: "F", Type: "Text", Template: "{{ .suite | " + escapeFunction + " }}"}}
	if problems := CheckFields(byName); len(problems) != 1 || !strings.Contains(problems[0], "not defined") {
		t.Errorf("a template can call %s: %q", escapeFunction, problems)
	}
}

func TestCommentsCannotBeMarkup(t *testing.T) {
	d := sample()
	d.Name = "d-1"
	d.Namespace = "voice"
	d.Status.Occurrences = 3
	d.Spec.Occurrence = &v1alpha1.Occurrence{Run: "n{code}1"}
	d.Annotations = map[string]string{v1alpha1.ChangedByAnnotation: string(d.Spec.State) + "/[~admin] !x.png!\nh1. big"}
	d.Status.State = v1alpha1.StateResolved
	again := OccurrenceComment(d, 3, false)
	back := OccurrenceComment(d, 3, true)
	moved := MoveComment(d)
	if !strings.HasPrefix(again, "*Seen again.* Occurrence 3") ||
		!strings.HasPrefix(back, "*Regression:* seen again after it was resolved. Occurrence 3") {
		t.Errorf("%q, %q", again, back)
	}
	if !strings.HasPrefix(moved, "State set to *Resolved* on Defect voice/d-1 by ") {
		t.Errorf("%q", moved)
	}
	for _, text := range []string{again, moved} {
		for _, bad := range []string{"\n", "{code}", " !x", " [~"} {
			if strings.Contains(text, bad) {
				t.Errorf("%q in %q", bad, text)
			}
		}
	}
}

// TestInvisibleFieldsAreEmpty checks that a value that shows nothing is omitted like an empty one.
func TestInvisibleFieldsAreEmpty(t *testing.T) {
	d := sample()
	d.Spec.Suite = "\u200b\u3164"
	values, markup, omitted := Fields(d, []v1alpha1.JiraField{{Name: "F", Type: "Text", Template: "{{ .suite }} "}})
	if len(values)+len(markup)+len(omitted) > 0 {
		t.Errorf("got %q, %q, %q, want nothing", values, markup, omitted)
	}
}
