// SPDX-License-Identifier: Apache-2.0

package secrets

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// Install writes the token of a new installation to a Secret. The tokens that it replaces are kept there until they are
// revoked: so a process that is killed in between leaves them to the next one.
func (r Rotating) Install(s *corev1.Secret, ref v1alpha1.SecretKeyReference) {
	before := RotatingIn(s, ref).Revocable()
	r.Put(s, ref)
	putReplaced(s, ref, append(ReplacedIn(s, ref), before...))
}

// Revocable returns the tokens to revoke once they are used no more: the refresh token first, so that it gives no further
// token. Tokens that do not rotate are none: Slack gives the same one again, and others may use it.
func (r Rotating) Revocable() (tokens []string) {
	if r.RefreshToken != "" {
		tokens = append(tokens, r.RefreshToken)
	}
	if r.Expiring() {
		tokens = append(tokens, r.Token)
	}
	return tokens
}

// ReplacedIn returns the tokens in a Secret that an installation has replaced and that are to be revoked.
func ReplacedIn(s *corev1.Secret, ref v1alpha1.SecretKeyReference) []string {
	return unused(s, ref, strings.Fields(string(s.Data[ReplacedRef(ref).Key])))
}

// RemoveReplaced removes tokens from those that are to be revoked.
func RemoveReplaced(s *corev1.Secret, ref v1alpha1.SecretKeyReference, revoked []string) {
	putReplaced(s, ref, slices.DeleteFunc(ReplacedIn(s, ref), func(token string) bool { return slices.Contains(revoked, token) }))
}

func putReplaced(s *corev1.Secret, ref v1alpha1.SecretKeyReference, tokens []string) {
	put(s, ReplacedRef(ref), strings.Join(unused(s, ref, tokens), "\n"))
}

// unused returns each token once, without those that the Secret has now: these must not be revoked.
func unused(s *corev1.Secret, ref v1alpha1.SecretKeyReference, tokens []string) (out []string) {
	now := RotatingIn(s, ref)
	for _, token := range tokens {
		if token != now.Token && token != now.RefreshToken && !slices.Contains(out, token) {
			out = append(out, token)
		}
	}
	return out
}
