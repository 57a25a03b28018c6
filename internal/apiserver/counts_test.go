package apiserver

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/identity"
)

// noon is when these tests happen; the first hour that they count begins at 13:00 of the day before.
var noon = time.Date(2026, 3, 4, 12, 30, 0, 0, time.UTC)

// only is an Identity that lets everybody list these resources.
type only struct {
	gate
	resources []string
}

func (o *only) Allowed(_ context.Context, _ identity.Caller, a identity.Access) (bool, error) {
	return a.Verb == "list" && slices.Contains(o.resources, a.Resource), nil
}

func everyKind() *only {
	return &only{resources: []string{"slackintegrations", "jiraintegrations", "notificationrules", "defects", "notifications", "jobs"}}
}

// counting is a server at noon, with nothing on its shelves.
func counting(t *testing.T, who Identity) (*Server, *testingclock.FakeClock) {
	t.Helper()
	now := testingclock.NewFakeClock(noon)
	s, err := New(Options{Identity: who, Clock: now, RequestsPerSecond: 1e6, Live: empty{}})
	if err != nil {
		t.Fatal(err)
	}
	return s, now
}

type summaryBody struct {
	Integrations []struct {
		Kind, Name string
		Hours      []struct {
			Time              time.Time
			Succeeded, Failed int
		}
	}
	Defects *struct {
		Open, Unticketed int
		BySeverity       map[string]int
	}
	Attention []need
	Needs     int
	Suites    []struct {
		Namespace, Suite string
		Runs             []struct{ Name, State string }
	}
}

func summed(t *testing.T, s *Server, namespace string) summaryBody {
	t.Helper()
	w := ask(s, "/api/v1/summary?namespace="+namespace)
	if w.Code != http.StatusOK {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	var out summaryBody
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// hoursOf are an integration's counts that are not zero, as hour: succeeded+failed.
func (b summaryBody) hoursOf(kind, name string) map[string]string {
	out := map[string]string{}
	for _, i := range b.Integrations {
		if i.Kind != kind || i.Name != name {
			continue
		}
		for _, h := range i.Hours {
			if h.Succeeded+h.Failed > 0 {
				out[h.Time.Format("02 15:04")] = fmt.Sprintf("%d+%d", h.Succeeded, h.Failed)
			}
		}
	}
	return out
}

// versions makes every object one that was not there before.
var versions int

func metaOf(namespace, name string) metav1.ObjectMeta {
	versions++
	return metav1.ObjectMeta{Namespace: namespace, Name: name, ResourceVersion: fmt.Sprint(versions), CreationTimestamp: metav1.NewTime(noon.Add(-48 * time.Hour))}
}

// telling is a Notification that came to an end.
func telling(namespace, name, integration, reason string, at time.Time) *v1alpha1.Notification {
	n := &v1alpha1.Notification{ObjectMeta: metaOf(namespace, name)}
	if integration != "" {
		n.Status.Message = &v1alpha1.PostedMessage{Integration: integration}
	}
	status := metav1.ConditionTrue
	switch reason {
	case v1alpha1.ReasonRejected, v1alpha1.ReasonExpired, v1alpha1.ReasonRetrying:
		status = metav1.ConditionFalse
	}
	n.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionDelivered, Status: status, Reason: reason, Message: reason, LastTransitionTime: metav1.NewTime(at)}}
	return n
}

func connected(namespace, name string, isDefault bool) *v1alpha1.SlackIntegration {
	return &v1alpha1.SlackIntegration{ObjectMeta: metaOf(namespace, name), Spec: v1alpha1.SlackIntegrationSpec{Default: isDefault}}
}

