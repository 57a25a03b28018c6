package chaos_test

import (
	"encoding/json"
	"syscall"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
)

// fast is a Slack that takes everything at once, so that nothing leaves in digests.
var fast = &v1alpha1.SlackRateLimit{ChannelMessagesPerMinute: 60_000, WorkspaceMessagesPerMinute: 60_000}

// told waits until every Defect's Notification is delivered, and fails unless the channel has exactly one message for
// each that was sent alone or as a digest, and each of the others is in exactly one digest.
func (w *world) told() (digests int) {
	w.t.Helper()
	list := &v1alpha1.NotificationList{}
	err := here.Poll(w.t.Context(), "all to be told", func() (bool, error) {
		if err := cluster.List(w.t.Context(), list, client.InNamespace(w.namespace)); err != nil {
			return false, err
		}
		events := 0
		for i := range list.Items {
			n := &list.Items[i]
			if !condition.Is(n, v1alpha1.ConditionDelivered, metav1.ConditionTrue, "") {
				return false, nil
			}
			if len(n.Spec.Members) == 0 {
				events++
			}
		}
		return events == w.defects, nil
	})
	if err != nil {
		for i := range list.Items {
			if c := condition.Get(&list.Items[i], v1alpha1.ConditionDelivered); c == nil || c.Status != metav1.ConditionTrue {
				w.t.Logf("%s: %+v", list.Items[i].Name, c)
			}
		}
		w.t.Fatalf("%v: %d Notifications for %d Defects", err, len(list.Items), w.defects)
	}
	messages := map[string]int{}
	for _, m := range w.slack.Messages(slack.AlertsChannel) {
		var metadata struct {
			Payload struct {
				DeliveryID string `json:"delivery_id"`
			} `json:"event_payload"`
		}
		if err := json.Unmarshal(m.Metadata, &metadata); err != nil {
			w.t.Errorf("message %q: %v", m.Text, err)
		}
		messages[metadata.Payload.DeliveryID]++
	}
	memberOf := map[string]int{}
	for _, n := range list.Items {
		for _, m := range n.Spec.Members {
			memberOf[string(m)]++
		}
	}
	for i := range list.Items {
		n := &list.Items[i]
		want := 1
		if condition.Is(n, v1alpha1.ConditionDelivered, metav1.ConditionTrue, v1alpha1.ReasonDigested) {
			want = 0
		}
		if messages[string(n.UID)] != want || memberOf[n.Name] != 1-want && len(n.Spec.Members) == 0 {
			w.t.Errorf(
				"%s: %d messages, in %d digests: %v",
				n.Name,
				messages[string(n.UID)],
				memberOf[n.Name],
				condition.Get(n, v1alpha1.ConditionDelivered),
			)
		}
		if len(n.Spec.Members) > 0 {
			digests++
		}
		delete(messages, string(n.UID))
	}
	if len(messages) > 0 {
		w.t.Errorf("messages that no Notification accounts for: %v", messages)
	}
	return digests
}

func TestMessagesWhoseAnswersAreLost(t *testing.T) {
	w := newSlackWorld(t, fast)
	lost := func(n int64, m moment) bool { return n%5 == 0 && m == done || n%7 == 0 && m == arrived }
	w.on.Store(&lost)
	w.operator()
	w.find(60)
	w.told()
}

func TestMessagesKilledAtAnyMoment(t *testing.T) {
	w := newSlackWorld(t, fast)
	w.killAtAnyMoment()
	w.told()
}

func TestMessagesOfTwoReplicas(t *testing.T) {
	w := newSlackWorld(t, fast)
	flags := []string{"--leader-elect", "--leader-election-namespace=" + w.namespace, "--lease-duration=" + lease.String()}
	first := w.operator(flags...)
	w.find(20)
	w.operator(flags...)
	w.find(20)
	first.ExpectExit()
	signal(t, first, syscall.SIGSTOP)
	w.find(20)
	w.told()
	signal(t, first, syscall.SIGCONT)
	w.find(20)
	w.told()
}

// TestAStorm: more than a channel takes leaves in digests, and an operator that is killed meanwhile neither loses nor
// doubles any.
func TestAStorm(t *testing.T) {
	w := newSlackWorld(t, &v1alpha1.SlackRateLimit{ChannelMessagesPerMinute: 120, WorkspaceMessagesPerMinute: 600})
	p := w.operator()
	w.find(100)
	p.Kill()
	w.operator()
	w.find(200)
	if digests := w.told(); digests == 0 || digests > 40 {
		t.Errorf("%d digests for 300 events", digests)
	}
	if n := len(w.slack.Messages(slack.AlertsChannel)); n > 100 {
		t.Errorf("%d messages for 300 events: nobody reads that", n)
	}
}
