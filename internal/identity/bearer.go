// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"context"
	"errors"
	"net/http"

	"k8s.io/client-go/rest"
)

// errNoToken is returned for a request of a client of AsCaller without the token of a caller.
var errNoToken = errors.New("a request as the caller needs the caller's bearer token")

// AsCaller returns the configuration of a client whose requests carry the token that tokenOf finds in their context.
// It has no credentials of its own.
func AsCaller(config *rest.Config, tokenOf func(context.Context) string) *rest.Config {
	out := rest.AnonymousClientConfig(config)
	out.Wrap(func(next http.RoundTripper) http.RoundTripper { return bearer{next, tokenOf} })
	return out
}

// bearer adds the token of the caller to a request.
type bearer struct {
	next    http.RoundTripper
	tokenOf func(context.Context) string
}

// RoundTrip sends a request.
func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	token := b.tokenOf(r.Context())
	if token == "" {
		return nil, errNoToken
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+token)
	return b.next.RoundTrip(r)
}
