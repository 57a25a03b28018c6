// SPDX-License-Identifier: Apache-2.0

package secrets_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/secrets"
)

// TestSecrets makes sure that a token is one word and a passphrase one line, and that no error contains the value.
func TestSecrets(t *testing.T) {
	const (
		notFound = v1alpha1.ReasonSecretKeyNotFound
		invalid  = v1alpha1.ReasonSecretInvalid
	)
	longest := strings.Repeat("word", 4096)
	for name, test := range map[string]struct{ value, token, passphrase string }{
		"a word":                   {"word", "word", "word"},
		"with a line break":        {"word\n", "word", "word"},
		"with two":                 {"word\r\n", "word", "word"},
		"with white space":         {" word\t\n", "word", "!" + invalid},
		"with spaces":              {" word ", "word", " word "},
		"words":                    {"It's a Secret to Everybody\n", "!" + invalid, "It's a Secret to Everybody"},
		"lines":                    {"word\nword", "!" + invalid, "!" + invalid},
		"a control character":      {"wo\x7frd", "!" + invalid, "!" + invalid},
		"the last before a space":  {"wo\x1frd", "!" + invalid, "!" + invalid},
		"the first after a space":  {"wo!rd", "wo!rd", "wo!rd"},
		"the last before 0x7f":     {"wo~rd", "wo~rd", "wo~rd"},
		"the first after 0x7f":     {"wo\u0080rd", "wo\u0080rd", "wo\u0080rd"},
		"as long as it may be":     {longest, longest, longest},
		"too long":                 {longest + "x", "!" + invalid, "!" + invalid},
		"nothing":                  {"", "!" + notFound, "!" + notFound},
		"nothing but white spaces": {" \n", "!" + notFound, "!" + notFound},
	} {
		secret := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: "voice", Name: "s"},
			Data:       map[string][]byte{"k": []byte(test.value)},
		}
		c := fake.NewClientBuilder().WithObjects(secret).Build()
		ref := v1alpha1.SecretKeyReference{Name: "s", Key: "k"}
		check := func(what, got string, err error, want string) {
			t.Helper()
			var refusal *connection.Refusal
			if errors.As(err, &refusal) {
				got += "!" + refusal.Reason
				if strings.Contains(refusal.Message, "word") {
					t.Errorf("%s: %s: the message is %q", name, what, refusal.Message)
				}
			}
			if got != want {
				t.Errorf("%s: %s: %q (%v), want %q", name, what, got, err, want)
			}
		}
		token, err := secrets.Read(t.Context(), c, "voice", "spec.x", ref)
		check("as a token", token, err, test.token)
		passphrase, err := secrets.ReadPassphrase(t.Context(), c, "voice", "spec.x", ref)
		check("as a passphrase", passphrase, err, test.passphrase)
	}
}

// TestUnreadableSecrets covers Secrets that are missing or cannot be read.
func TestUnreadableSecrets(t *testing.T) {
	broken := errors.New("connection lost")
	unreadable := fake.NewClientBuilder().WithInterceptorFuncs(interceptor.Funcs{
		Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return broken
		},
	}).Build()
	ref := v1alpha1.SecretKeyReference{Name: "s", Key: "k"}
	for name, read := range map[string]func(client.Reader) (string, error){
		"token": func(c client.Reader) (string, error) {
			return secrets.Read(t.Context(), c, "voice", "spec.x", ref)
		},
		"passphrase": func(c client.Reader) (string, error) {
			return secrets.ReadPassphrase(t.Context(), c, "voice", "spec.x", ref)
		},
	} {
		_, err := read(fake.NewClientBuilder().Build())
		var refusal *connection.Refusal
		if !errors.As(err, &refusal) || refusal.Reason != v1alpha1.ReasonSecretNotFound || !strings.Contains(err.Error(), "spec.x") {
			t.Errorf("%s of a missing Secret: %v", name, err)
		}
		if _, err := read(unreadable); !errors.Is(err, broken) || errors.As(err, &refusal) {
			t.Errorf("%s of a Secret that cannot be read: %v", name, err)
		}
	}
}
