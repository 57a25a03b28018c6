// SPDX-License-Identifier: Apache-2.0

package slackapp

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
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
	var allowed, leftOut []string
	var missing error
	for _, n := range all {
		err := action.Require(ctx, authorizer{s}, s.caller, r.Access(verb, types.NamespacedName{Namespace: n, Name: key.Name}))
		switch {
		case err == nil:
			allowed = append(allowed, n)
		case isForbidden(err):
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

// withLeftOut returns an answer that also names the namespaces which it leaves out.
func (s *session) withLeftOut(r chat.Response) chat.Response {
	slices.Sort(s.leftOut)
	names := slices.Compact(s.leftOut)
	if len(names) == 0 {
		return r
	}
	where := strings.Join(names[:min(len(names), maxNamespaces)], ", ")
	if rest := len(names) - maxNamespaces; rest > 0 {
		where += fmt.Sprintf(" and %d more", rest)
	}
	r.Blocks = append(r.Blocks, chat.Block{Context: []string{
		"What you may not do in " + where + " is left out: " + s.written("whoami") + " shows what would allow it.",
	}})
	return r
}

// cutName returns the namespace and the name in an argument such as qa/smoke. The namespace is empty when there is none.
func cutName(argument string) (namespace, name string) {
	if namespace, name, ok := strings.Cut(argument, "/"); ok {
		return namespace, name
	}
	return "", argument
}
