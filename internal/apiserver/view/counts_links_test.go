package view

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/page"
)

// TestCountsAreLists compares each count of the summary with the list that pages link it to.
func TestCountsAreLists(t *testing.T) {
	m := newModel()
	main := slackNamed("main", true)
	main.Status.Activities = []v1alpha1.Activity{ // attempts, which are no deliveries
		{Time: metav1.NewTime(noon), Outcome: v1alpha1.OutcomeFailed, Action: "PostMessage", Object: "Notification/qa/gone"},
		{Time: metav1.NewTime(noon), Outcome: v1alpha1.OutcomeFailed, Action: "Test"},
	}
	m.Slack.Put(main)
	for at, n := range []*v1alpha1.Notification{
		notificationOf("qa", "", "qa/main", v1alpha1.ReasonRejected, noon),
		notificationOf("qa", "", "qa/main", v1alpha1.ReasonRejected, noon.Add(-time.Hour)),
		notificationOf("qa", "", "", v1alpha1.ReasonExpired, noon),
		notificationOf("qa", "", "qa/main", v1alpha1.ReasonRejected, noon.Add(-30*time.Hour)),
		notificationOf("qa", "", "qa/main", v1alpha1.ReasonMuted, noon),
		notificationOf("qa", "", "qa/main", v1alpha1.ReasonDigested, noon),
		notificationOf("prod", "", "qa/main", v1alpha1.ReasonRejected, noon),
	} {
		n.Name = fmt.Sprint("n-", at)
		m.Notifications.Put(n)
	}
	for at, reason := range []string{v1alpha1.ReasonInvalid, v1alpha1.ReasonInvalid, v1alpha1.ReasonUnauthorized, ""} {
		d := &v1alpha1.Defect{ObjectMeta: metaOf("qa", fmt.Sprint("d-", at))}
		if reason != "" {
			d.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionStalled, Status: metav1.ConditionTrue, Reason: reason,
				Message: "why", LastTransitionTime: metav1.NewTime(noon)}}
		}
		m.Defects.Put(d)
	}

	got := summed(m, "qa")
	see := Visibility{Notifications: true, Slack: true, Jira: true}
	logged := func(f LogFilter) int {
		t.Helper()
		f.Since = got.Since
		list, err := m.ListLogs(LogQuery{Namespace: "qa", See: see, LogFilter: f, Params: page.Params{Limit: 50},
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
	listed := logged(LogFilter{Kind: "Notification", Outcome: "Failed", Integration: "SlackIntegration/qa/main"})
	if failed != 3 || listed != failed {
		t.Errorf("%d failures lead to a list of %d, want 3", failed, listed)
	}
	if len(got.Attention) != 4 {
		t.Errorf("the needs are %v, want 4", got.Attention)
	}
	for _, need := range got.Attention {
		listed := 0
		if need.Condition == v1alpha1.ConditionDelivered {
			listed = logged(LogFilter{Kind: "Notification", Outcome: "Failed", Reason: need.Reason, Detail: need.Message})
		} else {
			list, err := m.ListDefects(DefectQuery{Namespace: "qa", Params: page.Params{Limit: 50},
				DefectFilter: DefectFilter{Reason: need.Reason, Detail: need.Message}})
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

// TestOutcomes checks that what was not sent, or in a digest, does not look like a message.
func TestOutcomes(t *testing.T) {
	for reason, want := range map[string]string{
		v1alpha1.ReasonSent: "Succeeded", v1alpha1.ReasonMuted: "Muted", v1alpha1.ReasonDigested: "Digested",
		v1alpha1.ReasonRejected: "Failed", v1alpha1.ReasonExpired: "Failed", v1alpha1.ReasonRetrying: "Pending",
	} {
		if got := outcomeOf(notificationOf("qa", "n", "", reason, noon)); got != want {
			t.Errorf("%s: got %s, want %s", reason, got, want)
		}
	}
}

// TestDryRunsAreOfEvents checks that a digest is not taken for an event.
func TestDryRunsAreOfEvents(t *testing.T) {
	m := newModel()
	n := notificationOf("qa", "digest", "", v1alpha1.ReasonSent, noon)
	n.Spec.Members = []v1alpha1.NotificationName{"a", "b"}
	m.Notifications.Put(n)
	if _, ok, _ := m.RecentEvent("qa", func(*v1alpha1.Notification) bool { return true }); ok {
		t.Error("a digest is an event")
	}
}
