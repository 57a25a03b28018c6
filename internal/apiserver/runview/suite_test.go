// SPDX-License-Identifier: Apache-2.0

package runview

import (
	"maps"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view/viewtest"
)

var booking = types.NamespacedName{Namespace: "qa", Name: "booking"}

func cronJob(name, schedule string) *batchv1.CronJob {
	c := &batchv1.CronJob{ObjectMeta: viewtest.Meta("qa", name), Spec: batchv1.CronJobSpec{Schedule: schedule}}
	c.Labels = map[string]string{v1alpha1.SuiteLabel: "booking"}
	return c
}

func TestNextRun(t *testing.T) {
	for name, c := range map[string]struct {
		schedule, zone string
		suspended      bool
		want           string
	}{
		"in this hour":           {"45 * * * *", "", false, "2026-03-04T12:45:00Z"},
		"at this moment":         {"30 12 * * *", "", false, "2026-03-05T12:30:00Z"},
		"in a time zone":         {"0 3 * * *", "Europe/Berlin", false, "2026-03-05T02:00:00Z"},
		"by its name":            {"@hourly", "", false, "2026-03-04T13:00:00Z"},
		"suspended":              {"45 * * * *", "", true, ""},
		"on a day that never is": {"0 0 30 2 *", "", false, ""},
		"malformed":              {"now and then", "", false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			j := cronJob("nightly", c.schedule)
			j.Spec.Suspend = &c.suspended
			if c.zone != "" {
				j.Spec.TimeZone = &c.zone
			}
			got := ""
			if next := nextRun(j, viewtest.Noon); next != nil {
				got = next.Format(time.RFC3339)
			}
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestHistory(t *testing.T) {
	m := newFilledModel(t)
	m.Suites.Put(cronJob("nightly", "0 3 * * *"))
	m.Suites.Put(cronJob("hourly", "0 * * * *"))
	h, ok := m.History(t.Context(), booking, everything, viewtest.Noon)
	if got := names(h.Runs); !ok || got != "d Passed, c Failed, b Passed, a Failed" {
		t.Errorf("got %s, %v", got, ok)
	}
	if h.LastPassed.Name != "d" || h.FailingSince != nil || len(h.CronJobs) != 2 || !h.NextRunTime.Equal(viewtest.Noon.Add(30*time.Minute)) {
		t.Errorf("got %+v", h)
	}
	fewer, ok := m.History(t.Context(), booking, view.Visibility{Runs: true}, viewtest.Noon)
	if got := names(fewer.Runs); !ok || got != "d Passed, c Failed" || fewer.CronJobs != nil {
		t.Errorf("a caller with fewer rights sees %s and %v", got, fewer.CronJobs)
	}
	if _, ok := m.History(t.Context(), types.NamespacedName{Namespace: "qa", Name: "greeting"}, everything, viewtest.Noon); ok {
		t.Error("a suite that nobody knows is known")
	}
	d := &v1alpha1.Defect{ObjectMeta: viewtest.Meta("qa", "hangs-up"), Spec: v1alpha1.DefectSpec{Suite: "greeting"}}
	m.Defects.Put(d) // its page links to its suite
	greeting := types.NamespacedName{Namespace: "qa", Name: "greeting"}
	if h, ok := m.History(t.Context(), greeting, everything, viewtest.Noon); !ok || len(h.Runs) > 0 {
		t.Errorf("the suite of a Defect: got %+v, %v", h, ok)
	}
	if _, ok := m.History(t.Context(), greeting, view.Visibility{Runs: true}, viewtest.Noon); ok {
		t.Error("a caller learns of a Defect that they may not list")
	}
}

// TestSinceGreen covers a suite that does not pass any more.
func TestSinceGreen(t *testing.T) {
	m := newFilledModel(t)
	m.Runs.Put(ended("e", 50, `{"passed":2,"failed":1}`))
	m.Runs.Put(ended("f", 60, ""))
	running := ended("g", 70, `{}`)
	running.CreationTimestamp = minutes(69)
	running.Status = batchv1.JobStatus{Active: 1, StartTime: ptr.To(minutes(69))}
	m.Runs.Put(running)
	h, _ := m.History(t.Context(), booking, everything, viewtest.Noon)
	if h.LastPassed == nil || h.LastPassed.Name != "d" || h.FailingSince == nil || !h.FailingSince.Equal(minutes(50).Time) {
		t.Errorf("last passed %v, failing since %v", h.LastPassed, h.FailingSince)
	}
}

// TestListSuites shows the newest run of a suite, also when its Job was deleted.
func TestListSuites(t *testing.T) {
	m := newFilledModel(t)
	m.Suites.Put(cronJob("nightly", "0 3 * * *"))
	list := m.ListSuites(t.Context(), Scope{"qa", everything}, viewtest.Noon)
	if len(list) != 1 || list[0].LastRun == nil || list[0].LastRun.Name != "d" || list[0].NextRunTime == nil {
		t.Errorf("got %+v", list)
	}
	for _, j := range m.Runs.In("qa") {
		m.Runs.Delete(j)
	}
	list = m.ListSuites(t.Context(), Scope{"qa", everything}, viewtest.Noon)
	if len(list) != 1 || list[0].LastRun == nil || list[0].LastRun.Name != "d" || !list[0].LastRun.Deleted {
		t.Errorf("got %+v", list)
	}
	if list = m.ListSuites(t.Context(), Scope{"qa", view.Visibility{Suites: true}}, viewtest.Noon); list[0].LastRun != nil {
		t.Errorf("a caller who may not list Jobs sees %v", list[0].LastRun)
	}
}

// TestLatest bounds the suites and the runs of each, and counts those whose Jobs were deleted.
func TestLatest(t *testing.T) {
	m := newFilledModel(t)
	greeting := ended("x", 5, `{"passed":1,"failed":0}`)
	greeting.Labels[v1alpha1.SuiteLabel] = "greeting"
	m.Runs.Put(greeting)
	for name, c := range map[string]struct {
		bounds Bounds
		see    view.Visibility
		want   string
	}{
		"all":                   {Bounds{9, 9}, everything, "booking: d Passed, c Failed, b Passed, a Failed; greeting: x Passed; "},
		"two runs":              {Bounds{9, 2}, everything, "booking: d Passed, c Failed; greeting: x Passed; "},
		"one suite":             {Bounds{1, 9}, everything, "booking: d Passed, c Failed, b Passed, a Failed; "},
		"without Notifications": {Bounds{9, 9}, view.Visibility{Runs: true}, "booking: d Passed, c Failed; greeting: x Passed; "},
	} {
		latest := m.Latest(Scope{"qa", c.see}, c.bounds)
		latest.Load(t.Context())
		got := ""
		for _, s := range latest.Suites() {
			got += s.Suite + ": " + names(s.Runs) + "; "
		}
		if got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

// TestDue checks when the runs of CronJobs are due: after the last one or, before the first, after the creation.
func TestDue(t *testing.T) {
	ran := cronJob("ran", "*/30 * * * *")
	ran.Status.LastScheduleTime = &metav1.Time{Time: viewtest.Noon.Add(-30 * time.Minute)}
	created := cronJob("new", "0 * * * *")
	created.CreationTimestamp = metav1.NewTime(viewtest.Noon.Add(10 * time.Minute))
	suspended := cronJob("on-demand", "0 * * * *")
	suspended.Spec.Suspend = ptr.To(true)
	m := newModel()
	for _, c := range []*batchv1.CronJob{ran, created, suspended} {
		m.Suites.Put(c)
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(m.Metrics())
	families, err := registry.Gather()
	if err != nil || len(families) != 1 {
		t.Fatalf("%v, %v", families, err)
	}
	got := map[string]float64{}
	for _, metric := range families[0].GetMetric() {
		got[metric.GetLabel()[0].GetValue()] = metric.GetGauge().GetValue()
	}
	want := map[string]float64{
		"ran": float64(viewtest.Noon.Unix()), "new": float64(viewtest.Noon.Add(30 * time.Minute).Unix()),
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
