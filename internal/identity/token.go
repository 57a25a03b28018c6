// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"net/http"
	"regexp"
	"strings"
)

// maxToken bounds a bearer token, in bytes.
const maxToken = 16 << 10

// BearerToken returns the token in a request's Authorization header; empty if there is none.
func BearerToken(r *http.Request) string {
	scheme, token, found := strings.Cut(strings.TrimSpace(r.Header.Get("Authorization")), " ")
	if !found || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// bearerToken matches what a bearer token may consist of (RFC 6750).
var bearerToken = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)

// IsToken reports whether a text has the form of a bearer token. Most tokens of Kubernetes are JWTs, and those of some
// clouds and of OpenShift are not.
func IsToken(token string) bool { return len(token) <= maxToken && bearerToken.MatchString(token) }
