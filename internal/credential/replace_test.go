// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"context"
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// TestReplace replaces the token in a Secret that a user created, where the spec refers to it.
func TestReplace(t *testing.T) {
	slots := SlackSlots(&v1alpha1.SlackIntegrationSpec{Bot: &v1alpha1.SlackBot{TokenSecretRef: refTo("own", "bot")}})
	own := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "qa", Name: "own"},
		Data:       map[string][]byte{"bot": []byte("revoked"), "other": []byte("kept")},
	}
	refused := errors.New("refused")
	for name, c := range map[string]struct {
		secrets []*corev1.Secret
		given   Values
		check   error
		verb    string
		want    map[string]string
		err     error
	}{
		"the user's Secret": {[]*corev1.Secret{own}, Values{BotToken: "new"}, nil, "update",
			map[string]string{"bot": "new", "other": "kept"}, nil},
		"no Secret yet": {nil, Values{BotToken: "new"}, nil, "create", map[string]string{"bot": "new"}, nil},
		"not allowed": {[]*corev1.Secret{own}, Values{BotToken: "new"}, refused, "update",
			map[string]string{"bot": "revoked", "other": "kept"}, refused},
		"not in the spec": {[]*corev1.Secret{own}, Values{WebhookURL: "new"}, nil, "",
			map[string]string{"bot": "revoked", "other": "kept"}, &NoReferenceError{WebhookURL}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			for _, secret := range c.secrets {
				if err := s.Client.Create(t.Context(), secret.DeepCopy()); err != nil {
					t.Fatal(err)
				}
			}
			verb := ""
			err := s.Replace(t.Context(), "qa", slots, c.given, func(_ context.Context, v string, _ *corev1.Secret) error {
				verb = v
				return c.check
			})
			if (err == nil) != (c.err == nil) || err != nil && err.Error() != c.err.Error() {
				t.Errorf("got %v, want %v", err, c.err)
			}
			if verb != c.verb {
				t.Errorf("got verb %q, want %q", verb, c.verb)
			}
			got := &corev1.Secret{}
			if err := s.Live.Get(t.Context(), types.NamespacedName{Namespace: "qa", Name: "own"}, got); err != nil {
				t.Fatal(err)
			}
			if len(got.Data) != len(c.want) {
				t.Errorf("got %d keys, want %d", len(got.Data), len(c.want))
			}
			for key, value := range c.want {
				if string(got.Data[key]) != value {
					t.Errorf("%s: got %q, want %q", key, got.Data[key], value)
				}
			}
		})
	}
}
