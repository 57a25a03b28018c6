// SPDX-License-Identifier: Apache-2.0

package slackapp

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
)

// where returns those namespaces of the session in which the person may do something. If there are none, the error is
// what is missing in the first one. With a namespace, only that one counts.
func (s *session) where(ctx context.Context, verb string, r action.Resource, namespace string) ([]string, error) {
	return s.whereOne(ctx, verb, r, types.NamespacedName{Namespace: namespace})
}

// whereOne does what where does, about the object of a name: a Role may allow it by resourceNames.
func (s *session) whereOne(ctx context.Context, verb string, r action.Resource, key types.NamespacedName) ([]string, error) {
	all, err := connection.Reach(ctx, s.Client, s.Integrations)
	if err != nil {
		return nil, err
	}
	if key.Namespace != "" {
		if !slices.Contains(all, key.Namespace) {
			return nil, &action.NotFoundError{Message: fmt.Sprintf("SlackIntegration %s reaches the namespaces %s, and not %s. "+
				"It takes both spec.allowedNamespaces of the SlackIntegration, and a NotificationRule there that names it",
				nameOf(s.integration), strings.Join(all, ", "), key.Namespace)}
		}
		all = []string{key.Namespace}
	}
	var allowed []string
	var missing error
	for _, n := range all {
		switch err := action.Require(ctx, authorizer{s}, s.caller, r.Access(verb, types.NamespacedName{Namespace: n, Name: key.Name})); {
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
