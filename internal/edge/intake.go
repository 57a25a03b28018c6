// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"
)

const (
	// maxBuffered bounds the bodies that are in memory at the same time, of all routes together, in bytes.
	maxBuffered = 32 << 20
	// maxArriving bounds how many bodies arrive from one address at the same time. All clients behind a proxy share its
	// address, so that beyond it the slowest one makes room for the next. It is high, so that a stranger needs many bodies
	// a second to evict one that arrives in two parts, and leaves a quarter of the address's connections to others.
	maxArriving = 768
	// roomTimeout bounds how long a body waits for the memory of others that have arrived and are being verified.
	roomTimeout = 2 * time.Second

	// grace is how long a body may take in any case.
	grace = 3 * time.Second
	// minRate is how fast a body must arrive beyond grace, in bytes a second.
	minRate = 128 << 10
	// firstBytes count as received when a body starts to arrive, so that one that has just begun is not the slowest.
	firstBytes = 16 << 10
)

var (
	// errEvicted is the error of a body that made room for another one.
	errEvicted = errors.New("the body arrived slowly and made room for another one")
	// errNoRoom is the error of a body for which there is no memory.
	errNoRoom = errors.New("too many bodies are being verified")
)

// intake bounds what the bodies of requests occupy, of all routes together. A client needs no credentials to send a
// body. So a body that arrives slowly makes room for the next one, and no body is refused for another that has not
// arrived.
type intake struct {
	// maxBytes and maxPerAddress are the limits.
	maxBytes, maxPerAddress int

	mu sync.Mutex
	// used is how many bytes are reserved.
	used int
	// arriving are the bodies that have not arrived in full.
	arriving map[*arrival]struct{}
	// perAddress counts these by address.
	perAddress map[netip.Prefix]int
	// freed is closed when bytes are released, and replaced.
	freed chan struct{}
}

// arrival is a body on its way. The intake's mutex guards it.
type arrival struct {
	address netip.Prefix
	started time.Time
	// setDeadline ends the reads of the body at a time.
	setDeadline func(time.Time)
	// received and reserved are bytes.
	received, reserved int
	evicted            bool
}

func newIntake() *intake {
	return &intake{
		maxBytes: maxBuffered, maxPerAddress: maxArriving,
		arriving: map[*arrival]struct{}{}, perAddress: map[netip.Prefix]int{}, freed: make(chan struct{}),
	}
}

// begin adds a body. If its address has too many, the slowest of them is evicted.
func (in *intake) begin(address netip.Prefix, setDeadline func(time.Time)) *arrival {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.perAddress[address] >= in.maxPerAddress {
		in.evict(func(a *arrival) bool { return a.address == address })
	}
	a := &arrival{address: address, started: time.Now(), setDeadline: setDeadline}
	a.extend()
	in.arriving[a] = struct{}{}
	in.perAddress[address]++
	return a
}

// progress records that bytes of a body were received, and gives it the time that they are worth.
func (in *intake) progress(a *arrival, received int) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if a.evicted {
		return errEvicted
	}
	a.received = received
	a.extend()
	return nil
}

// complete records that a body has arrived in full. It keeps its memory and is not evicted any more.
func (in *intake) complete(a *arrival) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if a.evicted {
		return errEvicted
	}
	in.leave(a)
	a.setDeadline(time.Time{})
	return nil
}

// release returns the memory of a body.
func (in *intake) release(a *arrival) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.leave(a)
	in.free(a)
}

// reserve reserves bytes for a body. If there are none left, it evicts the slowest other body on its way; if there is
// none, it waits for one that is being verified.
func (in *intake) reserve(ctx context.Context, a *arrival, n int) error {
	timeout := time.NewTimer(roomTimeout)
	defer timeout.Stop()
	for {
		freed, err := in.tryReserve(a, n)
		if freed == nil {
			return err
		}
		select {
		case <-freed:
		case <-timeout.C:
			return errNoRoom
		case <-ctx.Done():
			return errNoRoom
		}
	}
}

// tryReserve reserves bytes. If there is no room, it returns a channel that is closed once there may be.
func (in *intake) tryReserve(a *arrival, n int) (freed <-chan struct{}, err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for !a.evicted && in.used+n > in.maxBytes {
		if !in.evict(func(other *arrival) bool { return other != a && other.reserved > 0 }) {
			return in.freed, nil
		}
	}
	if a.evicted {
		return nil, errEvicted
	}
	in.used += n
	a.reserved += n
	return nil, nil
}

// evict ends the slowest of the bodies on their way that may go. It reports whether there was one.
func (in *intake) evict(may func(*arrival) bool) bool {
	now := time.Now()
	var slowest *arrival
	for a := range in.arriving {
		if may(a) && (slowest == nil || a.rate(now) < slowest.rate(now)) {
			slowest = a
		}
	}
	if slowest == nil {
		return false
	}
	slowest.evicted = true
	slowest.setDeadline(now)
	in.leave(slowest)
	in.free(slowest)
	return true
}

// leave removes a body from those on their way.
func (in *intake) leave(a *arrival) {
	if _, ok := in.arriving[a]; !ok {
		return
	}
	delete(in.arriving, a)
	if in.perAddress[a.address]--; in.perAddress[a.address] == 0 {
		delete(in.perAddress, a.address)
	}
}

// free releases the bytes of a body and wakes those that wait for some.
func (in *intake) free(a *arrival) {
	if a.reserved == 0 {
		return
	}
	in.used -= a.reserved
	a.reserved = 0
	close(in.freed)
	in.freed = make(chan struct{})
}

// rate returns how fast a body has arrived until now, in bytes a second.
func (a *arrival) rate(now time.Time) float64 {
	elapsed := max(now.Sub(a.started), time.Millisecond)
	return float64(a.received+firstBytes) / elapsed.Seconds()
}

// extend sets the deadline by which more of a body must have arrived.
func (a *arrival) extend() {
	earned := time.Duration(a.received) * time.Second / minRate
	a.setDeadline(a.started.Add(grace + earned))
}
