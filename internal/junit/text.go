// SPDX-License-Identifier: Apache-2.0

package junit

import (
	"bytes"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// attributesOf parses the attributes of a start tag, by local name.
func attributesOf(raw []byte) map[string]string {
	out := map[string]string{}
	for {
		raw = bytes.TrimLeft(raw, " \t\r\n")
		equals := bytes.IndexByte(raw, '=')
		if equals < 0 {
			return out
		}
		name := localName(bytes.TrimSpace(raw[:equals]))
		raw = bytes.TrimLeft(raw[equals+1:], " \t\r\n")
		if len(raw) == 0 || raw[0] != '"' && raw[0] != '\'' {
			return out
		}
		end := bytes.IndexByte(raw[1:], raw[0])
		if end < 0 {
			return out
		}
		if _, repeated := out[name]; !repeated {
			out[name] = unescape(raw[1 : 1+end])
		}
		raw = raw[2+end:]
	}
}

// unescape replaces the entities of XML. Others stay as they are.
func unescape(raw []byte) string {
	at := bytes.IndexByte(raw, '&')
	if at < 0 {
		return string(raw)
	}
	var out strings.Builder
	for at >= 0 {
		out.Write(raw[:at])
		raw = raw[at:]
		end := bytes.IndexByte(raw[:min(len(raw), 12)], ';')
		if value, ok := "", false; end > 0 {
			if value, ok = entity(string(raw[1:end])); ok {
				out.WriteString(value)
				raw = raw[end+1:]
				at = bytes.IndexByte(raw, '&')
				continue
			}
		}
		out.WriteByte('&')
		raw = raw[1:]
		at = bytes.IndexByte(raw, '&')
	}
	out.Write(raw)
	return out.String()
}

var entities = map[string]string{"lt": "<", "gt": ">", "amp": "&", "quot": `"`, "apos": "'", "nbsp": " "}

// entity returns the text of an entity.
func entity(name string) (string, bool) {
	number, isNumber := strings.CutPrefix(name, "#")
	if !isNumber {
		value, ok := entities[name]
		return value, ok
	}
	base := 10
	if hex, isHex := strings.CutPrefix(strings.ToLower(number), "x"); isHex {
		base = 16
		number = hex
	}
	n, err := strconv.ParseUint(number, base, 32)
	if err != nil || n > utf8.MaxRune {
		return "", false
	}
	return string(rune(n)), true
}

// buffer collects the first bytes of a text.
type buffer struct {
	most int
	data []byte
}

func (b *buffer) add(t token) {
	room := b.most - len(b.data)
	if room <= 0 {
		return
	}
	value := t.text
	if t.kind == someText {
		value = []byte(unescape(t.text[:min(len(t.text), 8*room)]))
	}
	b.data = append(b.data, value[:min(len(value), room)]...)
}

// String returns the text without what is invisible but has an effect.
func (b *buffer) String() string { return strings.TrimSpace(text.Plain(string(b.whole()))) }

// whole returns what was collected, without a character that was cut in two.
func (b *buffer) whole() []byte {
	data := b.data
	if len(data) == b.most {
		for cut := 1; cut < utf8.UTFMax && cut < len(data); cut++ {
			if r := data[len(data)-cut]; utf8.RuneStart(r) {
				if !utf8.FullRune(data[len(data)-cut:]) {
					data = data[:len(data)-cut]
				}
				break
			}
		}
	}
	return data
}

// maxTime bounds the time that a test may have taken.
const maxTime = 365 * 24 * time.Hour

// withoutSpaces leaves out spaces, which separate thousands in some languages.
func withoutSpaces(r rune) rune {
	if unicode.IsSpace(r) {
		return -1
	}
	return r
}

// seconds parses a duration as reports write it: "1.5", "1,234.5", "0,5", "1.5s", "200 ms", "00:01:02.5". It reports
// whether it is one.
func seconds(s string) (time.Duration, bool) {
	s = strings.TrimSpace(s)
	if s == "" {
		return 0, true
	}
	unit := time.Second
	if d, err := time.ParseDuration(strings.TrimPrefix(strings.ToLower(s), "pt")); err == nil && d >= 0 && d <= maxTime { // 1m3s, PT1.5S
		return d, true
	}
	s = strings.Map(withoutSpaces, s)
	switch {
	case strings.HasSuffix(s, "ms"):
		unit = time.Millisecond
		s = strings.TrimSuffix(s, "ms")
	case strings.HasSuffix(s, "sec"):
		s = strings.TrimSuffix(s, "sec")
	case strings.HasSuffix(s, "s"):
		s = strings.TrimSuffix(s, "s")
	}
	total := 0.0
	for part := range strings.SplitSeq(s, ":") {
		value, err := strconv.ParseFloat(decimal(part), 64)
		if err != nil {
			return 0, false
		}
		total = 60*total + value
	}
	d := total * float64(unit)
	if !(d >= 0 && d <= float64(maxTime)) { // not a number either
		return 0, false
	}
	return time.Duration(d), true
}

// decimal returns a number with a point: of a point and commas, or a comma and points, the last one is the decimal sign,
// and so is a comma that stands alone.
func decimal(s string) string {
	comma := strings.LastIndexByte(s, ',')
	point := strings.LastIndexByte(s, '.')
	switch {
	case comma < 0:
		return s
	case point > comma, strings.Count(s, ",") > 1 && point < 0:
		return strings.ReplaceAll(s, ",", "")
	}
	return strings.Replace(strings.ReplaceAll(s, ".", ""), ",", ".", 1)
}
