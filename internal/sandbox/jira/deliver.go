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

// How webhooks are delivered. The real Jira tries as often and on the same answers, but waits minutes in between.
const (
	deliveryTries   = 6
	deliveryTimeout = 10 * time.Second
	deliveryWorkers = 8
	// maxDeliveries and maxDeliveryBytes bound those that are remembered, waiting or not.
	maxDeliveries    = 2000
	maxDeliveryBytes = 64 << 20
)

// DeliveryState is what became of a delivery.
type DeliveryState string

// The states of a delivery: it waits for its next try, was taken with a 2xx, or was given up.
const (
	Pending   DeliveryState = "pending"
	Delivered DeliveryState = "delivered"
	Failed    DeliveryState = "failed"
)

// Delivery is one call of the webhook.
type Delivery struct {
	// ID is the X-Atlassian-Webhook-Identifier, the same for each try.
	ID string `json:"id"`
	// Event is the webhookEvent, such as jira:issue_updated.
	Event    string          `json:"event"`
	IssueKey string          `json:"issueKey"`
	Body     json.RawMessage `json:"body"`
	State    DeliveryState   `json:"state"`
	// Tries is how often it was sent, Status what the last try was answered with, Error why there was no answer.
	Tries  int    `json:"tries"`
	Status int    `json:"status,omitempty"`
	Error  string `json:"error,omitempty"`
}

// DeliveryCounts are how many deliveries there were. A dropped one found the queue full.
type DeliveryCounts struct {
	Pending   int `json:"pending"`
	Delivered int `json:"delivered"`
	Failed    int `json:"failed"`
	Dropped   int `json:"dropped"`
}

// outbox holds the deliveries and sends them. Its workers live only while there is something to send.
type outbox struct {
	mu      sync.Mutex
	hook    Webhook
	log     []*Delivery // oldest first
	bytes   int
	queue   []*Delivery // those that may be sent now
	workers int
	counts  DeliveryCounts
	idle    chan struct{} // closed when nothing is pending; nil when nothing was
	ctx     context.Context
	stop    context.CancelFunc
}

// reset forgets the deliveries and begins anew with another webhook.
func (o *outbox) reset(hook Webhook) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.stop != nil {
		o.stop()
	}
	if o.idle != nil && o.counts.Pending > 0 {
		close(o.idle)
	}
	o.hook, o.log, o.bytes, o.queue, o.workers, o.counts, o.idle = hook, nil, 0, nil, 0, DeliveryCounts{}, nil
	o.ctx, o.stop = context.WithCancel(context.Background())
}

func (o *outbox) settings() Webhook {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.hook
}

func (o *outbox) wanted() bool { return o.settings().URL != "" }

// add takes a delivery, unless as many are pending as there is room for.
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
	o.log, o.bytes = append(o.log, d), o.bytes+len(d.Body)
	if o.counts.Pending++; o.counts.Pending == 1 {
		o.idle = make(chan struct{})
	}
	o.enqueue(d)
}

// enqueue needs the lock.
func (o *outbox) enqueue(d *Delivery) {
	o.queue = append(o.queue, d)
	if o.workers < deliveryWorkers {
		o.workers++
		go o.work(o.ctx, o.hook)
	}
}

// work sends what is queued, until nothing is.
func (o *outbox) work(ctx context.Context, hook Webhook) {
	for {
		o.mu.Lock()
		if ctx.Err() != nil { // another webhook has taken over
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

// finish notes how a try went, and plans the next one when it is worth it.
func (o *outbox) finish(ctx context.Context, d *Delivery, status int, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	d.Status, d.Error = status, ""
	if err != nil {
		d.Error = err.Error()
	}
	switch {
	case status/100 == 2:
		d.State = Delivered
		o.counts.Delivered++
	case d.Tries < deliveryTries && again(status):
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

// again says whether a delivery is sent again after such an answer, or after none.
func again(status int) bool {
	return status == 0 || status >= 500 || slices.Contains([]int{http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests}, status)
}

// hookClient follows no redirects: a signed body is for the address that was given.
var hookClient = &http.Client{
	Timeout:       deliveryTimeout,
	Transport:     &http.Transport{MaxIdleConnsPerHost: deliveryWorkers, IdleConnTimeout: 5 * time.Second},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// send makes one try. It returns the status, which is 0 when there was no answer.
func (w Webhook) send(ctx context.Context, d Delivery) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(d.Body))
	if err != nil {
		return 0, fmt.Errorf("preparing the call: %w", err)
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
			err = outer.Err // without the URL, which may hold a token
		}
		return 0, err
	}
	_, _ = io.CopyN(io.Discard, res.Body, 4096) // so that the connection can be used again
	_ = res.Body.Close()
	return res.StatusCode, nil
}

func sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// newIdentifier is a random UUID.
func newIdentifier() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Deliveries are the calls of the webhook that are remembered, oldest first: all that are pending, and the latest that are not.
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

// DeliveryCounts tells how many calls of the webhook there were.
func (s *Site) DeliveryCounts() DeliveryCounts {
	s.hook.mu.Lock()
	defer s.hook.mu.Unlock()
	return s.hook.counts
}

// WaitForDeliveries waits until no call of the webhook is pending, or the context ends, whose error it returns.
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
