// SPDX-License-Identifier: Apache-2.0

package text

import "testing"

// TestCompareNames compares each of some names, which are in their order, with each.
func TestCompareNames(t *testing.T) {
	names := []string{"", "007", "07", "7", "10", "a", "a-2", "a-2-b", "a-2-c", "a-10", "a-10b",
		"a-99999999999999999998", "a-99999999999999999999",
		"b", "ü"}
	for i, a := range names {
		for j, b := range names {
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if got := CompareNames(a, b); got != want {
				t.Errorf("%q and %q: got %d, want %d", a, b, got, want)
			}
		}
	}
}
