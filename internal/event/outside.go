// SPDX-License-Identifier: Apache-2.0

package event

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// OutsideRun is a run that is no Job, as the CloudEvent about it has it.
type OutsideRun struct {
	Suite, Name string
	Failed      bool
}

// runName matches the names that a run from outside may have: they are parts of addresses.
var runName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?$`)

// OutsideRunOf returns the run from outside that an event is about, and whether there is one.
func OutsideRunOf(e *Event) (OutsideRun, bool) {
	out := OutsideRun{Suite: cmp.Or(e.Labels[v1alpha1.SuiteLabel], e.Text("suite")), Name: e.Text("run")}
	if e.Type != v1alpha1.EventTestRunCompleted || e.Subject != nil || out.Suite == "" || !runName.MatchString(out.Name) {
		return OutsideRun{}, false
	}
	failed, _ := e.Data["failed"].(float64)
	out.Failed = failed > 0 || strings.EqualFold(e.Text("result"), Failed) || e.Text("result") == "" && e.Severity != ""
	return out, true
}
