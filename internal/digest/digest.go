// SPDX-License-Identifier: Apache-2.0

// Package digest holds the Notifications that wait to be sent together in one message: those that a rule groups, and
// in a storm those that a channel cannot take one by one.
//
// It is a state machine in memory over a clock. A Notification is in no group, waits in one group, was taken out of it
// while a digest is stored, or is assigned to a digest that was stored. It is in one of these states only, so that it is
// in one digest only, in whichever order several workers call. A restart loses nothing: the members of a digest stand in
// the digest, which is stored before it is sent, and a Notification that is in none is added again.
package digest

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
)

const (
	// Window is how long what arrives during a storm is collected into one digest.
	Window = 2 * time.Second
	// StormAfter is how long a channel may take for its backlog. What would take longer is sent in digests.
	StormAfter = 10 * time.Second
	// stormEnds is how long after its last digest a storm is over, so that what arrives is sent alone again.
	stormEnds = 2 * Window
	// CacheLag is how long the cache may take to show a digest that was stored.
	CacheLag = 15 * time.Second
	// MaxMembers bounds a digest.
	MaxMembers = 1000
)

// Key identifies a group. Members of one group go to one channel of one integration.
type Key struct {
	// Namespace of the Notifications.
	Namespace string
	// Integration and Channel are where the members go.
	Integration types.NamespacedName
	Channel     string
	// RuleUID and RuleGroup identify the group of a rule that groups; both are empty for a storm.
	RuleUID, RuleGroup string
}

// isStorm reports whether the key is that of a storm, and not of a group that a rule asks for.
func (k Key) isStorm() bool { return k.RuleUID == "" }

// Groups holds the Notifications that wait. It is safe for use by several goroutines.
type Groups struct {
	clock   clock.WithDelayedExecution
	enqueue func(types.NamespacedName)

	mu    sync.Mutex
	byKey map[Key]*group
	// keys has the group of each Notification that waits.
	keys map[types.NamespacedName]Key
	// taken has the Notifications of which a digest is being stored.
	taken map[types.NamespacedName]bool
	// storms is when the last digest of a storm was stored. What is over is dropped when another is noted.
	storms map[Key]time.Time
	// assignments has the digests that were stored just now, by member: the cache may not show them yet.
	assignments map[types.NamespacedName]assignment
}

type group struct {
	members map[types.NamespacedName]bool
	due     time.Time
	timer   clock.Timer
}

// assignment is a digest and when it was stored.
type assignment struct {
	digest types.NamespacedName
	at     time.Time
}

// New returns Groups without members. enqueue is called with a member of a group that is due. It must not block and
// must not call Groups.
func New(c clock.WithDelayedExecution, enqueue func(types.NamespacedName)) *Groups {
	return &Groups{
		clock:       c,
		enqueue:     enqueue,
		byKey:       map[Key]*group{},
		keys:        map[types.NamespacedName]Key{},
		taken:       map[types.NamespacedName]bool{},
		storms:      map[Key]time.Time{},
		assignments: map[types.NamespacedName]assignment{},
	}
}

// Add adds a Notification to a group, and removes it from any other. It reports whether the group is due; one that was
// taken waits for the digest that is being stored. due counts when the Notification is the group's first.
func (g *Groups) Add(k Key, n types.NamespacedName, due time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.taken[n] {
		return false
	}
	return g.add(k, n, due)
}

// add implements Add. g.mu must be held.
func (g *Groups) add(k Key, n types.NamespacedName, due time.Time) bool {
	if former, ok := g.keys[n]; ok && former != k {
		g.leave(n)
	}
	in := g.byKey[k]
	if in == nil {
		in = &group{members: map[types.NamespacedName]bool{}, due: due}
		g.byKey[k] = in
		g.arm(k, in, due.Sub(g.clock.Now()))
	}
	in.members[n] = true
	g.keys[n] = k
	return !g.clock.Now().Before(in.due)
}

