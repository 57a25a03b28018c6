// SPDX-License-Identifier: Apache-2.0

package rows_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	k8sruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/rows"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/snapshot"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
)

// estimate is how many bytes cmd/operator estimates for a row.
const estimate = 600

func liveHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func meta(k int) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: "voice", Name: fmt.Sprintf("booking-wrong-day-%d", k), ResourceVersion: fmt.Sprint(1000 + k),
		UID: types.UID(fmt.Sprintf("0b5c0f7e-%d", k)), CreationTimestamp: metav1.Unix(int64(k), 0),
	}
}

// TestRowsAreSmall checks that rows keep nothing of their objects but what they need.
func TestRowsAreSmall(t *testing.T) {
	const n = 10_000
	defects := snapshot.NewRows(rows.OfDefect)
	notifications := snapshot.NewRows(rows.OfNotification)
	now := metav1.Now()
	for what, put := range map[string]func(k int){
		"Defect": func(k int) {
			d := &v1alpha1.Defect{ObjectMeta: meta(k), Spec: v1alpha1.DefectSpec{
				Title: fmt.Sprintf("The booking agent books the wrong day in call %d", k), TestCase: fmt.Sprintf("books a table %d", k),
				Description: string(make([]byte, 4000)), Severity: v1alpha1.SeverityHigh, Suite: "booking",
			}}
			d.Status.Jira = &v1alpha1.DefectTicket{Key: fmt.Sprint("VOICE-", k), Integration: "voice/jira", CreatedTime: &now}
			defects.Put(d)
		},
		"Notification": func(k int) {
			n := &v1alpha1.Notification{ObjectMeta: meta(k), Spec: v1alpha1.NotificationSpec{Event: v1alpha1.NotificationEvent{
				ID: v1alpha1.EventID(fmt.Sprint(k, ".created")), Type: v1alpha1.EventDefectCreated, Time: now,
				Subject: &v1alpha1.EventSubject{Kind: "Defect", Namespace: "voice", Name: fmt.Sprint("booking-wrong-day-", k)},
				Data:    &k8sruntime.RawExtension{Raw: fmt.Appendf(nil, `{"title":"Books the wrong day in call %d","description":"%4000d"}`, k, k)},
			}}}
			condition.True(n, v1alpha1.ConditionDelivered, v1alpha1.ReasonSent, "Sent")
			notifications.Put(n)
		},
	} {
		before := liveHeap()
		for k := range n {
			put(k)
		}
		if each := (liveHeap() - before) / n; each > estimate {
			t.Errorf("the row of a %s takes %d bytes, want %d at most", what, each, estimate)
		}
	}
	runtime.KeepAlive(defects)
	runtime.KeepAlive(notifications)
}

// TestTimes checks that the times of a row are those of its object.
func TestTimes(t *testing.T) {
	at := time.Date(2026, 3, 4, 12, 30, 0, 0, time.UTC)
	d := &v1alpha1.Defect{ObjectMeta: metav1.ObjectMeta{Namespace: "qa", Name: "d", CreationTimestamp: metav1.NewTime(at)}}
	row := rows.OfDefect(d)
	if got := row.GetCreationTimestamp(); !got.Time.Equal(at) || row.Created() != at.UnixNano() || row.LastSeen != 0 {
		t.Errorf("created %v, %d, last seen %d", got, row.Created(), row.LastSeen)
	}
	if _, _, ok := row.TicketCreated(); ok {
		t.Error("a Defect without a ticket has a ticket's time")
	}
	d.Status.Jira = &v1alpha1.DefectTicket{Key: "V-1", Integration: "qa/jira", CreatedTime: &metav1.Time{Time: at}}
	by, created, ok := rows.OfDefect(d).TicketCreated()
	if !ok || by.String() != "qa/jira" || !created.Equal(at) {
		t.Errorf("the ticket was created by %s at %v, %v", by, created, ok)
	}
}
