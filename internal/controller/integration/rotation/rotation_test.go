// SPDX-License-Identifier: Apache-2.0

package rotation_test

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/controller/integration/rotation"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/secrets"
)

// TestRefreshedInTime checks that a token is refreshed two hours before its end, for days, with one call each.
func TestRefreshedInTime(t *testing.T) {
	w := newWorld(t)
	if next := w.mustKeep(); next != 10*time.Hour || w.refreshing() != "True/RefreshScheduled" {
		t.Errorf("next in %s, %s", next, w.refreshing())
	}
	w.run(10*time.Hour - time.Second)
	if w.slack.Calls() != 0 {
		t.Error("it was refreshed too early")
	}
	w.run(5 * 24 * time.Hour)
	w.wantWorking("after five days")
	if calls := w.slack.Calls(); calls != 12 {
		t.Errorf("%d calls in 5 days, want one in 10 hours", calls)
	}
	if !strings.Contains(w.message(), w.token().Expires.Format(time.RFC3339)) {
		t.Errorf("got %q", w.message())
	}
}

// TestNothingIsReadUntilItIsDue checks that an integration costs no request while nothing is due.
func TestNothingIsReadUntilItIsDue(t *testing.T) {
	w := newWorld(t)
	w.mustKeep()
	w.before = func(verb string) error { t.Errorf("a request: %s", verb); return nil }
	for range 100 {
		w.clock.Step(time.Minute)
		w.mustKeep()
	}
}

// step is a call of a refresh. effect is set if a process is killed after the call took effect.
type step struct {
	call   string
	effect bool
}

// steps are the steps of a refresh, in their order.
var steps = []step{
	{"get", false}, {"check", false}, {"slack", false}, {"slack", true}, {"update", false}, {"update", true},
}

// failAt fails a call once, or for ever.
func (w *world) failAt(call string, effect bool, isOver func() bool) {
	fail := func(c string, e bool) error {
		if c == call && e == effect && !isOver() {
			return errCrash
		}
		return nil
	}
	w.before = func(verb string) error { return fail(verb, false) }
	w.after = func(verb string) error { return fail(verb, true) }
	w.slack.OnRefresh = func() error { return fail("slack", false) }
	w.slack.OnAnswer = func() error { return fail("slack", true) }
}

// killAt ends the process of a refresh that is due in a step.
func (w *world) killAt(s step) {
	w.t.Helper()
	killed := false
	w.failAt(s.call, s.effect, func() bool { defer func() { killed = true }(); return killed })
	_, _ = w.keep()
	if !killed {
		w.t.Fatalf("%+v: there is no such call", s)
	}
}

// TestKilledAtEachStep kills the process in each call of a refresh. The next leader goes on within the time for which Slack
// accepts the refresh token.
func TestKilledAtEachStep(t *testing.T) {
	for _, step := range steps {
		w := newWorld(t)
		w.mustKeep()
		w.clock.SetTime(due)
		w.killAt(step)
		w.wantWorking("while it is down")
		w.rotator = w.newRotator()
		w.clock.Step(20 * time.Second)
		w.mustKeep()
		if w.refreshing() != "True/RefreshScheduled" || w.token().Token == "xoxe.xoxb-1" {
			t.Errorf("%+v: %s, %q", step, w.refreshing(), w.token().Token)
		}
		w.wantWorking("the next leader")
		w.run(24 * time.Hour)
		w.wantWorking("a day later")
	}
}

// TestStopped stops the process while Slack answers: what Slack gives is stored.
func TestStopped(t *testing.T) {
	w := newWorld(t)
	w.clock.SetTime(due)
	ctx, stop := context.WithCancel(t.Context())
	w.slack.OnRefresh = func() error { stop(); return nil }
	turn := func(bool) (func(), bool) { return func() {}, true }
	if _, err := w.rotator.Keep(ctx, w.i, "1", turn); err != nil || w.token().Token != "xoxe.xoxb-2" {
		t.Errorf("got %v, %q", err, w.token().Token)
	}
	w.wantWorking("once it has stopped")
	w.clock.Step(11 * time.Hour)
	if _, err := w.rotator.Keep(ctx, w.i, "2", turn); err == nil || w.slack.Calls() != 1 {
		t.Errorf("a process that is being stopped begins a refresh: %v, %d calls", err, w.slack.Calls())
	}
}

