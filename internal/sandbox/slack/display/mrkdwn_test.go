// SPDX-License-Identifier: Apache-2.0

package display

import (
	"slices"
	"strings"
	"testing"
)

// FuzzRenderMrkdwn checks that the HTML has no tags of the text.
func FuzzRenderMrkdwn(f *testing.F) {
	for _, seed := range []string{
		"*a*", "<https://x|y>", "<script>", "```<b>```", "&lt;i&gt;", "<!here|<b>>", "_*~`", `<https://x.test/"onx="|a"b>`, ":warning:", "\xff<",
	} {
		f.Add(seed)
	}
	ours := []string{"strong>", "em>", "s>", "code>", "pre>", "br>", "a>", "span>", `span class="ping">`, `a rel="noreferrer nofollow" href="`}
	f.Fuzz(func(t *testing.T, in string) {
		for i, piece := range strings.Split(string(Mrkdwn(in)), "<") {
			piece = strings.TrimPrefix(piece, "/")
			if i > 0 && !slices.ContainsFunc(ours, func(tag string) bool { return strings.HasPrefix(piece, tag) }) {
				t.Fatalf("%q has the tag %q", in, "<"+piece)
			}
		}
	})
}
