// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/catalog"
)

// userWritable are the members that may refer to a user. The others are read-only.
var userWritable = map[Mode][]string{Cloud: {"accountId", "id"}, DataCenter: {"name", "key"}}

// readUser reads a reference to a user.
func (s *Site) readUser(raw json.RawMessage) (value, message string) {
	var ref map[string]*string
	if json.Unmarshal(raw, &ref) != nil {
		return "", "expected Object containing a user"
	}
	if ref == nil {
		return "", ""
	}
	var id string
	for _, member := range slices.Sorted(maps.Keys(ref)) {
		if !slices.Contains(userWritable[s.mode], member) {
			return "", fmt.Sprintf("The member '%s' of a user cannot be set.", member)
		}
		if ref[member] != nil {
			id = *ref[member]
		}
	}
	if id == "" {
		return "", ""
	}
	u, found := catalog.FindUser(id, "")
	if s.mode == DataCenter {
		u, found = catalog.FindUser("", strings.TrimPrefix(id, "JIRAUSER-"))
	}
	if !found {
		return "", fmt.Sprintf("User '%s' does not exist.", id)
	}
	return u.Name, ""
}
