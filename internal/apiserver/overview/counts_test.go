// SPDX-License-Identifier: Apache-2.0

package overview

import (
	"fmt"
	"slices"
	"testing"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view/viewtest"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
)

// TestCountsAreOfTheirVisibility reads the same summary as callers with different permissions, one after another.
func TestCountsAreOfTheirVisibility(t *testing.T) {
	m := newModel()
	m.Slack.Put(viewtest.Slack("slack", true))
	m.Notifications.Put(viewtest.Notification("qa", "n", "", v1alpha1.ReasonRejected, viewtest.Noon))
	d := &v1alpha1.Defect{ObjectMeta: viewtest.Meta("qa", "d"), Spec: v1alpha1.DefectSpec{Severity: v1alpha1.SeverityLow}}
	condition.False(d, v1alpha1.ConditionNotified, v1alpha1.ReasonNotDelivered, "1 of 1 notification was not delivered") // no need of its own
	m.Defects.Put(d)
	for _, c := range []struct {
		see       view.Visibility
		attention []string
		defects   bool
		hours     int
	}{
		{everything, []string{"Notification/qa/n"}, true, 24},
		{view.Visibility{Defects: true}, nil, true, 0},
		{view.Visibility{Slack: true}, nil, false, 0},
		{view.Visibility{Slack: true, Notifications: true}, []string{"Notification/qa/n"}, false, 24},
		{everything, []string{"Notification/qa/n"}, true, 24},
	} {
		got := m.Summary(t.Context(), "qa", c.see, viewtest.Noon)
		var attention []string
		for _, n := range got.Attention {
			attention = append(attention, n.Object)
		}
		hours := 0
		for _, i := range got.Integrations {
			hours = len(i.Hours)
		}
		if !slices.Equal(attention, c.attention) || (got.Defects != nil) != c.defects || hours != c.hours {
			t.Errorf("%+v: got %q, Defects: %v, %d hours; want %+v", c.see, attention, got.Defects != nil, hours, c)
		}
	}
}

func TestCountCache(t *testing.T) {
	var c countCache
	counted := 0
	get := func(namespace string, version uint64) {
		c.get(countKey{kind: view.KindJob, namespace: namespace}, version, viewtest.Noon, func() counts { counted++; return counts{} })
	}
	get("a", 1)
	get("a", 1)
	if counted != 1 {
		t.Errorf("counted %d times, want once: nothing changed", counted)
	}
	if get("a", 2); counted != 2 {
		t.Errorf("counted %d times, want twice: an object changed", counted)
	}
	for i := range 3 * maxCounts {
		get(fmt.Sprint(i), 1)
	}
	if len(c.all) > maxCounts {
		t.Errorf("%d are kept, more than %d", len(c.all), maxCounts)
	}
}
