// SPDX-License-Identifier: Apache-2.0

package junit

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

const (
	// bufferSize is how much of a report is in memory at a time, in bytes.
	bufferSize = 64 << 10
	// maxTag bounds a tag with its attributes, in bytes.
	maxTag = 1 << 20
)

// SyntaxError is the error of a report that is not XML from a line on. What comes before it was read.
type SyntaxError struct {
	Line    int
	Message string
}

// Error returns the line and what is wrong.
func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Message) }

// kind is the kind of a token.
type kind int

const (
	startTag kind = iota
	endTag
	// someText is a part of a text. Long texts come in several tokens.
	someText
	// rawText is a part of a CDATA section, in which nothing is escaped.
	rawText
)

// token is a part of a report. Its bytes are valid until the next token is read.
type token struct {
	kind kind
	line int
	// name is the local name of a tag.
	name string
	// attributes is what follows the name of a start tag. It is not parsed yet.
	attributes []byte
	// closed is set for a start tag that is its own end.
	closed bool
	text   []byte
}

// scanner reads the tokens of XML in memory that does not grow with its texts. It is more lenient than encoding/xml, which
// keeps each text in full: reports have illegal characters, undeclared entities and several roots. It expands no
// entities but those of XML itself.
type scanner struct {
	r    *bufio.Reader
	line int
	tag  bytes.Buffer
	kept []byte
	// inTag is set after a <, inCDATA within a section.
	inTag, inCDATA bool
}

func newScanner(r io.Reader) *scanner {
	return &scanner{r: bufio.NewReaderSize(r, bufferSize), line: 1}
}

// next returns the next token, or io.EOF.
func (s *scanner) next() (token, error) {
	for {
		switch {
		case s.inCDATA:
			if t, ok, err := s.cdata(); ok || err != nil {
				return t, err
			}
		case s.inTag:
			s.inTag = false
			if t, ok, err := s.markup(); ok || err != nil {
				return t, err
			}
		default:
			t, err := s.text()
			if err != nil || len(t.text) > 0 {
				return t, err
			}
		}
	}
}

// text returns what comes before the next <.
func (s *scanner) text() (token, error) {
	data, err := s.r.ReadSlice('<')
	t := token{kind: someText, line: s.line}
	s.line += bytes.Count(data, []byte{'\n'})
	switch {
	case err == nil:
		s.inTag = true
		data = data[:len(data)-1]
	case errors.Is(err, io.EOF) && len(data) > 0, errors.Is(err, bufio.ErrBufferFull):
	default:
		return t, err
	}
	t.text = data
	return t, nil
}

// markup returns the tag after a <, or skips what is none.
func (s *scanner) markup() (t token, ok bool, err error) {
	peeked, _ := s.r.Peek(8)
	switch {
	case bytes.HasPrefix(peeked, []byte("![CDATA[")):
		_, _ = s.r.Discard(8)
		s.inCDATA = true
		return token{}, false, nil
	case bytes.HasPrefix(peeked, []byte("!--")):
		_, _ = s.r.Discard(3)
		return token{}, false, s.skipPast("-->")
	case bytes.HasPrefix(peeked, []byte("?")):
		return token{}, false, s.skipPast("?>")
	case bytes.HasPrefix(peeked, []byte("!")):
		return token{}, false, s.skipDeclaration()
	case len(peeked) == 0:
		return token{}, false, s.unexpectedEnd("after <")
	case !isNameStart(peeked[0]) && peeked[0] != '/': // a < that should be escaped
		return token{kind: rawText, line: s.line, text: []byte{'<'}}, true, nil
	}
	return s.readTag()
}

