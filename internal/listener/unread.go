// SPDX-License-Identifier: Apache-2.0

package listener

import (
	"io"
	"net/http"
	"time"
)

// closeOnUnread closes a connection after the answer to a request whose body was not read to its end. net/http would
// wait for the rest of such a body for as long as a request may take, so that a client that declares a body and does not
// send it would hold a connection that has its answer.
func closeOnUnread(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.Body == http.NoBody || r.ProtoMajor >= 2 { // HTTP/2 ends the stream alone
			next.ServeHTTP(w, r)
			return
		}
		body := &countedBody{ReadCloser: r.Body, left: r.ContentLength}
		answer := &answerWriter{ResponseWriter: w, body: body}
		r.Body = body
		next.ServeHTTP(answer, r)
		answer.begin()
	})
}

// countedBody is a body that records how much of it was read.
type countedBody struct {
	io.ReadCloser
	// left is how many bytes were not read; negative when the client did not declare a length.
	left  int64
	ended bool
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left >= 0 {
		b.left -= int64(n)
	}
	b.ended = b.ended || err == io.EOF || b.left == 0
	return n, err
}

// answerWriter gives up the body before the answer begins, unless it was read by then.
type answerWriter struct {
	http.ResponseWriter
	body  *countedBody
	begun bool
}

// WriteHeader begins the answer.
func (w *answerWriter) WriteHeader(status int) {
	if status >= http.StatusOK { // others announce an answer
		w.begin()
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write begins the answer, or continues it.
func (w *answerWriter) Write(p []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(p)
}

// Unwrap returns the writer for http.ResponseController.
func (w *answerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *answerWriter) begin() {
	if w.begun {
		return
	}
	w.begun = true
	if w.body.ended {
		return
	}
	w.Header().Set("Connection", "close")
	_ = http.NewResponseController(w.ResponseWriter).SetReadDeadline(time.Now()) // a recorder in a test has no deadline
}
