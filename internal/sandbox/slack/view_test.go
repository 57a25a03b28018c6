// SPDX-License-Identifier: Apache-2.0

package slack

import (
	"encoding/json"
	"slices"
	"testing"
)

func TestRenderMrkdwn(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"plain", "a & b", "a &amp; b"},
		{"entities", "1 &lt; 2 &amp; 3 &gt; 2", "1 &lt; 2 &amp; 3 &gt; 2"},
		{"HTML", `<script>alert("x")</script>`, "&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt;"},
		{"HTML in bold", "*<img src=x onerror=alert(1)>*", "<strong>&lt;img src=x onerror=alert(1)&gt;</strong>"},
		{"bold, italic, struck, code", "*a* _b_ ~c~ `*d*`", "<strong>a</strong> <em>b</em> <s>c</s> <code>*d*</code>"},
		{"within a word", "snake_case_name 2*3*4", "snake_case_name 2*3*4"},
		{"nested", "*a _b_*", "<strong>a <em>b</em></strong>"},
		{"code block", "```\n<b> *x*\n```", "<pre>&lt;b&gt; *x*\n</pre>"},
		{"lines", "a\nb", "a<br>b"},
		{"link", "<https://example.com/?a=1&amp;b=2|the <i>page>", "&lt;https://example.com/?a=1&amp;b=2|the &lt;i&gt;page&gt;"},
		{"labelled link", "<https://example.com/?a=1&amp;b=2|the &lt;page&gt;>",
			`<a rel="noreferrer nofollow" href="https://example.com/?a=1&amp;b=2">the &lt;page&gt;</a>`},
		{"bare link", "<https://example.com>", `<a rel="noreferrer nofollow" href="https://example.com">https://example.com</a>`},
		{"link out of an attribute", `<https://x" onclick="alert(1)|y>`,
			`<a rel="noreferrer nofollow" href="https://x&#34; onclick=&#34;alert(1)">y</a>`},
		{"script link", "<javascript:alert(1)|click>", "&lt;javascript:alert(1)|click&gt;"},
		{"channel ping", "<!channel> hi", `<span class="ping">@channel</span> hi`},
		{"user ping", "<@U0BOT|bot>", `<span class="ping">@U0BOT</span>`},
		{"group ping", "<!subteam^S1|@oncall>", `<span class="ping">@S1</span>`},
		{"escaped ping", "&lt;!channel&gt;", "&lt;!channel&gt;"},
		{"emoji", ":bug: :unknown:", "🐛 :unknown:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := string(RenderMrkdwn(c.text)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestPings(t *testing.T) {
	for _, c := range []struct {
		name string
		m    Message
		link bool
		want []string
	}{
		{"none", Message{Text: "a @channel &lt;!here&gt; <https://example.com|x> <#C1|dev>"}, false, nil},
		{"in the text", Message{Text: "<!channel> <!here|here> <@U1> <!subteam^S1|@x>"}, false,
			[]string{"<!channel>", "<!here>", "<@U1>", "<!subteam^S1>"}},
		{"names with link_names", Message{Text: "a @channel"}, true, []string{"@channel"}},
		{"in blocks", Message{Blocks: json.RawMessage(`[{"type":"section","text":{"type":"mrkdwn","text":"<!here>"},` +
			`"fields":[{"type":"mrkdwn","text":"<@U2>"}]}]`)}, false, []string{"<!here>", "<@U2>"}},
		{"not in plain text", Message{Blocks: json.RawMessage(`[{"type":"header","text":{"type":"plain_text","text":"<!here>"}}]`)}, false, nil},
		{"not in a button's value", Message{Blocks: json.RawMessage(`[{"type":"actions","elements":[{"type":"button",` +
			`"action_id":"a","value":"<!here>","text":{"type":"plain_text","text":"<!here>"}}]}]`)}, false, nil},
		{"in rich text", Message{Blocks: json.RawMessage(`[{"type":"rich_text","elements":[{"type":"rich_text_section",` +
			`"elements":[{"type":"broadcast","range":"channel"},{"type":"user","user_id":"U3"}]}]}]`)}, false, []string{"<!channel>", "<@U3>"}},
		{"in an attachment", Message{Attachments: json.RawMessage(`[{"pretext":"<!everyone>","fields":[{"title":"t",` +
			`"value":"<@U4>"}]}]`)}, false, []string{"<!everyone>", "<@U4>"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := (content{linkNames: c.link}).pings(&c.m); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestPingsSurviveEdits(t *testing.T) {
	w := New(Options{Clock: stopped})
	ts := post(t, w, "<!channel> look")
	ok(t, w, "chat.update", form("channel", AlertsChannel, "ts", ts, "text", "nothing here"))
	if got := w.Messages(AlertsChannel)[0].Pings; !slices.Equal(got, []string{"<!channel>"}) {
		t.Errorf("got %q, want the former version's ping", got)
	}
}

func TestView(t *testing.T) {
	m := Message{
		Text: "fallback",
		Blocks: json.RawMessage(`[{"type":"header","text":{"type":"plain_text","text":"<b>*x*"}},
			{"type":"actions","elements":[{"type":"button","url":"javascript:alert(1)","text":{"type":"plain_text","text":"Go"}}]}]`),
		Attachments: json.RawMessage(`[{"color":"danger","text":"a"},{"color":"#12345g","text":"b"},{"color":"36a64f"}]`),
	}
	v := m.View()
	if len(v.Parts) != 2 || v.Parts[0].Text != "&lt;b&gt;*x*" {
		t.Errorf("got %+v, want the blocks in place of the text, plain text escaped", v.Parts)
	}
	if b := v.Parts[1].Buttons; len(b) != 1 || b[0].Label != "Go" || b[0].URL != "" {
		t.Errorf("got %+v, want a button without a URL", b)
	}
	var colors []string
	for _, a := range v.Attachments {
		colors = append(colors, a.Color)
	}
	if want := []string{"#e01e5a", "#c0c4cc", "#36a64f"}; !slices.Equal(colors, want) {
		t.Errorf("got %q, want %q", colors, want)
	}
	if plain := (&Message{Text: "*x*"}).View(); len(plain.Parts) != 1 || plain.Parts[0].Text != "<strong>x</strong>" {
		t.Errorf("got %+v, want the text", plain)
	}
}
