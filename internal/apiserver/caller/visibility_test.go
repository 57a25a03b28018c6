// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"context"
	"fmt"
	"testing"

	"github.com/voiceai-dev/integrations-operator/internal/identity"
)

// reviewer allows access in some namespaces, and counts the checks.
type reviewer struct {
	allowed map[string]bool
	checks  int
}

func (r *reviewer) Allowed(_ context.Context, _ identity.Caller, a identity.Access) (bool, error) {
	r.checks++
	return r.allowed[a.Namespace], nil
}

// TestListsSlack lists entries of so many namespaces, each twice.
func TestListsSlack(t *testing.T) {
	for name, c := range map[string]struct {
		allowed           map[string]bool
		namespaces, lists int
		checks            int
	}{
		"one namespace":                  {map[string]bool{"n-0": true}, 1, 1, 1},
		"no right in one":                {nil, 1, 0, 1},
		"right in all":                   {map[string]bool{"": true, "n-0": true}, 100, 100, 2},
		"no right":                       {nil, 100, 0, 1 + maxNamespaces},
		"right in the second":            {map[string]bool{"n-1": true}, 100, 1, 1 + maxNamespaces},
		"right in one beyond the bounds": {map[string]bool{"n-99": true}, 100, 0, 1 + maxNamespaces},
	} {
		t.Run(name, func(t *testing.T) {
			r := &reviewer{allowed: c.allowed}
			lists := Permissions{Authorizer: r}.ListsSlack(t.Context())
			got := 0
			for i := range 2 * c.namespaces {
				if lists(fmt.Sprint("n-", i%c.namespaces)) {
					got++
				}
			}
			if got != 2*c.lists || r.checks != c.checks {
				t.Errorf("lists %d of %d after %d checks, want %d after %d", got, 2*c.namespaces, r.checks, 2*c.lists, c.checks)
			}
		})
	}
}
