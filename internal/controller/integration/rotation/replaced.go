// SPDX-License-Identifier: Apache-2.0

package rotation

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit/gate"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/secrets"
)

// revokeReplaced revokes the tokens that an installation has replaced, and removes them from the Secret: the process that
// installed the app was killed, or had no answer of Slack. It returns the Secret as it is then, and when to try again; zero
// for when the Secret changes.
func (r *Rotator) revokeReplaced(
	ctx context.Context, i *v1alpha1.SlackIntegration, secret *corev1.Secret, turn Turn,
) (now *corev1.Secret, again time.Time, err error) {
	ref := i.Spec.Bot.TokenSecretRef
	replaced := secrets.ReplacedIn(secret, ref)
	if len(replaced) == 0 || i.Spec.Suspend {
		return secret, time.Time{}, nil
	}
	refused, err := r.checkWritable(ctx, secret)
	if err != nil {
		return secret, time.Time{}, err
	}
	if refused != nil { // they would be revoked again and again
		return secret, refused.next, nil
	}
	leave, ok := turn(false)
	if !ok {
		return secret, r.Clock.Now().Add(gate.Delay), nil
	}
	defer leave()
	for _, token := range replaced {
		err := r.Revoke(ctx, chat.Revocation{APIURL: string(i.Spec.APIURL), Namespace: i.Namespace, Token: token})
		if err != nil {
			ctrl.LoggerFrom(ctx).Info("A token that an installation replaced could not be revoked yet", "Reason", err.Error())
			return secret, r.Clock.Now().Add(max(maxRetry, fault.From(err).RetryAfter)), nil
		}
	}
	changed := secret.DeepCopy()
	secrets.RemoveReplaced(changed, ref, replaced)
	err = r.Client.Update(ctx, changed)
	switch {
	case err == nil:
		return changed, time.Time{}, nil
	case apierrors.IsConflict(err), apierrors.IsNotFound(err): // a watch shows the change
		return secret, time.Time{}, nil
	}
	return secret, time.Time{}, fmt.Errorf("removing revoked tokens from Secret %s: %w", client.ObjectKeyFromObject(secret), err)
}
