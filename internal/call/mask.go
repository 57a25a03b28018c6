// SPDX-License-Identifier: Apache-2.0

// Package call lists what is known of a call, masks personal data in what was said, and compares what was expected with
// what was heard. It is pure.
package call

import (
	"regexp"
	"strings"
	"unicode"
)

// The words that take the place of what was masked.
const (
	maskedAddress = "[e-mail address]"
	maskedCard    = "[card number]"
	maskedPhone   = "[telephone number]"
)

const (
	// The numbers of digits of a card's number (ISO/IEC 7812) and of a telephone number, at most as in E.164.
	minCard  = 12
	maxCard  = 19
	minPhone = 7
	maxPhone = 15
)

var (
	address = regexp.MustCompile(`[\p{L}\p{N}._%+'-]+@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+`)
	// number matches digits with the separators that people write between them.
	number = regexp.MustCompile(`(?:\+|\()?\p{Nd}(?:[\s().\-/\x{2010}-\x{2014}\x{a0}]{0,3}\p{Nd})+`)
	digits = regexp.MustCompile(`\p{Nd}+`)
	// date matches a date or a time, which has as many digits as a telephone number.
	date = regexp.MustCompile(`^\p{Nd}{4}-\p{Nd}{2}-\p{Nd}{2}(?:\s\p{Nd}{2})?$`)
)

// Mask masks e-mail addresses, card numbers and telephone numbers in a text.
func Mask(text string) string {
	text = address.ReplaceAllLiteralString(text, maskedAddress)
	return number.ReplaceAllStringFunc(text, maskNumber)
}

// maskNumber masks the card numbers in groups of digits and, in what is left, telephone numbers. What is beside a card
// number is masked even if it is short: it may be the rest of a number whose other digits seem to be the card's.
func maskNumber(text string) string {
	if date.MatchString(text) {
		return text
	}
	groups := digits.FindAllStringIndex(text, -1)
	var out strings.Builder
	rest := 0 // where the text begins that is not written yet
	shortest := minPhone
	for from := 0; from < len(groups); {
		to := cardFrom(text, groups[from:])
		if to == 0 {
			from++
			continue
		}
		shortest = 1
		out.WriteString(maskPhone(text[rest:groups[from][0]], shortest))
		out.WriteString(maskedCard)
		rest = groups[from+to-1][1]
		from += to
	}
	out.WriteString(maskPhone(text[rest:], shortest))
	return out.String()
}

// cardFrom returns how many groups, from the first on, are the number of a card; 0 for none.
func cardFrom(text string, groups [][]int) int {
	number := ""
	for i, g := range groups {
		number += text[g[0]:g[1]]
		switch n := len([]rune(number)); {
		case n > maxCard:
			return 0
		case n >= minCard && isCard(number):
			return i + 1
		}
	}
	return 0
}

// isCard reports whether the last digit of a number is its check digit, as Luhn's algorithm computes it.
func isCard(number string) bool {
	runes := []rune(number)
	sum := 0
	for i := range runes {
		d := valueOf(runes[len(runes)-1-i])
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum > 0 && sum%10 == 0
}

// valueOf returns the value of a decimal digit of any script.
func valueOf(r rune) int {
	for _, t := range unicode.Nd.R16 {
		if rune(t.Lo) <= r && r <= rune(t.Hi) {
			return int(r-rune(t.Lo)) % 10
		}
	}
	for _, t := range unicode.Nd.R32 {
		if rune(t.Lo) <= r && r <= rune(t.Hi) {
			return int(r-rune(t.Lo)) % 10
		}
	}
	return 0
}

// maskPhone masks a text of digits and separators if it has as many digits as a telephone number, of which the shortest
// is given. Longer ones without a separator are other numbers.
func maskPhone(text string, shortest int) string {
	groups := digits.FindAllStringIndex(text, -1)
	n := 0
	for _, r := range text {
		if unicode.IsDigit(r) {
			n++
		}
	}
	if n < shortest || n > maxPhone && len(groups) == 1 {
		return text
	}
	from := groups[0][0]
	if i := strings.LastIndexAny(text[:from], "+("); i >= 0 {
		from = i
	}
	return text[:from] + maskedPhone + text[groups[len(groups)-1][1]:]
}
