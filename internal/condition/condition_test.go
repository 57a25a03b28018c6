// SPDX-License-Identifier: Apache-2.0

package condition_test

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
)

// TestUnchangedSummary makes sure that an object that waits is not written again and again.
func TestUnchangedSummary(t *testing.T) {
	for name, summarise := range map[string]func(condition.Object){
		"ready":       func(o condition.Object) { condition.Ready(o, "Done", "It is done") },
		"reconciling": func(o condition.Object) { condition.NotReady(o, condition.Reconciling, "Waiting", "It waits") },
		"stalled":     func(o condition.Object) { condition.NotReady(o, condition.Stalled, "Wrong", "It is wrong") },
		"suspended":   func(o condition.Object) { condition.NotReady(o, condition.Suspended, "Suspended", "It rests") },
	} {
		t.Run(name, func(t *testing.T) {
			d := &v1alpha1.Defect{}
			summarise(d)
			earlier := metav1.NewTime(time.Now().Add(-time.Hour))
			for i := range d.Status.Conditions {
				d.Status.Conditions[i].LastTransitionTime = earlier
			}
			before := slices.Clone(d.Status.Conditions)
			summarise(d)
			if !slices.Equal(before, d.Status.Conditions) {
				t.Errorf("got %+v, want the same as before, %+v", d.Status.Conditions, before)
			}
		})
	}
}

func TestProgress(t *testing.T) {
	d := &v1alpha1.Defect{}
	d.Generation = 7
	conditions := func() (out []string) {
		for _, c := range d.Status.Conditions {
			if c.ObservedGeneration != 7 {
				t.Errorf("%s observed generation %d, want 7", c.Type, c.ObservedGeneration)
			}
			out = append(out, c.Type+"="+string(c.Status)+"/"+c.Reason+"/"+c.Message)
		}
		return out
	}
	for _, step := range []struct {
		summarise func()
		want      []string
	}{
		{func() { condition.NotReady(d, condition.Reconciling, "A", "a") }, []string{"Ready=False/A/a", "Reconciling=True/A/a"}},
		{func() { condition.NotReady(d, condition.Stalled, "B", "b") },
			[]string{"Ready=False/B/b", "Stalled=True/B/b. See " + troubleshooting + "b"}},
		{func() { condition.NotReady(d, condition.Suspended, "C", "c") }, []string{"Ready=True/C/c"}},
		{func() { condition.NotReady(d, condition.Reconciling, "D", "d") }, []string{"Ready=False/D/d", "Reconciling=True/D/d"}},
		{func() { condition.Ready(d, "E", "e") }, []string{"Ready=True/E/e"}},
	} {
		step.summarise()
		if got := conditions(); !slices.Equal(got, step.want) {
			t.Errorf("got %v, want %v", got, step.want)
		}
		if d.Status.ObservedGeneration != 7 {
			t.Errorf("the status observed generation %d, want 7", d.Status.ObservedGeneration)
		}
	}
}

func TestIs(t *testing.T) {
	d := &v1alpha1.Defect{}
	condition.True(d, "A", "Yes", "")
	condition.False(d, "B", "No", "")
	condition.Unknown(d, "C", "Maybe", "")
	for _, c := range []struct {
		conditionType string
		status        metav1.ConditionStatus
		reason        string
		want          bool
	}{
		{"A", metav1.ConditionTrue, "", true},
		{"A", metav1.ConditionTrue, "Yes", true},
		{"A", metav1.ConditionTrue, "No", false},
		{"A", metav1.ConditionFalse, "", false},
		{"A", metav1.ConditionFalse, "Yes", false},
		{"B", metav1.ConditionFalse, "No", true},
		{"B", metav1.ConditionTrue, "", false},
		{"C", metav1.ConditionUnknown, "Maybe", true},
		{"D", metav1.ConditionTrue, "", false},
		{"D", metav1.ConditionUnknown, "", false},
	} {
		if got := condition.Is(d, c.conditionType, c.status, c.reason); got != c.want {
			t.Errorf("Is(%s, %s, %q): got %t, want %t", c.conditionType, c.status, c.reason, got, c.want)
		}
	}
	if condition.Get(d, "D") != nil {
		t.Error("Get returned a condition that was never set")
	}
}

// troubleshooting is where the link of a condition Stalled leads, without the reason.
const troubleshooting = "https://github.com/voiceai-dev/integrations-operator/blob/main/docs/troubleshooting.md#"

// TestStalledLinksToHelp checks that the link is whole however long the message is, and leads to the reason's place in
// the page, which test/docs checks.
func TestStalledLinksToHelp(t *testing.T) {
	for message, want := range map[string]string{
		"Add the key.":              "Add the key. See ",
		"no answer":                 "no answer. See ",
		strings.Repeat("é", 40_000): "é…. See ",
	} {
		d := &v1alpha1.Defect{}
		condition.NotReady(d, condition.Stalled, v1alpha1.ReasonSecretKeyNotFound, message)
		got := condition.Get(d, v1alpha1.ConditionStalled).Message
		if !strings.HasSuffix(got, want+troubleshooting+"secretkeynotfound") || utf8.RuneCountInString(got) > 1024 {
			t.Errorf("got %q", got)
		}
		if ready := condition.Get(d, v1alpha1.ConditionReady).Message; strings.Contains(ready, "://") {
			t.Errorf("Ready has the message %q", ready)
		}
	}
}

// TestLongMessage makes sure that a message is cut to 1,024 code points.
func TestLongMessage(t *testing.T) {
	for length, want := range map[int]int{1023: 1023, 1024: 1024, 1025: 1024, 40_000: 1024} {
		d := &v1alpha1.Defect{}
		condition.Ready(d, "Done", strings.Repeat("é", length))
		if got := utf8.RuneCountInString(d.Status.Conditions[0].Message); got != want {
			t.Errorf("a message of %d code points was stored with %d, want %d", length, got, want)
		}
	}
}