// readTag reads a tag up to its >, which does not count within quotes.
func (s *scanner) readTag() (t token, ok bool, err error) {
	t.line = s.line
	s.tag.Reset()
	var quote byte
	for {
		data, err := s.r.ReadSlice('>')
		s.line += bytes.Count(data, []byte{'\n'})
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			if errors.Is(err, io.EOF) {
				return t, false, s.unexpectedEnd("within a tag")
			}
			return t, false, err
		}
		if s.tag.Len()+len(data) > maxTag {
			return t, false, &SyntaxError{t.line, fmt.Sprintf("a tag has more than %d bytes", maxTag)}
		}
		s.tag.Write(data)
		if quote = quoteAfter(quote, data); err == nil && quote == 0 {
			break
		}
	}
	content := s.tag.Bytes()[:s.tag.Len()-1]
	if rest, isEnd := bytes.CutPrefix(content, []byte{'/'}); isEnd {
		return token{kind: endTag, line: t.line, name: localName(bytes.TrimSpace(rest))}, true, nil
	}
	content, t.closed = bytes.CutSuffix(content, []byte{'/'})
	name := content
	if i := bytes.IndexAny(content, " \t\r\n"); i >= 0 {
		name = content[:i]
		t.attributes = content[i:]
	}
	t.name = localName(name)
	return t, true, nil
}

// quoteAfter returns the quote that is open after some bytes of a tag; 0 for none.
func quoteAfter(quote byte, data []byte) byte {
	for _, b := range data {
		switch {
		case quote == 0 && (b == '"' || b == '\''):
			quote = b
		case b == quote:
			quote = 0
		}
	}
	return quote
}

// cdata returns a part of a CDATA section.
func (s *scanner) cdata() (t token, ok bool, err error) {
	t = token{kind: rawText, line: s.line}
	data, err := s.r.ReadSlice(']')
	s.line += bytes.Count(data, []byte{'\n'})
	switch {
	case errors.Is(err, io.EOF):
		return t, false, s.unexpectedEnd("within a CDATA section")
	case err != nil && !errors.Is(err, bufio.ErrBufferFull):
		return t, false, err
	}
	t.text = data
	if err == nil {
		// Peek may move what data points to.
		s.kept = append(s.kept[:0], data...)
		if end, _ := s.r.Peek(2); bytes.Equal(end, []byte("]>")) {
			_, _ = s.r.Discard(2)
			s.inCDATA = false
			s.kept = s.kept[:len(s.kept)-1]
		}
		t.text = s.kept
	}
	return t, len(t.text) > 0, nil
}

// skipPast skips everything up to and including an end.
func (s *scanner) skipPast(end string) error {
	last := end[len(end)-1]
	tail := make([]byte, 0, 2*len(end))
	for {
		data, err := s.r.ReadSlice(last)
		s.line += bytes.Count(data, []byte{'\n'})
		tail = append(tail, data[max(0, len(data)-len(end)):]...)
		if bytes.HasSuffix(tail, []byte(end)) {
			return nil
		}
		tail = append(tail[:0], tail[max(0, len(tail)-len(end)):]...)
		if errors.Is(err, io.EOF) {
			return s.unexpectedEnd("before " + end)
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

// skipDeclaration skips a declaration such as DOCTYPE, with the declarations of entities that it holds.
func (s *scanner) skipDeclaration() error {
	depth := 0
	var quote byte
	for {
		b, err := s.r.ReadByte()
		if err != nil {
			return s.unexpectedEnd("within a declaration")
		}
		switch {
		case b == '\n':
			s.line++
		case quote != 0:
			if b == quote {
				quote = 0
			}
		case b == '"' || b == '\'':
			quote = b
		case b == '[':
			depth++
		case b == ']':
			depth--
		case b == '>' && depth <= 0:
			return nil
		}
	}
}

func (s *scanner) unexpectedEnd(where string) error {
	return &SyntaxError{s.line, "the report ends " + where + ": it was cut off"}
}

func isNameStart(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b == '_' || b == ':' || b >= 0x80
}

// localName returns a name without its namespace.
func localName(name []byte) string {
	if i := bytes.LastIndexByte(name, ':'); i >= 0 {
		name = name[i+1:]
	}
	return string(name[:min(len(name), 64)])
}
