// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

const (
	managedByLabel = "app.kubernetes.io/managed-by"
	managedBy      = "voiceai-api"
)

// Store keeps credentials in Secrets. A Secret that it did not create is left alone.
type Store struct {
	Client client.Client
	// Live reads from the API server.
	Live       client.Reader
	Clock      clock.PassiveClock
	FieldOwner client.FieldOwner
}

// Authorize returns an error unless the caller may create or update a Secret.
type Authorize func(ctx context.Context, verb string, secret types.NamespacedName) error

// ForeignSecretError reports that the Secret of an integration was not created by a Store.
type ForeignSecretError struct{ Secret types.NamespacedName }

func (e *ForeignSecretError) Error() string {
	return fmt.Sprintf("Secret %s exists and was not created by this API: "+
		"rename it, or refer to it in the spec and leave out credentials", e.Secret)
}

// State is whether a credential is set, and where.
type State struct {
	Set         bool
	Secret, Key string
}

// States returns the states of the credentials of an integration. It never returns their values.
func (s *Store) States(ctx context.Context, namespace string, slots []Slot) (map[Name]State, error) {
	out := map[Name]State{}
	read := map[string]*corev1.Secret{}
	for _, slot := range slots {
		if slot.Ref == nil {
			out[slot.Name] = State{}
			continue
		}
		secret, ok := read[slot.Ref.Name]
		if !ok {
			secret = &corev1.Secret{}
			key := types.NamespacedName{Namespace: namespace, Name: slot.Ref.Name}
			if err := s.Live.Get(ctx, key, secret); client.IgnoreNotFound(err) != nil {
				return nil, fmt.Errorf("reading Secret %s: %w", key, err)
			}
			read[slot.Ref.Name] = secret
		}
		out[slot.Name] = State{Set: len(secret.Data[slot.Ref.Key]) > 0, Secret: slot.Ref.Name, Key: slot.Ref.Key}
	}
	return out, nil
}

// Plan decides under which keys the given values are to be stored. Those that are stored already keep their keys, so
// that the same change twice is one.
func (s *Store) Plan(ctx context.Context, c *Change) error {
	kept, err := s.stored(ctx, c)
	if err != nil {
		return err
	}
	bytes := make([]byte, 4)
	_, _ = rand.Read(bytes) // never fails
	random := hex.EncodeToString(bytes)
	c.kept = kept
	c.added = Keys{}
	for name := range c.Given.Secret() {
		if kept[name] == "" {
			c.added[name] = c.Kind.newKey(name, s.Clock.Now(), random)
		}
	}
	return nil
}

// stored returns the keys of the given values that are stored already.
func (s *Store) stored(ctx context.Context, c *Change) (Keys, error) {
	used := usedKeys(c.Before, SecretOf(c.Integration).Name)
	maps.DeleteFunc(used, func(name Name, _ Key) bool { return c.Given[name] == "" })
	if len(used) == 0 {
		return used, nil
	}
	secret, err := s.own(ctx, SecretOf(c.Integration))
	if err != nil || secret == nil {
		return Keys{}, err
	}
	maps.DeleteFunc(used, func(name Name, key Key) bool {
		return subtle.ConstantTimeCompare(secret.Data[string(key)], []byte(c.Given[name])) != 1
	})
	return used, nil
}

// own returns a Secret that a Store created; nil when there is none.
func (s *Store) own(ctx context.Context, key types.NamespacedName) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	if err := s.Live.Get(ctx, key, secret); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	if secret.Labels[managedByLabel] != managedBy {
		return nil, nil
	}
	return secret, nil
}

// Save adds the new values of a planned change to the Secret of its integration. The Secret is owned by the
// integration once that exists: before, its UID is empty.
func (s *Store) Save(ctx context.Context, c *Change, integration client.Object, authorize Authorize) error {
	if len(c.added) == 0 {
		return nil
	}
	key := SecretOf(c.Integration)
	secret := &corev1.Secret{}
	err := s.Live.Get(ctx, key, secret)
	switch {
	case apierrors.IsNotFound(err):
		if err := authorize(ctx, "create", types.NamespacedName{Namespace: key.Namespace}); err != nil {
			return err
		}
		secret = &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
			Namespace: key.Namespace, Name: key.Name, Labels: map[string]string{managedByLabel: managedBy},
		}}
	case err != nil:
		return err
	default:
		if err := authorize(ctx, "update", key); err != nil {
			return err
		}
		if secret.Labels[managedByLabel] != managedBy {
			return &ForeignSecretError{key}
		}
	}
	if secret.Data == nil {
		secret.Data = map[string][]byte{}
	}
	for name, at := range c.added {
		secret.Data[string(at)] = []byte(c.Given[name])
	}
	owners := slices.Clone(secret.OwnerReferences)
	c.Kind.setOwner(secret, integration)
	if secret.ResourceVersion == "" {
		return s.Client.Create(ctx, secret, s.FieldOwner)
	}
	err = s.update(ctx, secret, owners)
	if apierrors.IsNotFound(err) { // it was collected just now with an earlier integration
		err = apierrors.NewConflict(corev1.Resource("secrets"), secret.Name, err)
	}
	return err
}

