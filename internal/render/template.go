// SPDX-License-Identifier: Apache-2.0

package render

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"text/template/parse"

	"github.com/voiceai-dev/integrations-operator/internal/render/compare"
)

// Template is a template in a resource. Its author is not trusted: it has access to its data only, and it cannot run
// long or write much. It has no templates in it, one level of range, and only functions whose results are no larger
// than their arguments.
type Template struct{ parsed *template.Template }

// functions are those of templates beside logic.
var functions = func() template.FuncMap {
	all := template.FuncMap{
		"lower": func(value any) string { return strings.ToLower(asText(value)) },
		"upper": func(value any) string { return strings.ToUpper(asText(value)) },
		"trim":  func(value any) string { return strings.TrimSpace(asText(value)) },
		"len":   length,
		"default": func(otherwise string, value any) any {
			if truth, _ := template.IsTrue(value); !truth {
				return otherwise
			}
			return value
		},
	}
	maps.Copy(all, compare.Functions)
	return all
}()

// builtin lists the functions of text/template that are allowed.
var builtin = []string{"and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "len", "index"}

// asText returns a value as text; empty for one that is absent.
func asText(value any) string {
	if value == nil {
		return ""
	}
	return fmt.Sprint(value)
}

// length returns the length of a text, list or map; 0 for one that is absent.
func length(value any) (int, error) {
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.Invalid:
		return 0, nil
	case reflect.String, reflect.Slice, reflect.Map:
		return v.Len(), nil
	}
	return 0, fmt.Errorf("len of %T", value)
}

// ParseTemplate parses a template that sees the given names. The error says what is wrong where. A label or datum that
// is absent is empty.
func ParseTemplate(text string, names []string) (*Template, error) {
	return parseTemplate(text, names, functions)
}

func parseTemplate(text string, names []string, functions template.FuncMap) (*Template, error) {
	t, err := template.New("template").Option("missingkey=zero").Funcs(functions).Parse(text)
	if err != nil {
		return nil, readableError(err)
	}
	if len(t.Templates()) > 1 {
		return nil, errors.New("define and block are not allowed")
	}
	if t.Tree == nil { // nothing but white space
		return &Template{template.Must(template.New("template").Parse("{{/* */}}"))}, nil
	}
	check := checker{functions, names}
	if err := check.node(t.Root, 0); err != nil {
		return nil, err
	}
	if err := check.fields(t.Root, true); err != nil {
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
type checker struct {
	functions template.FuncMap
	// names are what the template sees.
	names []string
}

// fields checks the names that a node uses, so that a misspelt one is an error. isRoot says that the dot is what the
// template sees, and not what range or with made it.
func (c checker) fields(n parse.Node, isRoot bool) error {
	name := ""
	switch n := n.(type) {
	case *parse.FieldNode:
		if isRoot {
			name = n.Ident[0]
		}
	case *parse.VariableNode:
		if n.Ident[0] == "$" && len(n.Ident) > 1 {
			name = n.Ident[1]
		}
	case *parse.RangeNode:
		return c.branch(&n.BranchNode, isRoot)
	case *parse.WithNode:
		return c.branch(&n.BranchNode, isRoot)
	}
	if name != "" && !slices.Contains(c.names, name) {
		return fmt.Errorf("there is no .%s: there are .%s", name, strings.Join(c.names, ", ."))
	}
	for _, child := range children(n) {
		if err := c.fields(child, isRoot); err != nil {
			return err
		}
	}
	return nil
}

// branch checks a range or with, which change the dot for their first list.
func (c checker) branch(b *parse.BranchNode, isRoot bool) error {
	err := errors.Join(c.fields(b.Pipe, isRoot), c.fields(b.List, false))
	if b.ElseList != nil {
		err = errors.Join(err, c.fields(b.ElseList, isRoot))
	}
	return err
}

// node checks a node inside so many ranges.
func (c checker) node(n parse.Node, ranges int) error {
	switch n := n.(type) {
	case *parse.RangeNode:
		if ranges > 0 {
			return errors.New("range inside range is not allowed")
		}
		if !isField(n.Pipe) {
			return errors.New("range is allowed over a field only, such as .labels")
		}
		ranges++
	case *parse.IdentifierNode:
		return c.function(n.Ident)
	case *parse.TemplateNode:
		return errors.New("template is not allowed")
	}
	for _, child := range children(n) {
		if err := c.node(child, ranges); err != nil {
			return err
		}
	}
	return nil
}

// function checks that a function is allowed.
func (c checker) function(name string) error {
	if _, ours := c.functions[name]; ours || slices.Contains(builtin, name) {
		return nil
	}
	known := slices.Concat(slices.Collect(maps.Keys(c.functions)), builtin)
	slices.Sort(known)
	return fmt.Errorf("function %s is not allowed: there are %s", name, strings.Join(slices.Compact(known), ", "))
}

// isField reports whether a pipeline is nothing but a field.
func isField(p *parse.PipeNode) bool {
	_, ok := p.Cmds[0].Args[0].(*parse.FieldNode)
	return ok && len(p.Cmds) == 1 && len(p.Cmds[0].Args) == 1
}

// children returns the nodes directly below a node.
func children(n parse.Node) []parse.Node {
	switch n := n.(type) {
	case *parse.ListNode:
		return n.Nodes
	case *parse.ActionNode:
		return []parse.Node{n.Pipe}
	case *parse.IfNode:
		return branches(&n.BranchNode)
	case *parse.WithNode:
		return branches(&n.BranchNode)
	case *parse.RangeNode:
		return branches(&n.BranchNode)
	case *parse.ChainNode:
		return []parse.Node{n.Node}
	case *parse.PipeNode:
		var out []parse.Node
		for _, command := range n.Cmds {
			out = append(out, command.Args...)
		}
		return out
	}
	return nil
}

func branches(b *parse.BranchNode) []parse.Node {
	if b.ElseList == nil {
		return []parse.Node{b.Pipe, b.List}
	}
	return []parse.Node{b.Pipe, b.List, b.ElseList}
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
	return strings.ReplaceAll(out.String(), "<no value>", ""), nil
}

// executePrefix executes the template as Execute does, and cuts off what is longer than limit bytes, perhaps in the
// middle of a character.
func (t *Template) executePrefix(data map[string]any, limit int) (string, error) {
	out := &limitedWriter{room: limit, cut: true}
	if err := t.parsed.Execute(out, data); err != nil && !errors.Is(err, errFull) {
		return "", readableError(err)
	}
	return out.String(), nil
}
