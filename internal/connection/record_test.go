// SPDX-License-Identifier: Apache-2.0

package connection_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
)

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
