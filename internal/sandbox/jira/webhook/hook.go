// SPDX-License-Identifier: Apache-2.0

// Package webhook is the webhook of the sandbox's Jira: it signs deliveries, retries them and keeps a log of them.
package webhook

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Limits of deliveries. The real Jira retries as often and after the same answers, but waits minutes in between.
const (
	maxTries   = 6
	timeout    = 30 * time.Second
	maxWorkers = 8
	// maxLogged and maxLoggedBytes bound the log of deliveries.
	maxLogged      = 2000
	maxLoggedBytes = 64 << 20
)

// State is the state of a delivery.
type State string

// The states of a delivery: it waits for its next try, was answered with 2xx, or has no tries left.
const (
	Pending   State = "pending"
	Delivered State = "delivered"
	Failed    State = "failed"
)

// Delivery is one call of the webhook.
type Delivery struct {
	// ID is the X-Atlassian-Webhook-Identifier, which is the same for each try.
	ID string `json:"id"`
	// Event is the webhookEvent, such as jira:issue_updated.
	Event    string          `json:"event"`
	IssueKey string          `json:"issueKey"`
	Body     json.RawMessage `json:"body"`
	State    State           `json:"state"`
	// Tries is the number of tries.
	Tries int `json:"tries"`
	// Status is the status of the last answer.
	Status int `json:"status,omitempty"`
	// Error is the error of the last try if it was not answered.
	Error string `json:"error,omitempty"`
}

// Counts are the numbers of deliveries by state. A delivery is dropped if the log is full of pending ones.
type Counts struct {
	Pending   int `json:"pending"`
	Delivered int `json:"delivered"`
	Failed    int `json:"failed"`
	Dropped   int `json:"dropped"`
}

// Hook stores the deliveries of a webhook and sends them. Set makes it ready. Its workers exist only while deliveries are
// queued. It is safe for concurrent use.
type Hook struct {
	mu       sync.Mutex
	settings Settings
	log      []*Delivery // oldest first
	bytes    int
	queue    []*Delivery // ready to be sent
	workers  int
	counts   Counts
	idle     chan struct{} // closed while nothing is pending; nil before the first delivery
	ctx      context.Context
	stop     context.CancelFunc
}

// Set replaces the settings, and removes the deliveries of the former ones.
func (h *Hook) Set(settings Settings) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stop != nil {
		h.stop()
	}
	if h.idle != nil && h.counts.Pending > 0 {
		close(h.idle)
	}
	h.settings = settings
	h.log = nil
	h.bytes = 0
	h.queue = nil
	h.workers = 0
	h.counts = Counts{}
	h.idle = nil
	h.ctx, h.stop = context.WithCancel(context.Background())
}

// Deliveries returns the calls of the webhook, oldest first: all pending ones, and the newest of the others.
func (h *Hook) Deliveries() []Delivery {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]Delivery, 0, len(h.log))
	for _, d := range h.log {
		all = append(all, *d)
	}
	return all
}

// Counts returns how many calls there are by state.
func (h *Hook) Counts() Counts {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.counts
}

// Wait waits until no call is pending. It returns the context's error if the context ends before.
func (h *Hook) Wait(ctx context.Context) error {
	h.mu.Lock()
	idle := h.idle
	h.mu.Unlock()
	if idle == nil {
		return nil
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Settings returns the settings.
func (h *Hook) Settings() Settings {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.settings
}

// IsSet reports whether changes are sent anywhere.
func (h *Hook) IsSet() bool { return h.Settings().URL != "" }

// Add enqueues a delivery with an ID of its own, or drops it if the log is full of pending ones.
func (h *Hook) Add(d *Delivery) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.log) >= maxLogged || h.bytes+len(d.Body) > maxLoggedBytes {
		i := slices.IndexFunc(h.log, func(d *Delivery) bool { return d.State != Pending })
		if i < 0 {
			h.counts.Dropped++
			return
		}
		h.bytes -= len(h.log[i].Body)
		h.log = slices.Delete(h.log, i, i+1)
	}
	d.ID = newID()
	d.State = Pending
	h.log = append(h.log, d)
	h.bytes += len(d.Body)
	if h.counts.Pending++; h.counts.Pending == 1 {
		h.idle = make(chan struct{})
	}
	h.enqueue(d)
}

// enqueue makes a delivery ready to be sent. It needs the lock.
func (h *Hook) enqueue(d *Delivery) {
	h.queue = append(h.queue, d)
	if h.workers < maxWorkers {
		h.workers++
		go h.work(h.ctx, h.settings)
	}
}

// work sends deliveries until the queue is empty.
func (h *Hook) work(ctx context.Context, settings Settings) {
	for {
		h.mu.Lock()
		if ctx.Err() != nil { // the webhook was replaced
			h.mu.Unlock()
			return
		}
		if len(h.queue) == 0 {
			h.workers--
			h.mu.Unlock()
			return
		}
		d := h.queue[0]
		h.queue = h.queue[1:]
		d.Tries++
		try := *d
		h.mu.Unlock()
		status, err := settings.send(ctx, try)
		h.finish(ctx, d, status, err)
	}
}

// finish records the result of a try, and schedules the next one if it may succeed.
func (h *Hook) finish(ctx context.Context, d *Delivery, status int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	d.Status = status
	d.Error = ""
	if err != nil {
		d.Error = err.Error()
	}
	switch {
	case status/100 == 2:
		d.State = Delivered
		h.counts.Delivered++
	case d.Tries < maxTries && isRetried(status):
		wait := time.Duration(cmp.Or(h.settings.RetryMS, 1000)) * time.Millisecond
		time.AfterFunc(wait, func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			if ctx.Err() == nil {
				h.enqueue(d)
			}
		})
		return
	default:
		d.State = Failed
		h.counts.Failed++
	}
	if h.counts.Pending--; h.counts.Pending == 0 {
		close(h.idle)
	}
}

// isRetried reports whether a delivery is retried after an answer with a status, or after none.
func isRetried(status int) bool {
	switch status {
	case 0, http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	default:
		return status >= 500
	}
}
