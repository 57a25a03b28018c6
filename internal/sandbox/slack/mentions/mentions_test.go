// SPDX-License-Identifier: Apache-2.0

package mentions

import (
	"encoding/json"
	"slices"
	"testing"
)

func TestFind(t *testing.T) {
	for _, c := range []struct {
		name, text          string
		blocks, attachments json.RawMessage
		link                bool
		want                []string
	}{
		{"none", "a @channel &lt;!here&gt; <https://example.com|x> <#C1|dev>", nil, nil, false, nil},
		{"in the text", "<!channel> <!here|here> <@U1> <!subteam^S1|@x>", nil, nil, false,
			[]string{"<!channel>", "<!here>", "<@U1>", "<!subteam^S1>"}},
		{"names with link_names", "a @channel", nil, nil, true, []string{"@channel"}},
		{"in blocks", "", json.RawMessage(`[{"type":"section","text":{"type":"mrkdwn","text":"<!here>"},` +
			`"fields":[{"type":"mrkdwn","text":"<@U2>"}]}]`), nil, false, []string{"<!here>", "<@U2>"}},
		{"not in plain text", "", json.RawMessage(`[{"type":"header","text":{"type":"plain_text","text":"<!here>"}}]`), nil, false, nil},
		{"not in a button's value", "", json.RawMessage(`[{"type":"actions","elements":[{"type":"button",` +
			`"action_id":"a","value":"<!here>","text":{"type":"plain_text","text":"<!here>"}}]}]`), nil, false, nil},
		{"in rich text", "", json.RawMessage(`[{"type":"rich_text","elements":[{"type":"rich_text_section",` +
			`"elements":[{"type":"broadcast","range":"channel"},{"type":"user","user_id":"U3"}]}]}]`), nil, false, []string{"<!channel>", "<@U3>"}},
		{"in an attachment", "", nil, json.RawMessage(`[{"pretext":"<!everyone>","fields":[{"title":"t",` +
			`"value":"<@U4>"}]}]`), false, []string{"<!everyone>", "<@U4>"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := (Finder{LinkNames: c.link}).Find(c.text, c.blocks, c.attachments); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
