// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/markup"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

const (
	// The limits of a message's parts, in characters after escaping. Together they keep a message well below what Slack
	// refuses.
	maxTitle   = 300
	maxField   = 200
	maxExcerpt = 1500
	// maxFacts is Slack's limit of a section's fields.
	maxFacts = 10
	maxLinks = 3
)

// titleOf returns an event's title, escaped.
func titleOf(e *event.Event) string { return markup.Fit(plainTitle(e), maxTitle) }

// plainTitle returns an event's title in one line, not escaped. It is never empty.
func plainTitle(e *event.Event) string {
	candidates := []string{e.Text("title"), e.Text("alertname"), e.Text("run")}
	if e.Subject != nil {
		candidates = append(candidates, e.Subject.Name)
	}
	for _, c := range append(candidates, e.Text("suite"), string(e.Type)) {
		if c = text.OneLine(markup.Prefix(c, 32*maxTitle)); markup.Visible(c) {
			return c
		}
	}
	return "(no title)"
}

// facts returns at most maxFacts short facts of an event.
func facts(e *event.Event) []string {
	var out []string
	add := func(name, value string) {
		if markup.Visible(name) && markup.Visible(value) && len(out) < maxFacts {
			out = append(out, fmt.Sprintf("*%s*\n%s", name, value))
		}
	}
	text := func(key string) string { return markup.FitLine(e.Text(key), maxField) }
	switch e.Type {
	case v1alpha1.EventTestRunCompleted:
		add("Result", text("result"))
		add("Before", text("previousResult"))
		add("Passed", compared(e, "passed", "previousPassed"))
		add("Failed", compared(e, "failed", "previousFailed"))
		add("Skipped", compared(e, "skipped", "previousSkipped"))
		add("Total", compared(e, "total", "previousTotal"))
		add("Duration", duration(e.Data["durationSeconds"]))
	case v1alpha1.EventDefectStateChanged:
		add("State", transition(stateName(e.Text("previousState")), stateName(e.Text("state"))))
		add("By", person(e.Text("changedBy")))
		add("Cause", causeText(e))
	case v1alpha1.EventSystemAlertFiring:
		add("Status", "Firing since "+date(e.Time))
		add("Alert", text("alertname"))
	case v1alpha1.EventSystemAlertResolved:
		add("Status", "Resolved "+date(e.Time))
		add("Alert", text("alertname"))
	case v1alpha1.EventIntegrationUnhealthy, v1alpha1.EventIntegrationRecovered:
		if e.Subject != nil {
			add("Integration", markup.FitLine(e.Subject.Kind+" "+e.Subject.Namespace+"/"+e.Subject.Name, maxField))
		}
		add("Reason", text("reason"))
	}
	add("Severity", markup.Fit(string(e.Severity), maxField))
	add("Suite", text("suite"))
	add("Run", text("run"))
	add("Test case", text("testCase"))
	add("Ticket", text("ticketKey"))
	if e.Type == v1alpha1.EventSystemAlertFiring || e.Type == v1alpha1.EventSystemAlertResolved {
		for _, name := range slices.Sorted(maps.Keys(e.Labels)) {
			if !slices.Contains(shownLabels, name) {
				add(markup.FitLine(name, maxField), markup.FitLine(e.Labels[name], maxField))
			}
		}
	}
	return out
}

// shownLabels are labels of alerts that a message shows otherwise.
var shownLabels = []string{"alertname", "severity"}

// excerpt returns the beginning of an event's longer text, escaped; empty when there is none.
func excerpt(e *event.Event) string {
	var long string
	switch e.Type {
	case v1alpha1.EventTestRunCompleted:
		long = e.Text("reason") + "\n" + e.Text("resultError")
	case v1alpha1.EventIntegrationUnhealthy, v1alpha1.EventIntegrationRecovered:
		long = e.Text("message")
	case v1alpha1.EventDefectTicketed, v1alpha1.EventDefectStateChanged: // the message about the Defect's creation has it
		return ""
	default:
		long = e.Text("description")
	}
	if long = strings.TrimSpace(text.Plain(long)); !markup.Visible(long) {
		return ""
	}
	return markup.Fit(long, maxExcerpt)
}