func TestHoursAreCounted(t *testing.T) {
	s, _ := counting(t, everyKind())
	s.slack.put(connected("qa", "main", true), false)
	s.slack.put(connected("qa", "other", false), false)
	first := noon.Truncate(time.Hour).Add(-23 * time.Hour)
	for at, n := range []*v1alpha1.Notification{
		telling("qa", "", "qa/main", v1alpha1.ReasonSent, noon),
		telling("qa", "", "qa/main", v1alpha1.ReasonSent, noon.Add(-29*time.Minute)),
		telling("qa", "", "qa/main", v1alpha1.ReasonSent, noon.Add(-31*time.Minute)),
		telling("qa", "", "qa/main", v1alpha1.ReasonSent, first),
		telling("qa", "", "qa/main", v1alpha1.ReasonSent, first.Add(-time.Second)), // too long ago
		telling("qa", "", "qa/main", v1alpha1.ReasonDigested, noon),                // told by the digest, which counts itself
		telling("qa", "", "qa/main", v1alpha1.ReasonMuted, noon),
		telling("qa", "", "qa/other", v1alpha1.ReasonSent, noon),
		telling("qa", "", "", v1alpha1.ReasonRejected, noon), // never posted: the default one would have
		telling("qa", "", "", v1alpha1.ReasonRetrying, noon),
		telling("prod", "", "qa/main", v1alpha1.ReasonSent, noon), // by the integration, in a namespace that was not asked for
	} {
		n.Name = fmt.Sprint("n-", at)
		s.told.put(n, false)
	}
	tracker := &v1alpha1.JiraIntegration{ObjectMeta: metaOf("qa", "jira")}
	tracker.Status.Activities = []v1alpha1.Activity{
		{Time: metav1.NewTime(noon), Outcome: v1alpha1.OutcomeFailed, Action: "CreateIssue"},
		{Time: metav1.NewTime(noon), Outcome: v1alpha1.OutcomeSucceeded, Action: "CreateIssue"}, // counted of the Defect
	}
	s.jira.put(tracker, false)
	for at, made := range []time.Time{noon, noon.Add(-time.Hour), noon.Add(-25 * time.Hour)} {
		s.defects.put(&v1alpha1.Defect{ObjectMeta: metaOf("qa", fmt.Sprint("d-", at)), Status: v1alpha1.DefectStatus{
			Jira: &v1alpha1.DefectTicket{Integration: "qa/jira", Key: "V-1", CreatedTime: &metav1.Time{Time: made}}}}, false)
	}

	for range 2 { // counted, and remembered
		got := summed(t, s, "qa")
		for _, i := range got.Integrations {
			if len(i.Hours) != 24 || !i.Hours[0].Time.Equal(first) {
				t.Errorf("%s: got %d hours from %v, want 24 from %v", i.Name, len(i.Hours), i.Hours[0].Time, first)
			}
		}
		for name, want := range map[[2]string]map[string]string{
			{"SlackIntegration", "main"}:  {"03 13:00": "1+0", "04 11:00": "1+0", "04 12:00": "2+1"},
			{"SlackIntegration", "other"}: {"04 12:00": "1+0"},
			{"JiraIntegration", "jira"}:   {"04 11:00": "1+0", "04 12:00": "1+1"},
		} {
			if have := got.hoursOf(name[0], name[1]); !reflect.DeepEqual(have, want) {
				t.Errorf("%v: got %v, want %v", name, have, want)
			}
		}
	}
	if have := summed(t, s, "*").hoursOf("SlackIntegration", "main"); have["04 12:00"] != "3+1" {
		t.Errorf("everywhere: got %v, want 3+1 in the last hour", have)
	}
}

func TestWhatNeedsAttention(t *testing.T) {
	s, _ := counting(t, everyKind())
	stalled := func(name, reason string, at time.Time) {
		d := &v1alpha1.Defect{ObjectMeta: metaOf("qa", name), Spec: v1alpha1.DefectSpec{Title: "Title of " + name, Severity: v1alpha1.SeverityHigh}}
		condition.NotReady(d, condition.Stalled, reason, reason)
		condition.Get(d, v1alpha1.ConditionStalled).LastTransitionTime = metav1.NewTime(at)
		s.defects.put(d, false)
	}
	stalled("unticketed", v1alpha1.ReasonUnauthorized, noon.Add(-time.Hour))
	stalled("untold", v1alpha1.ReasonDeliveryFailed, noon) // is there as its Notification
	s.told.put(telling("qa", "rejected-1", "", v1alpha1.ReasonRejected, noon.Add(-3*time.Hour)), false)
	s.told.put(telling("qa", "rejected-2", "", v1alpha1.ReasonRejected, noon.Add(-2*time.Hour)), false)
	s.told.put(telling("qa", "expired", "", v1alpha1.ReasonExpired, noon.Add(-4*time.Hour)), false)
	s.told.put(telling("qa", "long ago", "", v1alpha1.ReasonRejected, noon.Add(-30*time.Hour)), false)
	s.told.put(telling("qa", "sent", "", v1alpha1.ReasonSent, noon), false)
	bad := &v1alpha1.NotificationRule{ObjectMeta: metaOf("qa", "bad")}
	bad.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionFalse, Reason: "Invalid", Message: "spec.when", LastTransitionTime: metav1.NewTime(noon.Add(-5 * time.Hour))}}
	s.rules.put(bad, false)
	down := connected("qa", "down", true)
	down.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonUnauthorized, Message: "renew the token", LastTransitionTime: metav1.NewTime(noon)}}
	s.slack.put(down, false)

	got := summed(t, s, "qa")
	var have []string
	for _, n := range got.Attention {
		have = append(have, fmt.Sprintf("%s %s %d", n.Object, n.Reason, n.Count))
	}
	want := []string{
		"SlackIntegration/qa/down Unauthorized 1", "Defect/qa/unticketed Unauthorized 1", "Notification/qa/rejected-2 Rejected 2",
		"Notification/qa/expired Expired 1", "NotificationRule/qa/bad Invalid 1",
	}
	if !slices.Equal(have, want) || got.Needs != 6 {
		t.Errorf("got %d: %q\nwant 6: %q", got.Needs, have, want)
	}
	if elsewhere := summed(t, s, "prod"); elsewhere.Needs != 0 || elsewhere.Attention == nil || elsewhere.Suites == nil {
		t.Errorf("in another namespace: got %+v, want nothing, and that as lists", elsewhere)
	}
	for i := range 100 {
		d := &v1alpha1.Defect{ObjectMeta: metaOf("many", fmt.Sprint("d-", i))}
		condition.NotReady(d, condition.Stalled, v1alpha1.ReasonRejected, fmt.Sprint("each another ", i))
		s.defects.put(d, false)
	}
	if many := summed(t, s, "many"); many.Needs != 100 || len(many.Attention) != maxNeeds {
		t.Errorf("got %d of %d, want %d of 100", len(many.Attention), many.Needs, maxNeeds)
	}
}

