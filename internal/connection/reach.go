// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// Reach returns the namespaces that what people do by SlackIntegrations is about: their own, and those that they allow
// and that use them in a rule. Both sides agree, so that the owner of an integration, who could forge what people do,
// reaches no other namespace by it.
func Reach(ctx context.Context, c client.Reader, integrations []*v1alpha1.SlackIntegration) ([]string, error) {
	found := map[string]bool{}
	own := map[types.NamespacedName]bool{}
	for _, i := range integrations {
		found[i.Namespace] = true
		own[client.ObjectKeyFromObject(i)] = true
	}
	rules := &v1alpha1.NotificationRuleList{} // shared with the cache: it is only read
	if err := c.List(ctx, rules, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing the NotificationRules: %w", err)
	}
	for i := range rules.Items {
		r := &rules.Items[i]
		ref := r.Spec.IntegrationRef
		if ref == nil || found[r.Namespace] || !own[types.NamespacedName{Namespace: ref.Namespace, Name: ref.Name}] {
			continue
		}
		if _, err := ResolveSlack(ctx, c, r.Namespace, ref); err == nil {
			found[r.Namespace] = true
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}
