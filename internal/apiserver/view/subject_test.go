// SPDX-License-Identifier: Apache-2.0

package view

import (
	"testing"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view/viewtest"
)

// TestForeignSubject checks that a log shows neither the title nor the name of a Defect in another namespace than the
// Notification.
func TestForeignSubject(t *testing.T) {
	for namespace, want := range map[string][2]string{
		"qa":    {"Hangs up", "Defect/qa/d"},
		"other": {"", "Notification/qa/n"},
	} {
		m := newModel()
		d := &v1alpha1.Defect{ObjectMeta: viewtest.Meta(namespace, "d"), Spec: v1alpha1.DefectSpec{Title: "Hangs up"}}
		d.UID = "u"
		m.put(d)
		n := &v1alpha1.Notification{ObjectMeta: viewtest.Meta("qa", "n")}
		n.Spec.Event.Subject = &v1alpha1.EventSubject{Kind: v1alpha1.KindDefect, Namespace: namespace, Name: "d", UID: "u"}
		e := m.entry(n, func(string) bool { return false })
		if got := [2]string{e.Title, e.Object}; got != want {
			t.Errorf("a Defect of %s: got %q, want %q", namespace, got, want)
		}
	}
}
