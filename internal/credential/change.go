// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"maps"

	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// Change is a change of the credentials of one integration. Store.Plan fills it in.
type Change struct {
	Kind        Kind
	Integration types.NamespacedName
	// Before are the slots of the spec before the change.
	Before []Slot
	// Given are the values that the caller gives.
	Given Values

	// added are the keys of the values to store, kept those of the values that are stored already.
	added, kept Keys
}

// keys returns the keys of all given values.
func (c *Change) keys() Keys {
	out := maps.Clone(c.added)
	maps.Copy(out, c.kept)
	return out
}

// Refer sets the references of the new spec's slots to the given credentials.
func (c *Change) Refer(after []Slot) { setRefs(after, SecretOf(c.Integration).Name, c.keys()) }

// MustRead returns the references of the new spec by which the caller could have a credential sent to another place
// without knowing it: those that are not given with the change, and refer to another Secret or key than before, or
// have their value sent to another address. The caller must be allowed to read these Secrets.
func (c *Change) MustRead(after []Slot, sameAddress bool) []Slot {
	before := map[Name]v1alpha1.SecretKeyReference{}
	if sameAddress {
		for _, s := range c.Before {
			if s.Ref != nil {
				before[s.Name] = *s.Ref
			}
		}
	}
	given := c.keys()
	var out []Slot
	for _, s := range after {
		if s.Ref == nil || s.Ref.Name == "" || given[s.Name] != "" || before[s.Name] == *s.Ref {
			continue
		}
		out = append(out, s)
	}
	return out
}
