// SPDX-License-Identifier: Apache-2.0

package runview

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// former is a run as a Notification about it has it: its Job was deleted, or it is none.
type former struct {
	*v1alpha1.Notification
	suite, name string
	// uid is that of the Job; empty for a run that is none.
	uid    string
	failed bool
}

// former returns the runs of a namespace, of all when it is empty, that ended and whose Jobs were deleted, or are none.
func (m *Model) former(namespace string) []*former {
	known := map[string]bool{}
	var out []*former
	for _, row := range m.Notifications.Newest() {
		n := row.Run
		if n == nil || namespace != "" && n.Namespace != namespace {
			continue
		}
		if known[string(n.Spec.Event.ID)] {
			continue
		}
		known[string(n.Spec.Event.ID)] = true // several rules may announce a run
		if f := formerOf(n); f != nil && !m.exists(f) {
			out = append(out, f)
		}
	}
	return out
}

// formerOf returns the run that a Notification is about; nil when its suite is not known. The event of a Job has a severity if
// that failed.
func formerOf(n *v1alpha1.Notification) *former {
	if s := n.Subject(); s != nil {
		if s.UID == "" || n.Labels[v1alpha1.SuiteLabel] == "" {
			return nil
		}
		return &former{n, n.Labels[v1alpha1.SuiteLabel], s.Name, s.UID, n.Spec.Event.Severity != ""}
	}
	e, err := event.Of(n)
	if err != nil {
		return nil
	}
	run, ok := event.OutsideRunOf(&e)
	if !ok {
		return nil
	}
	return &former{Notification: n, suite: run.Suite, name: run.Name, failed: run.Failed}
}

// exists reports whether the Job of a run exists.
func (m *Model) exists(f *former) bool {
	j, exists := m.Runs.Get(types.NamespacedName{Namespace: f.Namespace, Name: f.name})
	return exists && f.uid != "" && string(j.UID) == f.uid
}

// state returns how the run ended.
func (f *former) state() string {
	if f.failed {
		return view.RunFailed
	}
	return view.RunPassed
}

// ended returns when the run ended. When it was created is not known any more.
func (f *former) ended() time.Time { return f.Spec.Event.Time.UTC() }

// record returns the run as its event has it.
func (f *former) record() view.RunRecord {
	ended := f.ended()
	out := view.RunRecord{
		Namespace: f.Namespace, Name: f.name, Suite: f.suite, State: f.state(), Deleted: f.uid != "", Outside: f.uid == "",
		CreatedTime: ended, FinishedTime: &ended,
	}
	e, err := event.Of(f.Notification)
	if err != nil {
		return out // its delivery was refused, and its condition has the reason
	}
	out.Reason = e.Text("reason")
	out.ResultError = e.Text("resultError")
	out.Commit = e.Text("commit")
	number := func(key string) float64 { n, _ := e.Data[key].(float64); return n }
	if _, counted := e.Data["total"]; counted {
		out.Results = &view.RunResults{
			Passed: int64(number("passed")), Failed: int64(number("failed")), Skipped: int64(number("skipped")),
			Total: int64(number("total")), DurationSeconds: number("durationSeconds"), ReportURL: e.Text("reportURL"),
		}
	}
	out.DurationSeconds = number("durationSeconds")
	return out
}
