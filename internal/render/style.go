// SPDX-License-Identifier: Apache-2.0

package render

import (
	"strings"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

const (
	green  = "#2e7d32"
	red    = "#d32f2f"
	amber  = "#f57c00"
	yellow = "#fbc02d"
	grey   = "#757575"
	blue   = "#1976d2"
)

// look is the headline of a message and what goes with it.
type look struct{ emoji, headline, color string }

// bySeverity returns the look with the emoji and the color of a severity, if there is one.
func (l look) bySeverity(s v1alpha1.Severity) look {
	switch s {
	case v1alpha1.SeverityCritical:
		l.emoji = ":red_circle:"
		l.color = red
	case v1alpha1.SeverityHigh:
		l.emoji = ":large_orange_circle:"
		l.color = amber
	case v1alpha1.SeverityMedium:
		l.emoji = ":large_yellow_circle:"
		l.color = yellow
	case v1alpha1.SeverityLow:
		l.emoji = ":large_blue_circle:"
		l.color = blue
	}
	return l
}

// good returns the look of an event that needs no attention at any severity.
func good(headline string) look { return look{":white_check_mark:", headline, green} }

// looks has the look of each type of event in event.Types.
var looks = map[v1alpha1.EventType]func(*event.Event) look{
	v1alpha1.EventTestRunCompleted: func(e *event.Event) look { return lookOfRun(e.Text("result")) },
	v1alpha1.EventDefectCreated: func(e *event.Event) look {
		return look{":mag:", "Defect found", grey}.bySeverity(e.Severity)
	},
	v1alpha1.EventDefectTicketed: func(e *event.Event) look {
		return look{":ticket:", "Ticket created", grey}.bySeverity(e.Severity)
	},
	v1alpha1.EventDefectStateChanged: func(e *event.Event) look { return lookOfState(e, "reopened") },
	v1alpha1.EventEdgeCaseDiscovered: func(e *event.Event) look {
		return look{":mag:", "Edge case discovered", grey}.bySeverity(e.Severity)
	},
	v1alpha1.EventSystemAlertFiring: func(e *event.Event) look {
		return look{":rotating_light:", "Alert firing", amber}.bySeverity(e.Severity)
	},
	v1alpha1.EventSystemAlertResolved: func(*event.Event) look { return good("Alert resolved") },
	v1alpha1.EventIntegrationUnhealthy: func(e *event.Event) look {
		return look{":warning:", "Integration unhealthy", amber}.bySeverity(e.Severity)
	},
	v1alpha1.EventIntegrationRecovered: func(*event.Event) look { return good("Integration recovered") },
}

// lookOf returns the look of an event. An event of an unknown type has one too: a Notification may be from a newer
// version of the operator.
func lookOf(e *event.Event) look {
	if of := looks[e.Type]; of != nil {
		return of(e)
	}
	return look{":information_source:", "Event", grey}.bySeverity(e.Severity)
}

// lookOfRun returns the look of a test run with a result. CloudEvents have their own words for it.
func lookOfRun(result string) look {
	switch strings.ToLower(result) {
	case "passed", "succeeded", "success":
		return good("Test run passed")
	case "failed", "failure", "error", "deadlineexceeded", "timedout":
		return look{":x:", "Test run failed", red}
	default:
		return look{":checkered_flag:", "Test run completed", grey}
	}
}

// lookOfState returns the look of a Defect in its state. open is the word for the state Open.
func lookOfState(e *event.Event, open string) look {
	noun := "Defect"
	if e.Type == v1alpha1.EventEdgeCaseDiscovered || e.Text("category") == string(v1alpha1.CategoryEdgeCase) {
		noun = "Edge case"
	}
	switch v1alpha1.State(e.Text("state")) {
	case v1alpha1.StateResolved:
		return good(noun + " resolved")
	case v1alpha1.StateClosed:
		return good(noun + " closed")
	case v1alpha1.StateInProgress:
		return look{":hammer_and_wrench:", noun + " in progress", blue}
	}
	if isRegression(e) {
		return look{":rotating_light:", noun + " is back", red}.bySeverity(e.Severity)
	}
	return look{":mag:", noun + " " + open, grey}.bySeverity(e.Severity)
}

// isRegression reports whether an event is that a Defect occurred again after it was resolved.
func isRegression(e *event.Event) bool { return e.Text("cause") == string(v1alpha1.CauseRegression) }

// stateName returns a state in words; empty for any other text.
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

// rank orders events by how bad they are: by severity, and those without one by their color.
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
