// SPDX-License-Identifier: Apache-2.0

package index

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Guard returns a client that does not update an object of which the cache holds only a part: the rest would be removed.
func Guard(c client.Client) client.Client { return guard{c} }

type guard struct{ client.Client }

// Update updates an object. It returns an error if the object is cut.
func (g guard) Update(ctx context.Context, o client.Object, options ...client.UpdateOption) error {
	if IsCut(o) {
		return fmt.Errorf("updating %T %s: only a part of it was read, read it with Get", o, client.ObjectKeyFromObject(o))
	}
	return g.Client.Update(ctx, o, options...)
}
