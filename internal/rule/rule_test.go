// SPDX-License-Identifier: Apache-2.0

package rule_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/rule"
)

var born = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func when(s string) v1alpha1.NotificationRuleSpec { return v1alpha1.NotificationRuleSpec{When: s} }

// with returns a rule with a spec; for DefectCreated when it names no types.
func with(spec v1alpha1.NotificationRuleSpec) *v1alpha1.NotificationRule {
	if spec.EventTypes == nil {
		spec.EventTypes = []v1alpha1.EventType{v1alpha1.EventDefectCreated}
	}
	return &v1alpha1.NotificationRule{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(born)}, Spec: spec}
}

// happened returns an event that matches most rules, after a change.
func happened(change func(*event.Event)) *event.Event {
	e := &event.Event{
		ID: "1", Type: v1alpha1.EventDefectCreated, Time: born.Add(time.Minute), Severity: v1alpha1.SeverityHigh,
		Labels:  map[string]string{"team": "billing"},
		Subject: &v1alpha1.EventSubject{Kind: "Defect", Namespace: "qa", Name: "d1"},
		Data:    map[string]any{"suite": "smoke", "failed": 3.0},
	}
	if change != nil {
		change(e)
	}
	return e
}

// hundredThousandTimes is an expression that compares 100,000 sums.
var hundredThousandTimes = func() string {
	out := "a+b+c+d+e > 0"
	for _, v := range []string{"e", "d", "c", "b", "a"} {
		out = "[1,2,3,4,5,6,7,8,9,10].all(" + v + ", " + out + ")"
	}
	return out
}()

func TestMatches(t *testing.T) {
	total := func(e *event.Event) { e.Data["total"] = 10.0 }
	for name, c := range map[string]struct {
		spec    v1alpha1.NotificationRuleSpec
		event   func(*event.Event)
		want    bool
		wantErr string
	}{
		"type listed":                        {want: true},
		"type not listed":                    {event: func(e *event.Event) { e.Type = v1alpha1.EventSystemAlertFiring }},
		"in the second the rule was created": {event: func(e *event.Event) { e.Time = born }, want: true},
		"before the rule":                    {event: func(e *event.Event) { e.Time = born.Add(-time.Second) }},
		"before the rule, from outside": {event: func(e *event.Event) {
			e.Time = born.Add(-48 * time.Hour)
			e.FromOutside = true
		}, want: true},
		"the least severity":       {spec: v1alpha1.NotificationRuleSpec{MinSeverity: v1alpha1.SeverityHigh}, want: true},
		"below the least severity": {spec: v1alpha1.NotificationRuleSpec{MinSeverity: v1alpha1.SeverityCritical}},
		"no severity": {spec: v1alpha1.NotificationRuleSpec{MinSeverity: v1alpha1.SeverityCritical},
			event: func(e *event.Event) { e.Severity = "" }, want: true},
		"label": {spec: v1alpha1.NotificationRuleSpec{Selector: &v1alpha1.LabelSelector{
			MatchLabels: map[string]v1alpha1.LabelValue{"team": "billing"}}}, want: true},
		"another label": {spec: v1alpha1.NotificationRuleSpec{Selector: &v1alpha1.LabelSelector{
			MatchLabels: map[string]v1alpha1.LabelValue{"team": "search"}}}},
		"expression over severity":   {spec: when(`event.severity == "High"`), want: true},
		"expression over labels":     {spec: when(`event.labels["team"].startsWith("bill")`), want: true},
		"expression over subject":    {spec: when(`event.subject.namespace == "qa"`), want: true},
		"expression over numbers":    {spec: when(`event.data.failed > 2`), want: true},
		"a share of numbers":         {spec: when(`event.data.failed * 100 / event.data.total > 20`), event: total, want: true},
		"a share, the other way":     {spec: when(`100 * event.data.failed / event.data.total >= 30`), event: total, want: true},
		"a share that is less":       {spec: when(`event.data.failed * 100 / event.data.total > 30`), event: total},
		"a difference":               {spec: when(`event.data.total - 7 == event.data.failed`), event: total, want: true},
		"a sum of numbers":           {spec: when(`event.data.total + event.data.failed + 1 == 14`), event: total, want: true},
		"a number and a size":        {spec: when(`event.data.failed + size(event.labels) == 4`), want: true},
		"whole numbers alone":        {spec: when(`7 / 2 == 3 && size(event.labels) * 2 == 2`), want: true},
		"sums in a list":             {spec: when(`[1, 2].exists(n, n + event.data.failed == 5)`), want: true},
		"texts joined":               {spec: when(`event.data.suite + "x" == "smokex"`), want: true},
		"numbers of two kinds":       {spec: when(`1.5 < 2`), want: true},
		"expression that is false":   {spec: when(`event.data.suite == "full"`)},
		"no subject at all":          {spec: when(`event.subject.name == ""`), event: func(e *event.Event) { e.Subject = nil }, want: true},
		"expression over all labels": {spec: when(`event.labels.exists(k, event.labels[k] == "billing")`), want: true},
		"expression over a list": {spec: when(`"b" in event.data.list`),
			event: func(e *event.Event) { e.Data["list"] = []any{"a", "b"} }, want: true},
		"no data at all": {spec: when(`!has(event.data.suite) && size(event.labels) == 0`), event: func(e *event.Event) {
			e.Data = nil
			e.Labels = nil
		}, want: true},
		"the event as a whole":                {spec: when(`event == event && type(event) != type(event.subject)`), want: true},
		"event and subject":                   {spec: when(`dyn(event) != dyn(event.subject) && dyn(event) != dyn(1)`), want: true},
		"no severity, checked":                {spec: when(`!has(event.severity)`), event: func(e *event.Event) { e.Severity = "" }, want: true},
		"whether there are labels":            {spec: when(`has(event.labels) && has(event.subject.name)`), want: true},
		"data that is not there":              {spec: when(`event.data.color == "red"`), wantErr: "no such key: color"},
		"data that may not be there":          {spec: when(`has(event.data.color) && event.data.color == "red"`)},
		"an expression that is too expensive": {spec: when(hundredThousandTimes), wantErr: "costs too much to evaluate"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := rule.Compile(with(c.spec))
			if err != nil {
				t.Fatal(err)
			}
			got, err := r.Matches(t.Context(), rule.NewInput(happened(c.event)))
			if got != c.want {
				t.Errorf("matches: %v, want %v", got, c.want)
			}
			if (err == nil) != (c.wantErr == "") || err != nil && !strings.Contains(err.Error(), c.wantErr) {
				t.Errorf("error: %v, want one with %q", err, c.wantErr)
			}
		})
	}
}

