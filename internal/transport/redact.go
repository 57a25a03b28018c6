// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// redacted replaces a secret.
	redacted = "[redacted]"
	// minSecret is the length from which on a form of a secret is replaced. Shorter ones are parts of other words.
	minSecret = 6
)

// Redactor removes the secrets of an account, in the forms in which a server may return them, and control characters
// from texts that come from outside.
type Redactor struct{ forms [][]byte }

// NewRedactor returns the redactor for the secrets of an account.
func NewRedactor(a Account) *Redactor {
	var forms []string
	for _, s := range a.Secrets {
		if len(s) >= minSecret {
			forms = append(forms, formsOf(s)...)
		}
		if a.Username != "" && s != "" {
			forms = append(forms, formsOf(a.Username+":"+s)...)
		}
	}
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) }) // a long form may contain a short one
	r := &Redactor{}
	for _, f := range slices.Compact(forms) {
		r.forms = append(r.forms, []byte(f))
	}
	return r
}

// formsOf returns a secret as it is, and escaped for URLs, JSON and HTML, and in base64.
func formsOf(secret string) []string {
	query := url.QueryEscape(secret)
	path := url.PathEscape(secret)
	forms := []string{secret, query, path, lowerEscapes(query), lowerEscapes(path), html.EscapeString(secret)}
	var quoted bytes.Buffer
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(secret) == nil {
		forms = append(forms, strings.Trim(strings.TrimSpace(quoted.String()), `"`))
	}
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		forms = append(forms, encoding.EncodeToString([]byte(secret)))
		for before := range 3 { // how far into a group of three bytes the secret begins, in a longer text
			forms = append(forms, inBase64(encoding, secret, before))
		}
	}
	return forms
}

// inBase64 returns the characters that a secret alone determines in the base64 of a text, in which a number of bytes is
// before it.
func inBase64(encoding *base64.Encoding, secret string, before int) string {
	encoded := encoding.WithPadding(base64.NoPadding).EncodeToString([]byte(strings.Repeat(" ", before) + secret))
	return encoded[(before*8+5)/6 : (before+len(secret))*8/6]
}

// lowerEscapes returns a text with its percent-escapes in lower case.
func lowerEscapes(s string) string {
	raw := []byte(s)
	for i := 0; i+2 < len(raw); i++ {
		if raw[i] == '%' {
			copy(raw[i+1:i+3], bytes.ToLower(raw[i+1:i+3]))
		}
	}
	return string(raw)
}

// Text returns a text without secrets and control characters.
func (r *Redactor) Text(s string) string { return string(r.Bytes([]byte(s))) }

// Bytes returns a text or JSON without secrets and control characters. It may change raw.
func (r *Redactor) Bytes(raw []byte) []byte {
	raw = plain(raw)
	for _, form := range r.forms {
		if bytes.Contains(raw, form) {
			raw = bytes.ReplaceAll(raw, form, []byte(redacted))
		}
	}
	return raw
}

// Error returns an error whose text has no secrets and control characters; nil for nil.
func (r *Redactor) Error(err error) error {
	if err == nil {
		return nil
	}
	text := r.Text(err.Error())
	if text == err.Error() {
		return err
	}
	return &redactedError{text, err}
}

// redactedError is an error with another text.
type redactedError struct {
	text string
	err  error
}

// Error returns the text without secrets.
func (e *redactedError) Error() string { return e.text }

// Is reports whether the original error is another one. There is no Unwrap, which would bring the secret back.
func (e *redactedError) Is(target error) bool { return errors.Is(e.err, target) }

// Timeout reports whether the original error is a timeout.
func (e *redactedError) Timeout() bool { return isTimeout(e.err) }

// Temporary returns false: the method is part of net.Error.
func (e *redactedError) Temporary() bool { return false }

// errSecretLocation is the error for a redirect to a URL that contains a secret.
var errSecretLocation = errors.New("it redirects to an address that contains the credentials")

// header redacts the header of an answer. A redirect to an address with a secret or control characters is an error.
func (r *Redactor) header(res *http.Response) error {
	res.Status = http.StatusText(res.StatusCode)
	for key, values := range res.Header {
		for i, v := range values {
			values[i] = r.Text(v)
			if key == "Location" && values[i] != v {
				return errSecretLocation
			}
		}
	}
	return nil
}

// plain returns a text or JSON without control characters, and without the escapes of JSON that are not needed: they
// may hide a secret. It changes raw.
func plain(raw []byte) []byte {
	out := raw[:0]
	for i := 0; i < len(raw); {
		r, size := utf8.DecodeRune(raw[i:])
		if raw[i] == '\\' && i+1 < len(raw) {
			var kept []byte
			kept, size = unescape(raw[i:])
			out = append(out, kept...)
		} else if !isControl(r) {
			out = append(out, raw[i:i+size]...)
		}
		i += size
	}
	return out
}

// unescape returns what replaces the escape at the beginning of raw, and how long the escape is.
func unescape(raw []byte) (kept []byte, size int) {
	switch raw[1] {
	case '/':
		return raw[1:2], 2
	case 'b', 'f':
		return nil, 2
	case 'u':
		r, ok := parseEscape(raw)
		switch {
		case !ok:
		case isControl(r):
			return nil, 6
		case r == '\n' || r == '\r' || r == '\t' || utf16.IsSurrogate(r):
			return raw[:6], 6
		case r == '"' || r == '\\':
			return []byte{'\\', byte(r)}, 6
		default:
			return utf8.AppendRune(nil, r), 6
		}
	}
	return raw[:2], 2
}

// parseEscape returns the UTF-16 unit of an escape such as \u0041.
func parseEscape(raw []byte) (rune, bool) {
	if len(raw) < 6 {
		return 0, false
	}
	var r rune
	for _, c := range raw[2:6] {
		digit := strings.IndexByte("0123456789abcdef", c|0x20)
		if digit < 0 {
			return 0, false
		}
		r = r<<4 | rune(digit)
	}
	return r, true
}

// isControl reports whether a character is a control character that is not white space, or changes the direction of the
// text around it.
func isControl(r rune) bool {
	switch {
	case r == '\n', r == '\r', r == '\t':
		return false
	case r < 0x20, r >= 0x7f && r <= 0x9f:
		return true
	}
	return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}
