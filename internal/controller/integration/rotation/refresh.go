// SPDX-License-Identifier: Apache-2.0

package rotation

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/secrets"
)

const (
	// storeTimeout bounds the writes of what Slack gave. They are made although the process is being stopped: Slack soon
	// accepts the refresh token of before no more.
	storeTimeout = 15 * time.Second
	// storeAttempts bounds how often a Secret is written that others change at the same time.
	storeAttempts = 5
)

// codeInvalidGrant is the code of OAuth for a refresh token that counts no more.
const codeInvalidGrant = "invalid_grant"

// unstored is what Slack gave for a refresh token.
type unstored struct {
	// from is the refresh token that was exchanged.
	from  string
	token secrets.Rotating
}

// refresh exchanges the refresh token in a Secret, and stores what Slack gives for it.
func (r *Rotator) refresh(ctx context.Context, i *v1alpha1.SlackIntegration, s *state, secret *corev1.Secret) (result, error) {
	ref := i.Spec.Bot.TokenSecretRef
	token := secrets.RotatingIn(secret, ref)
	clientSecret, err := secrets.ReadPassphrase(ctx, r.Live, i.Namespace, "spec.oauth.clientSecretRef", i.Spec.OAuth.ClientSecretRef)
	var refusal *connection.Refusal
	if errors.As(err, &refusal) {
		return r.failed(token, result{reason: refusal.Reason, message: refusal.Message, degrades: true}), nil
	}
	if err != nil {
		return result{}, err
	}
	if err := ctx.Err(); err != nil {
		return result{}, err
	}
	// A call that was begun is finished although the process is being stopped, as its answer has the next refresh token. The
	// client bounds it.
	given, err := r.Refresh(context.WithoutCancel(ctx), chat.Renewal{
		APIURL: string(i.Spec.APIURL), Namespace: i.Namespace, ClientID: i.Spec.OAuth.ClientID, ClientSecret: clientSecret,
		RefreshToken: token.RefreshToken,
	})
	if err != nil {
		return r.ofRefusal(ctx, s, secret, ref, fault.From(err))
	}
	now := r.Clock.Now()
	s.failures = 0
	s.refreshed = now
	s.unstored = &unstored{from: token.RefreshToken, token: secrets.Rotating{
		Token: given.Token, RefreshToken: given.RefreshToken, Expires: now.Add(given.ExpiresIn),
	}}
	stored, refused, err := r.store(ctx, s, secret, ref)
	if err != nil || refused != nil {
		return refused.orNone(), err
	}
	token = secrets.RotatingIn(stored, ref)
	return scheduled(token, r.due(token, s)), nil
}

// store writes what Slack gave to a Secret, unless that has another refresh token by now: another replica has refreshed the
// token, or a person has installed the app again. It returns the Secret as it is stored, or why it may not be written.
func (r *Rotator) store(
	ctx context.Context, s *state, secret *corev1.Secret, ref v1alpha1.SecretKeyReference,
) (stored *corev1.Secret, refused *result, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	for attempt := 1; ; attempt++ {
		if secrets.RotatingIn(secret, ref).RefreshToken != s.unstored.from {
			s.unstored = nil
			return secret, nil, nil
		}
		changed := secret.DeepCopy()
		s.unstored.token.Put(changed, ref)
		err := r.Client.Update(ctx, changed)
		switch {
		case err == nil:
			s.unstored = nil
			return changed, nil, nil
		case apierrors.IsNotFound(err):
			s.unstored = nil
			return secret, nil, nil
		case apierrors.IsForbidden(err), apierrors.IsInvalid(err):
			refused = r.forbidden(secret, err)
			refused.next = r.Clock.Now().Add(maxRetry)
			return nil, refused, nil
		case !apierrors.IsConflict(err) || attempt == storeAttempts:
			return nil, nil, fmt.Errorf("storing the refreshed token in Secret %s: %w", client.ObjectKeyFromObject(secret), err)
		}
		if err := r.Live.Get(ctx, client.ObjectKeyFromObject(secret), secret); err != nil {
			return nil, nil, fmt.Errorf("reading Secret %s: %w", client.ObjectKeyFromObject(secret), err)
		}
	}
}

// ofRefusal returns the result of a refresh that failed.
func (r *Rotator) ofRefusal(
	ctx context.Context, s *state, secret *corev1.Secret, ref v1alpha1.SecretKeyReference, f *fault.Fault,
) (result, error) {
	token := secrets.RotatingIn(secret, ref)
	switch f.Code {
	case chat.CodeInvalidRefreshToken, codeInvalidGrant, "token_revoked", "token_expired", "invalid_auth", "account_inactive":
		now := &corev1.Secret{}
		if err := r.Live.Get(ctx, client.ObjectKeyFromObject(secret), now); client.IgnoreNotFound(err) != nil {
			return result{}, err
		}
		if stored := secrets.RotatingIn(now, ref); stored.RefreshToken != token.RefreshToken { // another replica was faster
			out := scheduled(stored, r.due(stored, s))
			out.next = r.Clock.Now().Add(time.Second)
			return out, nil
		}
		out := r.failed(token, result{
			reason: v1alpha1.ReasonRefreshRefused, degrades: true,
			message: fmt.Sprintf("Slack refuses the refresh token (%s). Install the app again from the dashboard.", f.Code),
		})
		if f.Code == chat.CodeInvalidRefreshToken || f.Code == codeInvalidGrant {
			out.next = time.Time{} // it is so for ever, and a watch shows when the Secret changes
		}
		return out, nil
	case "invalid_client_id", "bad_client_secret":
		return r.failed(token, result{
			reason: v1alpha1.ReasonRefreshRefused, degrades: true,
			message: fmt.Sprintf("Slack refuses the client ID or the client secret (%s). Compare spec.oauth.clientID and the Secret of "+
				"spec.oauth.clientSecretRef with the page \"Basic Information\" of the app.", f.Code),
		}), nil
	}
	out := r.failed(token, result{
		reason: kit.OutcomeOf(f).Reason, message: "It could not be refreshed yet: " + f.Error(), degrades: isUrgent(token, r.Clock.Now()),
	})
	out.next = r.Clock.Now().Add(s.retryAfter(f.RetryAfter))
	return out, nil
}

// failed completes the result of a refresh that failed.
func (r *Rotator) failed(token secrets.Rotating, f result) result {
	now := r.Clock.Now()
	f.status = metav1.ConditionFalse
	f.message = ends(token, now) + " " + f.message
	f.next = now.Add(recheckAfter)
	return f
}