// namedLink is a URL and its label.
type namedLink struct{ name, url string }

// links returns links to more about an event, the best one first.
func links(e *event.Event, o Options) []namedLink {
	candidates := []namedLink{
		{"Ticket", e.Text("ticketURL")}, {"Report", e.Text("reportURL")}, {"Source", e.Text("generatorURL")},
		{"Runbook", e.Text("runbookURL")}, {"Dashboard", dashboardPage(e, o.DashboardURL)}, {"Alertmanager", e.Text("externalURL")},
	}
	var out []namedLink
	for _, c := range candidates {
		if len(out) < maxLinks && markup.Link(c.url, c.name) != c.name {
			out = append(out, c)
		}
	}
	return out
}

// dashboardPage returns the URL of an event's subject in the dashboard; empty when it has no page of its own.
func dashboardPage(e *event.Event, dashboard string) string {
	if dashboard == "" || e.Subject == nil {
		return ""
	}
	section := ""
	switch {
	case e.Subject.Kind == v1alpha1.KindDefect:
		section = "/defects/"
	case e.Subject.Kind == event.KindJob && e.Type == v1alpha1.EventTestRunCompleted:
		section = "/runs/"
	default:
		return ""
	}
	return strings.TrimRight(dashboard, "/") + section + url.PathEscape(e.Subject.Namespace) + "/" + url.PathEscape(e.Subject.Name)
}

// transition returns the change from one text to another. Either may be empty.
func transition(from, to string) string {
	if from == "" || to == "" {
		return from + to
	}
	return from + " → " + to
}

// causeText returns what moved a Defect, in words.
func causeText(e *event.Event) string {
	switch v1alpha1.StateChangeCause(e.Text("cause")) {
	case v1alpha1.CauseSpec:
		return "The Defect was edited"
	case v1alpha1.CauseJira:
		return "The ticket was moved"
	case v1alpha1.CauseRegression:
		return "It occurred again"
	case v1alpha1.CausePassed:
		return "Its test passes again"
	default:
		return ""
	}
}

// asFloat returns a number of an event's data, and whether it is one. It is a float64 once the event was stored.
func asFloat(v any) (float64, bool) {
	switch n := v.(type) {
	case float64:
		return n, !math.IsNaN(n) && !math.IsInf(n, 0)
	case int:
		return float64(n), true
	case int32:
		return float64(n), true
	case int64:
		return float64(n), true
	default:
		return 0, false
	}
}

// number returns a number in at most 32 characters; empty for any other value.
func number(v any) string {
	f, ok := asFloat(v)
	if !ok {
		return ""
	}
	if math.Abs(f) < 1e15 {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return strconv.FormatFloat(f, 'g', 6, 64)
}

// duration returns a number of seconds as a duration such as 1h2m5s; empty for any other value.
func duration(seconds any) string {
	s, ok := asFloat(seconds)
	if !ok || s < 0 || s > 1e8 {
		return ""
	}
	d := time.Duration(s * float64(time.Second))
	if d >= time.Minute {
		return d.Round(time.Second).String()
	}
	return d.Round(100 * time.Millisecond).String()
}

// unknownTime is the text for a time that cannot be shown.
const unknownTime = "an unknown time"

// date returns a time that Slack shows in the reader's time zone, see
// https://docs.slack.dev/messaging/formatting-message-text#date-formatting.
func date(t time.Time) string {
	if t.Unix() <= 0 || t.Year() > 9999 {
		return unknownTime
	}
	return fmt.Sprintf("<!date^%d^{date_short_pretty} {time_secs}|%s>", t.Unix(), t.UTC().Format("2006-01-02 15:04:05 UTC"))
}
