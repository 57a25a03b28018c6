// SPDX-License-Identifier: Apache-2.0

// Package scope finds what a person in Slack may act on: namespaces, suites, runs and defects.
package scope

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/identity"
)

// Scope is what a person may act on, in the namespaces that integrations reach. It is for one request.
type Scope struct {
	// Client reads from the cache.
	Client client.Reader
	// Integrations are those of the person's workspace, Integration the one that answers.
	Integrations []*v1alpha1.SlackIntegration
	Integration  *v1alpha1.SlackIntegration
	Caller       identity.Caller
	Authorizer   action.Authorizer

	leftOut []string
}

// Where returns those namespaces in which the person may do something. If there are none, the error is what is missing in
// the first one. With a namespace, only that one counts.
func (s *Scope) Where(ctx context.Context, verb string, r action.Resource, namespace string) ([]string, error) {
	return s.whereOne(ctx, verb, r, types.NamespacedName{Namespace: namespace})
}

// whereOne does what Where does, about the object of a name: a Role may allow it by resourceNames.
func (s *Scope) whereOne(ctx context.Context, verb string, r action.Resource, key types.NamespacedName) ([]string, error) {
	all, err := connection.Reach(ctx, s.Client, s.Integrations)
	if err != nil {
		return nil, err
	}
	if key.Namespace != "" {
		if !slices.Contains(all, key.Namespace) {
			return nil, &action.NotFoundError{Message: fmt.Sprintf("SlackIntegration %s reaches the namespaces %s, and not %s. "+
				"It takes both spec.allowedNamespaces of the SlackIntegration, and a NotificationRule there that names it",
				client.ObjectKeyFromObject(s.Integration), strings.Join(all, ", "), key.Namespace)}
		}
		all = []string{key.Namespace}
	}
	var allowed, leftOut []string
	var missing error
	for _, n := range all {
		err := action.Require(ctx, s.Authorizer, s.Caller, r.Access(verb, types.NamespacedName{Namespace: n, Name: key.Name}))
		switch {
		case err == nil:
			allowed = append(allowed, n)
		case IsForbidden(err):
			leftOut = append(leftOut, n)
			missing = cmp.Or(missing, err)
		default:
			return nil, err
		}
	}
	s.leftOut = append(s.leftOut, leftOut...)
	if len(allowed) == 0 {
		return nil, missing
	}
	return allowed, nil
}

// LeftOut returns the namespaces that were not considered because the person lacks a permission there.
func (s *Scope) LeftOut() []string {
	slices.Sort(s.leftOut)
	return slices.Compact(s.leftOut)
}

// IsForbidden reports whether the person lacks a permission.
func IsForbidden(err error) bool {
	var forbidden *action.ForbiddenError
	return errors.As(err, &forbidden)
}

// Cut returns the namespace and the name in an argument such as qa/smoke. The namespace is empty when there is none.
func Cut(argument string) (namespace, name string) {
	if namespace, name, ok := strings.Cut(argument, "/"); ok {
		return namespace, name
	}
	return "", argument
}
