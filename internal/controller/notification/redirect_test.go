// SPDX-License-Identifier: Apache-2.0

package notification

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
)

// TestRedirect checks that a message that was refused is sent where its rule says since, once, and that no other
// message changes its place.
func TestRedirect(t *testing.T) {
	for name, c := range map[string]struct {
		refuse   error // of the first place
		from     func(*v1alpha1.NotificationRule)
		to       func(*v1alpha1.NotificationRule)
		before   string
		after    string
		channels []string // of the posts
	}{
		"the channel was wrong": {archived, nil, toOther, "False/Rejected Stalled", "True/Sent", []string{"#alerts", "#other"}},
		"the integration was wrong": {nil, byOther, func(r *v1alpha1.NotificationRule) { r.Spec.IntegrationRef = nil },
			"False/IntegrationNotFound Stalled", "True/Sent", []string{"#alerts"}},
		"another field changed":   {archived, nil, muted, "False/Rejected Stalled", "True/Muted", []string{"#alerts"}},
		"it may have been posted": {lost, nil, toOther, "False/Retrying Reconciling", "True/Sent", []string{"#alerts"}},
		"it waits":                {wait90, nil, toOther, "False/RateLimited Reconciling", "True/Sent", []string{"#alerts", "#alerts"}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				i := bot()
				r := ruleOf("rule")
				if c.from != nil {
					c.from(r)
				}
				w.create(i, r)
				w.connect(i, limits)
				var channels []string
				w.slack.OnPost(func(m chat.Message) error {
					channels = append(channels, m.Channel)
					if c.refuse == nil || len(channels) > 1 {
						return nil
					}
					if errors.Is(c.refuse, lost) {
						w.slack.Keep(m)
					}
					return c.refuse
				})
				w.create(alert("n", r, func(n *v1alpha1.Notification) {
					n.Spec.IntegrationRef = r.Spec.IntegrationRef
					n.Spec.Channel = r.Spec.Channel
				}))
				w.settle()
				if c.from != nil {
					w.run(61 * time.Second)
				}
				w.wantOutcome("n", c.before, "")
				change(w, r, c.to)
				w.run(2 * time.Minute)
				w.wantOutcome("n", c.after, "")
				if !slices.Equal(channels, c.channels) {
					w.t.Errorf("posted to %q, want %q", channels, c.channels)
				}
				if got := w.get("n").Status.Channel; got != c.channels[len(c.channels)-1] {
					w.t.Errorf("the status shows the channel %q, posted to %q", got, channels)
				}
				w.restart()
				w.run(time.Hour)
				w.wantOutcome("n", c.after, "")
			})
		})
	}
}

// TestRedirectDigest checks that a digest that was refused is sent where the rules of all its members say since, once.
func TestRedirectDigest(t *testing.T) {
	first := ruleOf("first")
	second := ruleOf("second")
	inStorm(t, slow, first, func(w *world, _ *v1alpha1.SlackIntegration) {
		w.create(second)
		w.slack.OnPost(func(m chat.Message) error {
			if m.Channel == "#other" {
				return nil
			}
			return archived
		})
		for n := range 10 {
			w.create(alert(fmt.Sprintf("n%d", 2*n), first), alert(fmt.Sprintf("n%d", 2*n+1), second))
		}
		w.run(time.Minute)
		digests := func(want string) {
			t.Helper()
			all := w.digests()
			if len(all) == 0 {
				t.Fatal("no digests")
			}
			for i := range all {
				w.wantOutcome(all[i].Name, want, "")
			}
		}
		digests("False/Rejected Stalled")
		change(w, first, toOther)
		w.run(time.Minute)
		digests("False/Rejected Stalled") // its other members go to #alerts
		change(w, second, toOther)
		w.run(time.Minute)
		digests("True/Sent")
		w.wantEachOnce(20)
		w.restart()
		w.run(time.Hour)
		w.wantEachOnce(20)
	})
}
