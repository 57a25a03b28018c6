// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/markup"
)

// flatten returns a message in one line, without word joiners.
func flatten(m chat.Message) string {
	parts := []string{m.Color}
	for _, b := range m.Blocks {
		parts = append(parts, b.Section+strings.Join(b.Fields, "; ")+strings.Join(b.Context, "; "))
	}
	return strings.ReplaceAll(strings.ReplaceAll(strings.Join(parts, " / "), markup.WordJoiner, ""), "\n", " ")
}

func TestEveryType(t *testing.T) {
	const ticket = "https://jira.example.com/browse/VOICE-12"
	when := "<!date^1772443800^{date_short_pretty} {time_secs}|2026-03-02 09:30:00 UTC>"
	for eventType, want := range map[v1alpha1.EventType][]string{
		v1alpha1.EventTestRunCompleted: {
			"#d32f2f / :x: *Test run failed* *<https://reports.example.com/booking-nightly-7|booking-nightly-7>*",
			"*Result* Failed; *Before* Passed; *Passed* 41 (−2); *Failed* 2 (+2); *Skipped* 1; *Total* 44; *Duration* 3m12s; *Severity* High; ",
			"*Suite* booking; *Run* booking-nightly-7 / BackoffLimitExceeded / " +
				"*Defects*  1 new · 1 known · 1 fixed / Job voice/booking-nightly-7; " + when},
		v1alpha1.EventDefectCreated: {
			"#f57c00 / :large_orange_circle: *Defect found* *<" + ticket + "|Agent books the wrong day>*",
			"*Severity* High; *Suite* booking; *Run* booking-nightly-7; *Test case* book-by-weekday; *Ticket* VOICE-12 / ",
			"Asked for Tuesday, it books Thursday. / :telephone_receiver: *Failing turn* 3 at 0:41.2 " +
				"Caller: Next Tuesday, please Expected: booked for *Tuesday* Heard: booked for *Thursday* / " +
				"Defect voice/booking-wrong-day; " + when + "; ",
			"<https://voice.example.com/defects/voice/booking-wrong-day|Dashboard>"},
		v1alpha1.EventDefectTicketed: {":large_orange_circle: *Ticket created* *<" + ticket + "|"},
		v1alpha1.EventDefectStateChanged: {
			"#2e7d32 / :white_check_mark: *Defect resolved*",
			"*State* in progress → resolved; *By* alice; *Cause* The Defect was edited; *Severity* High"},
		v1alpha1.EventEdgeCaseDiscovered: {":large_orange_circle: *Edge case discovered*"},
		v1alpha1.EventSystemAlertFiring: {
			"#f57c00 / :large_orange_circle: *Alert firing* ",
			"*<https://prometheus.example.com/graph?g0.expr=latency|Speech latency is high>*",
			"*Status* Firing since " + when + "; *Alert* SpeechLatencyHigh; *Severity* High / 95 % of answers",
			"<https://alertmanager.example.com|Alertmanager>"},
		v1alpha1.EventSystemAlertResolved: {"#2e7d32 / :white_check_mark: *Alert resolved*", "*Status* Resolved " + when},
		v1alpha1.EventIntegrationUnhealthy: {
			"*Integration unhealthy* *SlackIntegration team-slack does not work*",
			"*Integration* SlackIntegration voice/team-slack; *Reason* Unauthorized; *Severity* High / Slack refused the token"},
		v1alpha1.EventIntegrationRecovered: {"#2e7d32 / :white_check_mark: *Integration recovered* *SlackIntegration team-slack"},
	} {
		e := Example(eventType)
		got := flatten(Message(&e, Options{DashboardURL: "https://voice.example.com/"}))
		for _, part := range want {
			if !strings.Contains(got, part) {
				t.Errorf("%s:\n%s\nwants\n%s", eventType, got, part)
			}
		}
	}
}

