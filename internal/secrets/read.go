// SPDX-License-Identifier: Apache-2.0

// Package secrets reads credentials from Secrets, and describes what is wrong with those that cannot be used.
package secrets

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
)

// maxSecret bounds a credential in bytes. The longest tokens are a few kilobytes.
const maxSecret = 16 << 10

// Read reads a token or URL from a Secret in a namespace. field is the field that holds ref. The error is a
// *connection.Refusal if the Secret is missing or its value is invalid. No error contains the value.
func Read(ctx context.Context, c client.Reader, namespace, field string, ref v1alpha1.SecretKeyReference) (string, error) {
	value, err := readValue(ctx, c, namespace, field, ref)
	if err != nil {
		return "", err
	}
	value = strings.TrimSpace(value)
	if problem := FormProblem(field, value); problem != "" {
		return "", connection.NewRefusal(v1alpha1.ReasonSecretInvalid, "The value of key %q in Secret %q %s.", ref.Key, ref.Name, problem)
	}
	if len(value) > maxSecret || strings.ContainsFunc(value, func(r rune) bool { return r == ' ' || isControl(r) }) {
		return "", connection.NewRefusal(v1alpha1.ReasonSecretInvalid,
			"The value of key %q in Secret %q is longer than %d bytes or contains spaces or control characters. "+
				"It must be a single token or URL.",
			ref.Key, ref.Name, maxSecret)
	}
	return value, nil
}

// ReadPassphrase reads a text that a person made up and entered in Slack or Jira too, such as the secret of a
// webhook. It works like Read, but keeps spaces. It drops the line break that an editor adds at the end.
func ReadPassphrase(ctx context.Context, c client.Reader, namespace, field string, ref v1alpha1.SecretKeyReference) (string, error) {
	value, err := readValue(ctx, c, namespace, field, ref)
	if err != nil {
		return "", err
	}
	value = strings.TrimRight(value, "\r\n")
	if strings.ContainsFunc(value, isInvisible) {
		return "", connection.NewRefusal(v1alpha1.ReasonSecretInvalid, "The value of key %q in Secret %q contains invisible characters, "+
			"such as a byte order mark or a zero-width space. Write the Secret again without them.", ref.Key, ref.Name)
	}
	if len(value) > maxSecret || strings.ContainsFunc(value, isControl) {
		return "", connection.NewRefusal(v1alpha1.ReasonSecretInvalid,
			"The value of key %q in Secret %q is longer than %d bytes or contains line breaks or other control characters. "+
				"It must be one line of text.",
			ref.Key, ref.Name, maxSecret)
	}
	return value, nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

func readValue(ctx context.Context, c client.Reader, namespace, field string, ref v1alpha1.SecretKeyReference) (string, error) {
	s := &corev1.Secret{}
	err := c.Get(ctx, types.NamespacedName{Namespace: namespace, Name: ref.Name}, s)
	if apierrors.IsNotFound(err) {
		return "", connection.NewRefusal(v1alpha1.ReasonSecretNotFound,
			"Secret %q does not exist in namespace %s. Create it with key %q, or point %s at another Secret.",
			ref.Name, namespace, ref.Key, field)
	}
	if err != nil {
		return "", fmt.Errorf("reading Secret %s/%s: %w", namespace, ref.Name, err)
	}
	value := string(s.Data[ref.Key])
	if strings.TrimSpace(value) == "" {
		return "", connection.NewRefusal(v1alpha1.ReasonSecretKeyNotFound,
			"Secret %q has no value for key %q. Add it, or point %s at another key.", ref.Name, ref.Key, field)
	}
	return value, nil
}
