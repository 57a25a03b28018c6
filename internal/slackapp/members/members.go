// SPDX-License-Identifier: Apache-2.0

// Package members keeps who is in which user group of a workspace.
package members

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	"k8s.io/utils/clock"
	"k8s.io/utils/lru"

	"github.com/voiceai-dev/integrations-operator/internal/chat"
)

const (
	// membersFor is how long the user groups of a workspace are used, and failureFor how long that they could not be read.
	membersFor = 5 * time.Minute
	failureFor = 30 * time.Second
	// maxTeams bounds the workspaces whose user groups are kept.
	maxTeams = 100
)

// Members keeps who is in which user group, by workspace. It is safe for concurrent use.
type Members struct {
	clock   clock.PassiveClock
	pending singleflight.Group
	mu      sync.Mutex
	// teams holds a *team for each workspace, see Person.
	teams *lru.Cache
}

// team is a list of the user groups of a workspace.
type team struct {
	// groups are the IDs of each person's groups; err is why they could not be read.
	groups map[string][]string
	err    error
	at     time.Time
}

// New returns Members without any.
func New(c clock.PassiveClock) *Members { return &Members{clock: c, teams: lru.New(maxTeams)} }

// Groups returns the IDs of the user groups of a person, with a list that is no older than membersFor. Persons of one
// workspace share a call.
func (m *Members) Groups(ctx context.Context, app chat.App, u Person) ([]string, error) {
	if t, ok := m.get(u.Team); ok {
		return t.groups[u.ID], t.err
	}
	v, _, _ := m.pending.Do(u.Team, func() (any, error) {
		if t, ok := m.get(u.Team); ok { // another call has just ended
			return t, nil
		}
		groups, err := app.UserGroups(ctx)
		t := &team{groups: groups, err: err, at: m.clock.Now()}
		m.mu.Lock()
		defer m.mu.Unlock()
		m.teams.Add(u.Team, t)
		return t, nil
	})
	t := v.(*team)
	return t.groups[u.ID], t.err
}

// Person identifies a person by a workspace, as an integration shows it, and an ID. One integration decides nothing
// about what persons may do by another.
type Person struct{ Team, ID string }

func (m *Members) get(id string) (*team, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.teams.Get(id)
	if !ok {
		return nil, false
	}
	t := v.(*team)
	limit := membersFor
	if t.err != nil {
		limit = failureFor
	}
	return t, m.clock.Since(t.at) < limit
}
