// SPDX-License-Identifier: Apache-2.0

package event_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// checkFits fails unless a Notification can store the event.
func checkFits(t *testing.T, e *event.Event) {
	t.Helper()
	n, err := e.ToAPI()
	if err != nil {
		t.Fatalf("%+v: %v", e, err)
	}
	raw, err := json.Marshal(n)
	if err != nil || !utf8.Valid(raw) {
		t.Fatalf("%v", err)
	}
	for k, v := range n.Labels {
		if len(k) > 317 || utf8.RuneCountInString(string(v)) > 1024 {
			t.Fatalf("label %q=%q", k, v)
		}
	}
	if len(n.Labels) > 64 || len(e.Data) > 64 || len(e.ID) == 0 || len(e.ID) > 253 || e.Text("title") == "" {
		t.Fatalf("%+v", e)
	}
}

// checkData compares the data of an event with those wanted, and fails for a member that the table of types does not
// have.
func checkData(t *testing.T, e *event.Event, want map[string]any) {
	t.Helper()
	if !maps.EqualFunc(e.Data, want, reflect.DeepEqual) {
		t.Errorf("data is\n%v, want\n%v", e.Data, want)
	}
	row, _ := event.TypeOf(e.Type)
	for key := range e.Data {
		if !slices.ContainsFunc(row.Data, func(m event.Member) bool { return m.Name == key }) {
			t.Errorf("the table has no member %s of %s", key, e.Type)
		}
	}
	checkFits(t, e)
}

// manyLabels returns n labels whose keys are in alphabetical order.
func manyLabels(n int) map[string]string {
	out := map[string]string{}
	for i := range n {
		out["k"+string(rune('0'+i/10))+string(rune('0'+i%10))] = "v"
	}
	return out
}

func TestStoredEventsStayTheSame(t *testing.T) {
	subject := &v1alpha1.EventSubject{Kind: "Defect", Namespace: "qa", Name: "d1", UID: "u1"}
	for name, e := range map[string]event.Event{
		"with everything": {
			ID: "1", Type: v1alpha1.EventDefectCreated, Time: now, Severity: v1alpha1.SeverityLow, Subject: subject,
			Labels: map[string]string{"team": "voice"}, Data: map[string]any{"title": "a <b> & c", "n": 2.5},
		},
		"with nothing": {ID: "1", Type: v1alpha1.EventSystemAlertFiring, Time: now},
	} {
		stored, err := e.ToAPI()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if (stored.Labels == nil) != (e.Labels == nil) || (stored.Data == nil) != (e.Data == nil) {
			t.Errorf("%s: stored as %+v", name, stored)
		}
		if got, err := event.FromAPI(stored); err != nil || !reflect.DeepEqual(got, e) {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, e)
		}
	}
}

func TestDataAreStoredUnescaped(t *testing.T) {
	e := event.Event{Data: map[string]any{"title": "<&>"}}
	if stored, err := e.ToAPI(); err != nil || string(stored.Data.Raw) != `{"title":"<&>"}` {
		t.Errorf("%s, %v", stored.Data.Raw, err)
	}
}

func TestDataAreBounded(t *testing.T) {
	const frame = len(`{"a":""}`)
	e := event.Event{ID: "1", Data: map[string]any{"a": strings.Repeat("x", 65536-frame)}}
	if _, err := e.ToAPI(); err != nil {
		t.Error(err)
	}
	e.Data["a"] = strings.Repeat("x", 65536-frame+1)
	if _, err := e.ToAPI(); err == nil || err.Error() != "the data of event 1 has 65537 bytes, more than 65536" {
		t.Error(err)
	}
	e.Data["a"] = func() {}
	if _, err := e.ToAPI(); err == nil || !strings.HasPrefix(err.Error(), "encoding the data of event 1: ") {
		t.Error(err)
	}
}

func TestFromAPIWithoutData(t *testing.T) {
	for name, data := range map[string]*runtime.RawExtension{"none": nil, "empty": {}} {
		e, err := event.FromAPI(v1alpha1.NotificationEvent{ID: "1", Time: metav1.NewTime(now), Data: data})
		if err != nil || e.ID != "1" || !e.Time.Equal(now) || e.Data != nil || e.Labels != nil {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
	}
	_, err := event.FromAPI(v1alpha1.NotificationEvent{ID: "1", Data: &runtime.RawExtension{Raw: []byte("[")}})
	if err == nil || !strings.HasPrefix(err.Error(), "decoding the data of event 1: ") {
		t.Error(err)
	}
}
