// SPDX-License-Identifier: Apache-2.0

package slackapp

import (
	"context"
	"errors"
	"fmt"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/identity"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/members"
)

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
	return a.Authorizer.Allowed(ctx, members.With(caller, groups), access)
}

// userGroups returns the person's user groups as groups of Kubernetes. If they are not known there are none, and the
// session's membership says why.
func (s *session) userGroups(ctx context.Context) []string {
	u := s.user()
	if u.TeamID != s.TeamID { // a person of another workspace, in a shared channel
		s.setMembership(otherWorkspace(u.TeamID))
		return nil
	}
	ids, err := s.members.Groups(ctx, s.app, members.Person{Team: s.teamKey(), ID: u.ID})
	if err != nil {
		s.setMembership(membershipProblem(err))
		return nil
	}
	return members.GroupNames(u.TeamID, ids)
}

// setMembership records why the person's user groups are not known.
func (s *session) setMembership(why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.membership = why
}

// otherWorkspace returns why user groups of a person of another workspace do not count, and what counts instead.
func otherWorkspace(team string) string {
	return fmt.Sprintf("You belong to the workspace %s, whose user groups cannot be read here, so permissions of user groups do not "+
		"count for you. Have an admin bind permissions to you, or to everyone of your workspace, the group slack:%s.", team, team)
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
