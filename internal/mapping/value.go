// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/theory/jsonpath"
)

// Path is a JSONPath query (RFC 9535).
type Path struct{ query *jsonpath.Path }

// UnmarshalJSON parses a query.
func (p *Path) UnmarshalJSON(raw []byte) error {
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return fmt.Errorf("%s is no path: write a text such as $.jobs[*]", raw)
	}
	return p.parse(s)
}

func (p *Path) parse(s string) error {
	query, err := jsonpath.Parse(s)
	if err != nil {
		return fmt.Errorf("the path %q: %w", s, err)
	}
	p.query = query
	return nil
}

// nodes returns the values that the path selects.
func (p *Path) nodes(in any) []any {
	if p.query == nil {
		return nil
	}
	return p.query.Select(in)
}

// Text is what a text consists of: a path such as $.name, or a text with paths in braces, such as {$.name} in {$.locale}.
type Text []piece

// piece is a part of a text: a path, or else a literal.
type piece struct {
	literal string
	path    Path
}

// UnmarshalJSON parses a text.
func (t *Text) UnmarshalJSON(raw []byte) error {
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return fmt.Errorf("%s is no text: write a path such as $.name, or a text with paths such as {$.name}", raw)
	}
	if strings.HasPrefix(s, "$") {
		s = "{" + s + "}"
	}
	*t = nil
	for s != "" {
		before, rest, isPath := strings.Cut(s, "{$")
		if before != "" {
			*t = append(*t, piece{literal: before})
		}
		if !isPath {
			return nil
		}
		path, after, closed := strings.Cut(rest, "}")
		if !closed {
			return fmt.Errorf("{$%s has no closing brace", rest)
		}
		var one piece
		if err := one.path.parse("$" + path); err != nil {
			return err
		}
		*t = append(*t, one)
		s = after
	}
	return nil
}

// of returns the text of a value; empty when one of its paths selects nothing.
func (t Text) of(in any) string {
	var out strings.Builder
	for i := range t {
		if t[i].path.query == nil {
			out.WriteString(t[i].literal)
			continue
		}
		value := first(t[i].path.nodes(in))
		if value == "" {
			return ""
		}
		out.WriteString(value)
	}
	return out.String()
}

// Texts are alternatives: the first one with a value counts. In a mapping they are one text, or a list.
type Texts []Text

// UnmarshalJSON parses a text or a list of texts.
func (t *Texts) UnmarshalJSON(raw []byte) error { return oneOrMore(raw, (*[]Text)(t)) }

func (t Texts) of(in any) string {
	for _, one := range t {
		if s := one.of(in); s != "" {
			return s
		}
	}
	return ""
}

// Paths are alternatives: the first one that selects something counts.
type Paths []Path

// UnmarshalJSON parses a path or a list of paths.
func (p *Paths) UnmarshalJSON(raw []byte) error { return oneOrMore(raw, (*[]Path)(p)) }

func (p Paths) nodes(in any) []any {
	for i := range p {
		if nodes := p[i].nodes(in); len(nodes) > 0 {
			return nodes
		}
	}
	return nil
}

func oneOrMore[T any](raw []byte, out *[]T) error {
	if len(raw) > 0 && raw[0] == '[' {
		return json.Unmarshal(raw, out)
	}
	var one T
	if err := json.Unmarshal(raw, &one); err != nil {
		return err
	}
	*out = []T{one}
	return nil
}

// first returns the text of the first value that has one.
func first(nodes []any) string {
	for _, n := range nodes {
		if s := textOf(n); s != "" {
			return s
		}
	}
	return ""
}

// textOf returns a value as text: a text as it is, and everything else as JSON. There is none of null.
func textOf(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return strings.TrimSpace(v)
	case json.Number:
		return v.String()
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return string(raw)
}
