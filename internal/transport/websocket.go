// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gorilla/websocket"
	"golang.org/x/net/http/httpproxy"
)

const (
	// maxHandshake bounds what the other side may send before a WebSocket is open, in bytes. TLS certificates count.
	maxHandshake = 256 << 10
	// webSocketBuffer is the size of the buffer in which a message is written, in bytes. A message that fits is one frame.
	webSocketBuffer = 32 << 10
)

// webSocketBuffers holds the buffers of all WebSockets: most of them write nothing most of the time.
var webSocketBuffers sync.Pool

// DialWebSocket connects to a ws or wss URL. Where it connects to is checked like a call of a client, and so is each
// write. The URL is a secret: no error has a part of its query.
func DialWebSocket(ctx context.Context, o Options, a Account, to *url.URL) (*websocket.Conn, error) {
	if err := o.Reach.CheckHost(to.Hostname()); err != nil {
		return nil, err
	}
	proxy := httpproxy.FromEnvironment().ProxyFunc()
	var bounded *boundedConn
	d := websocket.Dialer{
		HandshakeTimeout: connectTimeout, WriteBufferSize: webSocketBuffer, WriteBufferPool: &webSocketBuffers,
		Proxy: func(r *http.Request) (*url.URL, error) { return proxy(r.URL) },
		NetDialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := o.dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			bounded = &boundedConn{Conn: c}
			bounded.left.Store(maxHandshake)
			return bounded, nil
		},
	}
	if p, err := proxy(httpURL(to)); err == nil && p != nil {
		ctx = context.WithValue(ctx, proxiedKey{}, true)
	}
	c, res, err := d.DialContext(ctx, to.String(), nil) //nolint:bodyclose // it is in memory
	if errors.Is(err, websocket.ErrBadHandshake) && res != nil {
		err = fmt.Errorf("it answered with status %d and opened no WebSocket", res.StatusCode)
	}
	if err != nil {
		a.Secrets = append(slices.Concat(slices.Collect(maps.Values(to.Query()))...), a.Secrets...)
		return nil, NewRedactor(a).Error(Cause(err))
	}
	bounded.left.Store(math.MaxInt64)
	return c, nil
}

// httpURL returns the URL of the request that opens a WebSocket.
func httpURL(to *url.URL) *url.URL {
	u := *to
	u.Scheme = "https"
	if to.Scheme == "ws" {
		u.Scheme = "http"
	}
	return &u
}

// boundedConn is a connection from which only so much can be read.
type boundedConn struct {
	net.Conn
	left atomic.Int64
}

// Read reads bytes, until too many were read.
func (c *boundedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.left.Add(-int64(n)) < 0 {
		return 0, tooLong(maxHandshake)
	}
	return n, err
}