func TestRunResults(t *testing.T) {
	for result, want := range map[string]string{
		"Passed": ":white_check_mark: *Test run passed*",
		"Failed": ":x: *Test run failed*",
		"":       ":checkered_flag: *Test run completed*",
	} {
		e := Example(v1alpha1.EventTestRunCompleted)
		e.Data["result"] = result
		if got := flatten(Message(&e, Options{})); !strings.Contains(got, want) {
			t.Errorf("%q: %s", result, got)
		}
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		in            any
		count, length string
	}{
		{3.0, "3", "3s"},
		{0.25, "0.25", "300ms"},
		{59.96, "59.96", "1m0s"},
		{60.4, "60.4", "1m0s"},
		{0, "0", "0s"},
		{3725, "3725", "1h2m5s"},
		{int32(2), "2", "2s"},
		{int64(2), "2", "2s"},
		{-1.0, "-1", ""},
		{1e8, "100000000", "27777h46m40s"},
		{1e8 + 1, "100000001", ""},
		{999999999999999.0, "999999999999999", ""},
		{1e15, "1e+15", ""},
		{1e300, "1e+300", ""},
		{math.NaN(), "", ""},
		{math.Inf(1), "", ""},
		{math.Inf(-1), "", ""},
		{"3", "", ""},
		{nil, "", ""},
	} {
		if got, long := number(c.in), duration(c.in); got != c.count || long != c.length {
			t.Errorf("%v: %q, %q", c.in, got, long)
		}
	}
}

func TestLiving(t *testing.T) {
	for name, c := range map[string]struct {
		state  v1alpha1.State
		ticket bool
		want   []string
	}{
		"opened":   {"", false, []string{"#d32f2f / :red_circle: *Defect found*"}},
		"ticketed": {v1alpha1.StateOpen, true, []string{":red_circle: *Defect found*", " / opened → *ticketed VOICE-12* / "}},
		"in progress": {v1alpha1.StateInProgress, true, []string{
			"#1976d2 / :hammer_and_wrench: *Defect in progress*", " / opened → ticketed VOICE-12 → *in progress* / "}},
		"resolved": {v1alpha1.StateResolved, true, []string{
			"#2e7d32 / :white_check_mark: *Defect resolved*", " / opened → ticketed VOICE-12 → *resolved* / "}},
		"no ticket": {v1alpha1.StateClosed, false, []string{"*Defect closed*", " / opened → *closed* / "}},
	} {
		d := sample()
		d.Status.State = c.state
		if c.ticket {
			d.Status.Jira = &v1alpha1.DefectTicket{Key: "VOICE-12", URL: "https://jira.example.com/browse/VOICE-12"}
		}
		e := event.DefectCreated(d)
		got := flatten(Living(&e, Options{}))
		for _, part := range c.want {
			if !strings.Contains(got, part) {
				t.Errorf("%s: %s\nwants %s", name, got, part)
			}
		}
		if first := flatten(Message(&e, Options{})); name == "opened" && got != first {
			t.Errorf("the first message is another: %s, not %s", got, first)
		}
	}
}

func TestReply(t *testing.T) {
	moved := func(from, to v1alpha1.State, cause v1alpha1.StateChangeCause, by string) event.Event {
		e := Example(v1alpha1.EventDefectStateChanged)
		e.Data["previousState"] = string(from)
		e.Data["state"] = string(to)
		e.Data["cause"] = string(cause)
		e.Data["changedBy"] = by
		return e
	}
	for want, e := range map[string]event.Event{
		":large_orange_circle: Ticket created: <https://jira.example.com/browse/VOICE-12|VOICE-12> · requested by alice": Example(v1alpha1.EventDefectTicketed),
		":hammer_and_wrench: Defect in progress · open → in progress · The ticket was moved": moved(
			v1alpha1.StateOpen, v1alpha1.StateInProgress, v1alpha1.CauseJira, ""),
		":white_check_mark: Defect resolved · in progress → resolved · The Defect was edited · by &lt;!here&gt;": moved(
			v1alpha1.StateInProgress, v1alpha1.StateResolved, v1alpha1.CauseSpec, "<!here>"),
		":large_orange_circle: Defect is back · resolved → open · It occurred again  <!here>": moved(
			v1alpha1.StateResolved, v1alpha1.StateOpen, v1alpha1.CauseRegression, ""),
	} {
		m := Reply(&e, Options{Mentions: []v1alpha1.Mention{"here"}})
		if got := flatten(m); got != " / "+want {
			t.Errorf("%q\nwant %q", got, want)
		}
		if m.Broadcast != isRegression(&e) {
			t.Errorf("%s: broadcast %v", want, m.Broadcast)
		}
	}
}