// TestKilledAndAwayForLong does the same when no other leader comes for an hour. If Slack's answer was lost, a person has to
// install the app again, and the condition says so while the token still works.
func TestKilledAndAwayForLong(t *testing.T) {
	for _, step := range steps {
		w := newWorld(t)
		w.mustKeep()
		w.clock.SetTime(due)
		w.killAt(step)
		w.rotator = w.newRotator()
		w.clock.Step(time.Hour)
		w.mustKeep()
		isLost := step.call == "slack" && step.effect || step.call == "update" && !step.effect
		switch {
		case !isLost:
			if w.refreshing() != "True/RefreshScheduled" {
				t.Errorf("%+v: %s", step, w.refreshing())
			}
			w.wantWorking("an hour later")
		case w.refreshing() != "False/RefreshRefused" || w.rotator.Problem(w.i) == "" ||
			!strings.Contains(w.message(), "ends at 2026-03-05T00:00:00Z") || !strings.Contains(w.message(), "Install the app again"):
			t.Errorf("%+v: %s %s", step, w.refreshing(), w.message())
		}
	}
}

// TestAwayForTenMinutes fails a call for ten minutes. What Slack gave is kept meanwhile and then
// stored.
func TestAwayForTenMinutes(t *testing.T) {
	for _, step := range steps {
		if step.call == "slack" && step.effect {
			continue // as in TestKilledAndAwayForLong
		}
		w := newWorld(t)
		w.mustKeep()
		w.clock.SetTime(due)
		isOver := false
		w.failAt(step.call, step.effect, func() bool { return isOver })
		for range 30 {
			_, _ = w.keep()
			w.clock.Step(20 * time.Second)
		}
		if step.call == "update" && w.slack.Calls() != 1 {
			t.Errorf("%+v: Slack was called %d times", step, w.slack.Calls())
		}
		isOver = true
		w.run(10 * time.Minute)
		w.wantWorking(step.call)
		if w.refreshing() != "True/RefreshScheduled" || step.call == "update" && w.slack.Calls() != 1 {
			t.Errorf("%+v: %s after %d calls", step, w.refreshing(), w.slack.Calls())
		}
	}
}

// TestTwoLeaders lets another leader refresh the token while one waits in each of its calls.
func TestTwoLeaders(t *testing.T) {
	for _, step := range steps {
		w := newWorld(t)
		w.mustKeep()
		w.clock.SetTime(due)
		other := w.newRotator()
		paused := false
		pause := func(c string, e bool) {
			if c == step.call && e == step.effect && !paused {
				paused = true
				if _, err := w.keepBy(other); err != nil {
					t.Errorf("%+v: the other leader: %v", step, err)
				}
			}
		}
		w.before = func(verb string) error { pause(verb, false); return nil }
		w.after = func(verb string) error { pause(verb, true); return nil }
		w.slack.OnRefresh = func() error { pause("slack", false); return nil }
		w.slack.OnAnswer = func() error { pause("slack", true); return nil }
		w.mustKeep()
		if !paused || w.refreshing() != "True/RefreshScheduled" {
			t.Errorf("%+v: %v, %s", step, paused, w.refreshing())
		}
		w.wantWorking(step.call)
		w.run(24 * time.Hour)
		w.wantWorking(step.call + ", a day later")
	}
}

