// SPDX-License-Identifier: Apache-2.0

package slackapp_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

var (
	createRole = regexp.MustCompile(`kubectl -n qa create role (\S+) --verb=(\S+)\s+--resource=(\S+)`)
	bindRoles  = regexp.MustCompile(`for role in ([^;]+); do\s+` +
		`kubectl -n qa create rolebinding "\$role" --role="\$role" --group="slack:\$team"\s+done`)
)

// TestTheRolesOfThePage checks that who follows docs/slack.md may do all that people can do in Slack.
func TestTheRolesOfThePage(t *testing.T) {
	raw, err := os.ReadFile("../../docs/slack.md")
	if err != nil {
		t.Fatal(err)
	}
	page, _, _ := strings.Cut(strings.ReplaceAll(string(raw), "\\\n", ""), "## Install from the dashboard")
	bound := bindRoles.FindStringSubmatch(page)
	if bound == nil {
		t.Fatal("the page binds no Roles")
	}
	review := allow()
	for _, m := range createRole.FindAllStringSubmatch(page, -1) {
		if !strings.Contains(" "+bound[1]+" ", " "+m[1]+" ") {
			t.Errorf("the page does not bind the Role %s", m[1])
		}
		for verb := range strings.SplitSeq(m[2], ",") {
			for resource := range strings.SplitSeq(m[3], ",") {
				name, _, _ := strings.Cut(resource, ".")
				review.allowed["slack:"+team+" "+verb+" "+name+" qa"] = true
			}
		}
	}
	w := newWorld(t, review, slackIntegration(), secret())
	got := w.send(0, command("whoami"))
	if !strings.Contains(got, ":white_check_mark: start runs") || strings.Contains(got, ":no_entry:") {
		t.Errorf("who follows the page is\n%s", got)
	}
}
