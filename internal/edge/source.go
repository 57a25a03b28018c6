// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"encoding/json"
	"net/http"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Verifier checks who sent a request. It is safe for concurrent use.
type Verifier interface {
	// CheckHeader returns an error if the header alone shows that the request is not signed. It is called before the
	// body is read, so that a client without a signature costs little.
	CheckHeader(header http.Header) error
	// Verify checks the signature and returns the origin of the request. Its error is a *Refusal if the integration
	// accepts no requests or the signature does not match; the client can distinguish these neither by the answer
	// nor by the time it takes. Any other error means that the signature could not be checked now.
	Verify(ctx context.Context, request Request) (Origin, error)
}

// Handler acts on a verified request. It is safe for concurrent use.
type Handler interface {
	// Handle returns the answer once what the request asks for is done or stored. Its error is a *Refusal if the body
	// is malformed. After any other error the client is asked to send the request again.
	Handle(ctx context.Context, from Origin, body []byte) (Response, error)
}

// Request is a request whose sender is not verified yet.
type Request struct {
	// Integration is the integration in the path; the zero value if the path has none or no integration can have this
	// name.
	Integration types.NamespacedName
	Header      http.Header
	// Body is no longer than the route's limit.
	Body []byte
}

// Origin identifies a verified delivery.
type Origin struct {
	// Integration is the object with whose secret the request is signed.
	Integration client.Object
	// Others are further objects with the same secret, for a path that names no integration.
	Others []client.Object
	// DeliveryID is the same when the integration's other side repeats a delivery, and differs between any two
	// others. It includes the signature or something else that is signed: otherwise a client could replace a delivery
	// that it knows. If it is empty, the Handler recognises repeated deliveries itself.
	DeliveryID string
}

// Response is the answer to a request that was handled.
type Response struct {
	// Result is Accepted or Ignored.
	Result Result
	// Body is sent as application/json; nil for an empty answer. A repeated delivery is always answered without a
	// body.
	Body json.RawMessage
}

// Refusal is the error of a request that is refused, and would be refused again.
type Refusal struct {
	// Reason is for the log. The client does not see it.
	Reason string
}

// Error returns the reason.
func (r *Refusal) Error() string { return r.Reason }