func TestDigest(t *testing.T) {
	severities := []v1alpha1.Severity{v1alpha1.SeverityLow, v1alpha1.SeverityHigh, v1alpha1.SeverityMedium, v1alpha1.SeverityCritical}
	var events []event.Event
	types := []v1alpha1.EventType{v1alpha1.EventDefectCreated, v1alpha1.EventSystemAlertFiring}
	for i := range 128 {
		e := Example(types[i%2])
		e.ID = fmt.Sprintf("e%03d", i)
		e.Time = e.Time.Add(time.Duration(i) * time.Second)
		e.Data["title"] = e.ID
		e.Severity = severities[i%4]
		if i < 3 {
			e.Severity = v1alpha1.SeverityLow
		}
		events = append(events, e)
	}
	o := Options{Mentions: []v1alpha1.Mention{"here"}, DashboardURL: "https://voice.example.com"}
	m := Digest(events, o)
	if want := "128 events: 32 Critical, 31 High, 31 Medium, 34 Low"; m.Text != want {
		t.Errorf("text %q, want %q", m.Text, want)
	}
	got := flatten(m)
	for _, part := range []string{
		"#d32f2f / :package: *128 events: 32 Critical, 31 High, 31 Medium, 34 Low*  <!here> 64 × Alert firing, 64 × Defect found / ",
		" / :red_circle: Alert firing: <https://prometheus.example.com/graph?g0.expr=latency|e003> :red_circle:",
		"|e039> <https://voice.example.com|and 118 more>",
	} {
		if !strings.Contains(got, part) {
			t.Errorf("%s\nwants %s", got, part)
		}
	}
	if n := strings.Count(got, "|e0"); n != 10 {
		t.Errorf("%d events are listed", n)
	}
	slices.Reverse(events)
	if again := flatten(Digest(events, o)); again != got {
		t.Errorf("another order, another message: %s", again)
	}
	if got := Digest(events[:1], Options{}).Text; got != "1 event: 1 Critical" {
		t.Errorf("one: %q", got)
	}
	if got := flatten(Digest(events[:12], Options{})); !strings.HasSuffix(got, " and 2 more") {
		t.Errorf("without a dashboard: %s", got)
	}
	for _, m := range []chat.Message{Digest(nil, o), Digest(slices.Repeat(events, 79), o)} { // none, and more than 10,000
		if p := problems(m); len(p) > 0 {
			t.Error(p)
		}
	}
}

func BenchmarkDigestOfTenThousand(b *testing.B) {
	events := slices.Repeat([]event.Event{Example(v1alpha1.EventDefectCreated)}, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		Digest(events, Options{})
	}
}

func TestEveryTypeHasALook(t *testing.T) {
	for _, row := range event.Types {
		if looks[row.Name] == nil {
			t.Errorf("%s has no look", row.Name)
		}
		e := Example(row.Name)
		if len(row.Subjects) > 0 && (e.Subject == nil || e.Subject.Name == "") {
			t.Errorf("the example of %s has no subject", row.Name)
		}
		if len(e.Data) != len(row.Data) {
			t.Errorf("the example of %s has the data %v", row.Name, e.Data)
		}
	}
	if len(looks) != len(event.Types) {
		t.Errorf("there are %d looks for %d types", len(looks), len(event.Types))
	}
	unknown := event.Event{Type: "Unknown"}
	if got := lookOf(&unknown); got.headline != "Event" {
		t.Errorf("an unknown type looks like %+v", got)
	}
}

func TestRank(t *testing.T) {
	for name, c := range map[string]struct {
		eventType v1alpha1.EventType
		severity  v1alpha1.Severity
		want      int
	}{
		"critical":                    {v1alpha1.EventDefectCreated, v1alpha1.SeverityCritical, 5},
		"low":                         {v1alpha1.EventDefectCreated, v1alpha1.SeverityLow, 2},
		"an alert without a severity": {v1alpha1.EventSystemAlertFiring, "", 1},
		"a failed run":                {v1alpha1.EventTestRunCompleted, "", 1},
		"no severity":                 {v1alpha1.EventDefectCreated, "", 0},
		"a resolved alert":            {v1alpha1.EventSystemAlertResolved, v1alpha1.SeverityCritical, 0},
	} {
		e := Example(c.eventType)
		e.Severity = c.severity
		if got := rank(&e); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