// leave removes a Notification from its group, and drops a group without members. The caller holds g.mu.
func (g *Groups) leave(n types.NamespacedName) {
	k, ok := g.keys[n]
	if !ok {
		return
	}
	delete(g.keys, n)
	in := g.byKey[k]
	delete(in.members, n)
	if len(in.members) == 0 {
		in.timer.Stop()
		delete(g.byKey, k)
	}
}

// Contains reports whether a Notification waits in a group or was taken.
func (g *Groups) Contains(n types.NamespacedName) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, waits := g.keys[n]
	return waits || g.taken[n]
}

// IsStorming reports whether a storm goes on: something waits in its group, or a digest of it was stored just now.
func (g *Groups) IsStorming(k Key) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.byKey[k] != nil {
		return true
	}
	at, ok := g.storms[k]
	return ok && g.clock.Since(at) < stormEnds
}

// Postpone moves the time at which a group is due.
func (g *Groups) Postpone(k Key, due time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if in := g.byKey[k]; in != nil {
		in.due = due
		g.arm(k, in, due.Sub(g.clock.Now()))
	}
}

// arm enqueues one member of a group after a while, and then one every Window as long as the group exists: the member
// that was enqueued may have been muted or deleted, and then another must store the digest.
func (g *Groups) arm(k Key, in *group, wait time.Duration) {
	if in.timer != nil {
		in.timer.Stop()
	}
	in.timer = g.clock.AfterFunc(max(wait, 0), func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.byKey[k] != in {
			return
		}
		for n := range in.members {
			g.enqueue(n)
			break
		}
		g.arm(k, in, Window)
	})
}

// Take dissolves a group and returns its members and, of some others that wait elsewhere, those that were not taken
// already. Until Release they are in no group, and Add leaves them out.
func (g *Groups) Take(k Key, others []types.NamespacedName) []types.NamespacedName {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []types.NamespacedName
	if in := g.byKey[k]; in != nil {
		in.timer.Stop()
		delete(g.byKey, k)
		for n := range in.members {
			delete(g.keys, n)
			out = append(out, n)
		}
	}
	for _, n := range others {
		if !g.taken[n] {
			g.leave(n)
			out = append(out, n)
		}
	}
	for _, n := range out {
		g.taken[n] = true
	}
	return out
}

// Release lets Notifications that were taken be added again.
func (g *Groups) Release(names []types.NamespacedName) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, n := range names {
		delete(g.taken, n)
	}
}

// Return puts those Notifications that were taken and are in no digest back into a group.
func (g *Groups) Return(k Key, names []types.NamespacedName, due time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, n := range names {
		if _, assigned := g.assignments[n]; g.taken[n] && !assigned {
			delete(g.taken, n)
			g.add(k, n, due)
		}
	}
}

// Assign records that a digest of Notifications of a group was stored. They leave their group.
func (g *Groups) Assign(k Key, digest types.NamespacedName, members []types.NamespacedName) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.clock.Now()
	for _, n := range members {
		g.leave(n)
		g.assignments[n] = assignment{digest, now}
	}
	if !k.isStorm() {
		return
	}
	for other, at := range g.storms {
		if now.Sub(at) >= stormEnds {
			delete(g.storms, other)
		}
	}
	g.storms[k] = now
}

// AssignedTo returns the digest of a Notification that was stored within CacheLag. By then the cache shows it, or it
// was deleted.
func (g *Groups) AssignedTo(n types.NamespacedName) (digest types.NamespacedName, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	a, ok := g.assignments[n]
	if ok && g.clock.Since(a.at) > CacheLag {
		delete(g.assignments, n)
		return types.NamespacedName{}, false
	}
	return a.digest, ok
}

// Remove drops all that is known of a Notification.
func (g *Groups) Remove(n types.NamespacedName) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.assignments, n)
	delete(g.taken, n)
	g.leave(n)
}

// Place is a channel of an integration.
type Place struct {
	Integration types.NamespacedName
	Channel     string
}

// Backlog returns how many Notifications wait for each place.
func (g *Groups) Backlog() map[Place]int {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := map[Place]int{}
	for k, in := range g.byKey {
		out[Place{k.Integration, k.Channel}] += len(in.members)
	}
	return out
}
