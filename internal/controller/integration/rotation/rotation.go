// SPDX-License-Identifier: Apache-2.0

// Package rotation keeps the tokens of Slack apps valid that have token rotation on: it exchanges them for the next ones in
// time. A token and its refresh token are in one Secret and change in one write, and only what the Secret has is used.
package rotation

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit/gate"
	"github.com/voiceai-dev/integrations-operator/internal/secrets"
)

const (
	// refreshBefore is how long before its end a token is refreshed. Slack's own libraries do the same.
	refreshBefore = 2 * time.Hour
	// urgentBefore is how long before its end an integration is degraded whose token could not be refreshed for a reason
	// that may pass.
	urgentBefore = time.Hour
	// recheckAfter is how soon is looked again at what a person has to change and no watch shows, such as a Role.
	recheckAfter = 5 * time.Minute
	// minRetry and maxRetry bound how soon a failed refresh is repeated. Slack accepts a refresh token for a short time after
	// it was used, so the first repetition comes soon.
	minRetry = 5 * time.Second
	maxRetry = 5 * time.Minute
	// minInterval is how long after a refresh the next one comes at the earliest, whatever the lifetime is that Slack names.
	minInterval = time.Minute
)

// Rotator refreshes the tokens of integrations. Only the leader has one that is in use. Its methods may be called at once for
// different integrations.
type Rotator struct {
	// Client writes Secrets, Live reads them from the API server.
	Client client.Client
	Live   client.Reader
	Clock  clock.PassiveClock
	// Refresh and Revoke call Slack.
	Refresh chat.Refresh
	Revoke  chat.Revoke
	// Account is the user name of the operator, for the RoleBinding that a person has to apply.
	Account string

	// states has the state of each integration whose token was looked at, by name.
	states sync.Map
}

// state is what is kept of an integration.
type state struct {
	// version identifies the spec and the Secret that result is about.
	version string
	result  result
	// failures counts the refreshes in a row that failed for a reason that may pass.
	failures int
	// refreshed is when the last refresh succeeded.
	refreshed time.Time
	// unstored is what Slack gave and the Secret does not have yet; nil if there is nothing.
	unstored *unstored
}

// result is what a look at a token led to.
type result struct {
	status  metav1.ConditionStatus
	reason  string
	message string
	// next is when to look again; zero for when the spec or the Secret changes.
	next time.Time
	// degrades is set if a person has to act for the integration to go on working.
	degrades bool
}

// Forget drops what is kept of an integration.
func (r *Rotator) Forget(i types.NamespacedName) { r.states.Delete(i) }

// Turn reports whether an integration may call Slack now, and returns what is called when it is done. isFailing is set if its
// last call failed.
type Turn func(isFailing bool) (leave func(), ok bool)

// Keep refreshes the token of an integration if that is due, sets the condition Refreshing, and returns when to call it
// again; 0 for when the integration or its Secret changes. version identifies both.
func (r *Rotator) Keep(ctx context.Context, i *v1alpha1.SlackIntegration, version string, turn Turn) (time.Duration, error) {
	name := client.ObjectKeyFromObject(i)
	if i.Spec.Bot == nil || i.Spec.OAuth == nil {
		r.Forget(name)
		result{}.set(i)
		return 0, nil
	}
	kept, _ := r.states.LoadOrStore(name, &state{})
	s := kept.(*state)
	now := r.Clock.Now()
	if i.Spec.Suspend && s.unstored == nil { // what is due is done once it is false
		return 0, nil
	}
	if s.version != version || !s.result.next.IsZero() && !now.Before(s.result.next) {
		found, err := r.look(ctx, i, s, turn)
		if err != nil {
			return 0, err
		}
		s.version = version
		s.result = found
	}
	s.result.set(i)
	if s.result.next.IsZero() {
		return 0, nil
	}
	return max(s.result.next.Sub(r.Clock.Now()), time.Second), nil
}

// set sets the condition Refreshing to the result, or removes it if the token is not refreshed.
func (f result) set(i *v1alpha1.SlackIntegration) {
	if f.reason == "" {
		meta.RemoveStatusCondition(i.GetConditions(), v1alpha1.ConditionRefreshing)
		return
	}
	condition.Set(i, v1alpha1.ConditionRefreshing, f.status, f.reason, f.message)
}

// Problem returns why the token of an integration will end, or has; empty if nothing needs to be done.
func (r *Rotator) Problem(i *v1alpha1.SlackIntegration) string {
	s, ok := r.states.Load(client.ObjectKeyFromObject(i))
	if !ok || !s.(*state).result.degrades {
		return ""
	}
	return s.(*state).result.message
}

