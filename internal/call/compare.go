// SPDX-License-Identifier: Apache-2.0

package call

import (
	"strings"
	"unicode"
)

// maxCompared bounds the words that are compared. What follows is taken as it is.
const maxCompared = 400

// Word is a word of a call.
type Word struct {
	Text string
	// Differs is set if the other transcript does not have the word in this place.
	Differs bool
}

// Compare returns the words of two transcripts, of which those are marked that differ. Case and punctuation do not
// count.
func Compare(expected, heard string) (inExpected, inHeard []Word) {
	a := strings.Fields(expected)
	b := strings.Fields(heard)
	a = a[:min(len(a), maxCompared)]
	b = b[:min(len(b), maxCompared)]
	common := commonTails(a, b)
	i := 0
	j := 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && bare(a[i]) == bare(b[j]):
			inExpected = append(inExpected, Word{Text: a[i]})
			inHeard = append(inHeard, Word{Text: b[j]})
			i++
			j++
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			inExpected = append(inExpected, Word{a[i], true})
			i++
		default:
			inHeard = append(inHeard, Word{b[j], true})
			j++
		}
	}
	return inExpected, inHeard
}

// commonTails returns how many words two transcripts have in common, in order, from each pair of places on.
func commonTails(a, b []string) [][]int {
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if bare(a[i]) == bare(b[j]) {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	return common
}

// bare returns a word in lower case and without punctuation around it, or all of a word that is punctuation.
func bare(word string) string {
	trimmed := strings.TrimFunc(word, unicode.IsPunct)
	if trimmed == "" {
		return word
	}
	return strings.ToLower(trimmed)
}
