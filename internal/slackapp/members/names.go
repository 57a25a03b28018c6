// SPDX-License-Identifier: Apache-2.0

package members

import (
	"regexp"

	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/voiceai-dev/integrations-operator/internal/identity"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/inbound"
)

// maxGroups bounds how many groups of a person count.
const maxGroups = 200

// id matches the ID of a workspace, a user or a user group.
var id = regexp.MustCompile(`^[A-Z0-9]{2,32}$`)

// Caller returns a person as a user of Kubernetes, without user groups; without Info if the person is not known.
// Kubernetes adds the group system:authenticated to everyone it knows, and so to who acts as the person in kubectl --as.
func Caller(u inbound.User) identity.Caller {
	if !id.MatchString(u.ID) || !id.MatchString(u.TeamID) {
		return identity.Caller{}
	}
	return identity.Caller{Info: &user.DefaultInfo{
		Name: "slack:" + u.TeamID + ":" + u.ID, Groups: []string{"slack:" + u.TeamID, user.AllAuthenticated},
	}}
}

// GroupNames returns the user groups of a workspace as groups of Kubernetes.
func GroupNames(teamID string, ids []string) []string {
	var out []string
	for _, group := range ids[:min(len(ids), maxGroups)] {
		if id.MatchString(group) {
			out = append(out, "slack:"+teamID+":"+group)
		}
	}
	return out
}

// With returns a caller who has further groups.
func With(c identity.Caller, groups []string) identity.Caller {
	all := append(append([]string{}, c.GetGroups()...), groups...)
	return identity.Caller{Info: &user.DefaultInfo{Name: c.GetName(), Groups: all}}
}
