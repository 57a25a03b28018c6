// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"k8s.io/utils/clock"
)

const (
	// heartbeat keeps proxies from closing a quiet stream. At each, the permissions of the caller are checked again.
	heartbeat = 15 * time.Second
	// batchDelay is how long changes are collected into one message.
	batchDelay = 200 * time.Millisecond
	// sendTimeout is how long a client may take to read a message.
	sendTimeout = 10 * time.Second
)

// Stream is a stream of changes to a client, as server-sent events.
type Stream struct {
	Hub     *Hub
	Watcher *Watcher
	Clock   clock.WithTicker
	// Stopping is closed when the server stops.
	Stopping <-chan struct{}
	// MayContinue reports whether the caller's permissions are the same as when the stream began.
	MayContinue func(context.Context) bool
}

// Serve writes the stream until the client disconnects, the server stops, or the caller's permissions change.
func (s *Stream) Serve(ctx context.Context, out http.ResponseWriter) {
	w := newEventWriter(out)
	if !w.send("retry: 2000\n\n") {
		return
	}
	beat := s.Clock.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.Stopping:
			return
		case <-beat.C():
			if !s.MayContinue(ctx) || !w.send(": still here\n\n") {
				return
			}
		case <-s.Watcher.Wake():
			if text := changeEvents(s.Hub.Pending(s.Watcher)); text != "" && !w.send(text) {
				return
			}
			select { // what changes meanwhile is sent together
			case <-s.Clock.After(batchDelay):
			case <-ctx.Done():
				return
			case <-s.Stopping:
				return
			}
		}
	}
}

// changeEvents returns the events for the kinds that changed. Only the last has the position: a client that
// loses the stream before it has not received all.
func changeEvents(kinds []string, position string) string {
	var text strings.Builder
	for n, kind := range kinds {
		if n == len(kinds)-1 {
			fmt.Fprintf(&text, "id: %s\n", position)
		}
		data, _ := json.Marshal(map[string]string{"kind": kind})
		fmt.Fprintf(&text, "event: change\ndata: %s\n\n", data)
	}
	return text.String()
}

// eventWriter writes server-sent events.
type eventWriter struct {
	out     http.ResponseWriter
	control *http.ResponseController
}

// newEventWriter begins an answer of server-sent events.
func newEventWriter(out http.ResponseWriter) *eventWriter {
	w := &eventWriter{out: out, control: http.NewResponseController(out)}
	_ = w.control.SetReadDeadline(time.Time{})
	out.Header().Set("Content-Type", "text/event-stream")
	out.Header().Set("X-Accel-Buffering", "no")
	out.WriteHeader(http.StatusOK)
	return w
}

// send writes events, and reports whether the client is still there.
func (w *eventWriter) send(text string) bool {
	_ = w.control.SetWriteDeadline(time.Now().Add(sendTimeout))
	_, err := fmt.Fprint(w.out, text)
	return err == nil && w.control.Flush() == nil
}
