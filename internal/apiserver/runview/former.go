// SPDX-License-Identifier: Apache-2.0

package runview

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// former is a run whose Job was deleted, as a Notification about it has it.
type former struct {
	*v1alpha1.Notification
	subject *v1alpha1.EventSubject
}

// former returns the runs of a namespace, of all when it is empty, that ended and whose Jobs were deleted.
func (m *Model) former(namespace string) []*former {
	known := map[string]bool{}
	var out []*former
	for _, row := range m.Notifications.Newest() {
		n := row.Run
		if n == nil || namespace != "" && n.Namespace != namespace {
			continue
		}
		s := n.Subject()
		if s.UID == "" || known[s.UID] || n.Labels[v1alpha1.SuiteLabel] == "" {
			continue
		}
		known[s.UID] = true // several rules may announce a run
		if j, exists := m.Runs.Get(types.NamespacedName{Namespace: n.Namespace, Name: s.Name}); exists && string(j.UID) == s.UID {
			continue
		}
		out = append(out, &former{n, s})
	}
	return out
}

// state returns how the run ended. The event of a run has a severity if it failed.
func (f *former) state() string {
	if f.Spec.Event.Severity != "" {
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
		Namespace: f.Namespace, Name: f.subject.Name, Suite: f.Labels[v1alpha1.SuiteLabel], State: f.state(), Deleted: true,
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
