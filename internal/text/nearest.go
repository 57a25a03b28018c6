// SPDX-License-Identifier: Apache-2.0

package text

import "strings"

// Nearest returns the candidate that a mistyped word most probably means; empty when none is close.
func Nearest(word string, candidates []string) string {
	best := ""
	least := len([]rune(word))/3 + 1
	for _, c := range candidates {
		if d := distance(strings.ToLower(word), strings.ToLower(c)); d <= least && (best == "" || d < least) {
			best = c
			least = d
		}
	}
	return best
}

// distance returns how many characters are to be added, removed, replaced or swapped with their neighbour to make one
// word of the other.
func distance(a, b string) int {
	x := []rune(a)
	y := []rune(b)
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(x)][len(y)]
}
