// SPDX-License-Identifier: Apache-2.0

package slack

import (
	"fmt"
	"strings"
	"testing"
)

func section(text string) string {
	return `{"type":"section","text":{"type":"mrkdwn","text":"` + text + `"}}`
}

// list returns a list of items. A %d in the item makes each unique.
func list(item string, n int) string {
	items := make([]string, n)
	for i := range items {
		items[i] = strings.ReplaceAll(item, "%d", fmt.Sprint(i))
	}
	return "[" + strings.Join(items, ",") + "]"
}

func TestBlocks(t *testing.T) {
	x := func(n int) string { return strings.Repeat("é", n) }
	field := func(n int) string { return `{"type":"mrkdwn","text":"` + x(n) + `"}` }
	button := func(label, more string) string {
		return `[{"type":"actions","elements":[{"type":"button","text":{"type":"plain_text","text":"` + label + `"}` + more + `}]}]`
	}
	const buttonN = `{"type":"button","action_id":"a%d","text":{"type":"plain_text","text":"x"}}`
	for _, c := range []struct{ name, blocks, want string }{
		{"50 blocks", list(`{"type":"divider"}`, 50), ""},
		{"51 blocks", list(`{"type":"divider"}`, 51), "no more than 50 items allowed [json-pointer:/blocks]"},
		{"section of 3000", "[" + section(x(3000)) + "]", ""},
		{"section of 3001", "[" + section(x(3001)) + "]", "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"},
		{"section of nothing", "[" + section("") + "]", "must be more than 0 characters [json-pointer:/blocks/0/text/text]"},
		{"section without text", `[{"type":"section"}]`, "missing required field: text [json-pointer:/blocks/0]"},
		{"10 fields", `[{"type":"section","fields":` + list(field(1), 10) + `}]`, ""},
		{"11 fields", `[{"type":"section","fields":` + list(field(1), 11) + `}]`,
			"no more than 10 items allowed [json-pointer:/blocks/0/fields]"},
		{"no fields", `[{"type":"section","fields":[]}]`, "no fewer than 1 items allowed [json-pointer:/blocks/0/fields]"},
		{"field of 2000", `[{"type":"section","fields":[` + field(2000) + `]}]`, ""},
		{"field of 2001", `[{"type":"section","fields":[` + field(2001) + `]}]`,
			"must be less than 2001 characters [json-pointer:/blocks/0/fields/0/text]"},
		{"header of 150", `[{"type":"header","text":{"type":"plain_text","text":"` + x(150) + `"}}]`, ""},
		{"header of 151", `[{"type":"header","text":{"type":"plain_text","text":"` + x(151) + `"}}]`,
			"must be less than 151 characters [json-pointer:/blocks/0/text/text]"},
		{"header in mrkdwn", `[{"type":"header","text":{"type":"mrkdwn","text":"x"}}]`,
			"must be one of: plain_text [json-pointer:/blocks/0/text/type]"},
		{"10 in the context", `[{"type":"context","elements":` + list(field(1), 10) + `}]`, ""},
		{"11 in the context", `[{"type":"context","elements":` + list(field(1), 11) + `}]`,
			"no more than 10 items allowed [json-pointer:/blocks/0/elements]"},
		{"25 actions", `[{"type":"actions","elements":` + list(buttonN, 25) + `}]`, ""},
		{"26 actions", `[{"type":"actions","elements":` + list(buttonN, 26) + `}]`,
			"no more than 25 items allowed [json-pointer:/blocks/0/elements]"},
		{"button of 75", button(x(75), ""), ""},
		{"button of 76", button(x(76), ""), "must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]"},
		{"value of 2001", button("x", `,"value":"`+x(2001)+`"`), "must be less than 2001 characters [json-pointer:/blocks/0/elements/0/value]"},
		{"URL of 3001", button("x", `,"url":"`+x(3001)+`"`), "must be less than 3001 characters [json-pointer:/blocks/0/elements/0/url]"},
		{"action_id of 256", button("x", `,"action_id":"`+x(256)+`"`),
			"must be less than 256 characters [json-pointer:/blocks/0/elements/0/action_id]"},
		{"unknown style", button("x", `,"style":"loud"`), "must be one of: primary, danger [json-pointer:/blocks/0/elements/0/style]"},
		{"unknown member of a button", button("x", `,"colour":"red"`), "invalid additional property: colour [json-pointer:/blocks/0/elements/0]"},
		{"same action_id twice", `[{"type":"actions","elements":` +
			list(`{"type":"button","action_id":"a","text":{"type":"plain_text","text":"x"}}`, 2) +
			`}]`, "must be unique [json-pointer:/blocks/0/elements/1/action_id]"},
		{"same block_id twice", list(`{"type":"divider","block_id":"b"}`, 2), "must be unique [json-pointer:/blocks/1/block_id]"},
		{"block_id of 256", `[{"type":"divider","block_id":"` + x(256) + `"}]`,
			"must be less than 256 characters [json-pointer:/blocks/0/block_id]"},
		{"unknown block", `[{"type":"video_wall"}]`, "unsupported type: video_wall [json-pointer:/blocks/0/type]"},
		{"unknown element", `[{"type":"actions","elements":[{"type":"lever"}]}]`,
			"unsupported type: lever [json-pointer:/blocks/0/elements/0/type]"},
		{"unknown member", `[{"type":"divider","wide":true}]`, "invalid additional property: wide [json-pointer:/blocks/0]"},
		{"emoji in mrkdwn", `[{"type":"section","text":{"type":"mrkdwn","text":"x","emoji":true}}]`,
			"invalid additional property: emoji [json-pointer:/blocks/0/text]"},
		{"a block that is no object", `["x"]`, "must be an object [json-pointer:/blocks/0]"},
		{"markdown of 12001", `[{"type":"markdown","text":"` + x(12_001) + `"}]`,
			"must be less than 12001 characters [json-pointer:/blocks/0/text]"},
		{"image without alt", `[{"type":"image","image_url":"https://example.com/a.png"}]`, "must be a string [json-pointer:/blocks/0/alt_text]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, answer := call(t, New(Options{Clock: stopped}), "chat.postMessage", BotToken,
				form("channel", AlertsChannel, "text", "x", "blocks", c.blocks))
			if c.want == "" {
				if answer["ok"] != true {
					t.Errorf("got %v, want ok", answer)
				}
				return
			}
			if answer["error"] != "invalid_blocks" {
				t.Fatalf("got %v, want invalid_blocks", answer)
			}
			messages := answer["response_metadata"].(map[string]any)["messages"].([]any)
			if len(messages) != 1 || messages[0] != "[ERROR] "+c.want {
				t.Errorf("got %v, want %q", messages, c.want)
			}
		})
	}
}