// TestRefused checks that a refresh token that Slack refuses is not tried again, and that a new installation helps.
func TestRefused(t *testing.T) {
	w := newWorld(t)
	_ = w.slack.Revoke(t.Context(), chat.Revocation{Token: "xoxe-1"})
	w.clock.SetTime(due)
	w.run(24 * time.Hour)
	if w.slack.Calls() != 1 || w.refreshing() != "False/RefreshRefused" {
		t.Errorf("%d calls, %s", w.slack.Calls(), w.refreshing())
	}
	installed := w.slack.Install()
	w.change(func(s *corev1.Secret) {
		secrets.Rotating{
			Token: installed.Token, RefreshToken: installed.RefreshToken, Expires: w.clock.Now().Add(installed.ExpiresIn),
		}.Put(s, tokenRef)
	})
	w.mustKeep()
	if w.refreshing() != "True/RefreshScheduled" || w.rotator.Problem(w.i) != "" {
		t.Errorf("got %s", w.refreshing())
	}
}

// TestSlackIsAway checks how often a refresh is tried, and when the integration is degraded.
func TestSlackIsAway(t *testing.T) {
	w := newWorld(t)
	away := true
	calls := 0
	w.slack.OnRefresh = func() error {
		calls++
		if away {
			return fault.New(fault.Unavailable, "Slack is away.")
		}
		return nil
	}
	w.clock.SetTime(due)
	w.run(time.Minute)
	if calls < 3 || calls > 6 || w.refreshing() != "False/Unavailable" || w.rotator.Problem(w.i) != "" {
		t.Errorf("%d calls in a minute, %s, %q", calls, w.refreshing(), w.rotator.Problem(w.i))
	}
	w.run(70 * time.Minute)
	if calls > 25 || !strings.Contains(w.rotator.Problem(w.i), "could not be refreshed yet: Slack is away.") {
		t.Errorf("%d calls, %q", calls, w.rotator.Problem(w.i))
	}
	away = false
	w.run(5 * time.Minute)
	w.wantWorking("afterwards")
	if w.rotator.Problem(w.i) != "" {
		t.Errorf("got %q", w.rotator.Problem(w.i))
	}
}

// TestForbidden checks that Slack is not called while the operator may not write the Secret, that the message has what to
// apply, and that no restart is needed then.
func TestForbidden(t *testing.T) {
	w := newWorld(t)
	allowed := false
	w.before = func(verb string) error {
		if verb != "get" && !allowed {
			return forbidden("update")
		}
		return nil
	}
	w.mustKeep()
	want := "kubectl -n qa create role voiceai-refresh-app --verb=update --resource=secrets --resource-name=app && " +
		"kubectl -n qa create rolebinding voiceai-refresh-app --role=voiceai-refresh-app --serviceaccount=voice:operator"
	if w.refreshing() != "False/RefreshForbidden" || !strings.Contains(w.message(), want) || len(w.message()) > 1000 {
		t.Errorf("from the beginning: %s %q", w.refreshing(), w.message())
	}
	w.run(11 * time.Hour)
	if w.slack.Calls() != 0 {
		t.Error("Slack was called, and what it gives cannot be stored")
	}
	allowed = true
	w.run(5 * time.Minute)
	if w.refreshing() != "True/RefreshScheduled" {
		t.Errorf("got %s", w.refreshing())
	}
	w.wantWorking("when it is allowed")
}

// TestWithoutDryRuns refreshes a token where an admission webhook refuses dry runs.
func TestWithoutDryRuns(t *testing.T) {
	w := newWorld(t)
	w.before = func(verb string) error {
		if verb == "check" {
			return apierrors.NewBadRequest("admission webhook does not support dry run")
		}
		return nil
	}
	w.clock.SetTime(due)
	w.mustKeep()
	w.wantWorking("refreshed")
	if w.slack.Calls() != 1 {
		t.Errorf("%d calls, %s", w.slack.Calls(), w.refreshing())
	}
}

