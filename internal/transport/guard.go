// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"sync"

	"github.com/voiceai-dev/integrations-operator/internal/tracing"
)

// maxObjects bounds the objects in an answer that is JSON. Each takes more memory than the two bytes that the shortest
// one is long.
const maxObjects = 20_000

// guardedTransport checks where a request goes, and bounds and redacts what comes back.
type guardedTransport struct {
	next      http.RoundTripper
	proxy     func(*http.Request) (*url.URL, error)
	reach     Reach
	budget    *Budget
	namespace string
	redactor  *Redactor
}

// RoundTrip sends a request and reads its answer. The answer's body is in memory.
func (g *guardedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := g.reach.CheckHost(r.URL.Hostname()); err != nil {
		return nil, errors.Join(err, closeBody(r))
	}
	ctx := r.Context()
	l, err := g.budget.enter(ctx, g.namespace)
	if err != nil {
		return nil, errors.Join(err, closeBody(r))
	}
	sending := r
	if proxy, err := g.proxy(r); err == nil && proxy != nil {
		sending = r.WithContext(context.WithValue(ctx, proxiedKey{}, true))
	}
	sending, end := tracing.Request(sending)
	res, err := g.next.RoundTrip(sending)
	end(res, err)
	if err != nil {
		l.release()
		return nil, g.redactor.Error(err)
	}
	res.Request = r
	if err := g.redactor.header(res); err != nil {
		l.release()
		return nil, errors.Join(err, res.Body.Close())
	}
	res.Body = g.buffer(ctx, l, res)
	return res, nil
}

// closeBody closes the body of a request that is not sent.
func closeBody(r *http.Request) error {
	if r.Body == nil {
		return nil
	}
	return r.Body.Close()
}

// buffer reads the body of an answer, and returns what replaces it: the redacted bytes, followed by the error with which
// reading ended, if any. The call's lease is released when the new body is closed or the call's context ends.
func (g *guardedTransport) buffer(ctx context.Context, l *lease, res *http.Response) io.ReadCloser {
	raw, err := read(ctx, l, res)
	err = errors.Join(err, res.Body.Close())
	if err == nil {
		err = l.decode(ctx)
	}
	if err != nil {
		raw = nil // a part is not decoded
	}
	raw = g.redactor.Bytes(raw)
	res.ContentLength = int64(len(raw))
	res.Header.Del("Content-Length")
	a := &answer{Reader: io.MultiReader(bytes.NewReader(raw), failing{g.redactor.Error(err)})}
	a.release = sync.OnceFunc(l.release)
	a.stop = context.AfterFunc(ctx, a.release)
	return a
}

// read reads the body of an answer, up to the limit of its call.
func read(ctx context.Context, l *lease, res *http.Response) ([]byte, error) {
	limit, count := limitOf(ctx)
	if res.ContentLength > limit {
		return nil, tooLong(limit)
	}
	raw, err := io.ReadAll(io.LimitReader(res.Body, min(smallAnswer, limit+1)))
	if err == nil && len(raw) == smallAnswer {
		if err = l.growTo(ctx, limit); err == nil {
			var rest []byte
			rest, err = io.ReadAll(io.LimitReader(res.Body, limit+1-smallAnswer))
			raw = append(raw, rest...)
		}
	}
	count(len(raw))
	switch {
	case err != nil:
		return nil, err
	case int64(len(raw)) > limit:
		return nil, tooLong(limit)
	case bytes.Count(raw, []byte("{")) > maxObjects:
		return nil, &TooLongError{maxObjects, "objects"}
	}
	return raw, nil
}

func tooLong(limit int64) error { return &TooLongError{max(limit, 0) >> 10, "KiB"} }

// answer is the body of an answer that was read.
type answer struct {
	io.Reader
	release func()
	stop    func() bool
}

// Close returns what the answer used to the budget.
func (a *answer) Close() error {
	a.stop()
	a.release()
	return nil
}

// failing ends a body with an error, or as usual if that is nil.
type failing struct{ err error }

// Read returns the error.
func (f failing) Read([]byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return 0, io.EOF
}
