package jira

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// maxJQL is the length of a query, in bytes.
const maxJQL = 20_000

// complaint is an error in Jira's own words, which callers see.
type complaint string

func (c complaint) Error() string { return string(c) }

func complain(format string, a ...any) error { return complaint(fmt.Sprintf(format, a...)) }

// query is a parsed JQL: clauses that all hold, and an order.
type query struct {
	clauses []clause
	order   []ordering
}

type clause struct {
	field  string
	name   string // what the query calls the field
	op     string // =, !=, in, not in, <, <=, >, >=
	values []string
}

type ordering struct {
	field string
	desc  bool
}

// jqlFields are the fields that the sandbox searches, by the name they are asked by.
var jqlFields = map[string]string{
	"project": "project", "labels": "labels", "key": "key", "issuekey": "key", "issue": "key", "id": "key", "status": "status",
	"statuscategory": "statusCategory", "issuetype": "issuetype", "type": "issuetype", "priority": "priority", "updated": "updated",
	"created": "created", "reporter": "reporter", "assignee": "assignee",
}

func isTime(field string) bool { return field == "updated" || field == "created" }

const (
	wordToken   = 'w'
	stringToken = 's'
	signToken   = 'o'
	endToken    = 'e'
)

type token struct {
	kind byte
	text string
	at   int // the character it starts at, from 1
}

// signs are the operators and marks, longer ones first.
var signs = []string{"!=", ">=", "<=", "!~", "=", ">", "<", "~", "(", ")", ","}

const reserved = "+.;?|*/%^$#@[]{}&!`'\\"

// lexJQL cuts a query into tokens.
func lexJQL(jql string) ([]token, error) {
	var tokens []token
	text := []rune(jql)
	for i := 0; i < len(text); {
		switch {
		case unicode.IsSpace(text[i]):
			i++
		case text[i] == '"' || text[i] == '\'':
			t, next, err := lexString(text, i)
			if err != nil {
				return nil, err
			}
			tokens, i = append(tokens, t), next
		default:
			rest := string(text[i:min(i+2, len(text))])
			if n := slices.IndexFunc(signs, func(s string) bool { return strings.HasPrefix(rest, s) }); n >= 0 {
				tokens = append(tokens, token{signToken, signs[n], i + 1})
				i += len(signs[n])
				continue
			}
			start := i
			for i < len(text) && !unicode.IsSpace(text[i]) && !strings.ContainsRune("!=<>~(),\"'", text[i]) {
				if strings.ContainsRune(reserved, text[i]) {
					return nil, complain("Error in the JQL Query: The character '%c' is a reserved JQL character. You must enclose it in a string or use the escape '\\u%04x' instead. (line 1, character %d)", text[i], text[i], i+1)
				}
				i++
			}
			if i == start {
				return nil, complain("Error in the JQL Query: The character '%c' is a reserved JQL character. (line 1, character %d)", text[i], i+1)
			}
			tokens = append(tokens, token{wordToken, string(text[start:i]), start + 1})
		}
	}
	return append(tokens, token{endToken, "", len(text) + 1}), nil
}

