// SPDX-License-Identifier: Apache-2.0

package listener

import (
	"bufio"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// TestClosesOnAnUnreadBody checks which answers keep a connection, and that none waits for a body.
func TestClosesOnAnUnreadBody(t *testing.T) {
	reads := func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }
	readsSome := func(w http.ResponseWriter, r *http.Request) { _, _ = r.Body.Read(make([]byte, 1)) }
	ignores := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "no") }
	silent := func(http.ResponseWriter, *http.Request) {}
	for name, test := range map[string]struct {
		request string
		handler http.HandlerFunc
		closes  bool
	}{
		"no body":                {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", ignores, false},
		"an empty body":          {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", ignores, false},
		"a body that is read":    {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab", reads, false},
		"chunks that are read":   {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", reads, false},
		"all bytes without end":  {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na", readsSome, false},
		"a body that is ignored": {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab", ignores, true},
		"half a body":            {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na", ignores, true},
		"no answer of its own":   {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na", silent, true},
		"half a body, half read": {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na", readsSome, true},
		"chunks without an end":  {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", ignores, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := serveFake(t, test.handler, 2, 1).dial(t, "10.0.0.1")
				go func() { _, _ = io.WriteString(c, test.request) }()
				start := time.Now()
				answer, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err != nil {
					t.Fatal(err)
				}
				_ = answer.Body.Close()
				if waited := time.Since(start); answer.Close != test.closes || waited != 0 {
					t.Errorf("closes %v after %s, want %v at once", answer.Close, waited, test.closes)
				}
				_ = c.Close()
				time.Sleep(time.Minute) // until net/http has given up the connection
			})
		})
	}
}
