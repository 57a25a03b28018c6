// SPDX-License-Identifier: Apache-2.0

package activity_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/activity"
)

// rig is a record that counts its changes. It runs in a synctest bubble.
type rig struct {
	record  *activity.Record
	changes int
}

// inBubble runs a test with a record in a synctest bubble.
func inBubble(t *testing.T, test func(*testing.T, *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{}
		r.record = activity.NewRecord(activity.Options{
			Clock: clock.RealClock{}, CountedAction: "PostMessage", Changed: func() { r.changes++ },
		})
		test(t, r)
	})
}

func TestRecordDetails(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		record := r.record
		long := strings.Repeat("x", 1025)
		begin := metav1.Now()
		record.Add("PostMessage", "a", long, nil)
		time.Sleep(time.Minute)
		record.RecordProbe(errors.New(long))
		h, _, failed := record.Snapshot()
		switch {
		case len(h.Activities) != 1 || failed != 0:
			t.Errorf("a probe counts: %+v, failed %d", h.Activities, failed)
		case utf8.RuneCountInString(h.Activities[0].Detail) != 1024 || utf8.RuneCountInString(h.LastError) != 1024:
			t.Errorf("detail %q, last error %q, want 1024 characters", h.Activities[0].Detail, h.LastError)
		case h.Activities[0].Outcome != v1alpha1.OutcomeSucceeded || !h.LastSuccessTime.Equal(&begin):
			t.Errorf("outcome %s, last success at %s", h.Activities[0].Outcome, h.LastSuccessTime)
		case h.LastErrorTime.Sub(begin.Time) != time.Minute:
			t.Errorf("last error at %s", h.LastErrorTime)
		}
		time.Sleep(time.Minute)
		record.RecordProbe(nil)
		record.Add("PostMessage", "b", "unused", errors.New("no"))
		h, _, _ = record.Snapshot()
		if a := h.Activities[0]; a.Outcome != v1alpha1.OutcomeFailed || a.Detail != "no" || h.LastError != "no" {
			t.Errorf("a failure: %+v", a)
		}
		if h.LastSuccessTime.Sub(begin.Time) != 2*time.Minute {
			t.Errorf("last success at %s", h.LastSuccessTime)
		}
	})
}

// TestLoadTrims makes sure that a record holds the newest activities after Load.
func TestLoadTrims(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		old := v1alpha1.Health{Activities: make([]v1alpha1.Activity, v1alpha1.MaxActivities)}
		r.record.Add("PostMessage", "new", "", nil)
		r.record.Load(old, 0, 0)
		if h, _, _ := r.record.Snapshot(); len(h.Activities) != v1alpha1.MaxActivities || h.Activities[0].Object != "new" {
			t.Errorf("%d activities, first %+v", len(h.Activities), h.Activities[0])
		}
	})
}

// TestHistoryProbes makes sure that a readable channel is probed once, and an unreadable one again after 10 minutes.
func TestHistoryProbes(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		record := r.record
		wantDue := func(want ...string) {
			t.Helper()
			var got []string
			for _, channel := range []string{"#good", "#bad"} {
				if record.ClaimHistoryProbe(channel) {
					got = append(got, channel)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("due: %v, want %v", got, want)
			}
		}
		report := func(channel string, readable, changes bool) {
			t.Helper()
			before := r.changes
			record.RecordHistoryProbe(channel, readable)
			if changed := r.changes > before; changed != changes {
				t.Errorf("%s readable %t: changed %t", channel, readable, changed)
			}
		}
		wantDue("#good", "#bad")
		wantDue()
		report("#good", true, false)
		report("#bad", false, true)
		report("#bad", false, false)
		if got := record.UnreadableChannel(); got != "#bad" {
			t.Errorf("unreadable: %q", got)
		}
		wantDue()
		time.Sleep(10*time.Minute - 1)
		wantDue()
		time.Sleep(time.Nanosecond)
		wantDue("#bad")
		wantDue()
		report("#bad", true, true)
		if got := record.UnreadableChannel(); got != "" {
			t.Errorf("unreadable: %q", got)
		}
		time.Sleep(time.Hour)
		wantDue()
	})
}

// TestHistoryProbesAreBounded makes sure that a record holds 100 channels.
func TestHistoryProbesAreBounded(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		record := r.record
		claimed := 0
		for i := range 200 {
			if record.ClaimHistoryProbe(fmt.Sprint(i)) {
				claimed++
			}
		}
		if claimed != 100 {
			t.Errorf("%d channels were probed, want 100", claimed)
		}
		for i := range 200 {
			record.RecordHistoryProbe(fmt.Sprintf("%03d", 199-i), false)
		}
		if got := record.UnreadableChannel(); got != "100" {
			t.Errorf("the first of the unreadable channels is %s, want 100", got)
		}
		before := r.changes
		record.RecordHistoryProbe("another", false)
		if n := r.changes - before; n != 0 {
			t.Errorf("%d changes for a channel that was not recorded", n)
		}
	})
}
