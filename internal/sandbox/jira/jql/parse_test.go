// SPDX-License-Identifier: Apache-2.0

package jql

import (
	"reflect"
	"testing"
)

// FuzzParse checks that parsing Query.String gives the same query.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`project = VOICE`, `labels in ("a", 'b\'c') AND updated >= -5m ORDER BY key DESC, created`, `key not in (A-1)`, `order by`,
		`"key" = "\\"`,
		`project = `, `updated >= "1w 2d"`, `labels = "é"`, `a=b=c`, `((`, "labels = \"\xff\"",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(q.String())
		if err != nil && len(q.String()) <= maxLength {
			t.Fatalf("%q: String returns %q, which does not parse: %v", text, q, err)
		}
		if err == nil && !reflect.DeepEqual(q, again) {
			t.Fatalf("%q is parsed as %+v, its String as %+v", text, q, again)
		}
	})
}
