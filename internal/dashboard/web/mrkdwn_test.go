// SPDX-License-Identifier: Apache-2.0

package web

import (
	"strings"
	"testing"
)

func TestMrkdwn(t *testing.T) {
	for text, want := range map[string]string{
		"*<https://x.example/?a=1&amp;b=2|x>*": `<b><a href="https://x.example/?a=1&amp;b=2" rel="noopener noreferrer">x</a></b>`,
		"<#C1|general> <@U1>":                  `<span class="mention">#general</span> <span class="mention">@U1</span>`,
		"<!here>":                              `<span class="mention">@here</span>`,
		"\ue0000\ue001 \ue0007\ue001":          "0 7",
		"`&lt;b&gt;` a*b*c":                    "<code>&lt;b&gt;</code> a*b*c",
		"a\nb":                                 "a<br>b",
	} {
		if got := string(Mrkdwn(text)); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

func FuzzMrkdwn(f *testing.F) {
	f.Add("<https://a.example|b> *c* `d` &lt;e&gt;")
	f.Add("<javascript:x|y>\ue0001\ue001")
	f.Fuzz(func(t *testing.T, text string) {
		got := string(Mrkdwn(text))
		for _, tag := range []string{"<script", "<img", "<svg", `href="javascript:`, "<iframe"} {
			if strings.Contains(strings.ToLower(got), tag) {
				t.Errorf("%q became %s", text, got)
			}
		}
	})
}
