// SPDX-License-Identifier: Apache-2.0

package stage

import "net"

// AcceptSilently accepts connections and never answers, until the listener is closed.
func AcceptSilently(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }() // when the listener is closed, not after each connection
	}
}
