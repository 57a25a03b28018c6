// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/index"
)

// newList returns an empty list of integrations, and a function that returns its items once it was read.
type newList func() (into client.ObjectList, items func() []client.Object)

// integrationsForSecret returns a function that enqueues the integrations whose credential is in a Secret.
func integrationsForSecret(c client.Reader, list newList) func(context.Context, client.Object) []reconcile.Request {
	return func(ctx context.Context, secret client.Object) []reconcile.Request {
		into, items := list()
		err := c.List(
			ctx,
			into,
			client.InNamespace(secret.GetNamespace()),
			client.MatchingFields{index.IntegrationBySecret: secret.GetName()},
		)
		if err != nil {
			ctrl.LoggerFrom(ctx).
				Error(err, "Listing the integrations whose credential is in a Secret", "Secret", client.ObjectKeyFromObject(secret))
			return nil
		}
		return kit.Requests(items())
	}
}
