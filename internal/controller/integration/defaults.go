// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
)

// maxOtherDefaults is the number of other default integrations that a warning names.
const maxOtherDefaults = 5

// listDefaults returns the default integrations of a namespace.
func listDefaults(ctx context.Context, c client.Reader, namespace string, list newList) ([]client.Object, error) {
	into, items := list()
	if err := c.List(ctx, into, client.InNamespace(namespace), client.MatchingFields{connection.DefaultIndex: "true"}); err != nil {
		return nil, fmt.Errorf("listing the default integrations of namespace %s: %w", namespace, err)
	}
	return items(), nil
}

// secondDefault begins the warning about a second default integration.
const secondDefault = "Other integrations of this namespace are the default too"

// warnOfDefaults shows in the conditions of a default integration that works which others are the default too. What
// names no integration then uses none.
func warnOfDefaults(ctx context.Context, c client.Reader, o kit.Object, list newList) error {
	if !condition.Is(o, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady) {
		return nil
	}
	defaults, err := listDefaults(ctx, c, o.GetNamespace(), list)
	if err != nil {
		return err
	}
	isSelf := func(other client.Object) bool { return other.GetName() == o.GetName() }
	others := slices.DeleteFunc(slices.Clone(defaults), isSelf)
	if len(others) == len(defaults) || len(others) == 0 {
		if strings.HasPrefix(condition.Get(o, v1alpha1.ConditionReady).Message, secondDefault) {
			slack, isSlack := o.(*v1alpha1.SlackIntegration)
			healthy(o, "", !isSlack || slack.Spec.Webhook == nil) // the next probe adds what else falls short
		}
		return nil
	}
	var names []string
	for _, other := range others {
		names = append(names, other.GetName())
	}
	slices.Sort(names)
	warning := fmt.Sprintf("%s: %s. What names no integration uses none of them. Keep spec.default on one.",
		secondDefault, strings.Join(names[:min(len(names), maxOtherDefaults)], ", "))
	condition.True(o, v1alpha1.ConditionHealthy, v1alpha1.ReasonDegraded, warning)
	condition.Ready(o, v1alpha1.ReasonReady, warning)
	return nil
}

// enqueueDefaults returns a function that enqueues the default integrations of a namespace in which an integration
// changed.
func enqueueDefaults(c client.Reader, list newList) func(context.Context, client.Object) []reconcile.Request {
	return func(ctx context.Context, changed client.Object) []reconcile.Request {
		defaults, err := listDefaults(ctx, c, changed.GetNamespace(), list)
		if err != nil {
			ctrl.LoggerFrom(ctx).Error(err, "Finding the default integrations beside one that changed",
				"Integration", client.ObjectKeyFromObject(changed))
			return nil
		}
		return kit.Requests(slices.DeleteFunc(defaults, func(o client.Object) bool { return o.GetName() == changed.GetName() }))
	}
}

// onSpecChange returns predicates that let objects pass that are created or deleted, or whose spec changes.
func onSpecChange() builder.Predicates {
	return builder.WithPredicates(predicate.GenerationChangedPredicate{})
}
