// SPDX-License-Identifier: Apache-2.0

package transport_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/voiceai-dev/integrations-operator/internal/transport"
)

// loopback lets clients reach the servers of tests.
var loopback = transport.Reach{AllowLoopback: true}

// body calls a function when it is read, which is when its request is written.
type body struct {
	io.Reader
	read func()
}

func (b body) Read(p []byte) (int, error) {
	b.read()
	return b.Reader.Read(p)
}

func TestSendsNothingWhileTheFenceIsUp(t *testing.T) {
	var received atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if all, err := io.ReadAll(r.Body); err == nil && string(all) == "{}" { // a request that is cut off has no effect
			received.Add(1)
		}
	}))
	defer server.Close()
	var up atomic.Bool
	client := transport.New(transport.Options{Reach: loopback, Fence: func() error {
		if up.Load() {
			return errors.New("another replica may be the leader")
		}
		return nil
	}}, transport.Account{})
	send := func(reading func()) error {
		ctx, sent := transport.Trace(t.Context())
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL, body{strings.NewReader("{}"), reading})
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = 2
		res, err := client.Do(req)
		if err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			if !sent() {
				t.Error("a request that was answered is not reported as sent")
			}
		}
		return err
	}
	nothing := func() {}
	goUp := func() { up.Store(true) }

	for _, c := range []struct {
		name    string
		before  func()
		reading func()
		refused bool
	}{
		{"goes up while the request is written", nothing, goUp, true},
		{"is up", goUp, nothing, true},
		{"is down", nothing, nothing, false},
		{"goes up on a connection that was kept", nothing, goUp, true},
		{"is down again", nothing, nothing, false},
	} {
		up.Store(false)
		c.before()
		was := received.Load()
		err := send(c.reading)
		if c.refused != (err != nil) {
			t.Errorf("fence %s: got the error %v", c.name, err)
		}
		want := was + 1
		if c.refused {
			want = was
		}
		if got := received.Load(); got != want {
			t.Errorf("fence %s: the server received %d requests, want %d", c.name, got-was, want-was)
		}
	}
}
