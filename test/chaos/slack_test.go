// SPDX-License-Identifier: Apache-2.0

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

// noLimit is so high a limit that no message is delayed, and so none becomes part of a digest.
var noLimit = &v1alpha1.SlackRateLimit{ChannelMessagesPerMinute: 60_000, WorkspaceMessagesPerMinute: 60_000}

// expectEachDelivered waits until the Notification of every Defect is delivered, and returns the number of digests.
// It fails unless the channel has exactly one message for each Notification that was sent by itself and for each
// digest, and each other Notification is part of exactly one digest.
func (w *world) expectEachDelivered() (digests int) {
	w.t.Helper()
	notifications := w.waitForDelivery()
	messages := w.messagesByNotification()
	memberOf := map[string]int{}
	for _, n := range notifications {
		for _, m := range n.Spec.Members {
			memberOf[string(m)]++
		}
	}
	for i := range notifications {
		n := &notifications[i]
		isDigest := len(n.Spec.Members) > 0
		wantMessages := 1
		if condition.Is(n, v1alpha1.ConditionDelivered, metav1.ConditionTrue, v1alpha1.ReasonDigested) {
			wantMessages = 0
		}
		got := messages[string(n.UID)]
		if got != wantMessages || memberOf[n.Name] != 1-wantMessages && !isDigest {
			w.t.Errorf("%s: %d messages, in %d digests: %v",
				n.Name, got, memberOf[n.Name], condition.Get(n, v1alpha1.ConditionDelivered))
		}
		if isDigest {
			digests++
		}
		delete(messages, string(n.UID))
	}
	if len(messages) > 0 {
		w.t.Errorf("messages of no Notification: %v", messages)
	}
	return digests
}

// waitForDelivery waits until there is a Notification for every Defect and all are delivered, and returns them with
// the digests.
func (w *world) waitForDelivery() []v1alpha1.Notification {
	w.t.Helper()
	list := &v1alpha1.NotificationList{}
	err := testbed.Poll(w.t.Context(), "all Notifications to be delivered", func() (bool, error) {
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
	if err == nil {
		return list.Items
	}
	for i := range list.Items {
		c := condition.Get(&list.Items[i], v1alpha1.ConditionDelivered)
		if c == nil || c.Status != metav1.ConditionTrue {
			w.t.Logf("%s: %+v", list.Items[i].Name, c)
		}
	}
	w.t.Fatalf("%v: %d Notifications for %d Defects", err, len(list.Items), w.defects)
	return nil
}

// messagesByNotification returns the number of messages in the channel by the UID of their Notification.
func (w *world) messagesByNotification() map[string]int {
	w.t.Helper()
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
	return messages
}

func TestMessagesWithLostAnswers(t *testing.T) {
	w := newSlackWorld(t, noLimit)
	loseSome := func(n int64, m moment) bool { return n%5 == 0 && m == done || n%7 == 0 && m == arrived }
	w.onCall.Store(&loseSome)
	w.startOperator()
	w.createDefects(60)
	w.expectEachDelivered()
}

func TestMessagesKilledAtAnyMoment(t *testing.T) {
	w := newSlackWorld(t, noLimit)
	w.killAtAnyMoment()
	w.expectEachDelivered()
}

func TestMessagesOfTwoReplicas(t *testing.T) {
	w := newSlackWorld(t, noLimit)
	first := w.startReplica()
	w.createDefects(20)
	w.startReplica()
	w.createDefects(20)
	first.ExpectExit()
	w.signal(first, syscall.SIGSTOP)
	w.createDefects(20)
	w.expectEachDelivered()
	w.signal(first, syscall.SIGCONT)
	w.createDefects(20)
	w.expectEachDelivered()
}

// TestStorm has more Defects than the channel may receive messages, which leave in digests. It kills the operator
// meanwhile: each event must be delivered once.
func TestStorm(t *testing.T) {
	w := newSlackWorld(t, &v1alpha1.SlackRateLimit{ChannelMessagesPerMinute: 120, WorkspaceMessagesPerMinute: 600})
	w.createDefects(100)
	p := w.startOperator()
	w.poll("a message", func() bool { return len(w.slack.Messages(slack.AlertsChannel)) > 0 })
	p.Kill()
	w.createDefects(200) // while no operator runs, so that they come at once however slow this is
	w.startOperator()
	if digests := w.expectEachDelivered(); digests == 0 || digests > 75 {
		t.Errorf("%d digests for 300 events, want 1 to 75", digests)
	}
	if n := len(w.slack.Messages(slack.AlertsChannel)); n > 150 {
		t.Errorf("%d messages for 300 events, want at most 150", n)
	}
}
