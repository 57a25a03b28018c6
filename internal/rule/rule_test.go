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

func with(spec v1alpha1.NotificationRuleSpec) *v1alpha1.NotificationRule {
	if spec.EventTypes == nil {
		spec.EventTypes = []v1alpha1.EventType{v1alpha1.EventDefectCreated}
	}
	return &v1alpha1.NotificationRule{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(born)}, Spec: spec}
}

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

func TestMatches(t *testing.T) {
	when := func(s string) v1alpha1.NotificationRuleSpec { return v1alpha1.NotificationRuleSpec{When: s} }
	for name, c := range map[string]struct {
		spec    v1alpha1.NotificationRuleSpec
		event   func(*event.Event)
		want    bool
		wantErr string
	}{
		"type listed":              {want: true},
		"type not listed":          {event: func(e *event.Event) { e.Type = v1alpha1.EventSystemAlertFiring }},
		"in the rule's own second": {event: func(e *event.Event) { e.Time = born }, want: true},
		"before the rule":          {event: func(e *event.Event) { e.Time = born.Add(-time.Second) }},
		"severity at the least":    {spec: v1alpha1.NotificationRuleSpec{MinSeverity: v1alpha1.SeverityHigh}, want: true},
		"severity below the least": {spec: v1alpha1.NotificationRuleSpec{MinSeverity: v1alpha1.SeverityCritical}},
		"no severity passes": {spec: v1alpha1.NotificationRuleSpec{MinSeverity: v1alpha1.SeverityCritical},
			event: func(e *event.Event) { e.Severity = "" }, want: true},
		"label": {spec: v1alpha1.NotificationRuleSpec{Selector: &v1alpha1.LabelSelector{
			MatchLabels: map[string]v1alpha1.LabelValue{"team": "billing"}}}, want: true},
		"another label": {spec: v1alpha1.NotificationRuleSpec{Selector: &v1alpha1.LabelSelector{
			MatchLabels: map[string]v1alpha1.LabelValue{"team": "search"}}}},
		"expression over severity":     {spec: when(`event.severity == "High"`), want: true},
		"expression over labels":       {spec: when(`event.labels["team"].startsWith("bill")`), want: true},
		"expression over subject":      {spec: when(`event.subject.namespace == "qa"`), want: true},
		"expression over numbers":      {spec: when(`event.data.failed > 2`), want: true},
		"expression that is false":     {spec: when(`event.data.suite == "full"`)},
		"no subject at all":            {spec: when(`event.subject.name == ""`), event: func(e *event.Event) { e.Subject = nil }, want: true},
		"expression over all labels":   {spec: when(`event.labels.exists(k, event.labels[k] == "billing")`), want: true},
		"expression over a list":       {spec: when(`"b" in event.data.list`), event: func(e *event.Event) { e.Data["list"] = []any{"a", "b"} }, want: true},
		"no data at all":               {spec: when(`!has(event.data.suite) && size(event.labels) == 0`), event: func(e *event.Event) { e.Data, e.Labels = nil, nil }, want: true},
		"the event as a whole":         {spec: when(`event == event && type(event) != type(event.subject)`), want: true},
		"whether there are labels":     {spec: when(`has(event.labels) && has(event.subject.name)`), want: true},
		"data that is not there":       {spec: when(`event.data.color == "red"`), wantErr: "no such key: color"},
		"data that may not be there":   {spec: when(`has(event.data.color) && event.data.color == "red"`)},
		"an expression without an end": {spec: when(`[1,2,3,4,5,6,7,8,9,10].all(a, [1,2,3,4,5,6,7,8,9,10].all(b, [1,2,3,4,5,6,7,8,9,10].all(c, [1,2,3,4,5,6,7,8,9,10].all(d, [1,2,3,4,5,6,7,8,9,10].all(e, a+b+c+d+e > 0)))))`), wantErr: "costs too much"},
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

func TestCompileRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		spec            v1alpha1.NotificationRuleSpec
		reason, message string
	}{
		"a syntax error, with its place":       {v1alpha1.NotificationRuleSpec{When: "event.severity ==\n  && true"}, v1alpha1.ReasonInvalidExpression, "line 2, column 3"},
		"a misspelt field":                     {v1alpha1.NotificationRuleSpec{When: `event.severty == "High"`}, v1alpha1.ReasonInvalidExpression, "line 1, column 6: undefined field 'severty'"},
		"a function that makes much of little": {v1alpha1.NotificationRuleSpec{When: `"a".replace("a", "aa") == "aa"`}, v1alpha1.ReasonInvalidExpression, "line 1, column 12: function replace is not allowed"},
		"another variable":                     {v1alpha1.NotificationRuleSpec{When: `defect.severity == "High"`}, v1alpha1.ReasonInvalidExpression, "undeclared reference to 'defect'"},
		"not a condition":                      {v1alpha1.NotificationRuleSpec{When: `event.severity`}, v1alpha1.ReasonInvalidExpression, "must be true or false, but is a string"},
		"a selector that is none": {v1alpha1.NotificationRuleSpec{Selector: &v1alpha1.LabelSelector{
			MatchLabels: map[string]v1alpha1.LabelValue{"a b": "c"}}}, v1alpha1.ReasonInvalidSelector, "spec.selector"},
		"a time zone nobody has": {v1alpha1.NotificationRuleSpec{MuteWindows: []v1alpha1.MuteWindow{{Start: "22:00", End: "06:00", TimeZone: "Mars/Olympus"}}},
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
