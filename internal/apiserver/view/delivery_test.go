// SPDX-License-Identifier: Apache-2.0

package view

import (
	"fmt"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view/viewtest"
)

func TestIsInThread(t *testing.T) {
	m := newModel()
	d := &v1alpha1.Defect{ObjectMeta: viewtest.Meta("qa", "d")}
	d.UID = "u"
	d.Status.Messages = []v1alpha1.DefectMessage{{Rule: "r", Integration: "qa/slack", Channel: "C1", TS: "1.0"}}
	m.put(d)
	about := func(uid, rule string, kind v1alpha1.EventType, posted *v1alpha1.PostedMessage) *v1alpha1.Notification {
		n := &v1alpha1.Notification{ObjectMeta: viewtest.Meta("qa", "n"),
			Spec: v1alpha1.NotificationSpec{Rule: v1alpha1.RuleReference{Name: rule}}}
		n.Spec.Event = v1alpha1.NotificationEvent{Type: kind,
			Subject: &v1alpha1.EventSubject{Kind: v1alpha1.KindDefect, Namespace: "qa", Name: "d", UID: uid}}
		n.Status.Message = posted
		return n
	}
	by := func(ts string) *v1alpha1.PostedMessage {
		return &v1alpha1.PostedMessage{Integration: "qa/slack", Channel: "C1", TS: ts}
	}
	alert := about("u", "r", v1alpha1.EventSystemAlertFiring, by("2.0"))
	alert.Spec.Event.Subject = nil
	for name, c := range map[string]struct {
		n    *v1alpha1.Notification
		want bool
	}{
		"the first message":            {about("u", "r", v1alpha1.EventDefectCreated, by("1.0")), false},
		"first, of a later event":      {about("u", "r", v1alpha1.EventDefectStateChanged, by("1.0")), false},
		"a later one":                  {about("u", "r", v1alpha1.EventDefectStateChanged, by("2.0")), true},
		"a later one, not posted yet":  {about("u", "r", v1alpha1.EventDefectStateChanged, nil), true},
		"by incoming webhook":          {about("u", "r", v1alpha1.EventDefectStateChanged, by("")), false},
		"of another rule":              {about("u", "other", v1alpha1.EventDefectStateChanged, by("2.0")), false},
		"of a deleted Defect":          {about("before", "r", v1alpha1.EventDefectStateChanged, by("2.0")), true},
		"created, of a deleted Defect": {about("before", "r", v1alpha1.EventDefectCreated, by("2.0")), false},
		"about no Defect":              {alert, false},
	} {
		if got := m.isInThread(t.Context(), c.n); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

func TestDigestMentionsThePeopleOfItsRules(t *testing.T) {
	m := newModel()
	for name, mentions := range map[string][]v1alpha1.Mention{"r-1": {"here", "U1"}, "r-2": {"U1", "U2"}} {
		m.Rules.Put(&v1alpha1.NotificationRule{ObjectMeta: viewtest.Meta("qa", name), Spec: v1alpha1.NotificationRuleSpec{Mentions: mentions}})
	}
	digest := &v1alpha1.Notification{ObjectMeta: viewtest.Meta("qa", "digest"),
		Spec: v1alpha1.NotificationSpec{Members: []v1alpha1.NotificationName{"n-1", "n-2", "gone"}}}
	for i, rule := range []string{"r-1", "r-2"} {
		n := &v1alpha1.Notification{ObjectMeta: viewtest.Meta("qa", fmt.Sprint("n-", i+1)),
			Spec: v1alpha1.NotificationSpec{Rule: v1alpha1.RuleReference{Name: rule}}}
		n.Spec.Event = v1alpha1.NotificationEvent{ID: "same", Type: v1alpha1.EventSystemAlertFiring, Time: metav1.NewTime(viewtest.Noon)}
		m.put(n)
	}
	members, mentions := m.digestOf(t.Context(), digest)
	if len(members) != 1 || !slices.Equal(mentions, []v1alpha1.Mention{"here", "U1", "U2"}) {
		t.Errorf("got %d events and %q, want the one event, and each person once", len(members), mentions)
	}
}
