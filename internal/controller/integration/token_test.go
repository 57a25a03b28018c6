// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/chat/chattest"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/controller/integration/rotation"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/secrets"
)

// withRotation gives a world an app whose tokens expire, and its integration.
func withRotation(w *world) (*chattest.Rotating, *v1alpha1.SlackIntegration) {
	slack := &chattest.Rotating{Clock: clock.RealClock{}}
	installed := slack.Install()
	w.probeSlack = func(c chat.Config) (chat.Workspace, error) {
		if !slack.Accepts(c.Token) {
			return chat.Workspace{}, &fault.Fault{Kind: fault.Unauthorized, Scope: fault.Connection, Code: "token_expired",
				Message: "Slack rejected the bot token (token_expired). Reinstall the app."}
		}
		return chat.Workspace{Team: "Voice", TeamID: "T1", Verified: true, CanFind: true}, nil
	}
	w.slackReconcile.Rotator = &rotation.Rotator{
		Client: w.client, Live: w.client, Clock: clock.RealClock{}, Refresh: slack.Refresh, Revoke: slack.Revoke,
		Account: "system:serviceaccount:v:o",
	}
	change(w, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "s"}}, func(s *corev1.Secret) {
		s.Data["client"] = []byte("x")
		secrets.Rotating{
			Token: installed.Token, RefreshToken: installed.RefreshToken, Expires: time.Now().Add(installed.ExpiresIn),
		}.Put(s, tokenRef)
	})
	i := bot(func(i *v1alpha1.SlackIntegration) {
		i.Spec.OAuth = &v1alpha1.SlackOAuth{ClientID: "1.2", ClientSecretRef: v1alpha1.SecretKeyReference{Name: "s", Key: "client"}}
	})
	w.create(i)
	w.settle()
	return slack, i
}

// TestAnExpiringToken keeps an integration working for days whose token expires.
func TestAnExpiringToken(t *testing.T) {
	inWorld(t, func(w *world) {
		slack, i := withRotation(w)
		wantConditions(w, i, works, "")
		for range 20 {
			w.run(7 * time.Hour)
			wantConditions(w, i, works, "")
		}
		if calls := slack.Calls(); calls < 13 || calls > 14 {
			t.Errorf("%d refreshes in 140 hours", calls)
		}
		if got := w.announced(); len(got) != 0 {
			t.Errorf("announced %v", got)
		}
	})
}

// TestATokenThatIsNotRefreshed shows what a person has to do while the token is valid, and when it has ended.
func TestATokenThatIsNotRefreshed(t *testing.T) {
	inWorld(t, func(w *world) {
		slack, i := withRotation(w)
		forbidden := true
		w.slackReconcile.Rotator.Client = readOnly{w.client, &forbidden}
		change(w, i, func(*v1alpha1.SlackIntegration) {})
		w.settle()
		wantConditions(w, i, "True/Accepted True/Degraded True/Ready", "grant it with kubectl -n a create role voiceai-refresh-s")
		w.run(13 * time.Hour)
		wantConditions(w, i, "False/Unauthorized Unknown/NotAuthenticated False/Unauthorized Stalled", "grant it with kubectl -n a create role")
		wantConditions(w, i, "False/Unauthorized Unknown/NotAuthenticated False/Unauthorized Stalled", "The bot token ended at")
		forbidden = false
		w.run(10 * time.Minute)
		wantConditions(w, i, works, "")
		if slack.Calls() != 1 {
			t.Errorf("%d refreshes", slack.Calls())
		}
		change(w, i, func(i *v1alpha1.SlackIntegration) { i.Spec.OAuth = nil })
		w.delete(i)
		w.settle()
	})
}

// TestARejectedToken checks that a token that Slack rejects is not called valid.
func TestARejectedToken(t *testing.T) {
	inWorld(t, func(w *world) {
		slack, i := withRotation(w)
		refreshing := func() string {
			c := condition.Get(get(w, i), v1alpha1.ConditionRefreshing)
			return string(c.Status) + "/" + c.Reason
		}
		if got := refreshing(); got != "True/RefreshScheduled" {
			t.Errorf("got %s", got)
		}
		slack.RevokeTokens()
		w.run(10 * time.Minute)
		wantConditions(w, i, "False/Unauthorized Unknown/NotAuthenticated False/Unauthorized Stalled", "")
		if got := refreshing(); got != "Unknown/NotAuthenticated" {
			t.Errorf("once it was revoked: got %s", got)
		}
		w.run(12 * time.Hour) // its refresh token is valid
		wantConditions(w, i, works, "")
		if got := refreshing(); got != "True/RefreshScheduled" {
			t.Errorf("once it was refreshed: got %s", got)
		}
	})
}

// readOnly is a client that may not update Secrets while forbidden is set.
type readOnly struct {
	client.Client
	forbidden *bool
}

func (c readOnly) Update(ctx context.Context, o client.Object, opts ...client.UpdateOption) error {
	if *c.forbidden {
		return apierrors.NewForbidden(corev1.Resource("secrets"), o.GetName(), errors.New(`User "o" cannot update resource "secrets"`))
	}
	return c.Client.Update(ctx, o, opts...)
}
