// SPDX-License-Identifier: Apache-2.0

package junit

import (
	"bufio"
	"bytes"
	"io"
	"regexp"
	"strings"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
	"golang.org/x/text/transform"
)

var declaredEncoding = regexp.MustCompile(`^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._:-]+)["']`)

// decoded returns a report in UTF-8, by its byte order mark or the encoding that it declares, and what is wrong with the
// declaration; empty when nothing is. Without either it is UTF-8, and what is not valid there becomes U+FFFD.
func decoded(r io.Reader) (out io.Reader, problem string) {
	in := bufio.NewReaderSize(r, bufferSize)
	head, _ := in.Peek(1024)
	switch {
	case bytes.HasPrefix(head, []byte{0xEF, 0xBB, 0xBF}):
		_, _ = in.Discard(3)
		return in, ""
	case bytes.HasPrefix(head, []byte{0xFF, 0xFE, 0, 0}), bytes.HasPrefix(head, []byte{0, 0, 0xFE, 0xFF}):
		return transform.NewReader(in, utf32.UTF32(utf32.LittleEndian, utf32.ExpectBOM).NewDecoder()), ""
	case bytes.HasPrefix(head, []byte{0xFF, 0xFE}), bytes.HasPrefix(head, []byte{0xFE, 0xFF}):
		return transform.NewReader(in, unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder()), ""
	case bytes.HasPrefix(head, []byte{'<', 0}):
		return transform.NewReader(in, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewDecoder()), ""
	case bytes.HasPrefix(head, []byte{0, '<'}):
		return transform.NewReader(in, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewDecoder()), ""
	}
	declared := declaredEncoding.FindSubmatch(head)
	if declared == nil {
		return in, ""
	}
	label := strings.ToLower(string(declared[1]))
	switch label {
	case "utf-8", "utf8", "us-ascii", "ascii":
		return in, ""
	case "utf-16", "utf-16le", "utf-16be", "utf16", "ucs-2": // the declaration is readable, so it is wrong
		return in, "the report declares the encoding " + label + " and is not in it. It is read as UTF-8."
	}
	encoding, name := charset.Lookup(label)
	if encoding == nil || name == "replacement" {
		return in, "the encoding " + label + " is not known. The report is read as UTF-8."
	}
	return transform.NewReader(in, encoding.NewDecoder()), ""
}
