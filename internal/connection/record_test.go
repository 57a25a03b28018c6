package connection_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
)

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}

// TestRecordIsWrittenAtIntervals makes sure that the integration is enqueued once for many changes.
func TestRecordIsWrittenAtIntervals(t *testing.T) {
	inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
		record := r.conn.Record
		old := v1alpha1.Health{LastError: "old", Activities: []v1alpha1.Activity{{Object: "old"}}}
		record.Add("PostMessage", "first", "", nil)
		record.Load(old, 10, 2)
		record.Load(old, 10, 2)
		h, _, _ := record.Snapshot()
		if len(h.Activities) != 2 || h.Activities[0].Object != "first" || h.Activities[1].Object != "old" || h.LastError != "old" {
			t.Errorf("after Load: %+v", h)
		}
		for i := range 100 {
			var err error
			if i%10 == 0 {
				err = errors.New("no")
			}
			record.Add("PostMessage", fmt.Sprint(i), "", err)
		}
		record.Add("AnotherAction", "99", "", nil)
		record.Add("AnotherAction", "99", "", errors.New("no"))
		pass(4999 * time.Millisecond)
		if n := r.integrationCount(); n != 0 {
			t.Errorf("enqueued %d times before 5 s", n)
		}
		pass(time.Millisecond)
		if n := r.integrationCount(); n != 1 {
			t.Errorf("enqueued %d times after 5 s, want once", n)
		}
		h, succeeded, failed := record.Snapshot()
		if succeeded != 101 || failed != 13 || len(h.Activities) != v1alpha1.MaxActivities || h.Activities[0].Object != "99" {
			t.Errorf("succeeded %d, failed %d, %d activities, first %v", succeeded, failed, len(h.Activities), h.Activities[0])
		}
		record.Add("PostMessage", "again", "", nil)
		pass(5 * time.Second)
		if n := r.integrationCount(); n != 2 {
			t.Errorf("enqueued %d times, want twice", n)
		}
	})
}

func TestRecordDetails(t *testing.T) {
	inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
		record := r.conn.Record
		long := strings.Repeat("x", 1025)
		begin := metav1.Now()
		record.Add("PostMessage", "a", long, nil)
		pass(time.Minute)
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
		pass(time.Minute)
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
	inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
		old := v1alpha1.Health{Activities: make([]v1alpha1.Activity, v1alpha1.MaxActivities)}
		r.conn.Record.Add("PostMessage", "new", "", nil)
		r.conn.Record.Load(old, 0, 0)
		if h, _, _ := r.conn.Record.Snapshot(); len(h.Activities) != v1alpha1.MaxActivities || h.Activities[0].Object != "new" {
			t.Errorf("%d activities, first %+v", len(h.Activities), h.Activities[0])
		}
	})
}

// TestHistoryProbes makes sure that a readable channel is probed once, and an unreadable one again after 10 minutes.
func TestHistoryProbes(t *testing.T) {
	inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
		record := r.conn.Record
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
			before := r.integrationCount()
			record.RecordHistoryProbe(channel, readable)
			pass(5 * time.Second)
			if changed := r.integrationCount() > before; changed != changes {
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
		pass(10*time.Minute - 15*time.Second - 1)
		wantDue()
		pass(1)
		wantDue("#bad")
		wantDue()
		report("#bad", true, true)
		if got := record.UnreadableChannel(); got != "" {
			t.Errorf("unreadable: %q", got)
		}
		pass(time.Hour)
		wantDue()
	})
}

// TestHistoryProbesAreBounded makes sure that a record holds 100 channels.
func TestHistoryProbesAreBounded(t *testing.T) {
	inBubble(t, connection.Limits{}, func(t *testing.T, r *rig) {
		record := r.conn.Record
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
		pass(5 * time.Second)
		before := r.integrationCount()
		record.RecordHistoryProbe("another", false)
		pass(5 * time.Second)
		if n := r.integrationCount() - before; n != 0 {
			t.Errorf("enqueued %d times for a channel that was not recorded", n)
		}
	})
}
