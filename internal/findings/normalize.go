// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"regexp"
	"slices"
	"strings"
)

// maxCause bounds a normalised message, in bytes.
const maxCause = 400

// replacement replaces what differs between two occurrences of one failure.
type replacement struct {
	with    string
	pattern *regexp.Regexp
	// keep returns whether a match at a place of a text stays; nil when none does.
	keep func(text string, from, to int) bool
}

// replacements are applied in turn: what is long and specific before what is short and general. The order is that of
// Sentry's parameterization, which has seen more messages than any other.
var replacements = []replacement{
	{with: "<email>", pattern: regexp.MustCompile(`[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+`)},
	{with: "<url>", pattern: regexp.MustCompile(
		`\b(?:https?|wss?|ftp|file|grpc|sips?|redis|amqp|postgres(?:ql)?|mysql|s3|gs)://[^\s"'<>` + "`" + `)\]},;]+`)},
	{with: "<host>", pattern: regexp.MustCompile(
		`\b(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+(?:com|net|org|io|dev|ai|app|cloud|local|internal|svc|test|example|co|uk|de|eu|us|fr)\b`),
		keep: isPartOfName},
	{with: "<host>", pattern: regexp.MustCompile(`\blocalhost\b`)},
	{with: "<ip>", pattern: regexp.MustCompile(`\b(?:\d{1,3}\.){3}\d{1,3}\b|(?:\b[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}\b|` +
		`\[?(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4})*)?::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4})*)?\]?`), keep: isNoAddress},
	{with: "<trace>", pattern: regexp.MustCompile(`\b[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\b`)},
	{with: "<uuid>", pattern: regexp.MustCompile(`\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b`)},
	{with: "<hash>", pattern: regexp.MustCompile(`\b(?:[0-9a-fA-F]{64}|[0-9a-fA-F]{40}|[0-9a-fA-F]{32})\b`)},
	{with: "<date>", pattern: regexp.MustCompile(
		`\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?(?:Z|UTC|GMT|[+-]\d\d:?\d\d))?)?\b|\b\d{1,4}/\d{1,2}/\d{1,4}\b|` +
			`\b(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? )?(?:\d{1,2} )?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.? ` +
			`(?:\d{1,2},? )?(?:\d{4}|\d\d:\d\d(?::\d\d)?)(?: \d\d:\d\d(?::\d\d)?)?(?: (?:UTC|GMT))?(?: \d{4})?\b`)},
	{with: "<date>", pattern: regexp.MustCompile(`\b\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?[AaPp][Mm])?\b`), keep: isPosition},
	{with: "<duration>", pattern: regexp.MustCompile(
		`\b(?:\d+(?:\.\d+)?(?:ns|us|µs|μs|ms|s|m|h|d))+\b|` +
			`\b\d+(?:[.,]\d+)?[ -]?(?:nanoseconds?|microseconds?|milliseconds?|millis|ms|seconds?|secs?|s|minutes?|mins?|hours?|hrs?|days?)\b`)},
	{with: "<hex>", pattern: regexp.MustCompile(`\b0[xX][0-9a-fA-F]+\b|@[0-9a-f]{6,16}\b|\b[0-9a-f]{7,}\b`), keep: isWordOrNumber},
	{with: "<n>", pattern: regexp.MustCompile(`[+-]?\d+(?:[.,_]\d+)*(?:[eE][+-]?\d+)?%?`), keep: isMeaningful},
	{with: "<value>", pattern: regexp.MustCompile(`"(?:[^"\\\n]|\\.)*"|` + "`[^`\n]*`" + `|'(?:[^'\\\n]|\\.)*'|“[^”\n]*”|‘[^’\n]*’`),
		keep: isApostrophe},
	{with: "<path>", pattern: regexp.MustCompile(
		`(?:\b[A-Za-z]:)?(?:[\\/][\w.@+<>-]+){2,}[\\/]?|` +
			`\b(?:\.{1,2}|[\w.-]+)(?:[\\/][\w.@+<>-]+)+\.\w+\b|(?:^|\s)[\w-]+\.(?:py|js|ts|tsx|go|java|kt|rb|php|cs|rs)\b`)},
	{with: "<path>", pattern: regexp.MustCompile(`<path>(?::<n>)+|<path>"?,? line <n>`)},
	{with: "<host>", pattern: regexp.MustCompile(`(?:<host>|<ip>):(?:<n>|<date>)`)},
}