// TestOtherRefusals checks that a refusal which may pass is tried again, but seldom.
func TestOtherRefusals(t *testing.T) {
	for _, code := range []string{"account_inactive", "bad_client_secret", "invalid_client_id"} {
		w := newWorld(t)
		calls := 0
		refused := true
		w.slack.OnRefresh = func() error {
			calls++
			if refused {
				return &fault.Fault{Kind: fault.Invalid, Code: code, Message: "Slack refused"}
			}
			return nil
		}
		w.clock.SetTime(due)
		w.run(time.Hour)
		if calls < 10 || calls > 14 || w.refreshing() != "False/RefreshRefused" || !strings.Contains(w.message(), code) {
			t.Errorf("%s: %d calls in an hour, %s %s", code, calls, w.refreshing(), w.message())
		}
		refused = false
		w.run(6 * time.Minute)
		w.wantWorking(code)
	}
}

// TestForbiddenMeanwhile takes the right away between the check and the write. What Slack gave is stored later.
func TestForbiddenMeanwhile(t *testing.T) {
	w := newWorld(t)
	w.mustKeep()
	w.clock.SetTime(due)
	allowed := false
	w.before = func(verb string) error {
		if verb == "update" && !allowed {
			return forbidden("update")
		}
		return nil
	}
	w.run(time.Hour)
	if w.refreshing() != "False/RefreshForbidden" || w.slack.Calls() != 1 {
		t.Errorf("%s, %d calls", w.refreshing(), w.slack.Calls())
	}
	allowed = true
	w.run(5 * time.Minute)
	w.wantWorking("when it is allowed")
	if w.slack.Calls() != 1 {
		t.Errorf("%d calls", w.slack.Calls())
	}
}

// TestSecretsOfTools checks that no Secret is written whose changes a tool would revert.
func TestSecretsOfTools(t *testing.T) {
	w := newWorld(t)
	applied := func(manager string, o metav1.ManagedFieldsOperationType) func(*corev1.Secret) {
		return func(*corev1.Secret) {
			w.managed = []metav1.ManagedFieldsEntry{{
				Manager: manager, Operation: o, FieldsV1: metav1.NewFieldsV1(`{"f:data":{"f:token":{}}}`),
			}}
		}
	}
	for name, c := range map[string]struct {
		mark func(*corev1.Secret)
		want string
	}{
		"Argo CD":            {func(s *corev1.Secret) { s.Annotations = map[string]string{"argocd.argoproj.io/tracking-id": "x"} }, "False/SecretManaged"},
		"Flux":               {func(s *corev1.Secret) { s.Labels = map[string]string{"kustomize.toolkit.fluxcd.io/name": "x"} }, "False/SecretManaged"},
		"Flux's Helm":        {func(s *corev1.Secret) { s.Labels = map[string]string{"helm.toolkit.fluxcd.io/name": "x"} }, "False/SecretManaged"},
		"Helm":               {func(s *corev1.Secret) { s.Annotations = map[string]string{"meta.helm.sh/release-name": "x"} }, "False/SecretManaged"},
		"server-side apply":  {applied("argocd-controller", metav1.ManagedFieldsOperationApply), "False/SecretManaged"},
		"Flux's updates":     {applied("kustomize-controller", metav1.ManagedFieldsOperationUpdate), "False/SecretManaged"},
		"the dashboard":      {applied("voiceai-api", metav1.ManagedFieldsOperationUpdate), "True/RefreshScheduled"},
		"kubectl apply":      {applied("kubectl", metav1.ManagedFieldsOperationApply), "True/RefreshScheduled"},
		"an immutable one":   {func(s *corev1.Secret) { s.Immutable = new(true) }, "False/RefreshForbidden"},
		"without any of all": {func(*corev1.Secret) {}, "True/RefreshScheduled"},
	} {
		w = newWorld(t)
		w.change(c.mark)
		version := w.secret().ResourceVersion
		w.run(11 * time.Hour)
		if got := w.refreshing(); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
		if isWritten := version != w.secret().ResourceVersion; isWritten != strings.HasPrefix(c.want, "True") {
			t.Errorf("%s: written: %v, %d calls", name, isWritten, w.slack.Calls())
		}
	}
}

