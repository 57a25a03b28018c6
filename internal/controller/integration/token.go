// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
)

// refreshToken refreshes the bot token of an integration if it expires and that is due. It returns when to do so again; 0 for
// never.
func (r *SlackReconciler) refreshToken(ctx context.Context, i *v1alpha1.SlackIntegration) (time.Duration, error) {
	if r.Rotator == nil {
		return 0, nil
	}
	secret, _ := i.CredentialRef()
	version, err := credentialVersion(ctx, r.Client, i, secret)
	if err != nil {
		return 0, err
	}
	return r.Rotator.Keep(ctx, i, version, func(isFailing bool) (func(), bool) {
		return r.gate.Enter(client.ObjectKeyFromObject(i), isFailing, r.Enqueuer.Enqueue)
	})
}

// warnOfToken reports that the bot token will end, or has ended, because it cannot be refreshed. It sets
// Refreshing to Unknown for a token that Slack rejects, whatever its end.
func (r *SlackReconciler) warnOfToken(i *v1alpha1.SlackIntegration) {
	if r.Rotator == nil {
		return
	}
	why := r.Rotator.Problem(i)
	isRejected := condition.Is(i, v1alpha1.ConditionAuthenticated, metav1.ConditionFalse, v1alpha1.ReasonUnauthorized)
	switch {
	case why == "" && isRejected && condition.Get(i, v1alpha1.ConditionRefreshing) != nil:
		condition.Unknown(i, v1alpha1.ConditionRefreshing, v1alpha1.ReasonNotAuthenticated, "Slack rejects the bot token. Install the app again.")
	case why == "":
	case condition.Is(i, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady):
		condition.True(i, v1alpha1.ConditionHealthy, v1alpha1.ReasonDegraded, why)
		condition.Ready(i, v1alpha1.ReasonReady, why)
	case isRejected:
		unauthenticated(i, &kit.Outcome{
			Progress: condition.Stalled, Reason: v1alpha1.ReasonUnauthorized, Message: "Slack rejected the bot token. " + why,
		}, r.Clock.Now())
	}
}
