package connection

import (
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// TestSecrets: a token or URL is one word, a passphrase one line. Neither is ever repeated in what is said about it.
func TestSecrets(t *testing.T) {
	const notFound, invalid = v1alpha1.ReasonSecretKeyNotFound, v1alpha1.ReasonSecretInvalid
	for name, test := range map[string]struct{ value, token, passphrase string }{
		"a word":             {"word", "word", "word"},
		"with a line break":  {"word\n", "word", "word"},
		"with two":           {"word\r\n", "word", "word"},
		"with white space":   {" word\t\n", "word", "!" + invalid},
		"with spaces":        {" word ", "word", " word "},
		"words":              {"It's a Secret to Everybody\n", "!" + invalid, "It's a Secret to Everybody"},
		"lines":              {"word\nword", "!" + invalid, "!" + invalid},
		"a control in it":    {"wo\x7frd", "!" + invalid, "!" + invalid},
		"too long":           {strings.Repeat("word", 4097), "!" + invalid, "!" + invalid},
		"nothing":            {"", "!" + notFound, "!" + notFound},
		"nothing but spaces": {" \n", "!" + notFound, "!" + notFound},
	} {
		c := fake.NewClientBuilder().WithObjects(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "voice", Name: "s"}, Data: map[string][]byte{"k": []byte(test.value)}}).Build()
		ref := v1alpha1.SecretKeyReference{Name: "s", Key: "k"}
		check := func(what, got string, err error, want string) {
			t.Helper()
			var refusal *Refusal
			if errors.As(err, &refusal) {
				got += "!" + refusal.Reason
				if strings.Contains(refusal.Message, "word") {
					t.Errorf("%s: %s: it says %q", name, what, refusal.Message)
				}
			}
			if got != want {
				t.Errorf("%s: %s: %q (%v), want %q", name, what, got, err, want)
			}
		}
		token, err := ReadSecret(t.Context(), c, "voice", "spec.x", ref)
		check("as a token", token, err, test.token)
		passphrase, err := ReadPassphrase(t.Context(), c, "voice", "spec.x", ref)
		check("as a passphrase", passphrase, err, test.passphrase)
	}
}
