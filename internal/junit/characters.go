// SPDX-License-Identifier: Apache-2.0

package junit

import (
	"bytes"
	"unicode/utf8"
)

// characters is which problems with characters a report was found to have. Each is a problem once.
type characters struct{ notUTF8, control bool }

// attributes returns the attributes of a tag, and records what is wrong with their characters.
func (p *parser) attributes(t token) map[string]string {
	p.checkCharacters(t.line, t.attributes)
	return attributesOf(t.attributes)
}

// checkCharacters records what is wrong with the characters of a part of a report.
func (p *parser) checkCharacters(line int, raw []byte) {
	if !p.found.notUTF8 && !utf8.Valid(raw) {
		p.found.notUTF8 = true
		p.problem(line, "the report is not in the encoding that it declares, or not in UTF-8 without one. Some characters are lost.")
	}
	if !p.found.control && bytes.ContainsFunc(raw, isControl) {
		p.found.control = true
		p.problem(line, "the report has control characters, which XML does not allow. They are left out.")
	}
}

func isControl(r rune) bool { return r < ' ' && r != '\t' && r != '\n' && r != '\r' }
