// SPDX-License-Identifier: Apache-2.0

package wiki

import "testing"

func TestRender(t *testing.T) {
	for in, want := range map[string]string{
		"h2. Steps":                       "<h2>Steps</h2>",
		"h3. *a*\n----":                   "<h3><strong>a</strong></h3><hr>",
		"* one\n* two\n# three":           "<ul><li>one</li><li>two</li></ul><ol><li>three</li></ol>",
		"a *b* _c_ {{d*e*}}":              "<p>a <strong>b</strong> <em>c</em> <code>d*e*</code></p>",
		"{noformat}\n<b> *x*\n{noformat}": "<pre>&lt;b&gt; *x*</pre>",
		"{code:java}x{code}":              "<pre>x</pre>",
		"{code}never closed":              "<pre>never closed</pre>",
		"[go|https://x.test/?a=1&b]":      `<p><a rel="noreferrer nofollow" href="https://x.test/?a=1&amp;b">go</a></p>`,
		"[go|javascript:x]":               "<p>[go|javascript:x]</p>",
		`\*no\* \{code\}`:                 "<p>*no* {code}</p>",
		"&#42;no&#42;":                    "<p>*no*</p>",
		"<script>alert(1)</script>":       "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>",
		"&lt;b&gt;":                       "<p>&lt;b&gt;</p>",
	} {
		if got := string(Render(in)); got != want {
			t.Errorf("%q:\n got %s\nwant %s", in, got, want)
		}
	}
}
