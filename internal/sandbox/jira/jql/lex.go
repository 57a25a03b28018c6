// SPDX-License-Identifier: Apache-2.0

package jql

import (
	"slices"
	"strings"
	"unicode"
)

// The kinds of tokens.
const (
	wordToken   = 'w'
	stringToken = 's'
	signToken   = 'o'
	endToken    = 'e'
)

// token is a part of a query.
type token struct {
	kind byte
	text string
	// at is the position of the first character, from 1.
	at int
}

// signs are the operators and punctuation marks, the longest first.
var signs = []string{"!=", ">=", "<=", "!~", "=", ">", "<", "~", "(", ")", ","}

// reserved are the characters that are allowed in quoted strings only.
const reserved = "+.;?|*/%^$#@[]{}&!`'\\"

// lex splits a query into tokens.
func lex(query string) ([]token, error) {
	var tokens []token
	text := []rune(query)
	for i := 0; i < len(text); {
		if unicode.IsSpace(text[i]) {
			i++
			continue
		}
		read := lexWord
		if text[i] == '"' || text[i] == '\'' {
			read = lexString
		}
		t, next, err := read(text, i)
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, t)
		i = next
	}
	return append(tokens, token{endToken, "", len(text) + 1}), nil
}

// lexWord reads a sign or a word, and returns the index after it.
func lexWord(text []rune, start int) (token, int, error) {
	rest := string(text[start:min(start+2, len(text))])
	if n := slices.IndexFunc(signs, func(s string) bool { return strings.HasPrefix(rest, s) }); n >= 0 {
		return token{signToken, signs[n], start + 1}, start + len(signs[n]), nil
	}
	i := start
	for i < len(text) && !unicode.IsSpace(text[i]) && !strings.ContainsRune("!=<>~(),\"'", text[i]) {
		if strings.ContainsRune(reserved, text[i]) {
			return token{}, 0, errorf("Error in the JQL Query: The character '%c' is a reserved JQL character. You must enclose it in a string "+
				"or use the escape '\\u%04x' instead. (line 1, character %d)", text[i], text[i], i+1)
		}
		i++
	}
	if i == start {
		return token{}, 0, errorf("Error in the JQL Query: The character '%c' is a reserved JQL character. (line 1, character %d)", text[i], i+1)
	}
	return token{wordToken, string(text[start:i]), start + 1}, i, nil
}

// lexString reads a quoted string, and returns the index after it.
func lexString(text []rune, start int) (token, int, error) {
	var s strings.Builder
	for i := start + 1; i < len(text); i++ {
		switch {
		case text[i] == text[start]:
			return token{stringToken, s.String(), start + 1}, i + 1, nil
		case text[i] == '\\' && i+1 < len(text):
			i++
			if !strings.ContainsRune(`"'\`, text[i]) {
				return token{}, 0, errorf("Error in the JQL Query: '\\%c' is an illegal JQL escape sequence. (line 1, character %d)",
					text[i], i+1)
			}
			s.WriteRune(text[i])
		default:
			s.WriteRune(text[i])
		}
	}
	return token{}, 0, errorf("Error in the JQL Query: The quoted string '%s' has not been completed. (line 1, character %d)",
		s.String(), start+1)
}
