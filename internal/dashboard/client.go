package dashboard

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

// Problem is why the API did not do what it was asked, in the form of RFC 9457.
type Problem struct {
	Status int      `json:"status"`
	Detail string   `json:"detail"`
	Errors []Detail `json:"errors"`
}

// Detail is one thing that is wrong with a request.
type Detail struct {
	Message string `json:"message"`
	// Location is where, such as body.spec.defaultChannel.
	Location string `json:"location"`
}

// Error is what was wrong, and what to do.
func (p *Problem) Error() string { return p.Detail }

// statusOf is the status of the problem that an error is; 0 when it is none.
func statusOf(err error) int {
	var p *Problem
	if !errors.As(err, &p) {
		return 0
	}
	return p.Status
}

// answer is what the API answered where that is no Problem.
type answer struct {
	status int
	header http.Header
}

// client asks the API as one caller, for one request.
type client struct {
	api    http.Handler
	ctx    context.Context
	remote string
	token  string
	// since is where the changes are to be followed from that are later than the first thing that was read; empty until something was.
	since string
}

// get reads from the API.
func (c *client) get(path string, query url.Values, into any) error {
	_, err := c.call(http.MethodGet, path, query, nil, into)
	return err
}

// call asks the API. body is sent as JSON unless it is nil, the answer decoded into into unless that is nil. headers are names and values. The
// error is a *Problem when the API says no.
func (c *client) call(method, path string, query url.Values, body, into any, headers ...string) (*answer, error) {
	var content io.Reader = http.NoBody
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("asking the API: %w", err)
		}
		content = bytes.NewReader(raw)
	}
	target := url.URL{Path: path, RawQuery: query.Encode()}
	r, err := http.NewRequestWithContext(c.ctx, method, target.String(), content)
	if err != nil {
		return nil, fmt.Errorf("asking the API: %w", err)
	}
	r.RemoteAddr, r.RequestURI = c.remote, target.RequestURI()
	r.Header.Set("Accept", "application/json")
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := &recorder{header: http.Header{}}
	c.api.ServeHTTP(w, r)
	if w.status >= http.StatusBadRequest {
		p := &Problem{}
		_ = json.Unmarshal(w.body.Bytes(), p) // the status says enough
		p.Status = w.status
		return nil, p
	}
	c.since = cmp.Or(c.since, w.header.Get("Last-Event-ID"))
	if into != nil && w.body.Len() > 0 {
		if err := json.Unmarshal(w.body.Bytes(), into); err != nil {
			return nil, fmt.Errorf("reading the API's answer: %w", err)
		}
	}
	return &answer{status: w.status, header: w.header}, nil
}

// recorder keeps an answer.
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
