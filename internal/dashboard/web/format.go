// SPDX-License-Identifier: Apache-2.0

package web

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Moment is a time as pages show it.
type Moment struct{ Machine, Full, Short string }

// momentOf returns a time.Time or *time.Time as pages show it, and nil for no time.
func momentOf(at any, now time.Time) *Moment {
	var t time.Time
	switch at := at.(type) {
	case time.Time:
		t = at
	case *time.Time:
		if at != nil {
			t = *at
		}
	}
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &Moment{Machine: t.Format(time.RFC3339), Full: t.Format("2 January 2006, 15:04:05 UTC"), Short: relative(t, now)}
}

// relative returns a time in a few words, relative to now. static/live.js keeps it current and uses the same words.
func relative(t, now time.Time) string {
	d := now.Sub(t)
	future := d < 0
	if future {
		d = -d
	}
	text := ""
	switch {
	case d < 45*time.Second:
		if future {
			return "in a moment"
		}
		return "just now"
	case d < 90*time.Minute:
		text = fmt.Sprintf("%d min", max(1, int(d.Round(time.Minute)/time.Minute)))
	case d < 36*time.Hour:
		text = fmt.Sprintf("%d h", int(d.Round(time.Hour)/time.Hour))
	case d < 30*24*time.Hour:
		text = fmt.Sprintf("%d days", int(d.Round(24*time.Hour)/(24*time.Hour)))
	default:
		return t.Format("2 Jan 2006")
	}
	if future {
		return "in " + text
	}
	return text + " ago"
}

// Words splits a CamelCase name into words: InProgress becomes In progress.
func Words(name any) string {
	var b strings.Builder
	for i, c := range fmt.Sprint(name) {
		if i > 0 && unicode.IsUpper(c) {
			b.WriteByte(' ')
			c = unicode.ToLower(c)
		}
		b.WriteRune(c)
	}
	return b.String()
}

// number returns a whole number with a thin space between thousands.
func number(n any) string {
	text := fmt.Sprint(n)
	if len(text) < 5 {
		return text
	}
	var b strings.Builder
	for i, c := range text {
		if i > 0 && (len(text)-i)%3 == 0 {
			b.WriteRune('\u2009')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// Count returns a number with its noun: 1 defect, 2 defects.
func Count(n any, singular, plural string) string {
	text := number(n)
	if text == "1" {
		return "1 " + singular
	}
	return text + " " + plural
}

// duration returns seconds in two units at most: 1.5 s, 2 min 5 s, 1 h 3 min.
func duration(seconds float64) string {
	whole := int(seconds + 0.5)
	switch {
	case seconds < 10:
		return strconv.FormatFloat(math.Round(seconds*10)/10, 'f', -1, 64) + " s"
	case whole < 60:
		return fmt.Sprintf("%d s", whole)
	case whole < 3600:
		return fmt.Sprintf("%d min %d s", whole/60, whole%60)
	}
	return fmt.Sprintf("%d h %d min", whole/3600, whole%3600/60)
}

// Sentence returns a text with a capital at its beginning and a full stop at its end.
func Sentence(text string) string {
	if text == "" {
		return ""
	}
	r := []rune(text)
	first, _, _ := strings.Cut(text, " ")
	isIdentifier := strings.ContainsAny(first, ":/.@_") // which keeps its case
	if !isIdentifier && (len(r) > 1 && unicode.IsLower(r[1]) || len(r) == 1 || r[1] == ' ') {
		r[0] = unicode.ToUpper(r[0])
	}
	text = string(r)
	if strings.HasSuffix(text, ".") || strings.HasSuffix(text, "?") || strings.HasSuffix(text, "!") {
		return text
	}
	return text + "."
}

// size returns a number of bytes in the unit in which it has at most four digits.
func size(bytes int64) string {
	switch {
	case bytes < 1<<10:
		return Count(bytes, "byte", "bytes")
	case bytes < 1<<20:
		return fmt.Sprintf("%d KiB", (bytes+1<<9)>>10)
	}
	return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
}
