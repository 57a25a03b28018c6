package rule_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/rule"
)

func TestGroupKey(t *testing.T) {
	for name, c := range map[string]struct {
		by    []v1alpha1.GroupKey
		event func(*event.Event)
		want  string
	}{
		"all together":            {nil, nil, ""},
		"fields":                  {[]v1alpha1.GroupKey{"type", "severity", "suite"}, nil, "severity=High&suite=smoke&type=DefectCreated"},
		"in another order":        {[]v1alpha1.GroupKey{"suite", "type", "severity"}, nil, "severity=High&suite=smoke&type=DefectCreated"},
		"a label":                 {[]v1alpha1.GroupKey{"team"}, nil, "team=billing"},
		"a label that is missing": {[]v1alpha1.GroupKey{"zone"}, nil, "zone="},
		"a suite by its label": {[]v1alpha1.GroupKey{"suite"}, func(e *event.Event) {
			e.Data, e.Labels = nil, map[string]string{v1alpha1.SuiteLabel: "full"}
		}, "suite=full"},
		"a value cannot look like another key": {[]v1alpha1.GroupKey{"team"}, func(e *event.Event) { e.Labels = map[string]string{"team": "a&zone=b"} }, "team=a%26zone%3Db"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := rule.Compile(with(v1alpha1.NotificationRuleSpec{Grouping: &v1alpha1.Grouping{By: c.by, WindowSeconds: 90}}))
			if err != nil {
				t.Fatal(err)
			}
			if key, window, grouped := r.GroupKey(happened(c.event)); key != c.want || window != 90*time.Second || !grouped {
				t.Errorf("got %q, %s, %v, want %q", key, window, grouped, c.want)
			}
		})
	}
	r, err := rule.Compile(with(v1alpha1.NotificationRuleSpec{}))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, grouped := r.GroupKey(happened(nil)); grouped {
		t.Error("grouped without spec.grouping")
	}
}

func TestTemplatesAreTriedWhenCompiled(t *testing.T) {
	run, created := v1alpha1.EventTestRunCompleted, v1alpha1.EventDefectCreated
	for name, c := range map[string]struct {
		types       []v1alpha1.EventType
		title, body string
		says        string // empty when it is accepted
	}{
		"a key of the type":             {[]v1alpha1.EventType{run}, "{{ .data.suite }}", "{{ .data.failed }} failed", ""},
		"a misspelt key":                {[]v1alpha1.EventType{created}, "{{ .data.tilte }}", "", `spec.template.title: for DefectCreated: line 1, column 9`},
		"a key of one type only":        {[]v1alpha1.EventType{run, created}, "", "x\n{{ .data.passed }}", `spec.template.body: for DefectCreated: line 2, column 9`},
		"that asks for the type first":  {[]v1alpha1.EventType{run, created}, "", `{{ if eq .type "TestRunCompleted" }}{{ .data.passed }}{{ end }}`, ""},
		"a syntax error":                {[]v1alpha1.EventType{run}, "", "x\n{{ if }}", "spec.template.body: line 2: missing value for if"},
		"a function that is none":       {[]v1alpha1.EventType{run}, `{{ printf "x" }}`, "", "spec.template.title: function printf is not allowed"},
		"what is not always there":      {[]v1alpha1.EventType{run}, "{{ .labels.team }}", "", `map has no entry for key "team"`},
		"and how to ask for it":         {[]v1alpha1.EventType{run}, `{{ index .labels "team" | default "nobody" }}`, "", ""},
		"what fails for nothing at all": {[]v1alpha1.EventType{run}, `{{ index .data.title 0 }}`, "", "out of range"},
		"a mention made of a value":     {[]v1alpha1.EventType{run}, "<{{ .data.title }}>", "", "a value inside <...> is not allowed"},
		"comparing with a whole number": {[]v1alpha1.EventType{run}, "", "{{ if gt .data.failed 0 }}bad{{ end }}", ""},
		"ranging over a number":         {[]v1alpha1.EventType{run}, "", "{{ range .data.total }}{{ end }}", "range can't iterate over"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := rule.Compile(with(v1alpha1.NotificationRuleSpec{EventTypes: c.types, Template: &v1alpha1.MessageTemplate{Title: c.title, Body: c.body}}))
			if c.says == "" {
				if err != nil || r.Template() == nil || r.Preview() == "" {
					t.Errorf("%v, %v", r, err)
				}
				return
			}
			var e *rule.Error
			if !errors.As(err, &e) || e.Reason != v1alpha1.ReasonInvalidTemplate || !strings.Contains(e.Message, c.says) {
				t.Errorf("got %v, want %s", err, c.says)
			}
		})
	}
}
