package writer

import (
	"errors"
	"net/http"

	"k8s.io/client-go/rest"

	"github.com/voiceai-dev/integrations-operator/internal/apiserver/caller"
)

// errNoToken is returned for a write outside of a request of a caller.
var errNoToken = errors.New("a write through the API needs the bearer token of its caller")

// asCaller returns the configuration of a client whose requests carry the token of the caller of their context. It has
// no credentials of its own.
func asCaller(config *rest.Config) *rest.Config {
	out := rest.AnonymousClientConfig(config)
	out.Wrap(func(next http.RoundTripper) http.RoundTripper { return transport{next} })
	return out
}

// transport adds the token of the caller to a request.
type transport struct{ next http.RoundTripper }

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	token := caller.TokenOf(r.Context())
	if token == "" {
		return nil, errNoToken
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+token)
	return t.next.RoundTrip(r)
}
