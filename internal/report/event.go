// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/history"
)

// runEventType is the type of a CloudEvent about a run.
const runEventType = "dev.voiceai.testrun.completed"

// runEvent is the CloudEvent about a run that is no Job, which people send to /api/v1/events of the REST API.
type runEvent struct {
	SpecVersion     string       `json:"specversion"`
	Type            string       `json:"type"`
	Source          string       `json:"source"`
	ID              string       `json:"id"`
	Time            time.Time    `json:"time"`
	DataContentType string       `json:"datacontenttype"`
	Data            runEventData `json:"data"`
}

type runEventData struct {
	Result
	Title          string            `json:"title"`
	Suite          string            `json:"suite"`
	Run            string            `json:"run"`
	Outcome        string            `json:"result"`
	PreviousResult string            `json:"previousResult"`
	Severity       string            `json:"severity,omitempty"`
	Labels         map[string]string `json:"labels"`
	NewDefects     int               `json:"newDefects"`
	KnownDefects   int               `json:"knownDefects"`
	FlakyDefects   int               `json:"flakyDefects"`
	FixedDefects   int               `json:"fixedDefects"`
}

// eventOf returns the CloudEvent about a run. It failed if a test did that is not in quarantine, or if the command did for
// another reason.
func (o *Options) eventOf(r Result, p *plan, code int) *runEvent {
	data := runEventData{
		Result: r, Suite: o.Suite, Run: o.RunName, Outcome: "Passed", Labels: map[string]string{v1alpha1.SuiteLabel: o.Suite},
		Title: fmt.Sprintf("%s: %d passed", o.Suite, r.Passed),
	}
	if r.Failed > 0 || code != 0 && r.Quarantined == 0 {
		data.Outcome = "Failed"
		data.Severity = string(v1alpha1.SeverityHigh)
		data.Title = fmt.Sprintf("%s: %d of %d failed", o.Suite, r.Failed, r.Total)
	}
	counts := map[history.Change]*int{
		history.New: &data.NewDefects, history.Known: &data.KnownDefects, history.Flaky: &data.FlakyDefects, history.Fixed: &data.FixedDefects,
	}
	for _, d := range p.defects {
		if n := counts[history.InRun(d, o.RunName)]; n != nil {
			*n++
		}
	}
	return &runEvent{
		SpecVersion: "1.0", Type: runEventType, Source: "report/" + o.Namespace + "/" + o.Suite, ID: o.RunName,
		Time: o.Now().UTC().Truncate(time.Second), DataContentType: "application/json", Data: data,
	}
}

// writeEvent writes the CloudEvent about a run to the file that Event names.
func (o *Options) writeEvent(r Result, p *plan, code int) error {
	raw, err := json.MarshalIndent(o.eventOf(r, p, code), "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(o.Event, append(raw, '\n'), 0o644); err != nil { //nolint:gosec // another step reads it
		return fmt.Errorf("writing the event about the run: %w", err)
	}
	return nil
}