func lexString(text []rune, start int) (token, int, error) {
	var s strings.Builder
	for i := start + 1; i < len(text); i++ {
		switch {
		case text[i] == text[start]:
			return token{stringToken, s.String(), start + 1}, i + 1, nil
		case text[i] == '\\' && i+1 < len(text):
			i++
			if !strings.ContainsRune(`"'\`, text[i]) {
				return token{}, 0, complain("Error in the JQL Query: '\\%c' is an illegal JQL escape sequence. (line 1, character %d)", text[i], i+1)
			}
			s.WriteRune(text[i])
		default:
			s.WriteRune(text[i])
		}
	}
	return token{}, 0, complain("Error in the JQL Query: The quoted string '%s' has not been completed. (line 1, character %d)", s.String(), start+1)
}

// parseJQL reads the subset that the sandbox answers. Its errors are sentences for people, as Jira's are.
func parseJQL(jql string) (query, error) {
	if len(jql) > maxJQL {
		return query{}, complain("The JQL query is too long: it has more than %d characters.", maxJQL)
	}
	tokens, err := lexJQL(jql)
	if err != nil {
		return query{}, err
	}
	p := &jqlParser{tokens: tokens}
	var q query
	if !p.atOrder() && p.peek().kind != endToken {
		for {
			c, err := p.clause()
			if err != nil {
				return query{}, err
			}
			q.clauses = append(q.clauses, c)
			if !p.word("and") {
				break
			}
		}
	}
	if p.atOrder() {
		p.i += 2
		if q.order, err = p.orderings(); err != nil {
			return query{}, err
		}
	}
	if p.peek().kind != endToken {
		return query{}, p.expected("either 'AND' or 'ORDER BY'")
	}
	return q, nil
}

type jqlParser struct {
	tokens []token
	i      int
}

func (p *jqlParser) peek() token { return p.tokens[p.i] }

func (p *jqlParser) next() token {
	t := p.tokens[p.i]
	if t.kind != endToken {
		p.i++
	}
	return t
}

// word takes a keyword when it comes next.
func (p *jqlParser) word(w string) bool {
	if t := p.peek(); t.kind == wordToken && strings.EqualFold(t.text, w) {
		p.i++
		return true
	}
	return false
}

func (p *jqlParser) sign(s string) bool {
	if t := p.peek(); t.kind == signToken && t.text == s {
		p.i++
		return true
	}
	return false
}

func (p *jqlParser) atOrder() bool {
	t := p.peek()
	if t.kind != wordToken || !strings.EqualFold(t.text, "order") {
		return false
	}
	by := p.tokens[p.i+1]
	return by.kind == wordToken && strings.EqualFold(by.text, "by")
}

func (p *jqlParser) expected(what string) error {
	t := p.peek()
	got := "'" + t.text + "'"
	if t.kind == endToken {
		got = "the end of the query"
	}
	return complain("Error in the JQL Query: Expecting %s but got %s. (line 1, character %d)", what, got, t.at)
}

func (p *jqlParser) field() (string, error) {
	t := p.peek()
	if t.kind != wordToken && t.kind != stringToken {
		return "", p.expected("a field name")
	}
	f, known := jqlFields[strings.ToLower(t.text)]
	if !known {
		return "", complain("Field '%s' does not exist or you do not have permission to view it.", t.text)
	}
	p.next()
	return f, nil
}

func (p *jqlParser) clause() (clause, error) {
	var c clause
	var err error
	c.name = p.peek().text
	if c.field, err = p.field(); err != nil {
		return c, err
	}
	switch t := p.peek(); {
	case p.word("in"):
		c.op = "in"
	case p.word("not"):
		if !p.word("in") {
			return c, p.expected("'IN'")
		}
		c.op = "not in"
	case t.kind == signToken && slices.Contains([]string{"=", "!=", "<", "<=", ">", ">="}, t.text):
		p.next()
		c.op = t.text
	default:
		return c, p.expected("an operator")
	}
	if comparing := c.op[0] == '<' || c.op[0] == '>'; comparing != isTime(c.field) {
		return c, complain("The operator '%s' is not supported by the '%s' field.", c.op, c.field)
	}
	if c.op != "in" && c.op != "not in" {
		c.values, err = p.value(c.values)
	} else {
		c.values, err = p.valueList()
	}
	if err == nil && isTime(c.field) && !validTime(c.values[0]) {
		err = complain("Date value '%s' for field '%s' is invalid. Valid formats include: 'yyyy/MM/dd HH:mm', 'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'.", c.values[0], c.field)
	}
	return c, err
}

func (p *jqlParser) valueList() ([]string, error) {
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

// reservedWords have to be quoted to be values.
var reservedWords = []string{"and", "or", "not", "in", "is", "was", "changed", "order", "by", "empty", "null", "cf", "select", "from", "where"}

func (p *jqlParser) value(values []string) ([]string, error) {
	t := p.peek()
	if t.kind != wordToken && t.kind != stringToken {
		return nil, p.expected("a value")
	}
	if t.kind == wordToken && slices.Contains(reservedWords, strings.ToLower(t.text)) {
		return nil, complain("Error in the JQL Query: '%s' is a reserved JQL word. You must surround it in quotation marks to use it in a query. (line 1, character %d)", t.text, t.at)
	}
	p.next()
	return append(values, t.text), nil
}

func (p *jqlParser) orderings() ([]ordering, error) {
	var list []ordering
	for {
		f, err := p.field()
		if err != nil {
			return nil, err
		}
		o := ordering{field: f}
		if !p.word("asc") {
			o.desc = p.word("desc")
		}
		list = append(list, o)
		if !p.sign(",") {
			return list, nil
		}
	}
}

// String writes the query so that it reads back the same.
func (q query) String() string {
	var parts []string
	for _, c := range q.clauses {
		values := make([]string, len(c.values))
		for i, v := range c.values {
			values[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v) + `"`
		}
		list := strings.Join(values, ", ")
		if c.op == "in" || c.op == "not in" {
			list = "(" + list + ")"
		}
		parts = append(parts, c.name+" "+c.op+" "+list)
	}
	text := strings.Join(parts, " AND ")
	for i, o := range q.order {
		text += map[bool]string{true: " ORDER BY ", false: ", "}[i == 0] + o.field + map[bool]string{true: " DESC", false: " ASC"}[o.desc]
	}
	return text
}
