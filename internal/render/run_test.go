// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/history"
)

// runWith returns the event of a run with Defects, as it is read from a Notification.
func runWith(t *testing.T, defects ...event.RunDefect) event.Event {
	t.Helper()
	e := Example(v1alpha1.EventTestRunCompleted)
	e.AddDefects(defects)
	stored, err := e.ToAPI()
	if err != nil {
		t.Fatal(err)
	}
	n := &v1alpha1.Notification{Spec: v1alpha1.NotificationSpec{Event: stored}}
	n.Namespace = "voice"
	read, err := event.Of(n)
	if err != nil {
		t.Fatal(err)
	}
	return read
}

func runDefect(change history.Change, severity v1alpha1.Severity, name, key string) event.RunDefect {
	d := &v1alpha1.Defect{Spec: v1alpha1.DefectSpec{Title: "<!channel> " + name, Severity: severity}}
	d.Name = name
	if key != "" {
		d.Status.Jira = &v1alpha1.DefectTicket{Key: key, URL: "https://jira.example.com/browse/" + key}
	}
	return event.RunDefect{Defect: d, Change: change}
}

func TestDefectsOfARun(t *testing.T) {
	e := runWith(t,
		runDefect(history.Fixed, v1alpha1.SeverityCritical, "d", "V-4"), runDefect(history.New, v1alpha1.SeverityLow, "b", ""),
		runDefect(history.New, v1alpha1.SeverityHigh, "a", "V-1"), runDefect(history.Flaky, v1alpha1.SeverityHigh, "c", ""))
	const want = "*Defects*  2 new · 1 flaky · 1 fixed\n" +
		":new: <https://voice.example.com/defects/voice/a|&lt;!channel&gt; a> · <https://jira.example.com/browse/V-1|V-1>\n" +
		":new: <https://voice.example.com/defects/voice/b|&lt;!channel&gt; b>\n" +
		":game_die: <https://voice.example.com/defects/voice/c|&lt;!channel&gt; c>\n" +
		":white_check_mark: <https://voice.example.com/defects/voice/d|&lt;!channel&gt; d> · <https://jira.example.com/browse/V-4|V-4>"
	if got := runDefects(&e, Options{DashboardURL: "https://voice.example.com"}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := runDefects(&e, Options{}); strings.Contains(got, "voice.example.com") || !strings.Contains(got, "&lt;!channel&gt; a") {
		t.Errorf("without a dashboard: %s", got)
	}
	none := runWith(t)
	if got := runDefects(&none, Options{}); got != "" {
		t.Errorf("a run without Defects: %q", got)
	}
}

func TestCompared(t *testing.T) {
	for _, c := range []struct {
		now, before any
		want        string
	}{
		{3.0, 1.0, "3 (+2)"}, {1.0, 3.0, "1 (−2)"}, {3.0, 3.0, "3"}, {3.0, nil, "3"}, {nil, 3.0, ""}, {0.0, 4.0, "0 (−4)"}, {3.0, "1", "3"},
	} {
		e := event.Event{Data: map[string]any{"failed": c.now, "previousFailed": c.before}}
		if got := compared(&e, "failed", "previousFailed"); got != c.want {
			t.Errorf("%v after %v: got %q, want %q", c.now, c.before, got, c.want)
		}
	}
}

// TestRunLinksToItsPage covers the page of a run, which an alert about a Job does not have.
func TestRunLinksToItsPage(t *testing.T) {
	for kind, want := range map[v1alpha1.EventType]string{
		v1alpha1.EventTestRunCompleted: "https://voice.example.com/runs/voice/booking-nightly-7", v1alpha1.EventSystemAlertFiring: "",
	} {
		e := event.Event{Type: kind, Subject: &v1alpha1.EventSubject{Kind: event.KindJob, Namespace: "voice", Name: "booking-nightly-7"}}
		if got := dashboardPage(&e, "https://voice.example.com/"); got != want {
			t.Errorf("%s: got %q, want %q", kind, got, want)
		}
	}
}

func TestDefectsOfARunAreBounded(t *testing.T) {
	var many []event.RunDefect
	for i := range 400 {
		d := runDefect(history.Known, v1alpha1.SeverityHigh, fmt.Sprintf("d%03d-%s", i, strings.Repeat("x", 200)), "V-1")
		d.Defect.Spec.Title = strings.Repeat("&", 500)
		many = append(many, d)
	}
	e := runWith(t, many...)
	got := runDefects(&e, Options{DashboardURL: "https://voice.example.com"})
	if !strings.HasPrefix(got, "*Defects*  400 known\n") || utf8.RuneCountInString(got) > 3000 || len(e.Defects()) != 10 {
		t.Errorf("%d characters, %d listed: %.100s", utf8.RuneCountInString(got), len(e.Defects()), got)
	}
}
