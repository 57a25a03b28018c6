package edge

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"k8s.io/utils/lru"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
)

const (
	// maxSecrets are remembered; beyond that the one not used for longest is read again.
	maxSecrets = 1024
	// readPause is how long a Secret that could not be read is not read again: strangers may be what asks for it.
	readPause = time.Second
	// secretTimeout bounds reading one.
	secretTimeout = 5 * time.Second
)

// secrets are the values with which webhooks are signed. A flood of webhooks does not reach the API server: a value is read when the
// integration or, by the metadata in the cache, its Secret is not the one it was read for.
type secrets struct {
	cache, live client.Reader
	clock       clock.PassiveClock

	mu sync.Mutex
	// entries are *secret, by the name of the integration.
	entries *lru.Cache
}

// secret is what was read last for one integration.
type secret struct {
	mu      sync.Mutex
	version string
	value   string
	err     error
	// again is when an error that may pass is looked at again.
	again time.Time
}

func newSecrets(cache, live client.Reader, c clock.PassiveClock) *secrets {
	return &secrets{cache: cache, live: live, clock: c, entries: lru.New(maxSecrets)}
}

// of returns the secret of an integration's webhooks, never empty. Its error is a *connection.Refusal when there is none that can be used.
func (s *secrets) of(ctx context.Context, i *v1alpha1.JiraIntegration) (string, error) {
	ref := *i.Spec.WebhookSecretRef
	m := &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}}
	err := s.cache.Get(ctx, types.NamespacedName{Namespace: i.Namespace, Name: ref.Name}, m)
	if client.IgnoreNotFound(err) != nil {
		return "", fmt.Errorf("reading the metadata of Secret %s/%s: %w", i.Namespace, ref.Name, err)
	}
	if err != nil {
		return "", &connection.Refusal{Reason: v1alpha1.ReasonSecretNotFound, Message: fmt.Sprintf("Secret %q does not exist", ref.Name)}
	}
	version := fmt.Sprintf("%s/%d/%s@%s", i.UID, i.Generation, m.UID, m.ResourceVersion)
	e := s.entry(client.ObjectKeyFromObject(i))
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.version == version && (e.again.IsZero() || s.clock.Now().Before(e.again)) {
		return e.value, e.err
	}
	// Whoever asked may be gone before the answer comes; others wait for it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), secretTimeout)
	defer cancel()
	e.version, e.again = version, time.Time{}
	e.value, e.err = connection.ReadPassphrase(ctx, s.live, i.Namespace, "spec.webhookSecretRef", ref)
	var refusal *connection.Refusal
	if e.err != nil && !errors.As(e.err, &refusal) {
		e.again = s.clock.Now().Add(readPause)
	}
	return e.value, e.err
}

func (s *secrets) entry(integration types.NamespacedName) *secret {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.entries.Get(integration); ok {
		return e.(*secret)
	}
	e := &secret{}
	s.entries.Add(integration, e)
	return e
}

// forget drops the value of an integration that takes no webhooks.
func (s *secrets) forget(integration types.NamespacedName) { s.entries.Remove(integration) }

// parseSignature is the HMAC in the header X-Hub-Signature, which Jira writes as sha256=<hex>
// (https://developer.atlassian.com/cloud/jira/platform/webhooks/#secure-admin-webhooks). No other method is taken.
func parseSignature(header string) ([]byte, bool) {
	encoded, ok := strings.CutPrefix(header, "sha256=")
	if !ok || len(encoded) != hex.EncodedLen(sha256.Size) {
		return nil, false
	}
	mac, err := hex.DecodeString(encoded)
	return mac, err == nil
}

// signed says whether a MAC is the HMAC-SHA256 of a body with a secret. Nothing is signed with an empty one.
func signed(secret string, body, mac []byte) bool {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write(body)
	return hmac.Equal(h.Sum(nil), mac) && secret != ""
}