// update updates a Secret, whose owners were others before. Clusters with the admission plugin
// OwnerReferencesPermissionEnforcement allow a change of the owners only to those who may delete the Secret. There, the
// owners stay as they are: the Secret is not collected with its integration, and Forget removes its values.
func (s *Store) update(ctx context.Context, secret *corev1.Secret, owners []metav1.OwnerReference) error {
	err := s.Client.Update(ctx, secret, s.FieldOwner)
	if !apierrors.IsForbidden(err) || equality.Semantic.DeepEqual(owners, secret.OwnerReferences) {
		return err
	}
	for _, former := range owners {
		if !slices.ContainsFunc(secret.OwnerReferences, func(r metav1.OwnerReference) bool { return r.UID == former.UID }) {
			return apierrors.NewConflict(corev1.Resource("secrets"), secret.Name,
				fmt.Errorf("it is collected with %s %s of before: %w", former.Kind, former.Name, err))
		}
	}
	secret.OwnerReferences = owners
	return s.Client.Update(ctx, secret, s.FieldOwner)
}

// setOwner makes an integration the owner of its Secret. Before the integration exists, an earlier one of that name
// gives the Secret up, because it would be collected with that.
func (k Kind) setOwner(secret *corev1.Secret, integration client.Object) {
	isOwner := func(r metav1.OwnerReference) bool { return r.UID == integration.GetUID() }
	if slices.ContainsFunc(secret.OwnerReferences, isOwner) {
		return
	}
	secret.OwnerReferences = slices.DeleteFunc(secret.OwnerReferences, func(r metav1.OwnerReference) bool {
		return r.Kind == k.kind
	})
	if integration.GetUID() != "" {
		secret.OwnerReferences = append(secret.OwnerReferences, metav1.OwnerReference{
			APIVersion: v1alpha1.GroupVersion.String(), Kind: k.kind, Name: integration.GetName(), UID: integration.GetUID(),
		})
	}
}

// A key that is not removed is harmless: the next change removes it. The functions below log a failure.

// Discard removes the values that Save added, after the integration could not be stored.
func (s *Store) Discard(ctx context.Context, c *Change) {
	s.clean(ctx, SecretOf(c.Integration), func(secret *corev1.Secret) {
		for _, key := range c.added {
			delete(secret.Data, string(key))
		}
	})
}

// Prune removes the values that the integration used before a change and uses no more, and those that earlier
// requests left behind. after are the slots of the stored integration.
func (s *Store) Prune(ctx context.Context, c *Change, integration client.Object, after []Slot) {
	key := SecretOf(c.Integration)
	inUse := slices.Collect(maps.Values(usedKeys(after, key.Name)))
	old := slices.Collect(maps.Values(usedKeys(c.Before, key.Name)))
	s.clean(ctx, key, func(secret *corev1.Secret) {
		maps.DeleteFunc(secret.Data, func(k string, _ []byte) bool {
			return !slices.Contains(inUse, Key(k)) && (slices.Contains(old, Key(k)) || c.Kind.isOrphaned(k, s.Clock.Now()))
		})
		c.Kind.setOwner(secret, integration)
	})
}

// Forget removes the values of a deleted integration from a Secret that stays: because an integration of the other kind
// has the same name, or because the cluster did not let the integration become its owner.
func (s *Store) Forget(ctx context.Context, kind Kind, deleted client.Object) {
	s.clean(ctx, SecretOf(client.ObjectKeyFromObject(deleted)), func(secret *corev1.Secret) {
		isCollected := len(secret.OwnerReferences) == 1 && secret.OwnerReferences[0].UID == deleted.GetUID()
		if !isCollected {
			maps.DeleteFunc(secret.Data, func(k string, _ []byte) bool { return strings.HasPrefix(k, kind.prefix+"-") })
		}
	})
}

// clean applies change to a Secret that a Store created, and updates it if that changed anything.
func (s *Store) clean(ctx context.Context, key types.NamespacedName, change func(*corev1.Secret)) {
	secret, err := s.own(ctx, key)
	if err != nil || secret == nil {
		return
	}
	before := secret.DeepCopy()
	change(secret)
	if equality.Semantic.DeepEqual(secret, before) {
		return
	}
	if err := s.update(ctx, secret, before.OwnerReferences); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Removing unused credentials", "Secret", key)
	}
}
