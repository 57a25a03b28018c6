// SPDX-License-Identifier: Apache-2.0

package display

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
			if got := string(Mrkdwn(c.text)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestView(t *testing.T) {
	v := Of("fallback",
		json.RawMessage(`[{"type":"header","text":{"type":"plain_text","text":"<b>*x*"}},
			{"type":"actions","elements":[{"type":"button","url":"javascript:alert(1)","text":{"type":"plain_text","text":"Go"}}]}]`),
		json.RawMessage(`[{"color":"danger","text":"a"},{"color":"#12345g","text":"b"},{"color":"36a64f"}]`))
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
	if plain := Of("*x*", nil, nil); len(plain.Parts) != 1 || plain.Parts[0].Text != "<strong>x</strong>" {
		t.Errorf("got %+v, want the text", plain)
	}
}