func TestOpenDefectsAndRuns(t *testing.T) {
	s, _ := counting(t, everyKind())
	for name, c := range map[string]struct {
		severity v1alpha1.Severity
		state    v1alpha1.State
		key      string
	}{
		"new": {v1alpha1.SeverityCritical, "", ""}, "open": {v1alpha1.SeverityCritical, v1alpha1.StateOpen, "V-1"}, "worked on": {v1alpha1.SeverityLow, v1alpha1.StateInProgress, ""},
		"resolved": {v1alpha1.SeverityHigh, v1alpha1.StateResolved, ""}, "closed": {v1alpha1.SeverityHigh, v1alpha1.StateClosed, "V-2"},
	} {
		d := &v1alpha1.Defect{ObjectMeta: metaOf("qa", name), Spec: v1alpha1.DefectSpec{Severity: c.severity}, Status: v1alpha1.DefectStatus{State: c.state}}
		if c.key != "" {
			d.Status.Jira = &v1alpha1.DefectTicket{Key: c.key}
		}
		s.defects.put(d, false)
	}
	for i := range maxStrip + 5 {
		j := &batchv1.Job{ObjectMeta: metaOf("qa", fmt.Sprintf("run-%02d", i))}
		j.Labels = map[string]string{v1alpha1.SuiteLabel: "booking"}
		j.CreationTimestamp = metav1.NewTime(noon.Add(time.Duration(i) * time.Minute))
		ended := batchv1.JobComplete
		if i == maxStrip {
			ended = batchv1.JobFailed
		}
		j.Status.Conditions = []batchv1.JobCondition{{Type: ended, Status: corev1.ConditionTrue}}
		s.runs.put(j, false)
	}
	for i := range maxSuites + 5 {
		j := &batchv1.Job{ObjectMeta: metaOf("many", fmt.Sprint("run-", i))}
		j.Labels = map[string]string{v1alpha1.SuiteLabel: fmt.Sprint("suite-", i)}
		s.runs.put(j, false)
	}

	got := summed(t, s, "qa")
	if d := got.Defects; d.Open != 3 || d.Unticketed != 2 || !reflect.DeepEqual(d.BySeverity, map[string]int{"Critical": 2, "High": 0, "Medium": 0, "Low": 1}) {
		t.Errorf("got %+v", d)
	}
	if len(got.Suites) != 1 || len(got.Suites[0].Runs) != maxStrip {
		t.Fatalf("got %+v, want one suite with %d runs", got.Suites, maxStrip)
	}
	if runs := got.Suites[0].Runs; runs[0].Name != fmt.Sprint("run-", maxStrip+4) || runs[4].State != "Failed" || runs[5].State != "Passed" {
		t.Errorf("got %+v, want the newest first", runs)
	}
	if many := summed(t, s, "many"); len(many.Suites) != maxSuites {
		t.Errorf("got %d suites, want %d", len(many.Suites), maxSuites)
	}
}

