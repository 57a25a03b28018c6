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

// Template is a text with actions that somebody wrote into a resource. It reaches nothing but its data, ends, and does not grow without
// bound: no templates in templates, one level of range, and only functions whose results are as small as what they are given.
type Template struct{ parsed *template.Template }

// functions that templates have beside comparison and logic.
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

// builtin are the functions of text/template that are allowed.
var builtin = []string{"and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "len", "index"}

// ParseTemplate parses a template. Its error says where and what.
func ParseTemplate(text string) (*Template, error) { return parseTemplate(text, functions) }

func parseTemplate(text string, functions template.FuncMap) (*Template, error) {
	t, err := template.New("template").Option("missingkey=error").Funcs(functions).Parse(text)
	if err != nil {
		return nil, readable(err)
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

// position is how text/template writes one: the line and, where known, how many bytes of it come before.
var position = regexp.MustCompile(`^(?:template: )?template:(\d+)(?::(\d+))?: (?:executing "template" at )?`)

// readable is an error of text/template with its position as people write it.
func readable(err error) error {
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

// checker refuses what could take long or grow large.
type checker struct{ functions template.FuncMap }

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

// errFull ends a template that says too much.
var errFull = errors.New("the text is too long")

// bounded takes so many bytes.
type bounded struct {
	strings.Builder
	room int
	cut  bool // take what there is room for
}

func (b *bounded) Write(p []byte) (int, error) {
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

// Execute fills a template in with data, which consists of strings, float64s, bools, lists and maps, as JSON has them: they have no methods,
// and a number is nothing to range over. limit is in bytes.
func (t *Template) Execute(data map[string]any, limit int) (string, error) {
	out := &bounded{room: limit}
	err := t.parsed.Execute(out, data)
	switch {
	case errors.Is(err, errFull):
		return "", fmt.Errorf("the text is longer than %d bytes", limit)
	case err != nil:
		return "", readable(err)
	}
	return out.String(), nil
}

// begin is like Execute, but what is longer than limit bytes is cut off there, which may be in the middle of a character.
func (t *Template) begin(data map[string]any, limit int) (string, error) {
	out := &bounded{room: limit, cut: true}
	if err := t.parsed.Execute(out, data); err != nil && !errors.Is(err, errFull) {
		return "", readable(err)
	}
	return out.String(), nil
}
