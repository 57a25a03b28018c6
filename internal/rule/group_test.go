// SPDX-License-Identifier: Apache-2.0

package rule_test

import (
	"errors"
	"slices"
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
		"all events together":     {nil, nil, ""},
		"fields":                  {[]v1alpha1.GroupKey{"type", "severity", "suite"}, nil, "severity=High&suite=smoke&type=DefectCreated"},
		"in another order":        {[]v1alpha1.GroupKey{"suite", "type", "severity"}, nil, "severity=High&suite=smoke&type=DefectCreated"},
		"a label":                 {[]v1alpha1.GroupKey{"team"}, nil, "team=billing"},
		"a label that is missing": {[]v1alpha1.GroupKey{"zone"}, nil, "zone="},
		"a suite by its label": {[]v1alpha1.GroupKey{"suite"}, func(e *event.Event) {
			e.Data = nil
			e.Labels = map[string]string{v1alpha1.SuiteLabel: "full"}
		}, "suite=full"},
		"a value that looks like another key": {[]v1alpha1.GroupKey{"team"}, func(e *event.Event) {
			e.Labels = map[string]string{"team": "a&zone=b"}
		}, "team=a%26zone%3Db"},
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

func TestCompileTestsTemplates(t *testing.T) {
	run := []v1alpha1.EventType{v1alpha1.EventTestRunCompleted}
	created := []v1alpha1.EventType{v1alpha1.EventDefectCreated}
	both := slices.Concat(run, created)
	for name, c := range map[string]struct {
		types       []v1alpha1.EventType
		title, body string
		want        string // empty when it is accepted
	}{
		"a key of the type":                    {run, "{{ .data.suite }}", "{{ .data.failed }} failed", ""},
		"a key that the sender may add":        {created, "call {{ .data.callId }}", "", ""},
		"a misspelt name":                      {created, "{{ .date.title }}", "", "spec.template.title: there is no .date: there are .data, .labels"},
		"a key of one type only":               {both, "", "x\n{{ .data.passed }}", ""},
		"a key after its type was checked":     {both, "", `{{ if eq .type "TestRunCompleted" }}{{ .data.passed }}{{ end }}`, ""},
		"a syntax error":                       {run, "", "x\n{{ if }}", "spec.template.body: line 2: missing value for if"},
		"a function that is not allowed":       {run, `{{ printf "x" }}`, "", "spec.template.title: function printf is not allowed"},
		"a label that may be missing":          {run, "of {{ .labels.team }}", "", ""},
		"a label that may be missing, checked": {run, `{{ index .labels "team" | default "none" }}`, "", ""},
		"what fails for an event without data": {run, `{{ index .data.title 0 }}`, "", "out of range"},
		"a mention made of a value":            {run, "<{{ .data.title }}>", "", "a value inside <...> is not allowed"},
		"comparing with a whole number":        {run, "", "{{ if gt .data.failed 0 }}bad{{ end }}", ""},
		"ranging over a number":                {run, "", "{{ range .data.total }}{{ end }}", "range can't iterate over"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := rule.Compile(with(v1alpha1.NotificationRuleSpec{
				EventTypes: c.types, Template: &v1alpha1.MessageTemplate{Title: c.title, Body: c.body},
			}))
			if c.want == "" {
				if err != nil || r.Template() == nil || r.Preview() == "" {
					t.Errorf("%v, %v", r, err)
				}
				return
			}
			var e *rule.Error
			if !errors.As(err, &e) || e.Reason != v1alpha1.ReasonInvalidTemplate || !strings.Contains(e.Message, c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}
