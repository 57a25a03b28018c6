package render

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"text/template/parse"
)

// Template is a template in a resource. Its author is not trusted: it has access to its data only, and it cannot run
// long or write much. It has no templates in it, one level of range, and only functions whose results are no larger
// than their arguments.
type Template struct{ parsed *template.Template }

// functions are those of templates beside comparison and logic.
var functions = template.FuncMap{
	"lower": strings.ToLower,
	"upper": strings.ToUpper,
	"trim":  strings.TrimSpace,
	"default": func(otherwise string, value any) any {
		if truth, _ := template.IsTrue(value); !truth {
			return otherwise
		}
		return value
	},
}

// builtin lists the functions of text/template that are allowed.
var builtin = []string{"and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "len", "index"}

// ParseTemplate parses a template. The error says what is wrong where.
func ParseTemplate(text string) (*Template, error) { return parseTemplate(text, functions) }

func parseTemplate(text string, functions template.FuncMap) (*Template, error) {
	t, err := template.New("template").Option("missingkey=error").Funcs(functions).Parse(text)
	if err != nil {
		return nil, readableError(err)
	}
	if len(t.Templates()) > 1 {
		return nil, errors.New("define and block are not allowed")
	}
	if t.Tree == nil { // nothing but white space
		return &Template{template.Must(template.New("template").Parse("{{/* */}}"))}, nil
	}
	check := checker{functions}
	if err := check.node(t.Root, 0); err != nil {
		return nil, err
	}
	return &Template{t}, nil
}

// position matches a position in an error of text/template: the line and, if known, the number of bytes before it in
// the line.
var position = regexp.MustCompile(`^(?:template: )?template:(\d+)(?::(\d+))?: (?:executing "template" at )?`)

// readableError returns an error of text/template with its position as line and column.
func readableError(err error) error {
	text := err.Error()
	at := position.FindStringSubmatch(text)
	if at == nil {
		return errors.New(strings.TrimPrefix(text, "template: "))
	}
	place := "line " + at[1]
	if column, err := strconv.Atoi(at[2]); err == nil {
		place += ", column " + strconv.Itoa(column+1)
	}
	return errors.New(place + ": " + text[len(at[0]):])
}

// checker rejects what could run long or write much.
type checker struct{ functions template.FuncMap }

// node checks a node inside so many ranges.
func (c checker) node(n parse.Node, ranges int) error {
	branch := func(b *parse.BranchNode, ranges int) error {
		if err := c.node(b.Pipe, ranges); err != nil {
			return err
		}
		if err := c.node(b.List, ranges); err != nil || b.ElseList == nil {
			return err
		}
		return c.node(b.ElseList, ranges)
	}
	switch n := n.(type) {
	case *parse.ListNode:
		for _, child := range n.Nodes {
			if err := c.node(child, ranges); err != nil {
				return err
			}
		}
	case *parse.ActionNode:
		return c.node(n.Pipe, ranges)
	case *parse.IfNode:
		return branch(&n.BranchNode, ranges)
	case *parse.WithNode:
		return branch(&n.BranchNode, ranges)
	case *parse.RangeNode:
		if ranges > 0 {
			return errors.New("range inside range is not allowed")
		}
		if _, ok := n.Pipe.Cmds[0].Args[0].(*parse.FieldNode); !ok || len(n.Pipe.Cmds) != 1 || len(n.Pipe.Cmds[0].Args) != 1 {
			return errors.New("range is allowed over a field only, such as .labels")
		}
		return branch(&n.BranchNode, ranges+1)
	case *parse.PipeNode:
		for _, command := range n.Cmds {
			for _, a := range command.Args {
				if err := c.node(a, ranges); err != nil {
					return err
				}
			}
		}
	case *parse.ChainNode:
		return c.node(n.Node, ranges)
	case *parse.IdentifierNode:
		if _, ours := c.functions[n.Ident]; !ours && !slices.Contains(builtin, n.Ident) {
			known := slices.Compact(slices.Sorted(slices.Values(append(slices.Collect(maps.Keys(c.functions)), builtin...))))
			return fmt.Errorf("function %s is not allowed: there are %s", n.Ident, strings.Join(known, ", "))
		}
	case *parse.TemplateNode:
		return errors.New("template is not allowed")
	}
	return nil
}

// errFull stops a template that writes too much.
var errFull = errors.New("the text is too long")

// limitedWriter accepts a limited number of bytes.
type limitedWriter struct {
	strings.Builder
	room int
	cut  bool // accept as much of the last write as there is room for
}

// Write returns errFull when there is not enough room.
func (b *limitedWriter) Write(p []byte) (int, error) {
	if len(p) > b.room {
		if b.cut {
			b.Builder.Write(p[:b.room])
			b.room = 0
		}
		return 0, errFull
	}
	b.room -= len(p)
	return b.Builder.Write(p)
}

// Execute returns what a template makes of data, in at most limit bytes. The data must be strings, float64s, bools,
// lists and maps, as JSON has them: those have no methods, and templates cannot range over their numbers.
func (t *Template) Execute(data map[string]any, limit int) (string, error) {
	out := &limitedWriter{room: limit}
	err := t.parsed.Execute(out, data)
	switch {
	case errors.Is(err, errFull):
		return "", fmt.Errorf("the text is longer than %d bytes", limit)
	case err != nil:
		return "", readableError(err)
	}
	return out.String(), nil
}

// executePrefix is like Execute, but cuts off what is longer than limit bytes, perhaps in the middle of a character.
func (t *Template) executePrefix(data map[string]any, limit int) (string, error) {
	out := &limitedWriter{room: limit, cut: true}
	if err := t.parsed.Execute(out, data); err != nil && !errors.Is(err, errFull) {
		return "", readableError(err)
	}
	return out.String(), nil
}
