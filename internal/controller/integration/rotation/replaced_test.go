// SPDX-License-Identifier: Apache-2.0

package rotation_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/secrets"
)

// installAgain installs the app once more, by a process that is killed before it revokes what the new pair replaces.
func (w *world) installAgain() {
	w.t.Helper()
	given := w.slack.Install()
	token := secrets.Rotating{Token: given.Token, RefreshToken: given.RefreshToken, Expires: w.clock.Now().Add(given.ExpiresIn)}
	w.change(func(s *corev1.Secret) { token.Install(s, tokenRef) })
}

// TestReplacedTokens revokes the pair that an installation replaced, also if that fails at first.
func TestReplacedTokens(t *testing.T) {
	for name, fail := range map[string]func(w *world, isOver func() bool){
		"not at all": func(*world, func() bool) {},
		"Slack is away": func(w *world, isOver func() bool) {
			w.slack.OnRevoke = func(string) error {
				if isOver() {
					return nil
				}
				return fault.New(fault.Unavailable, "Slack could not be reached")
			}
		},
		"killed before the removal": func(w *world, isOver func() bool) { w.failAt("update", false, isOver) },
		"killed after the removal":  func(w *world, isOver func() bool) { w.failAt("update", true, isOver) },
		"no right to write": func(w *world, isOver func() bool) {
			w.before = func(verb string) error {
				if verb == "get" || isOver() {
					return nil
				}
				return forbidden("update")
			}
		},
	} {
		w := newWorld(t)
		w.mustKeep()
		w.installAgain()
		isOver := false
		fail(w, func() bool { return isOver })
		_, _ = w.keep()
		w.wantInUse(name)
		isOver = true
		w.rotator = w.newRotator()
		w.run(10 * time.Minute)
		w.wantWorking(name) // which checks that nothing else is left in the Secret
		if w.token().Token != "xoxe.xoxb-2" || w.slack.Works("xoxe.xoxb-1", "xoxe-1") || w.slack.Accepts("xoxe.xoxb-1") {
			t.Errorf("%s: the token is %q, and the pair of before works", name, w.token().Token)
		}
		if w.slack.Calls() != 0 || w.refreshing() != "True/RefreshScheduled" {
			t.Errorf("%s: %d refreshes, %s", name, w.slack.Calls(), w.refreshing())
		}
	}
}

// wantInUse checks that the token in the Secret works.
func (w *world) wantInUse(what string) {
	w.t.Helper()
	if got := w.token(); !w.slack.Works(got.Token, got.RefreshToken) {
		w.t.Errorf("%s: Slack does not accept %+v", what, got)
	}
}

// TestWhatIsRevoked checks that a token in use is never revoked, and in which order others are.
func TestWhatIsRevoked(t *testing.T) {
	for name, c := range map[string]struct {
		replaced string
		suspend  bool
		want     []string
	}{
		"none":                {"", false, nil},
		"the pair in use":     {"xoxe-1\nxoxe.xoxb-1", false, nil},
		"another and that":    {"xoxe-0\nxoxe.xoxb-0\nxoxe-1", false, []string{"xoxe-0", "xoxe.xoxb-0"}},
		"one that is written": {" xoxe-0\n\n xoxe-0\n", false, []string{"xoxe-0"}},
		"while suspended":     {"xoxe-0", true, nil},
	} {
		w := newWorld(t)
		var revoked []string
		w.slack.OnRevoke = func(token string) error { revoked = append(revoked, token); return nil }
		w.change(func(s *corev1.Secret) { s.Data["token.replaced"] = []byte(c.replaced) })
		w.i.Spec.Suspend = c.suspend
		w.mustKeep()
		if !slices.Equal(revoked, c.want) {
			t.Errorf("%s: %q were revoked", name, revoked)
		}
		w.wantInUse(name)
	}
}

// TestRevokingDelaysNoRefresh refreshes a token although one that was replaced cannot be revoked.
func TestRevokingDelaysNoRefresh(t *testing.T) {
	w := newWorld(t)
	w.mustKeep()
	w.installAgain()
	w.slack.OnRevoke = func(string) error { return errors.New("no answer") }
	w.run(11 * time.Hour)
	w.wantInUse("after a refresh")
	if w.token().Token != "xoxe.xoxb-3" || w.refreshing() != "True/RefreshScheduled" {
		t.Errorf("the token is %q, %s", w.token().Token, w.refreshing())
	}
	w.slack.OnRevoke = nil
	w.run(10 * time.Minute)
	w.wantWorking("once Slack answers")
}
