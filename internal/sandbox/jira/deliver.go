// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Limits of deliveries. The real Jira retries as often and after the same answers, but waits minutes in between.
const (
	deliveryTries   = 6
	deliveryTimeout = 10 * time.Second
	deliveryWorkers = 8
	// maxDeliveries and maxDeliveryBytes bound the log of deliveries.
	maxDeliveries    = 2000
	maxDeliveryBytes = 64 << 20
)

// DeliveryState is the state of a delivery.
type DeliveryState string

// The states of a delivery: it waits for its next try, was answered with 2xx, or has no tries left.
const (
	Pending   DeliveryState = "pending"
	Delivered DeliveryState = "delivered"
	Failed    DeliveryState = "failed"
)

// Delivery is one call of the webhook.
type Delivery struct {
	// ID is the X-Atlassian-Webhook-Identifier, which is the same for each try.
	ID string `json:"id"`
	// Event is the webhookEvent, such as jira:issue_updated.
	Event    string          `json:"event"`
	IssueKey string          `json:"issueKey"`
	Body     json.RawMessage `json:"body"`
	State    DeliveryState   `json:"state"`
	// Tries is the number of tries.
	Tries int `json:"tries"`
	// Status is the status of the last answer.
	Status int `json:"status,omitempty"`
	// Error is the error of the last try if it was not answered.
	Error string `json:"error,omitempty"`
}

// DeliveryCounts are the numbers of deliveries by state. A delivery is dropped if the log is full of pending ones.
type DeliveryCounts struct {
	Pending   int `json:"pending"`
	Delivered int `json:"delivered"`
	Failed    int `json:"failed"`
	Dropped   int `json:"dropped"`
}

// outbox stores the deliveries and sends them. Its workers exist only while deliveries are queued.
type outbox struct {
	mu      sync.Mutex
	hook    Webhook
	log     []*Delivery // oldest first
	bytes   int
	queue   []*Delivery // ready to be sent
	workers int
	counts  DeliveryCounts
	idle    chan struct{} // closed while nothing is pending; nil before the first delivery
	ctx     context.Context
	stop    context.CancelFunc
}

// reset removes the deliveries and sets the webhook.
func (o *outbox) reset(hook Webhook) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.stop != nil {
		o.stop()
	}
	if o.idle != nil && o.counts.Pending > 0 {
		close(o.idle)
	}
	o.hook = hook
	o.log = nil
	o.bytes = 0
	o.queue = nil
	o.workers = 0
	o.counts = DeliveryCounts{}
	o.idle = nil
	o.ctx, o.stop = context.WithCancel(context.Background())
}

// settings returns the webhook.
func (o *outbox) settings() Webhook {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.hook
}

// enabled reports whether there is a webhook.
func (o *outbox) enabled() bool { return o.settings().URL != "" }

// add enqueues a delivery, or drops it if the log is full of pending ones.
func (o *outbox) add(d *Delivery) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.log) >= maxDeliveries || o.bytes+len(d.Body) > maxDeliveryBytes {
		i := slices.IndexFunc(o.log, func(d *Delivery) bool { return d.State != Pending })
		if i < 0 {
			o.counts.Dropped++
			return
		}
		o.bytes -= len(o.log[i].Body)
		o.log = slices.Delete(o.log, i, i+1)
	}
	d.State = Pending
	o.log = append(o.log, d)
	o.bytes += len(d.Body)
	if o.counts.Pending++; o.counts.Pending == 1 {
		o.idle = make(chan struct{})
	}
	o.enqueue(d)
}

// enqueue makes a delivery ready to be sent. It needs the lock.
func (o *outbox) enqueue(d *Delivery) {
	o.queue = append(o.queue, d)
	if o.workers < deliveryWorkers {
		o.workers++
		go o.work(o.ctx, o.hook)
	}
}

// work sends deliveries until the queue is empty.
func (o *outbox) work(ctx context.Context, hook Webhook) {
	for {
		o.mu.Lock()
		if ctx.Err() != nil { // the webhook was replaced
			o.mu.Unlock()
			return
		}
		if len(o.queue) == 0 {
			o.workers--
			o.mu.Unlock()
			return
		}
		d := o.queue[0]
		o.queue = o.queue[1:]
		d.Tries++
		try := *d
		o.mu.Unlock()
		status, err := hook.send(ctx, try)
		o.finish(ctx, d, status, err)
	}
}

// finish records the result of a try, and schedules the next one if it may succeed.
func (o *outbox) finish(ctx context.Context, d *Delivery, status int, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
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
		o.counts.Delivered++
	case d.Tries < deliveryTries && isRetried(status):
		wait := time.Duration(cmp.Or(o.hook.RetryMS, 1000)) * time.Millisecond
		time.AfterFunc(wait, func() {
			o.mu.Lock()
			defer o.mu.Unlock()
			if ctx.Err() == nil {
				o.enqueue(d)
			}
		})
		return
	default:
		d.State = Failed
		o.counts.Failed++
	}
	if o.counts.Pending--; o.counts.Pending == 0 {
		close(o.idle)
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

// hookClient does not follow redirects, because a signed body is meant for the configured URL only.
var hookClient = &http.Client{
	Timeout:       deliveryTimeout,
	Transport:     &http.Transport{MaxIdleConnsPerHost: deliveryWorkers, IdleConnTimeout: 5 * time.Second},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// send makes a try. It returns the status, which is 0 if there was no answer.
func (w Webhook) send(ctx context.Context, d Delivery) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(d.Body))
	if err != nil {
		return 0, fmt.Errorf("creating the request: %w", err)
	}
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("User-Agent", "Atlassian Webhook HTTP Client")
	r.Header.Set("X-Atlassian-Webhook-Identifier", d.ID)
	r.Header.Set("X-Atlassian-Webhook-Flow", "Primary")
	if d.Tries > 1 {
		r.Header.Set("X-Atlassian-Webhook-Retry", strconv.Itoa(d.Tries-1))
	}
	if w.Secret != "" {
		r.Header.Set("X-Hub-Signature", sign(w.Secret, d.Body))
	}
	res, err := hookClient.Do(r)
	if err != nil {
		if outer := (*url.Error)(nil); errors.As(err, &outer) {
			err = outer.Err // without the URL, which may contain a token
		}
		return 0, err
	}
	_, _ = io.CopyN(io.Discard, res.Body, 4096) // lets the connection be reused
	_ = res.Body.Close()
	return res.StatusCode, nil
}

// sign returns the signature of a body.
func sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// newIdentifier returns a random UUID.
func newIdentifier() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Deliveries returns the calls of the webhook, oldest first: all pending ones, and the newest of the others.
func (s *Site) Deliveries() []Delivery {
	o := &s.hook
	o.mu.Lock()
	defer o.mu.Unlock()
	all := make([]Delivery, 0, len(o.log))
	for _, d := range o.log {
		all = append(all, *d)
	}
	return all
}

// DeliveryCounts returns the numbers of calls of the webhook.
func (s *Site) DeliveryCounts() DeliveryCounts {
	s.hook.mu.Lock()
	defer s.hook.mu.Unlock()
	return s.hook.counts
}

// WaitForDeliveries waits until no call of the webhook is pending. It returns the context's error if the context ends
// before.
func (s *Site) WaitForDeliveries(ctx context.Context) error {
	s.hook.mu.Lock()
	idle := s.hook.idle
	s.hook.mu.Unlock()
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