// TestCountsAreNeverOutOfDate changes each thing that a remembered count is of.
func TestCountsAreNeverOutOfDate(t *testing.T) {
	s, now := counting(t, everyKind())
	s.slack.put(connected("qa", "a", true), false)
	s.slack.put(connected("qa", "b", false), false)
	s.told.put(telling("qa", "n", "", v1alpha1.ReasonRejected, noon), false)
	d := &v1alpha1.Defect{ObjectMeta: metaOf("qa", "d"), Spec: v1alpha1.DefectSpec{Severity: v1alpha1.SeverityLow}}
	s.defects.put(d, false)
	if got := summed(t, s, "qa"); got.Needs != 1 || got.Defects.Open != 1 || len(got.hoursOf("SlackIntegration", "a")) != 1 {
		t.Fatalf("got %+v", got)
	}
	s.slack.put(connected("qa", "a", false), false)
	s.slack.put(connected("qa", "b", true), false)
	if got := summed(t, s, "qa"); len(got.hoursOf("SlackIntegration", "a")) != 0 || len(got.hoursOf("SlackIntegration", "b")) != 1 {
		t.Errorf("another integration is the default one: got %+v", got.Integrations)
	}
	s.defects.put(d, true)
	if got := summed(t, s, "qa"); got.Defects.Open != 0 {
		t.Errorf("a Defect is gone: got %d open", got.Defects.Open)
	}
	s.told.put(telling("qa", "n", "", v1alpha1.ReasonSent, noon), false)
	if got := summed(t, s, "qa"); got.Needs != 0 {
		t.Errorf("a Notification was sent after all: got %d needs", got.Needs)
	}
	j := &batchv1.Job{ObjectMeta: metaOf("qa", "j")}
	j.Labels = map[string]string{v1alpha1.SuiteLabel: "booking"}
	s.runs.put(j, false)
	if got := summed(t, s, "qa"); len(got.Suites) != 1 {
		t.Errorf("a run began: got %d suites", len(got.Suites))
	}
	now.Step(24 * time.Hour)
	if got := summed(t, s, "qa"); len(got.hoursOf("SlackIntegration", "b")) != 0 {
		t.Errorf("a day later: got %+v", got.Integrations)
	}
}

// TestCountsDoNotMixRights has somebody see much, then somebody less, then somebody much again.
func TestCountsDoNotMixRights(t *testing.T) {
	who := everyKind()
	s, _ := counting(t, who)
	s.slack.put(connected("qa", "slack", true), false)
	s.told.put(telling("qa", "n", "", v1alpha1.ReasonRejected, noon), false)
	d := &v1alpha1.Defect{ObjectMeta: metaOf("qa", "d"), Spec: v1alpha1.DefectSpec{Severity: v1alpha1.SeverityLow}}
	condition.NotReady(d, condition.Stalled, v1alpha1.ReasonDeliveryFailed, "Slack refused it")
	s.defects.put(d, false)
	all := who.resources
	for _, c := range []struct {
		resources []string
		attention []string
		defects   bool
		hours     int
	}{
		{all, []string{"Notification/qa/n"}, true, 24},
		{[]string{"defects"}, []string{"Defect/qa/d"}, true, 0}, // the Notification that says the same is not for them
		{[]string{"slackintegrations"}, nil, false, 0},
		{[]string{"notifications", "slackintegrations"}, []string{"Notification/qa/n"}, false, 24},
		{all, []string{"Notification/qa/n"}, true, 24},
	} {
		who.resources = c.resources
		got := summed(t, s, "qa")
		var attention []string
		for _, n := range got.Attention {
			attention = append(attention, n.Object)
		}
		hours := 0
		for _, i := range got.Integrations {
			hours = len(i.Hours)
		}
		if !slices.Equal(attention, c.attention) || (got.Defects != nil) != c.defects || hours != c.hours {
			t.Errorf("%q: got %q, Defects: %v, %d hours; want %+v", c.resources, attention, got.Defects != nil, hours, c)
		}
	}
	who.resources = nil
	if w := ask(s, "/api/v1/summary?namespace=qa"); w.Code != http.StatusForbidden {
		t.Errorf("got %d, want 403 for who may list nothing", w.Code)
	}
}

func TestTheMemoIsBounded(t *testing.T) {
	var m memo
	count := 0
	get := func(namespace string, version uint64) {
		m.get(partKey{kind: "Job", namespace: namespace}, version, noon, func() part { count++; return part{} })
	}
	get("a", 1)
	get("a", 1)
	if count != 1 {
		t.Errorf("counted %d times, want once: nothing changed", count)
	}
	if get("a", 2); count != 2 {
		t.Errorf("counted %d times, want twice: something changed", count)
	}
	for i := range 3 * maxParts {
		get(fmt.Sprint(i), 1)
	}
	if len(m.all) > maxParts {
		t.Errorf("%d are kept, more than %d", len(m.all), maxParts)
	}
}

// BenchmarkSummary is the summary of ten thousand Defects and as many Notifications, as it is, and with one changed before each.
func BenchmarkSummary(b *testing.B) {
	for name, change := range map[string]bool{"unchanged": false, "after a change": true} {
		b.Run(name, func(b *testing.B) {
			s := full(b)
			s.slack.put(connected("default", "slack", true), false)
			n := s.told.newest()[5000]
			b.ReportAllocs()
			for at := 0; b.Loop(); at++ {
				if change {
					n = n.DeepCopy()
					n.ResourceVersion = fmt.Sprint("again", at)
					s.told.put(n, false)
				}
				if w := ask(s, "/api/v1/summary"); w.Code != http.StatusOK {
					b.Fatal(w.Code, w.Body)
				}
			}
		})
	}
}
