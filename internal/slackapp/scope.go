// SPDX-License-Identifier: Apache-2.0

package slackapp

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
)

// namespaces returns the namespaces that requests of the session's integrations are about: their own, and those that
// they allow and that use them in a rule. Both sides agree, so that the owner of an integration, who could forge what
// persons do, reaches no other namespace by it.
func (s *session) namespaces(ctx context.Context) ([]string, error) {
	found := map[string]bool{}
	own := map[types.NamespacedName]bool{}
	for _, i := range s.Integrations {
		found[i.Namespace] = true
		own[client.ObjectKeyFromObject(i)] = true
	}
	rules := &v1alpha1.NotificationRuleList{} // shared with the cache: it is only read
	if err := s.Client.List(ctx, rules, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing the NotificationRules: %w", err)
	}
	for i := range rules.Items {
		r := &rules.Items[i]
		ref := r.Spec.IntegrationRef
		if ref == nil || found[r.Namespace] || !own[types.NamespacedName{Namespace: ref.Namespace, Name: ref.Name}] {
			continue
		}
		if _, err := connection.ResolveSlack(ctx, s.Client, r.Namespace, ref); err == nil {
			found[r.Namespace] = true
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// where returns those namespaces of the session in which the person may do something. If there are none, the error is
// what is missing in the first one. With a namespace, only that one counts.
func (s *session) where(ctx context.Context, verb string, r action.Resource, namespace string) ([]string, error) {
	all, err := s.namespaces(ctx)
	if err != nil {
		return nil, err
	}
	if namespace != "" {
		if !slices.Contains(all, namespace) {
			return nil, &action.NotFoundError{Message: fmt.Sprintf(
				"%s reaches the namespaces %s, and not %s", nameOf(s.integration), strings.Join(all, ", "), namespace)}
		}
		all = []string{namespace}
	}
	var allowed []string
	var missing error
	for _, n := range all {
		switch err := action.Require(ctx, authorizer{s}, s.caller, r.In(verb, n)); {
		case err == nil:
			allowed = append(allowed, n)
		case missing == nil:
			missing = err
		}
	}
	if len(allowed) == 0 {
		return nil, missing
	}
	return allowed, nil
}

// cutName returns the namespace and the name in an argument such as qa/smoke. The namespace is empty when there is none.
func cutName(argument string) (namespace, name string) {
	if namespace, name, ok := strings.Cut(argument, "/"); ok {
		return namespace, name
	}
	return "", argument
}
