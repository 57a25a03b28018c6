// SPDX-License-Identifier: Apache-2.0

package web

import "fmt"

// badge is a word with a colour and a shape.
type badge struct {
	// Tone is good, warn, bad, calm, off or a severity; Icon names a symbol of the layout.
	Tone, Icon, Text string
}

// badgeOf returns the badge of a word of the API, such as a status, an outcome, a state or a severity.
func badgeOf(word any) badge {
	name := fmt.Sprint(word)
	b, known := badges[name]
	if !known {
		b = badge{Tone: "calm", Icon: "dot"}
	}
	if b.Text == "" {
		b.Text = Words(name)
	}
	return b
}

var badges = map[string]badge{
	// The status of an integration.
	"healthy":      {"good", "tick", "Healthy"},
	"unverified":   {"off", "ring", "Not verified"},
	"degraded":     {"warn", "warn", "Degraded"},
	"error":        {"bad", "cross", "Error"},
	"disabled":     {"off", "dash", "Suspended"},
	"checking":     {"off", "clock", "Checking"},
	"unconfigured": {"off", "dash", "Not configured"},

	// The outcome of a delivery, a test or a run.
	"Succeeded": {"good", "tick", ""},
	"Failed":    {"bad", "cross", ""},
	"Pending":   {"warn", "clock", ""},
	"Muted":     {"off", "dash", ""},
	"Digested":  {"off", "dash", ""},
	"Running":   {"calm", "clock", ""},
	"Passed":    {"good", "tick", ""},

	// The status of a condition.
	"True":    {"good", "tick", "Yes"},
	"False":   {"bad", "cross", "No"},
	"Unknown": {"warn", "clock", ""},

	// The state of a Defect.
	"Open":       {"calm", "ring", ""},
	"InProgress": {"warn", "half", ""},
	"Resolved":   {"good", "tick", ""},
	"Closed":     {"off", "disc", ""},

	// Severities.
	"Critical": {"critical", "sev4", ""},
	"High":     {"high", "sev3", ""},
	"Medium":   {"medium", "sev2", ""},
	"Low":      {"low", "sev1", ""},

	// The state of a rule.
	"Ready":     {"good", "tick", ""},
	"NotReady":  {"bad", "cross", "Not ready"},
	"Suspended": {"off", "dash", ""},

	// What became of a file.
	"Attached": {"good", "tick", ""},
	"Waiting":  {"warn", "clock", ""},
	"Withheld": {"off", "dash", ""},
	"Refused":  {"bad", "cross", ""},
	"Missing":  {"bad", "cross", ""},
	"Expired":  {"off", "dash", ""},

	// The result of a dry run.
	"matches": {"good", "tick", "Matches"},
	"differs": {"off", "dash", "Does not match"},
}
