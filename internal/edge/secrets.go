// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"k8s.io/utils/lru"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/secrets"
)

const (
	// maxSecrets bounds how many secrets are kept. Beyond that, the least recently used one is read again.
	maxSecrets = 1024
	// readPause is how long a Secret is not read again after reading it failed: any client can cause the read.
	readPause = time.Second
	// secretTimeout bounds how long reading a Secret may take.
	secretTimeout = 5 * time.Second
)

// SecretReaders are what SigningSecrets reads with.
type SecretReaders struct {
	// Cache reads the metadata of Secrets.
	Cache client.Reader
	// Live reads whole Secrets from the API server.
	Live client.Reader
}

// SigningSecrets reads and keeps the secrets with which the requests of one kind of integration are signed. A flood
// of requests does not reach the API server: a Secret is read only when the integration or, by its metadata in the
// cache, the Secret has changed.
type SigningSecrets struct {
	readers SecretReaders
	clock   clock.PassiveClock
	field   string

	mu sync.Mutex
	// entries holds a *signingSecret for the name of each integration.
	entries *lru.Cache
}

// signingSecret is the result of the last read for one integration.
type signingSecret struct {
	mu sync.Mutex
	// version identifies the integration and the Secret of the last read.
	version string
	value   string
	err     error
	// retryAt is when to read again after a temporary error; zero without one.
	retryAt time.Time
}

// NewSigningSecrets returns SigningSecrets for integrations that name their Secret in a field such as
// spec.webhookSecretRef.
func NewSigningSecrets(readers SecretReaders, c clock.PassiveClock, field string) *SigningSecrets {
	return &SigningSecrets{readers: readers, clock: c, field: field, entries: lru.New(maxSecrets)}
}

// Read returns the value that an integration's reference leads to, which is never empty. Its error is a *Refusal if
// there is no usable one.
func (s *SigningSecrets) Read(ctx context.Context, integration client.Object, ref v1alpha1.SecretKeyReference) (string, error) {
	namespace := integration.GetNamespace()
	m := &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}}
	err := s.readers.Cache.Get(ctx, types.NamespacedName{Namespace: namespace, Name: ref.Name}, m)
	if client.IgnoreNotFound(err) != nil {
		return "", fmt.Errorf("reading the metadata of Secret %s/%s: %w", namespace, ref.Name, err)
	}
	if err != nil {
		return "", &Refusal{Reason: fmt.Sprintf("Secret %q does not exist", ref.Name)}
	}
	version := fmt.Sprintf("%s/%d/%s@%s", integration.GetUID(), integration.GetGeneration(), m.UID, m.ResourceVersion)
	e := s.entry(client.ObjectKeyFromObject(integration))
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.version == version && (e.retryAt.IsZero() || s.clock.Now().Before(e.retryAt)) {
		return e.value, e.err
	}
	e.version = version
	e.retryAt = time.Time{}
	e.value, e.err = s.readLive(ctx, namespace, ref)
	var refusal *Refusal
	if e.err != nil && !errors.As(e.err, &refusal) {
		e.retryAt = s.clock.Now().Add(readPause)
	}
	return e.value, e.err
}

// readLive reads a value from the API server. It does not end with ctx: other requests wait for the value after the
// client of this one is gone.
func (s *SigningSecrets) readLive(ctx context.Context, namespace string, ref v1alpha1.SecretKeyReference) (string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), secretTimeout)
	defer cancel()
	value, err := secrets.ReadPassphrase(ctx, s.readers.Live, namespace, s.field, ref)
	var refusal *connection.Refusal
	if errors.As(err, &refusal) {
		return "", &Refusal{Reason: refusal.Message}
	}
	return value, err
}

func (s *SigningSecrets) entry(integration types.NamespacedName) *signingSecret {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.entries.Get(integration); ok {
		return e.(*signingSecret)
	}
	e := &signingSecret{}
	s.entries.Add(integration, e)
	return e
}

// Forget drops the value of an integration that accepts no requests.
func (s *SigningSecrets) Forget(integration types.NamespacedName) { s.entries.Remove(integration) }
