package render

import (
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

const (
	// What each part of a message may take, in characters after escaping, so that the whole stays under maxMessage.
	maxTitle   = 300
	maxField   = 200
	maxExcerpt = 1500
	maxFacts   = 10
	maxLinks   = 3
)

// titleOf says what an event is about, escaped.
func titleOf(e *event.Event) string { return fit(plainTitle(e), maxTitle) }

// plainTitle is never empty, and one line.
func plainTitle(e *event.Event) string {
	candidates := []string{e.Text("title"), e.Text("alertname"), e.Text("run")}
	if e.Subject != nil {
		candidates = append(candidates, e.Subject.Name)
	}
	for _, c := range append(candidates, e.Text("suite"), string(e.Type)) {
		if c = oneLine(begin(c, 32*maxTitle)); visible(c) {
			return c
		}
	}
	return "(no title)"
}

// facts are at most ten short facts of an event.
func facts(e *event.Event) []string {
	var out []string
	add := func(name, value string) {
		if visible(value) && len(out) < maxFacts {
			out = append(out, fmt.Sprintf("*%s*\n%s", name, value))
		}
	}
	text := func(key string) string { return short(e.Text(key), maxField) }
	switch e.Type {
	case v1alpha1.EventTestRunCompleted:
		add("Result", text("result"))
		add("Before", text("previousResult"))
		for _, count := range []struct{ name, key string }{{"Passed", "passed"}, {"Failed", "failed"}, {"Skipped", "skipped"}, {"Total", "total"}} {
			add(count.name, number(e.Data[count.key]))
		}
		add("Duration", duration(e.Data["durationSeconds"]))
	case v1alpha1.EventDefectStateChanged:
		add("State", change(stateName(e.Text("previousState")), stateName(e.Text("state"))))
		add("By", text("changedBy"))
		add("Cause", cause(e))
	case v1alpha1.EventSystemAlertFiring:
		add("Status", "Firing since "+date(e.Time))
		add("Alert", text("alertname"))
	case v1alpha1.EventSystemAlertResolved:
		add("Status", "Resolved "+date(e.Time))
		add("Alert", text("alertname"))
	case v1alpha1.EventIntegrationUnhealthy, v1alpha1.EventIntegrationRecovered:
		if e.Subject != nil {
			add("Integration", short(e.Subject.Kind+" "+e.Subject.Namespace+"/"+e.Subject.Name, maxField))
		}
		add("Reason", text("reason"))
	}
	add("Severity", fit(string(e.Severity), maxField))
	add("Suite", text("suite"))
	add("Run", text("run"))
	add("Test case", text("testCase"))
	add("Ticket", text("ticketKey"))
	return out
}

// excerpt is the beginning of the longer text of an event, escaped; empty where there is none.
func excerpt(e *event.Event) string {
	var text string
	switch e.Type {
	case v1alpha1.EventTestRunCompleted:
		text = e.Text("reason") + "\n" + e.Text("resultError")
	case v1alpha1.EventIntegrationUnhealthy, v1alpha1.EventIntegrationRecovered:
		text = e.Text("message")
	case v1alpha1.EventDefectTicketed, v1alpha1.EventDefectStateChanged: // it was told when the Defect was found
		return ""
	default:
		text = e.Text("description")
	}
	if text = strings.TrimSpace(clean(text)); !visible(text) {
		return ""
	}
	return fit(text, maxExcerpt)
}

// named is a link and what to call it.
type named struct{ name, url string }

// links are where there is more about an event, the best first.
func links(e *event.Event, o Options) []named {
	candidates := []named{
		{"Ticket", e.Text("ticketURL")}, {"Report", e.Text("reportURL")}, {"Source", e.Text("generatorURL")},
		{"Runbook", e.Text("runbookURL")}, {"Dashboard", page(e, o.DashboardURL)}, {"Alertmanager", e.Text("externalURL")},
	}
	var out []named
	for _, c := range candidates {
		if len(out) < maxLinks && link(c.url, c.name) != c.name {
			out = append(out, c)
		}
	}
	return out
}

// page is where the dashboard shows what an event is about; empty where it has no page of its own.
func page(e *event.Event, dashboard string) string {
	if dashboard == "" || e.Subject == nil || e.Subject.Kind != v1alpha1.KindDefect {
		return ""
	}
	return strings.TrimRight(dashboard, "/") + "/defects/" + url.PathEscape(e.Subject.Namespace) + "/" + url.PathEscape(e.Subject.Name)
}

func change(from, to string) string {
	if from == "" || to == "" {
		return from + to
	}
	return from + " → " + to
}

// cause says what moved a Defect.
func cause(e *event.Event) string {
	switch v1alpha1.StateChangeCause(e.Text("cause")) {
	case v1alpha1.CauseSpec:
		return "The Defect was edited"
	case v1alpha1.CauseJira:
		return "The ticket was moved"
	case v1alpha1.CauseRegression:
		return "It occurred again"
	default:
		return ""
	}
}

// asFloat is a number of an event's data, which is a float64 once it was stored.
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

// number is a number in at most 32 characters, or empty.
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

// duration is a number of seconds as people say it; empty for what is none.
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

const unknownTime = "an unknown time"

// date is a time that Slack shows in its reader's zone, see
// https://docs.slack.dev/messaging/formatting-message-text#date-formatting.
func date(t time.Time) string {
	if t.Unix() <= 0 || t.Year() > 9999 {
		return unknownTime
	}
	return fmt.Sprintf("<!date^%d^{date_short_pretty} {time_secs}|%s>", t.Unix(), t.UTC().Format("2006-01-02 15:04:05 UTC"))
}