// TestOtherTokens checks tokens that are not refreshed.
func TestOtherTokens(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world, map[string][]byte)
		want   string
	}{
		"for ever":               {func(_ *world, d map[string][]byte) { d["token"] = []byte("xoxb-1"); delete(d, "token.refresh-token") }, ""},
		"a person's, for ever":   {func(_ *world, d map[string][]byte) { d["token"] = []byte("xoxb-1") }, ""},
		"none":                   {func(_ *world, d map[string][]byte) { delete(d, "token"); delete(d, "token.refresh-token") }, ""},
		"without a refresh":      {func(_ *world, d map[string][]byte) { delete(d, "token.refresh-token") }, "False/NoRefreshToken"},
		"without a client":       {func(w *world, d map[string][]byte) { delete(d, "client"); w.clock.SetTime(due) }, "False/SecretKeyNotFound"},
		"without spec.oauth":     {func(w *world, _ map[string][]byte) { w.i.Spec.OAuth = nil }, ""},
		"of no known end":        {func(_ *world, d map[string][]byte) { delete(d, "token.expires") }, "True/RefreshScheduled"},
		"of a malformed end":     {func(_ *world, d map[string][]byte) { d["token.expires"] = []byte("soon") }, "True/RefreshScheduled"},
		"it ended long ago":      {func(w *world, _ map[string][]byte) { w.clock.Step(240 * time.Hour) }, "True/RefreshScheduled"},
		"with a line break":      {func(_ *world, d map[string][]byte) { d["token.refresh-token"] = []byte("xoxe-1\n") }, "True/RefreshScheduled"},
		"a token of an old kind": {func(_ *world, d map[string][]byte) { d["token"] = []byte("legacy"); delete(d, "token.refresh-token") }, ""},
	} {
		w := newWorld(t)
		w.change(func(s *corev1.Secret) { c.change(w, s.Data) })
		w.mustKeep()
		if got := w.refreshing(); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
		if hasProblem := w.rotator.Problem(w.i) != ""; hasProblem != strings.HasPrefix(c.want, "False") {
			t.Errorf("%s: a problem: %v", name, hasProblem)
		}
	}
}

// TestSuspended checks that nothing is called while an integration is suspended, and that its token is refreshed afterwards,
// though it has ended.
func TestSuspended(t *testing.T) {
	w := newWorld(t)
	w.mustKeep()
	w.i.Spec.Suspend = true
	w.run(48 * time.Hour)
	if w.slack.Calls() != 0 || w.refreshing() != "True/RefreshScheduled" {
		t.Errorf("%d calls, %s", w.slack.Calls(), w.refreshing())
	}
	w.i.Spec.Suspend = false
	w.mustKeep()
	w.wantWorking("afterwards")
}

// TestWaitsForItsTurn checks that an integration waits while others of its namespace call Slack.
func TestWaitsForItsTurn(t *testing.T) {
	w := newWorld(t)
	w.clock.SetTime(due)
	next, err := w.rotator.Keep(t.Context(), w.i, "1", func(bool) (func(), bool) { return nil, false })
	if err != nil || next <= 0 || next > time.Minute || w.slack.Calls() != 0 {
		t.Errorf("next in %s, %v, %d calls", next, err, w.slack.Calls())
	}
	left := false
	var turn rotation.Turn = func(bool) (func(), bool) { return func() { left = true }, true }
	w.clock.Step(next)
	if _, err := w.rotator.Keep(t.Context(), w.i, "1", turn); err != nil || w.slack.Calls() != 1 || !left {
		t.Errorf("%v, %d calls, left: %v", err, w.slack.Calls(), left)
	}
}

// TestShortLives checks that tokens of a server with short lives lead to one call a minute at most.
func TestShortLives(t *testing.T) {
	w := newWorld(t)
	w.change(func(s *corev1.Secret) { s.Data["token.expires"] = []byte(secrets.FormatExpires(noon.Add(time.Second))) })
	refresh := w.rotator.Refresh
	w.rotator.Refresh = shorten(refresh)
	w.run(10 * time.Minute)
	if calls := w.slack.Calls(); calls < 9 || calls > 12 {
		t.Errorf("%d calls in 10 minutes", calls)
	}
}
