// SPDX-License-Identifier: Apache-2.0

package secrets

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// Rotating is a token of Slack that may expire, as a Secret holds it: beside the token's key are one for the refresh token
// and one for the time when the token ends.
type Rotating struct {
	Token string
	// RefreshToken gives the next token. It is empty if the Secret has none.
	RefreshToken string
	// Expires is when the token ends; zero if that is not known.
	Expires time.Time
}

// RefreshTokenRef returns where the refresh token of a token is stored.
func RefreshTokenRef(token v1alpha1.SecretKeyReference) v1alpha1.SecretKeyReference {
	return v1alpha1.SecretKeyReference{Name: token.Name, Key: token.Key + ".refresh-token"}
}

// ExpiresRef returns where it is stored when a token ends.
func ExpiresRef(token v1alpha1.SecretKeyReference) v1alpha1.SecretKeyReference {
	return v1alpha1.SecretKeyReference{Name: token.Name, Key: token.Key + ".expires"}
}

// ReplacedRef returns where the tokens are stored that an installation has replaced and that are to be revoked.
func ReplacedRef(token v1alpha1.SecretKeyReference) v1alpha1.SecretKeyReference {
	return v1alpha1.SecretKeyReference{Name: token.Name, Key: token.Key + ".replaced"}
}

// RotatingIn returns the token in a Secret that a reference names.
func RotatingIn(s *corev1.Secret, ref v1alpha1.SecretKeyReference) Rotating {
	text := func(r v1alpha1.SecretKeyReference) string { return strings.TrimSpace(string(s.Data[r.Key])) }
	out := Rotating{Token: text(ref), RefreshToken: text(RefreshTokenRef(ref))}
	if at, err := time.Parse(time.RFC3339, text(ExpiresRef(ref))); err == nil {
		out.Expires = at
	}
	return out
}

// Put writes the token to a Secret. What is empty is removed.
func (r Rotating) Put(s *corev1.Secret, ref v1alpha1.SecretKeyReference) {
	expires := ""
	if !r.Expires.IsZero() {
		expires = FormatExpires(r.Expires)
	}
	put(s, ref, r.Token)
	put(s, RefreshTokenRef(ref), r.RefreshToken)
	put(s, ExpiresRef(ref), expires)
}

// FormatExpires returns the text that is stored of when a token ends.
func FormatExpires(at time.Time) string { return at.UTC().Format(time.RFC3339) }

func put(s *corev1.Secret, ref v1alpha1.SecretKeyReference, value string) {
	if value == "" {
		delete(s.Data, ref.Key)
		return
	}
	if s.Data == nil {
		s.Data = map[string][]byte{}
	}
	s.Data[ref.Key] = []byte(value)
}

// Rotates reports whether the token is refreshed. One that begins with xoxb- never expires: a person has put it beside the
// refresh token of an earlier one.
func (r Rotating) Rotates() bool { return r.RefreshToken != "" && !strings.HasPrefix(r.Token, "xoxb-") }

// Expiring reports whether the token ends by itself.
func (r Rotating) Expiring() bool { return strings.HasPrefix(r.Token, "xoxe.") }