func TestBlocksInTotal(t *testing.T) {
	w := New(Options{Clock: stopped})
	long := "[" + strings.TrimSuffix(strings.Repeat(section(strings.Repeat("x", 2700))+",", 5), ",") + "]"
	if _, answer := call(t, w, "chat.postMessage", BotToken,
		form("channel", AlertsChannel, "text", "x", "blocks", long)); answer["error"] != "msg_blocks_too_long" {
		t.Errorf("got %v, want msg_blocks_too_long", answer)
	}
	nested := `[{"blocks":[{"type":"header","text":{"type":"plain_text","text":""}}]}]`
	_, answer := call(t, w, "chat.postMessage", BotToken, form("channel", AlertsChannel, "text", "x", "attachments", nested))
	if answer["error"] != "invalid_blocks" || !strings.Contains(fmt.Sprint(answer["response_metadata"]), "/attachments/0/blocks/0/text/text") {
		t.Errorf("got %v, want the path in the attachment", answer)
	}
	many := list(`{"type":"none"}`, 50)
	_, answer = call(t, w, "chat.postMessage", BotToken, form("channel", AlertsChannel, "text", "x", "blocks", many))
	if got := len(answer["response_metadata"].(map[string]any)["messages"].([]any)); got != 20 {
		t.Errorf("got %d problems, want 20", got)
	}
}
