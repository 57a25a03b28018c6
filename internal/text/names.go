// SPDX-License-Identifier: Apache-2.0

package text

import (
	"cmp"
	"strings"
)

// CompareNames compares two names, with the numbers in them by their value: run-9 is before run-10. Names that differ are never
// equal.
func CompareNames(a, b string) int {
	left := a
	right := b
	for left != "" && right != "" {
		m := digits(left)
		n := digits(right)
		if m == 0 || n == 0 {
			if left[0] != right[0] {
				return cmp.Compare(left[0], right[0])
			}
			left = left[1:]
			right = right[1:]
			continue
		}
		if c := compareNumbers(left[:m], right[:n]); c != 0 {
			return c
		}
		left = left[m:]
		right = right[n:]
	}
	return cmp.Or(cmp.Compare(len(left), len(right)), strings.Compare(a, b))
}

// digits returns how many digits a text begins with.
func digits(s string) int { return len(s) - len(strings.TrimLeft(s, "0123456789")) }

func compareNumbers(a, b string) int {
	a = strings.TrimLeft(a, "0")
	b = strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}
