// SPDX-License-Identifier: Apache-2.0

package attach

import (
	"context"
	"sync"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

const (
	// maxSent is how many files are sent at the same time, each with a part of it in memory.
	maxSent = 8
	// maxSentOfNamespace is how many of these go to servers of one namespace. The second one waits while maxShared are
	// sent: the first file of each namespace finds a place, however slow the servers of another one are.
	maxSentOfNamespace = 2
	maxShared          = maxSent / 2
)

// places bounds the files that are sent at the same time, so that slow servers of one namespace leave places to the others.
type places struct {
	mu sync.Mutex
	// sent counts the files that are being sent, of those the ones to servers of a namespace.
	sent map[string]int
	all  int
	// changed is closed when a place becomes free.
	changed chan struct{}
}

func newPlaces() *places { return &places{sent: map[string]int{}, changed: make(chan struct{})} }

// take waits for a place for a file to a server of a namespace, and returns what frees it. Its error is a fault.
func (p *places) take(ctx context.Context, namespace string) (free func(), err error) {
	for {
		p.mu.Lock()
		own := p.sent[namespace]
		if p.all < maxSent && (own == 0 || own < maxSentOfNamespace && p.all < maxShared) {
			p.sent[namespace]++
			p.all++
			p.mu.Unlock()
			return func() { p.free(namespace) }, nil
		}
		changed := p.changed
		p.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fault.New(fault.Unavailable, "The file was not sent: %v", ctx.Err())
		}
	}
}

func (p *places) free(namespace string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all--
	if p.sent[namespace]--; p.sent[namespace] == 0 {
		delete(p.sent, namespace)
	}
	close(p.changed)
	p.changed = make(chan struct{})
}
