package render

import (
	"strings"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

var (
	severityEmoji = map[v1alpha1.Severity]string{
		v1alpha1.SeverityCritical: ":red_circle:", v1alpha1.SeverityHigh: ":large_orange_circle:",
		v1alpha1.SeverityMedium: ":large_yellow_circle:", v1alpha1.SeverityLow: ":large_blue_circle:",
	}
	severityColor = map[v1alpha1.Severity]string{
		v1alpha1.SeverityCritical: "#d32f2f", v1alpha1.SeverityHigh: "#f57c00", v1alpha1.SeverityMedium: "#fbc02d", v1alpha1.SeverityLow: "#1976d2",
	}
)

const (
	green = "#2e7d32"
	red   = "#d32f2f"
	amber = "#f57c00"
	grey  = "#757575"
	blue  = "#1976d2"
)

// look is how an event shows itself at first sight.
type look struct{ emoji, what, color string }

var good = look{emoji: ":white_check_mark:", color: green}

func (l look) says(what string) look {
	l.what = what
	return l
}

// bySeverity gives the look of a severity, where the event has one.
func (l look) bySeverity(s v1alpha1.Severity) look {
	if severityEmoji[s] != "" {
		l.emoji, l.color = severityEmoji[s], severityColor[s]
	}
	return l
}

// lookOf is the headline, emoji and colour of an event.
func lookOf(e *event.Event) look {
	switch e.Type {
	case v1alpha1.EventTestRunCompleted:
		return lookOfRun(e.Text("result"))
	case v1alpha1.EventDefectCreated:
		return look{":mag:", "Defect found", grey}.bySeverity(e.Severity)
	case v1alpha1.EventDefectTicketed:
		return look{":ticket:", "Ticket created", grey}.bySeverity(e.Severity)
	case v1alpha1.EventDefectStateChanged:
		return lookOfState(e, "reopened")
	case v1alpha1.EventEdgeCaseDiscovered:
		return look{":mag:", "Edge case discovered", grey}.bySeverity(e.Severity)
	case v1alpha1.EventSystemAlertFiring:
		return look{":rotating_light:", "Alert firing", amber}.bySeverity(e.Severity)
	case v1alpha1.EventSystemAlertResolved:
		return good.says("Alert resolved")
	case v1alpha1.EventIntegrationUnhealthy:
		return look{":warning:", "Integration unhealthy", amber}.bySeverity(e.Severity)
	case v1alpha1.EventIntegrationRecovered:
		return good.says("Integration recovered")
	default:
		return look{":information_source:", "Event", grey}.bySeverity(e.Severity)
	}
}

func lookOfRun(result string) look {
	switch strings.ToLower(result) {
	case "passed", "succeeded", "success":
		return good.says("Test run passed")
	case "failed", "failure", "error", "deadlineexceeded", "timedout":
		return look{":x:", "Test run failed", red}
	default:
		return look{":checkered_flag:", "Test run completed", grey}
	}
}

// lookOfState is the look of a Defect in its state. open says what it is to be Open.
func lookOfState(e *event.Event, open string) look {
	noun := "Defect"
	if e.Type == v1alpha1.EventEdgeCaseDiscovered || e.Text("category") == string(v1alpha1.CategoryEdgeCase) {
		noun = "Edge case"
	}
	switch v1alpha1.State(e.Text("state")) {
	case v1alpha1.StateResolved:
		return good.says(noun + " resolved")
	case v1alpha1.StateClosed:
		return good.says(noun + " closed")
	case v1alpha1.StateInProgress:
		return look{":hammer_and_wrench:", noun + " in progress", blue}
	}
	if regressed(e) {
		return look{":rotating_light:", noun + " is back", red}.bySeverity(e.Severity)
	}
	return look{":mag:", noun + " " + open, grey}.bySeverity(e.Severity)
}

// regressed says whether an event is that a Defect occurred again after it was resolved.
func regressed(e *event.Event) bool { return e.Text("cause") == string(v1alpha1.CauseRegression) }

// stateName is a state in words; empty for what is none.
func stateName(s string) string {
	switch v1alpha1.State(s) {
	case v1alpha1.StateOpen, v1alpha1.StateResolved, v1alpha1.StateClosed:
		return strings.ToLower(s)
	case v1alpha1.StateInProgress:
		return "in progress"
	default:
		return ""
	}
}

// rank orders events by how bad they are: by severity, and what has none by how it looks.
func rank(e *event.Event) int {
	switch l := lookOf(e); {
	case e.Severity.Rank() > 0 && l.color != green:
		return e.Severity.Rank() + 1
	case l.color == red || l.color == amber:
		return 1
	default:
		return 0
	}
}
