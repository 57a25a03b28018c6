// SPDX-License-Identifier: Apache-2.0

package jql

import (
	"slices"
	"strings"
	"time"
)

// Parse parses a query. Its errors are in Jira's words.
func Parse(jql string) (Query, error) {
	if len(jql) > maxLength {
		return Query{}, errorf("The JQL query is too long: it has more than %d characters.", maxLength)
	}
	tokens, err := lex(jql)
	if err != nil {
		return Query{}, err
	}
	p := &parser{tokens: tokens}
	var q Query
	if !p.atOrder() && p.peek().kind != endToken {
		for {
			c, err := p.clause()
			if err != nil {
				return Query{}, err
			}
			q.Clauses = append(q.Clauses, c)
			if !p.word("and") {
				break
			}
		}
	}
	if p.atOrder() {
		p.i += 2
		if q.Order, err = p.orderings(); err != nil {
			return Query{}, err
		}
	}
	if p.peek().kind != endToken {
		return Query{}, p.expected("either 'AND' or 'ORDER BY'")
	}
	return q, nil
}

// parser parses the tokens of a query.
type parser struct {
	tokens []token
	i      int
}

// peek returns the next token.
func (p *parser) peek() token { return p.tokens[p.i] }

// next consumes a token.
func (p *parser) next() {
	if p.tokens[p.i].kind != endToken {
		p.i++
	}
}

// word consumes a keyword, and reports whether it is the next token.
func (p *parser) word(w string) bool {
	if t := p.peek(); t.kind == wordToken && strings.EqualFold(t.text, w) {
		p.i++
		return true
	}
	return false
}

// sign consumes a sign, and reports whether it is the next token.
func (p *parser) sign(s string) bool {
	if t := p.peek(); t.kind == signToken && t.text == s {
		p.i++
		return true
	}
	return false
}

// atOrder reports whether the next tokens are ORDER BY.
func (p *parser) atOrder() bool {
	t := p.peek()
	if t.kind != wordToken || !strings.EqualFold(t.text, "order") {
		return false
	}
	by := p.tokens[p.i+1]
	return by.kind == wordToken && strings.EqualFold(by.text, "by")
}

// expected returns the error for an unexpected token.
func (p *parser) expected(what string) error {
	t := p.peek()
	got := "'" + t.text + "'"
	if t.kind == endToken {
		got = "the end of the query"
	}
	return errorf("Error in the JQL Query: Expecting %s but got %s. (line 1, character %d)", what, got, t.at)
}

// field parses the name of a field.
func (p *parser) field() (string, error) {
	t := p.peek()
	if t.kind != wordToken && t.kind != stringToken {
		return "", p.expected("a field name")
	}
	f, ok := fields[strings.ToLower(t.text)]
	if !ok {
		return "", errorf("Field '%s' does not exist or you do not have permission to view it.", t.text)
	}
	p.next()
	return f, nil
}

// clause parses a condition.
func (p *parser) clause() (Clause, error) {
	var c Clause
	var err error
	c.Name = p.peek().text
	if c.Field, err = p.field(); err != nil {
		return c, err
	}
	if c.Op, err = p.operator(); err != nil {
		return c, err
	}
	if comparing := c.Op[0] == '<' || c.Op[0] == '>'; comparing != IsTime(c.Field) {
		return c, errorf("The operator '%s' is not supported by the '%s' field.", c.Op, c.Field)
	}
	if c.Op != "in" && c.Op != "not in" {
		c.Values, err = p.value(c.Values)
	} else {
		c.Values, err = p.valueList()
	}
	if err != nil {
		return c, err
	}
	if IsTime(c.Field) {
		if _, ok := Time(c.Values[0], time.Time{}); !ok {
			return c, errorf("Date value '%s' for field '%s' is invalid. Valid formats include: 'yyyy/MM/dd HH:mm', 'yyyy-MM-dd HH:mm', "+
				"'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'.", c.Values[0], c.Field)
		}
	}
	return c, nil
}

// operator parses an operator.
func (p *parser) operator() (string, error) {
	switch t := p.peek(); {
	case p.word("in"):
		return "in", nil
	case p.word("not"):
		if !p.word("in") {
			return "", p.expected("'IN'")
		}
		return "not in", nil
	case t.kind == signToken && slices.Contains([]string{"=", "!=", "<", "<=", ">", ">="}, t.text):
		p.next()
		return t.text, nil
	default:
		return "", p.expected("an operator")
	}
}

// valueList parses a list of values in parentheses.
func (p *parser) valueList() ([]string, error) {
	if !p.sign("(") {
		return nil, p.expected("'('")
	}
	var values []string
	for {
		var err error
		if values, err = p.value(values); err != nil {
			return nil, err
		}
		if p.sign(")") {
			return values, nil
		}
		if !p.sign(",") {
			return nil, p.expected("',' or ')'")
		}
	}
}

// reservedWords are the words that must be quoted as values.
var reservedWords = []string{
	"and", "or", "not", "in", "is", "was", "changed", "order", "by", "empty",
	"null", "cf", "select", "from", "where",
}

// value parses a value and appends it to values.
func (p *parser) value(values []string) ([]string, error) {
	t := p.peek()
	if t.kind != wordToken && t.kind != stringToken {
		return nil, p.expected("a value")
	}
	if t.kind == wordToken && slices.Contains(reservedWords, strings.ToLower(t.text)) {
		return nil, errorf("Error in the JQL Query: '%s' is a reserved JQL word. "+
			"You must surround it in quotation marks to use it in a query. (line 1, character %d)", t.text, t.at)
	}
	p.next()
	return append(values, t.text), nil
}

// orderings parses the fields to sort by.
func (p *parser) orderings() ([]Ordering, error) {
	var list []Ordering
	for {
		f, err := p.field()
		if err != nil {
			return nil, err
		}
		o := Ordering{Field: f}
		if !p.word("asc") {
			o.Desc = p.word("desc")
		}
		list = append(list, o)
		if !p.sign(",") {
			return list, nil
		}
	}
}
