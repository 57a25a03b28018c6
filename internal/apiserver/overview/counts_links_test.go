// SPDX-License-Identifier: Apache-2.0

package overview

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/page"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view/viewtest"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
)

// TestCountsAreLists compares each count of the summary with the list that pages link it to.
func TestCountsAreLists(t *testing.T) {
	cluster := viewtest.NewCluster()
	m := modelOf(cluster)
	main := viewtest.Slack("main", true)
	main.Status.Activities = []v1alpha1.Activity{ // attempts, which are no deliveries
		{Time: metav1.NewTime(viewtest.Noon), Outcome: v1alpha1.OutcomeFailed, Action: "PostMessage", Object: "Notification/qa/gone"},
		{Time: metav1.NewTime(viewtest.Noon), Outcome: v1alpha1.OutcomeFailed, Action: "Test"},
	}
	m.Slack.Put(main)
	for at, n := range []*v1alpha1.Notification{
		viewtest.Notification("qa", "", "qa/main", v1alpha1.ReasonRejected, viewtest.Noon),
		viewtest.Notification("qa", "", "qa/main", v1alpha1.ReasonRejected, viewtest.Noon.Add(-time.Hour)),
		viewtest.Notification("qa", "", "", v1alpha1.ReasonExpired, viewtest.Noon),
		viewtest.Notification("qa", "", "qa/main", v1alpha1.ReasonRejected, viewtest.Noon.Add(-30*time.Hour)),
		viewtest.Notification("qa", "", "qa/main", v1alpha1.ReasonMuted, viewtest.Noon),
		viewtest.Notification("qa", "", "qa/main", v1alpha1.ReasonDigested, viewtest.Noon),
		viewtest.Notification("prod", "", "qa/main", v1alpha1.ReasonRejected, viewtest.Noon),
	} {
		n.Name = fmt.Sprint("n-", at)
		m.Notifications.Put(n)
		cluster.Put(n)
	}
	for at, reason := range []string{v1alpha1.ReasonInvalid, v1alpha1.ReasonInvalid, v1alpha1.ReasonUnauthorized, ""} {
		d := &v1alpha1.Defect{ObjectMeta: viewtest.Meta("qa", fmt.Sprint("d-", at))}
		if reason != "" {
			condition.NotReady(d, condition.Stalled, reason, "why")
			condition.Get(d, v1alpha1.ConditionStalled).LastTransitionTime = metav1.NewTime(viewtest.Noon)
		}
		m.Defects.Put(d)
		cluster.Put(d)
	}

	got := summed(m, "qa")
	see := view.Visibility{Notifications: true, Slack: true, Jira: true}
	logged := func(f view.LogFilter) int {
		t.Helper()
		f.Since = got.Since
		list, err := m.ListLogs(t.Context(), view.LogQuery{Namespace: "qa", See: see, LogFilter: f, Params: page.Params{Limit: 50},
			ListsSlack: func(string) bool { return true }})
		if err != nil {
			t.Fatal(err)
		}
		return list.Total
	}
	failed := 0
	for _, h := range got.Integrations[0].Hours {
		failed += h.Failed
	}
	listed := logged(view.LogFilter{Kind: "Notification", Outcome: "Failed", Integration: "SlackIntegration/qa/main"})
	if failed != 3 || listed != failed {
		t.Errorf("%d failures lead to a list of %d, want 3", failed, listed)
	}
	if len(got.Attention) != 4 {
		t.Errorf("the needs are %v, want 4", got.Attention)
	}
	for _, need := range got.Attention {
		listed := 0
		if need.Condition == v1alpha1.ConditionDelivered {
			listed = logged(view.LogFilter{Kind: "Notification", Outcome: "Failed", Reason: need.Reason, Detail: need.Message})
		} else {
			list, err := m.ListDefects(t.Context(), view.DefectQuery{Namespace: "qa", Params: page.Params{Limit: 50},
				DefectFilter: view.DefectFilter{Reason: need.Reason, Detail: need.Message}})
			if err != nil {
				t.Fatal(err)
			}
			listed = list.Total
		}
		if listed != need.Count {
			t.Errorf("%d objects with %s lead to a list of %d", need.Count, need.Reason, listed)
		}
	}
}
