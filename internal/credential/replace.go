// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// CheckWrite returns an error unless the caller may create or update a Secret, and nothing would revert that.
type CheckWrite func(ctx context.Context, verb string, secret *corev1.Secret) error

// NoReferenceError reports that a spec refers to no Secret for a credential.
type NoReferenceError struct{ Name Name }

func (e *NoReferenceError) Error() string {
	return fmt.Sprintf("The spec refers to no Secret for %s. Change the spec first.", e.Name)
}

// Replace stores values in the Secrets and under the keys that the slots of a spec refer to, also when others created these
// Secrets. The spec stays as it is, so that a tool that applies it reverts nothing. An empty value removes the credential.
// What goes with a credential of before is removed unless it is given, too.
func (s *Store) Replace(ctx context.Context, namespace string, slots []Slot, given Values, check CheckWrite) error {
	bySecret := map[string]map[string][]byte{}
	var names []string
	slots, given = withCompanions(slots, given)
	for name, value := range given {
		i := slices.IndexFunc(slots, func(s Slot) bool { return s.Name == name && s.Ref != nil })
		if i < 0 {
			return &NoReferenceError{name}
		}
		ref := slots[i].Ref
		if bySecret[ref.Name] == nil {
			bySecret[ref.Name] = map[string][]byte{}
			names = append(names, ref.Name)
		}
		bySecret[ref.Name][ref.Key] = []byte(value)
	}
	slices.SortFunc(names, strings.Compare)
	for _, name := range names {
		key := types.NamespacedName{Namespace: namespace, Name: name}
		if err := s.replaceIn(ctx, key, bySecret[name], check); err != nil {
			return err
		}
	}
	return nil
}

// withCompanions adds the companions of the slots whose values are given. A companion without a value is removed.
func withCompanions(slots []Slot, given Values) ([]Slot, Values) {
	allSlots := slices.Clone(slots)
	values := maps.Clone(given)
	for _, s := range slots {
		if _, ok := given[s.Name]; !ok {
			continue
		}
		for _, c := range s.companions() {
			allSlots = append(allSlots, c)
			values[c.Name] = given[c.Name]
		}
	}
	return allSlots, values
}

// replaceIn stores values in one Secret.
func (s *Store) replaceIn(ctx context.Context, key types.NamespacedName, data map[string][]byte, check CheckWrite) error {
	return s.Edit(ctx, key, check, func(secret *corev1.Secret) {
		for k, value := range data {
			if len(value) == 0 {
				delete(secret.Data, k)
				continue
			}
			secret.Data[k] = value
		}
	})
}

// Edit changes the data of a Secret, also of one that others created. If there is none, it creates one with that data.
func (s *Store) Edit(ctx context.Context, key types.NamespacedName, check CheckWrite, edit func(*corev1.Secret)) error {
	secret := &corev1.Secret{}
	err := s.Live.Get(ctx, key, secret)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("reading Secret %s: %w", key, err)
	}
	verb := "update"
	if err != nil {
		verb = "create"
		secret = &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}
	}
	before := secret.DeepCopy()
	if secret.Data == nil {
		secret.Data = map[string][]byte{}
	}
	edit(secret)
	if verb == "create" && len(secret.Data) == 0 {
		return nil
	}
	if err := check(ctx, verb, before); err != nil {
		return err
	}
	if verb == "create" {
		return s.Client.Create(ctx, secret, s.FieldOwner)
	}
	return s.Client.Update(ctx, secret, s.FieldOwner)
}
