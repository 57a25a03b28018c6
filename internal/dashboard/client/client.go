// SPDX-License-Identifier: Apache-2.0

// Package client is a typed client of the REST API. It calls the API's handler in the same process.
package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// Client calls the API with one caller's token while one request for a page is served.
type Client struct {
	api           http.Handler
	ctx           context.Context
	remoteAddr    string
	token         string
	watchPosition string
}

// New returns a client that sends token to api. Calls carry the context and the remote address of r.
func New(api http.Handler, r *http.Request, token string) *Client {
	return &Client{api: api, ctx: r.Context(), remoteAddr: r.RemoteAddr, token: token}
}

// WatchPosition returns the position in the stream of changes at the first answer. A page that follows the stream
// from there misses no change to what it shows. It is empty before the first answer.
func (c *Client) WatchPosition() string { return c.watchPosition }

// Problem is an error answer of the API, in the form of RFC 9457.
type Problem struct {
	Status int      `json:"status"`
	Detail string   `json:"detail"`
	Errors []Detail `json:"errors"`
}

// Detail is one mistake in a request.
type Detail struct {
	Message string `json:"message"`
	// Location is the place of the mistake, such as body.spec.defaultChannel.
	Location string `json:"location"`
}

// Error returns what is wrong, and what to do about it.
func (p *Problem) Error() string { return p.Detail }

// StatusOf returns the HTTP status of the Problem in err, and 0 when there is none.
func StatusOf(err error) int {
	var p *Problem
	if !errors.As(err, &p) {
		return 0
	}
	return p.Status
}

// Key identifies an object.
type Key struct{ Namespace, Name string }

// List is a page of a list.
type List[T any] struct {
	Items      []T    `json:"items"`
	Total      int    `json:"total"`
	NextCursor string `json:"nextCursor"`
}

// perPage is the number of items that a page of a list has.
const perPage = "50"

// Query returns URL parameters from names and values, without the empty ones.
func Query(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return q
}

// call is one call of the API.
type call struct {
	method, path string
	query        url.Values
	header       map[string]string
	// body is sent as JSON unless it is nil.
	body any
	// into receives the decoded answer unless it is nil.
	into any
}

// answer is an answer of the API that is no Problem.
type answer struct {
	status int
	header http.Header
}

// get reads from the API.
func (c *Client) get(path string, query url.Values, into any) error {
	_, err := c.do(call{method: http.MethodGet, path: path, query: query, into: into})
	return err
}

// do calls the API. The error is a *Problem when the API answers with one.
func (c *Client) do(call call) (*answer, error) {
	r, err := c.request(call)
	if err != nil {
		return nil, fmt.Errorf("calling the API: %w", err)
	}
	w := &recorder{header: http.Header{}}
	c.api.ServeHTTP(w, r)
	if w.status >= http.StatusBadRequest {
		p := &Problem{}
		_ = json.Unmarshal(w.body.Bytes(), p) // without a readable body the status is enough
		p.Status = w.status
		return nil, p
	}
	c.watchPosition = cmp.Or(c.watchPosition, w.header.Get("Last-Event-ID"))
	if call.into != nil && w.body.Len() > 0 {
		if err := json.Unmarshal(w.body.Bytes(), call.into); err != nil {
			return nil, fmt.Errorf("reading the API's answer: %w", err)
		}
	}
	return &answer{status: w.status, header: w.header}, nil
}

func (c *Client) request(call call) (*http.Request, error) {
	var content io.Reader = http.NoBody
	if call.body != nil {
		raw, err := json.Marshal(call.body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(raw)
	}
	target := url.URL{Path: call.path, RawQuery: call.query.Encode()}
	r, err := http.NewRequestWithContext(c.ctx, call.method, target.String(), content)
	if err != nil {
		return nil, err
	}
	r.RemoteAddr = c.remoteAddr
	r.RequestURI = target.RequestURI()
	r.Header.Set("Accept", "application/json")
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	if call.body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range call.header {
		r.Header.Set(name, value)
	}
	return r, nil
}

// recorder keeps the answer of a handler.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *recorder) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(p)
}
