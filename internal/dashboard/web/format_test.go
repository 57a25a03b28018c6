// SPDX-License-Identifier: Apache-2.0

package web

import "testing"

func TestSentence(t *testing.T) {
	for text, want := range map[string]string{
		"nothing is there":                  "Nothing is there.",
		"system:serviceaccount:a:b may not": "system:serviceaccount:a:b may not.",
		"Done!":                             "Done!",
		"a b":                               "A b.",
		"":                                  "",
	} {
		if got := Sentence(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
