// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/controller/integration/hint"
)

func TestHintsAreNewOnce(t *testing.T) {
	var h hint.Hints
	i := &v1alpha1.SlackIntegration{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "slack"}}
	step := func(annotations map[string]string, want bool) {
		t.Helper()
		i.Annotations = annotations
		if got := h.IsNew(i); got != want {
			t.Errorf("with %v it is new: %v, want %v", annotations, got, want)
		}
	}
	step(map[string]string{v1alpha1.SlackChangedAtAnnotation: "1"}, false) // the first reconcile probes anyway
	step(map[string]string{v1alpha1.SlackChangedAtAnnotation: "1", "other": "x"}, false)
	step(map[string]string{v1alpha1.SlackChangedAtAnnotation: "2"}, true)
	step(map[string]string{v1alpha1.SlackChangedAtAnnotation: "2"}, false)
	step(map[string]string{v1alpha1.SlackChangedAtAnnotation: "2", v1alpha1.SlackChannelAnnotationPrefix + "C1": "Archived"}, true)
	step(map[string]string{v1alpha1.SlackChangedAtAnnotation: "2"}, true)
}

func TestChannelsThatChanged(t *testing.T) {
	for mark, want := range map[string]string{
		v1alpha1.ChannelArchived: "Channel #alerts was archived", v1alpha1.ChannelDeleted: "Channel #alerts was deleted",
		v1alpha1.ChannelRenamed: "Channel #alerts has another name in Slack by now. Messages go to its ID, C1", "": "", "x": "",
	} {
		for _, id := range []string{"C1", "C2"} {
			i := &v1alpha1.SlackIntegration{}
			i.Annotations = map[string]string{v1alpha1.SlackChannelAnnotationPrefix + id: mark}
			condition.Ready(i, v1alpha1.ReasonReady, "Fine")
			warnOfChannels(i, []v1alpha1.KnownChannel{{Name: "#alerts", ID: "C1"}})
			got := messageOfReady(i)
			switch {
			case id == "C1" && want != "" && !strings.HasPrefix(got, want):
				t.Errorf("a channel that is %q shows %q, want %q", mark, got, want)
			case (id != "C1" || want == "") && got != "Fine":
				t.Errorf("channel %s that is %q shows %q", id, mark, got)
			}
		}
	}
}

// TestARevokedTokenIsSeenAtOnce probes again as soon as Slack hints at it, and not later.
func TestARevokedTokenIsSeenAtOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		i := bot()
		w.create(i)
		w.settle()
		wantConditions(w, i, works, "")
		w.probeSlack = func(chat.Config) (chat.Workspace, error) { return chat.Workspace{}, revoked }
		w.run(10 * time.Second)
		wantConditions(w, i, works, "")
		change(w, i, func(i *v1alpha1.SlackIntegration) {
			i.Annotations = map[string]string{v1alpha1.SlackChangedAtAnnotation: "2026-11-28T12:00:00Z"}
		})
		w.settle()
		if got := get(w, i); !condition.Is(got, v1alpha1.ConditionAuthenticated, metav1.ConditionFalse, v1alpha1.ReasonUnauthorized) {
			t.Errorf("the conditions are %v", got.Status.Conditions)
		}
	})
}