func TestCompileRejects(t *testing.T) {
	const expression = v1alpha1.ReasonInvalidExpression
	for name, c := range map[string]struct {
		spec            v1alpha1.NotificationRuleSpec
		reason, message string
	}{
		"a syntax error":        {when("event.severity ==\n  && true"), expression, "spec.when: line 2, column 3: "},
		"a misspelt field":      {when(`event.severty == "High"`), expression, "line 1, column 6: undefined field 'severty'"},
		"a function that grows": {when(`"a".replace("a", "aa") == "aa"`), expression, "line 1, column 12: function replace is not allowed"},
		"another variable":      {when(`defect.severity == "High"`), expression, "undeclared reference to 'defect'"},
		"not a condition":       {when(`event.severity`), expression, "must be true or false, but is a string"},
		"an invalid selector": {v1alpha1.NotificationRuleSpec{Selector: &v1alpha1.LabelSelector{
			MatchLabels: map[string]v1alpha1.LabelValue{"a b": "c"}}}, v1alpha1.ReasonInvalidSelector, "spec.selector"},
		"an unknown time zone": {
			v1alpha1.NotificationRuleSpec{MuteWindows: []v1alpha1.MuteWindow{{Start: "22:00", End: "06:00", TimeZone: "Mars/Olympus"}}},
			v1alpha1.ReasonInvalidTimeZone, `spec.muteWindows[0].timeZone: "Mars/Olympus" is not known`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := rule.Compile(with(c.spec))
			var e *rule.Error
			if !errors.As(err, &e) || e.Reason != c.reason || !strings.Contains(e.Message, c.message) {
				t.Errorf("got %v, want %s with %q", err, c.reason, c.message)
			}
		})
	}
}

func BenchmarkTenThousandRules(b *testing.B) {
	var rules []*rule.Compiled
	for range 10_000 {
		r, err := rule.Compile(with(v1alpha1.NotificationRuleSpec{When: `event.data.suite == "full"`}))
		if err != nil {
			b.Fatal(err)
		}
		rules = append(rules, r)
	}
	e := happened(nil)
	b.ReportAllocs()
	for b.Loop() {
		in := rule.NewInput(e)
		for _, r := range rules {
			if ok, err := r.Matches(b.Context(), in); ok || err != nil {
				b.Fatal(ok, err)
			}
		}
	}
}
