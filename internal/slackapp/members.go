// SPDX-License-Identifier: Apache-2.0

package slackapp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/utils/clock"
	"k8s.io/utils/lru"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/identity"
)

const (
	// membersFor is how long the user groups of a workspace are used, and failureFor how long that they could not be read.
	membersFor = 5 * time.Minute
	failureFor = 30 * time.Second
	// maxTeams bounds the workspaces whose user groups are kept.
	maxTeams = 100
	// maxGroups bounds how many groups of a person count.
	maxGroups = 200
)

// members keeps who is in which user group, by workspace.
type members struct {
	clock   clock.PassiveClock
	pending singleflight.Group
	mu      sync.Mutex
	// teams holds a *team for each workspace, see userKey.
	teams *lru.Cache
}

// team is a list of the user groups of a workspace.
type team struct {
	// groups are the IDs of each person's groups; err is why they could not be read.
	groups map[string][]string
	err    error
	at     time.Time
}

func newMembers(c clock.PassiveClock) *members { return &members{clock: c, teams: lru.New(maxTeams)} }

// groupsOf returns the IDs of the user groups of a person, with a list that is no older than membersFor. Persons of one
// workspace share a call.
func (m *members) groupsOf(ctx context.Context, app chat.App, u userKey) ([]string, error) {
	if t, ok := m.get(u.team); ok {
		return t.groups[u.id], t.err
	}
	v, _, _ := m.pending.Do(u.team, func() (any, error) {
		if t, ok := m.get(u.team); ok { // another call has just ended
			return t, nil
		}
		groups, err := app.UserGroups(ctx)
		t := &team{groups: groups, err: err, at: m.clock.Now()}
		m.mu.Lock()
		defer m.mu.Unlock()
		m.teams.Add(u.team, t)
		return t, nil
	})
	t := v.(*team)
	return t.groups[u.id], t.err
}

// userKey identifies a person by a workspace, as an integration shows it, and an ID. One integration decides nothing
// about what persons may do by another.
type userKey struct{ team, id string }

func (m *members) get(id string) (*team, bool) {
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

// authorizer reviews what the person of a session may do. The user groups are read only for what the person may not do
// without them, so that most acts do not wait for Slack.
type authorizer struct{ *session }

// Allowed reports whether the person may do something.
func (a authorizer) Allowed(ctx context.Context, caller identity.Caller, access identity.Access) (bool, error) {
	if caller.Info == nil {
		return false, nil
	}
	ok, err := a.Authorizer.Allowed(ctx, caller, access)
	if ok || err != nil {
		return ok, err
	}
	groups := a.userGroups(ctx)
	if len(groups) == 0 {
		return false, nil
	}
	return a.Authorizer.Allowed(ctx, withGroups(caller, groups), access)
}

// userGroups returns the person's user groups as groups of Kubernetes. If they are not known there are none, and the
// session's membership says why.
func (s *session) userGroups(ctx context.Context) []string {
	u := s.user()
	if u.TeamID != s.TeamID { // a person of another workspace, in a shared channel
		return nil
	}
	ids, err := s.members.groupsOf(ctx, s.app, userKey{s.teamKey(), u.ID})
	if err != nil {
		s.mu.Lock()
		s.membership = membershipProblem(err)
		s.mu.Unlock()
		return nil
	}
	var out []string
	for _, id := range ids[:min(len(ids), maxGroups)] {
		if slackID.MatchString(id) {
			out = append(out, "slack:"+u.TeamID+":"+id)
		}
	}
	return out
}

// membershipProblem returns why user groups are not known, in a sentence.
func membershipProblem(err error) string {
	const cost = "Your user groups are not known, so permissions that they have do not count"
	f := fault.From(err)
	switch {
	case errors.Is(err, chat.ErrUnsupported):
		return cost + ": an incoming webhook cannot read them."
	case f.Code == "missing_scope":
		return cost + ": the app lacks the scope usergroups:read. Add it and install the app again."
	case f.Code == "plan_upgrade_required":
		return cost + ": this workspace's plan has no user groups. Bind permissions to users or to the workspace."
	}
	return fmt.Sprintf("%s: %s", cost, f.Message)
}

// teamKey identifies a workspace as an integration shows it, and since when its user groups are what they are.
func (s *session) teamKey() string {
	changed := s.integration.Annotations[v1alpha1.SlackGroupsChangedAtAnnotation]
	return string(s.integration.UID) + "/" + s.TeamID + "/" + changed
}

// withGroups returns a caller who has further groups.
func withGroups(c identity.Caller, groups []string) identity.Caller {
	all := append(append([]string{}, c.GetGroups()...), groups...)
	return identity.Caller{Info: &user.DefaultInfo{Name: c.GetName(), Groups: all}}
}
