package condition_test

import (
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
)

// TestSayingTheSame makes sure that an object that waits is not written again and again.
func TestSayingTheSame(t *testing.T) {
	for name, say := range map[string]func(condition.Object){
		"ready":       func(o condition.Object) { condition.Ready(o, "Done", "It is done") },
		"reconciling": func(o condition.Object) { condition.NotReady(o, condition.Reconciling, "Waiting", "It waits") },
		"stalled":     func(o condition.Object) { condition.NotReady(o, condition.Stalled, "Wrong", "It is wrong") },
		"resting":     func(o condition.Object) { condition.NotReady(o, condition.Resting, "Suspended", "It rests") },
	} {
		t.Run(name, func(t *testing.T) {
			d := &v1alpha1.Defect{}
			say(d)
			long := metav1.NewTime(time.Now().Add(-time.Hour))
			for i := range d.Status.Conditions {
				d.Status.Conditions[i].LastTransitionTime = long
			}
			before := slices.Clone(d.Status.Conditions)
			say(d)
			if !slices.Equal(before, d.Status.Conditions) {
				t.Errorf("got %+v, want what was there, %+v", d.Status.Conditions, before)
			}
		})
	}
}

func TestProgress(t *testing.T) {
	d := &v1alpha1.Defect{}
	types := func() (out []string) {
		for _, c := range d.Status.Conditions {
			out = append(out, c.Type+"="+string(c.Status))
		}
		return out
	}
	for _, step := range []struct {
		say  func()
		want []string
	}{
		{func() { condition.NotReady(d, condition.Reconciling, "A", "a") }, []string{"Ready=False", "Reconciling=True"}},
		{func() { condition.NotReady(d, condition.Stalled, "B", "b") }, []string{"Ready=False", "Stalled=True"}},
		{func() { condition.NotReady(d, condition.Resting, "C", "c") }, []string{"Ready=False"}},
		{func() { condition.NotReady(d, condition.Reconciling, "D", "d") }, []string{"Ready=False", "Reconciling=True"}},
		{func() { condition.Ready(d, "E", "e") }, []string{"Ready=True"}},
	} {
		step.say()
		if got := types(); !slices.Equal(got, step.want) {
			t.Errorf("got %v, want %v", got, step.want)
		}
	}
}
