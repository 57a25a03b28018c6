// SPDX-License-Identifier: Apache-2.0

package web

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack/display"
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

// TestEmoji checks that the pages and the sandbox show each emoji that messages use.
func TestEmoji(t *testing.T) {
	files, err := filepath.Glob("../../render/*.go")
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, name := range files {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(name, "_test.go") {
			for _, m := range regexp.MustCompile(`":([a-z_]+):[ "]`).FindAllStringSubmatch(string(source), -1) {
				used[m[1]] = true
			}
		}
	}
	if len(used) < 10 {
		t.Errorf("messages use %v", used)
	}
	for name := range used {
		text := ":" + name + ":"
		if string(Mrkdwn(text)) == text || string(display.Mrkdwn(text)) == text {
			t.Errorf("%s is shown by its name", text)
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
