// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/listener"
)

// firstBuffer is the size of a body's first buffer, in bytes. It grows with what arrives, whatever the client declares.
const firstBuffer = 4 << 10

var (
	// errTooLong is the error of a body beyond the limit of its route.
	errTooLong = errors.New("the body is too long")
	// errTooSlow is the error of a body that arrives slower than minRate.
	errTooSlow = errors.New("the body arrived too slowly")
)

// readBody returns a request's body of at most limit bytes, and the arrival to release once it is not used any more.
func (in *intake) readBody(w http.ResponseWriter, r *http.Request, limit int) ([]byte, *arrival, error) {
	control := http.NewResponseController(w)
	setDeadline := func(t time.Time) { _ = control.SetReadDeadline(t) } // a recorder in a test has none
	a := in.begin(listener.AddressOf(r.RemoteAddr), setDeadline)
	body, err := in.fill(r, a, limit)
	if err != nil {
		in.release(a)
		return nil, nil, err
	}
	return body, a, nil
}

// fill reads a body into a buffer that grows with what arrives.
func (in *intake) fill(r *http.Request, a *arrival, limit int) ([]byte, error) {
	var body []byte
	for {
		if len(body) == cap(body) {
			size := min(max(2*cap(body), firstBuffer), limit+1) // one byte more shows that a body is too long
			if err := in.reserve(r.Context(), a, size-cap(body)); err != nil {
				return nil, err
			}
			body = append(make([]byte, 0, size), body...)
		}
		n, err := r.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if len(body) > limit {
			return nil, errTooLong
		}
		if errors.Is(err, io.EOF) {
			return body, in.complete(a)
		}
		if late := in.progress(a, len(body)); late != nil {
			return nil, late
		}
		if err != nil {
			return nil, readError(err)
		}
	}
}

// readError returns errTooSlow for a read that ended at its deadline.
func readError(err error) error {
	var failed net.Error
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &failed) && failed.Timeout() {
		return errTooSlow
	}
	return err
}