var (
	spaces     = regexp.MustCompile(`\s+`)
	knownCodes = "200 201 202 204 206 301 302 303 304 307 308 400 401 402 403 404 405 406 407 408 409 410 411 412 413 414 415 416 " +
		"417 418 421 422 423 424 425 426 428 429 431 451 500 501 502 503 504 505 507 508 511"
	statusCodes = strings.Fields(knownCodes)
	// aboutHTTP matches a text whose numbers may be HTTP status codes.
	aboutHTTP = regexp.MustCompile(`(?i)\bhttps?\b|\bstatus\b|\bresponse\b|` +
		`\b[1-5]\d\d (?:ok|created|accepted|moved|found|bad|unauthorized|` +
		`forbidden|not|conflict|gone|too|internal|service|gateway|unprocessable)\b`)
)

// Normalize returns a failure's message without what differs each time, so that two occurrences of one failure have the
// same one. HTTP status codes stay: 404 and 503 have different causes.
func Normalize(message string) string {
	if len(message) > 8<<10 {
		message = message[:8<<10]
	}
	http := aboutHTTP.MatchString(message)
	out := message
	for _, r := range replacements {
		out = r.apply(out, http)
	}
	out = strings.ToLower(strings.TrimSpace(spaces.ReplaceAllString(strings.ToValidUTF8(out, ""), " ")))
	if len(out) > maxCause {
		out = strings.ToValidUTF8(out[:maxCause], "")
	}
	return out
}

func (r replacement) apply(text string, http bool) string {
	places := r.pattern.FindAllStringIndex(text, -1)
	if places == nil {
		return text
	}
	var out strings.Builder
	last := 0
	for _, p := range places {
		if r.keep != nil && r.keep(text, p[0], p[1]) || r.with == "<n>" && http && isStatusCode(text, p[0], p[1]) {
			continue
		}
		out.WriteString(text[last:p[0]])
		if c := text[p[0]]; r.with == "<path>" && (c == ' ' || c == '\n' || c == '\t') {
			out.WriteByte(' ')
		}
		out.WriteString(r.with)
		last = p[1]
	}
	out.WriteString(text[last:])
	return out.String()
}

// isPartOfName reports whether what looks like a host is the package of a class or the call of a method: java.net.SocketException.
func isPartOfName(text string, _, to int) bool {
	rest := text[to:]
	return strings.HasPrefix(rest, "(") || len(rest) > 1 && rest[0] == '.' && isLetter(rest[1])
}

// isNoAddress reports whether what looks like an address is the colons of a name, such as Class::method.
func isNoAddress(text string, from, to int) bool {
	match := text[from:to]
	if strings.Contains(match, ".") {
		return false
	}
	hasDigit := strings.ContainsAny(match, "0123456789")
	return !hasDigit || from > 0 && isLetter(text[from-1]) || to < len(text) && isLetter(text[to]) || strings.Count(match, ":") < 2
}

// isPosition reports whether what looks like a time is a line and column, or a port: after a letter, or with more digits.
func isPosition(text string, from, to int) bool {
	return from > 0 && (text[from-1] == ':' || text[from-1] == '.') || to < len(text) && text[to] == ':'
}

// isWordOrNumber reports whether what looks like a hexadecimal number has no digit, or no letter: a word, or a decimal number.
func isWordOrNumber(text string, from, to int) bool {
	match := strings.TrimPrefix(text[from:to], "@")
	if strings.HasPrefix(strings.ToLower(match), "0x") || len(match) < to-from {
		return false
	}
	return !strings.ContainsAny(match, "0123456789") || !strings.ContainsAny(match, "abcdef")
}

// isMeaningful reports whether a number is a part of a name: p95, utf8.
func isMeaningful(text string, from, to int) bool {
	return from > 0 && isLetter(text[from-1]) && to-from <= 2
}

// isStatusCode reports whether a number in a text about HTTP is a status code.
func isStatusCode(text string, from, to int) bool {
	if _, known := slices.BinarySearch(statusCodes, text[from:to]); !known {
		return false
	}
	return (from == 0 || !isLetter(text[from-1]) && text[from-1] != '.') && (to == len(text) || !isLetter(text[to]))
}

// isApostrophe reports whether what looks like a quoted value begins or ends within a word: don't.
func isApostrophe(text string, from, to int) bool {
	return from > 0 && isLetter(text[from-1]) || to < len(text) && isLetter(text[to])
}

func isLetter(b byte) bool { return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b == '_' }