// look reads the token of an integration from its Secret, and refreshes it if that is due.
func (r *Rotator) look(ctx context.Context, i *v1alpha1.SlackIntegration, s *state, turn Turn) (result, error) {
	ref := i.Spec.Bot.TokenSecretRef
	secret := &corev1.Secret{}
	err := r.Live.Get(ctx, types.NamespacedName{Namespace: i.Namespace, Name: ref.Name}, secret)
	if apierrors.IsNotFound(err) {
		s.unstored = nil
		return result{}, nil
	}
	if err != nil {
		return result{}, fmt.Errorf("reading Secret %s/%s: %w", i.Namespace, ref.Name, err)
	}
	if s.unstored != nil {
		stored, refused, err := r.store(ctx, s, secret, ref)
		if err != nil || refused != nil {
			return refused.orNone(), err
		}
		secret = stored
	}
	secret, again, err := r.revokeReplaced(ctx, i, secret, turn)
	if err != nil {
		return result{}, err
	}
	found, err := r.lookAtToken(ctx, i, s, secret, turn)
	if !again.IsZero() && (found.next.IsZero() || again.Before(found.next)) {
		found.next = again
	}
	return found, err
}

// lookAtToken refreshes the token in a Secret if that is due, and returns what to show of it.
func (r *Rotator) lookAtToken(
	ctx context.Context, i *v1alpha1.SlackIntegration, s *state, secret *corev1.Secret, turn Turn,
) (result, error) {
	ref := i.Spec.Bot.TokenSecretRef
	token := secrets.RotatingIn(secret, ref)
	now := r.Clock.Now()
	switch {
	case !token.Rotates() && token.Expiring():
		return result{
			status: metav1.ConditionFalse, reason: v1alpha1.ReasonNoRefreshToken, degrades: true,
			message: fmt.Sprintf("The bot token ends 12 hours after Slack issued it, and Secret %q has no refresh token for it under key %q. "+
				"Install the app from the dashboard.", ref.Name, secrets.RefreshTokenRef(ref).Key),
		}, nil
	case !token.Rotates():
		return result{}, nil
	}
	refused, err := r.checkWritable(ctx, secret)
	if err != nil {
		return result{}, err
	}
	if refused != nil {
		refused.message = ends(token, now) + " " + refused.message
		return *refused, nil
	}
	if due := r.due(token, s); now.Before(due) {
		return scheduled(token, due), nil
	}
	if i.Spec.Suspend {
		return scheduled(token, now), nil
	}
	leave, ok := turn(s.failures > 0)
	if !ok {
		waits := scheduled(token, now)
		waits.next = now.Add(gate.Delay)
		return waits, nil
	}
	defer leave()
	return r.refresh(ctx, i, s, secret)
}

// orNone returns the result, or none if there is nothing.
func (f *result) orNone() result {
	if f == nil {
		return result{}
	}
	return *f
}

// due returns when a token is to be refreshed.
func (r *Rotator) due(token secrets.Rotating, s *state) time.Time {
	due := token.Expires.Add(-refreshBefore)
	if earliest := s.refreshed.Add(minInterval); !s.refreshed.IsZero() && due.Before(earliest) {
		return earliest
	}
	return due
}

func scheduled(token secrets.Rotating, due time.Time) result {
	return result{
		status: metav1.ConditionTrue, reason: v1alpha1.ReasonRefreshScheduled, next: due,
		message: fmt.Sprintf("The bot token is valid until %s, and is refreshed at %s", clockTime(token.Expires), clockTime(due)),
	}
}

// ends returns when a token ends, or ended, as a sentence.
func ends(token secrets.Rotating, now time.Time) string {
	switch {
	case token.Expires.IsZero():
		return "It is not known when the bot token ends."
	case now.Before(token.Expires):
		return "The bot token ends at " + clockTime(token.Expires) + "."
	}
	return "The bot token ended at " + clockTime(token.Expires) + "."
}

func clockTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// retryAfter returns how soon a refresh is repeated that failed.
func (s *state) retryAfter(wanted time.Duration) time.Duration {
	s.failures++
	return max(wanted, min(minRetry<<min(s.failures-1, 10), maxRetry))
}

// isUrgent reports whether a token ends soon, or has ended.
func isUrgent(token secrets.Rotating, now time.Time) bool {
	return now.After(token.Expires.Add(-urgentBefore))
}
