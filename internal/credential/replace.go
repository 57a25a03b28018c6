// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
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

// replaceIn stores values in one Secret, and creates it if there is none.
func (s *Store) replaceIn(ctx context.Context, key types.NamespacedName, data map[string][]byte, check CheckWrite) error {
	secret := &corev1.Secret{}
	err := s.Live.Get(ctx, key, secret)
	if apierrors.IsNotFound(err) {
		maps.DeleteFunc(data, func(_ string, value []byte) bool { return len(value) == 0 })
		if len(data) == 0 {
			return nil
		}
		secret = &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}, Data: data}
		if err := check(ctx, "create", secret); err != nil {
			return err
		}
		return s.Client.Create(ctx, secret, s.FieldOwner)
	}
	if err != nil {
		return fmt.Errorf("reading Secret %s: %w", key, err)
	}
	if err := check(ctx, "update", secret); err != nil {
		return err
	}
	if secret.Data == nil {
		secret.Data = map[string][]byte{}
	}
	for k, value := range data {
		if len(value) == 0 {
			delete(secret.Data, k)
			continue
		}
		secret.Data[k] = value
	}
	return s.Client.Update(ctx, secret, s.FieldOwner)
}
