// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"fmt"
	"slices"
	"testing"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

func TestMentions(t *testing.T) {
	spec := &v1alpha1.NotificationRuleSpec{
		Mentions: []v1alpha1.Mention{"U000"},
		MentionsOnFailure: []v1alpha1.FailureMention{
			{Suites: []v1alpha1.NamePattern{"booking", "greet*"}, Mentions: []v1alpha1.Mention{"U001", "U000"}},
			{Tests: []v1alpha1.NamePattern{"*/cancel[*"}, Mentions: []v1alpha1.Mention{"S002"}},
			{Suites: []v1alpha1.NamePattern{"booking"}, Tests: []v1alpha1.NamePattern{"pays*"}, Mentions: []v1alpha1.Mention{"here"}},
		},
	}
	run := func(result, suite string, tests ...any) event.Event {
		return event.Event{Type: v1alpha1.EventTestRunCompleted, Data: map[string]any{
			"result": result, "suite": suite, "failedTests": tests,
		}}
	}
	defect := func(suite, test string) event.Event {
		return event.Event{Type: v1alpha1.EventDefectCreated, Data: map[string]any{"suite": suite, "testCase": test}}
	}
	for name, c := range map[string]struct {
		event event.Event
		want  string
	}{
		"a run that passed":    {run("Passed", "booking", "calls/cancel[1]"), "[U000]"},
		"a run that failed":    {run("Failed", "booking"), "[U000 U001]"},
		"another suite":        {run("Failed", "billing"), "[U000]"},
		"a suite by a pattern": {run("Failed", "greeting"), "[U000 U001]"},
		"a test":               {run("Failed", "billing", "pays", "calls/cancel[1]"), "[U000 S002]"},
		"a test and a suite":   {run("Failed", "booking", "pays late"), "[U000 U001 here]"},
		"a Defect of a suite":  {defect("booking", "hangs up"), "[U000 U001]"},
		"a Defect of a test":   {defect("", "calls/cancel[en]"), "[U000 S002]"},
		"an alert of a suite's label": {event.Event{Type: v1alpha1.EventSystemAlertFiring,
			Labels: map[string]string{v1alpha1.SuiteLabel: "booking"}}, "[U000 U001]"},
		"an alert": {event.Event{Type: v1alpha1.EventSystemAlertFiring}, "[U000]"},
		"a list that is none": {event.Event{Type: v1alpha1.EventTestRunCompleted, Data: map[string]any{
			"result": "Failed", "failedTests": "calls/cancel[1]"}}, "[U000]"},
	} {
		if got := fmt.Sprint(Mentions(spec, &c.event)); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
	var many []v1alpha1.Mention
	for i := range 20 {
		many = append(many, v1alpha1.Mention(fmt.Sprintf("U%03d", i)))
	}
	if got := AddMentions(many[:9:9], many); len(got) != 10 || !slices.Equal(got, many[:10]) {
		t.Errorf("a message mentions %v", got)
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"a", "a", true}, {"a", "ab", false}, {"*", "", true}, {"a*", "a/b", true}, {"*b", "a/b", true}, {"a*c", "abc", true},
		{"a*c", "ac", true}, {"a*a", "a", false}, {"a*b*c", "a-b-c", true}, {"a*b*c", "a-c-b", false}, {"**", "x", true},
		{"[a]*", "[a]", true}, {"[a]*", "a", false}, {"", "", true}, {"*ab", "aab", true}, {"a*b*b", "ab", false},
	} {
		if got := matches(c.pattern, c.name); got != c.want {
			t.Errorf("%q and %q: got %v", c.pattern, c.name, got)
		}
	}
}
