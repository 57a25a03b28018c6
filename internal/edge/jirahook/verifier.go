// SPDX-License-Identifier: Apache-2.0

package jirahook

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/edge"
)

const (
	signatureHeader  = "X-Hub-Signature"
	identifierHeader = "X-Atlassian-Webhook-Identifier"

	// maxIdentifier bounds the identifier of a webhook. Jira sends no longer one.
	maxIdentifier = 128
)

// verifier checks the signatures of webhooks.
type verifier struct {
	client  client.Reader
	secrets *edge.SigningSecrets
	// decoy is the secret against which a body is checked if there is no integration, so that the answer takes as
	// long as if there were one.
	decoy string
	// isSigned compares a signature. It takes the most time of all that a stranger causes.
	isSigned func(secret string, mac []byte, content ...[]byte) bool
}

func newVerifier(o Options) *verifier {
	readers := edge.SecretReaders{Cache: o.Client, Live: o.Live}
	secrets := edge.NewSigningSecrets(readers, o.Clock, "spec.webhookSecretRef")
	return &verifier{client: o.Client, secrets: secrets, decoy: rand.Text(), isSigned: edge.IsSigned}
}

// CheckHeader returns an error unless the header has a signature of the right form.
func (v *verifier) CheckHeader(header http.Header) error {
	if _, ok := parseSignature(header); !ok {
		return &edge.Refusal{Reason: "the header X-Hub-Signature is missing or not sha256 and 64 hexadecimal digits"}
	}
	return nil
}

// Verify returns the JiraIntegration with whose secret the body is signed.
func (v *verifier) Verify(ctx context.Context, request edge.Request) (edge.Origin, error) {
	mac, _ := parseSignature(request.Header)
	integration, secret, err := v.getSecret(ctx, request.Integration)
	var refusal *edge.Refusal
	switch {
	case errors.As(err, &refusal):
		v.isSigned(v.decoy, mac, request.Body)
		return edge.Origin{}, err
	case err != nil:
		return edge.Origin{}, err
	case !v.isSigned(secret, mac, request.Body):
		reason := "the signature does not match the body and the secret of spec.webhookSecretRef"
		return edge.Origin{}, &edge.Refusal{Reason: reason}
	}
	return edge.Origin{Integration: integration, DeliveryID: deliveryID(request.Header, mac)}, nil
}

// getSecret returns an integration and the secret of its webhooks. Its error is an *edge.Refusal if no integration of
// this name accepts webhooks.
func (v *verifier) getSecret(ctx context.Context, name types.NamespacedName) (*v1alpha1.JiraIntegration, string, error) {
	i := &v1alpha1.JiraIntegration{}
	var reason string
	switch err := v.client.Get(ctx, name, i); {
	case apierrors.IsNotFound(err):
		reason = "the JiraIntegration does not exist"
	case err != nil:
		return nil, "", fmt.Errorf("reading the JiraIntegration: %w", err)
	case i.Spec.Suspend:
		reason = "spec.suspend of the JiraIntegration is true"
	case i.Spec.WebhookSecretRef == nil:
		reason = "the JiraIntegration has no spec.webhookSecretRef"
	}
	if reason != "" {
		v.secrets.Forget(name)
		return nil, "", &edge.Refusal{Reason: reason}
	}
	secret, err := v.secrets.Read(ctx, i, *i.Spec.WebhookSecretRef)
	return i, secret, err
}

// parseSignature returns the HMAC in the header X-Hub-Signature, which Jira writes as sha256=<hex>
// (https://developer.atlassian.com/cloud/jira/platform/webhooks/#secure-admin-webhooks).
func parseSignature(header http.Header) (mac []byte, ok bool) {
	return edge.ParseSignature(header.Get(signatureHeader), "sha256=")
}

// deliveryID returns the same for each repetition of a webhook. Jira's identifier stays the same, but it is not
// signed, so that it counts only together with the body's HMAC. A webhook of an old Server has no identifier. Its
// HMAC alone suffices, as the body contains the time of the event.
func deliveryID(header http.Header, mac []byte) string {
	identifier := header.Get(identifierHeader)
	if len(identifier) > maxIdentifier {
		identifier = ""
	}
	return string(mac) + identifier
}
