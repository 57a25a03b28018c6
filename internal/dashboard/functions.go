package dashboard

import (
	"fmt"
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// functions are what templates use beside the methods of view.
func (s *site) functions() template.FuncMap {
	return template.FuncMap{
		"ago":    s.ago,
		"web":    web,
		"mrkdwn": mrkdwn,

		"words":   words,
		"num":     num,
		"badge":   badgeOf,
		"one":     one,
		"list":    func(all ...string) []string { return all },
		"join":    strings.Join,
		"sub":     func(a, b int) int { return a - b },
		"tail":    func(reference string) string { return reference[strings.LastIndexByte(reference, '/')+1:] },
		"choices": choicesOf,
		"dict":    dict,
	}
}

// moment is a time as pages show it.
type moment struct {
	Machine, Full, Short string
}

// ago is a time, given as time.Time or *time.Time, for {{template "time" (ago .Time)}}. It is nil where there is none.
func (s *site) ago(at any) *moment {
	var t time.Time
	switch at := at.(type) {
	case time.Time:
		t = at
	case *time.Time:
		if at != nil {
			t = *at
		}
	}
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &moment{Machine: t.Format(time.RFC3339), Full: t.Format("2 January 2006, 15:04:05 UTC"), Short: short(t, s.now())}
}

// short is a time in as few words as will do. The script of the pages says it the same way, to keep it true.
func short(t, now time.Time) string {
	d := now.Sub(t)
	future := d < 0
	if future {
		d = -d
	}
	text := ""
	switch {
	case d < 45*time.Second:
		if future {
			return "in a moment"
		}
		return "just now"
	case d < 90*time.Minute:
		text = fmt.Sprintf("%d min", max(1, int(d.Round(time.Minute)/time.Minute)))
	case d < 36*time.Hour:
		text = fmt.Sprintf("%d h", int(d.Round(time.Hour)/time.Hour))
	case d < 30*24*time.Hour:
		text = fmt.Sprintf("%d days", int(d.Round(24*time.Hour)/(24*time.Hour)))
	default:
		return t.Format("2 Jan 2006")
	}
	if future {
		return "in " + text
	}
	return text + " ago"
}

// web is an address of the web, which alone is ever linked to; empty for anything else.
func web(address any) string {
	text := fmt.Sprint(address)
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return ""
	}
	return u.String()
}

// words is a name such as InProgress in words: In progress.
func words(name any) string {
	var b strings.Builder
	for i, c := range fmt.Sprint(name) {
		if i > 0 && unicode.IsUpper(c) {
			b.WriteByte(' ')
			c = unicode.ToLower(c)
		}
		b.WriteRune(c)
	}
	return b.String()
}

// num is a whole number with a thin space between thousands.
func num(n any) string {
	text := fmt.Sprint(n)
	if len(text) < 5 {
		return text
	}
	var b strings.Builder
	for i, c := range text {
		if i > 0 && (len(text)-i)%3 == 0 {
			b.WriteRune('\u2009')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// one is a count with its noun: 1 defect, 2 defects.
func one(n any, singular, plural string) string {
	text := num(n)
	if text == "1" {
		return "1 " + singular
	}
	return text + " " + plural
}

// sentence begins with a capital and ends with a full stop.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	r := []rune(text)
	first, _, _ := strings.Cut(text, " ")
	name := strings.ContainsAny(first, ":/.@_") // which is written as it is
	if !name && (len(r) > 1 && unicode.IsLower(r[1]) || len(r) == 1 || r[1] == ' ') {
		r[0] = unicode.ToUpper(r[0])
	}
	text = string(r)
	if strings.HasSuffix(text, ".") || strings.HasSuffix(text, "?") || strings.HasSuffix(text, "!") {
		return text
	}
	return text + "."
}

// badge is a word with the colour and the shape that go with it.
type badge struct {
	// Tone is good, warn, bad, calm or off; Icon names a symbol of the layout.
	Tone, Icon, Text string
}

// badgeOf is the badge of a word of the API: how something is, ended or stands, and how severe it is.
func badgeOf(word any) badge {
	text := fmt.Sprint(word)
	b, known := badges[text]
	if !known {
		b = badge{Tone: "calm", Icon: "dot"}
	}
	if b.Text == "" {
		b.Text = words(text)
	}
	return b
}

var badges = map[string]badge{
	"healthy": {"good", "tick", "Healthy"}, "degraded": {"warn", "warn", "Degraded"}, "error": {"bad", "cross", "Error"},
	"disabled": {"off", "dash", "Suspended"}, "unconfigured": {"off", "dash", "Not configured"},
	"Succeeded": {"good", "tick", ""}, "Failed": {"bad", "cross", ""}, "Pending": {"warn", "clock", ""}, "Running": {"calm", "clock", ""}, "Passed": {"good", "tick", ""},
	"True": {"good", "tick", "Yes"}, "False": {"bad", "cross", "No"}, "Unknown": {"warn", "clock", ""},
	"Open": {"calm", "ring", ""}, "InProgress": {"warn", "half", ""}, "Resolved": {"good", "tick", ""}, "Closed": {"off", "disc", ""},
	"Critical": {"critical", "sev4", ""}, "High": {"high", "sev3", ""}, "Medium": {"medium", "sev2", ""}, "Low": {"low", "sev1", ""},
	"Ready": {"good", "tick", ""}, "NotReady": {"bad", "cross", "Not ready"}, "Suspended": {"off", "dash", ""},
	"matches": {"good", "tick", "Matches"}, "differs": {"off", "dash", "Does not match"},
}

// choicesOf are the possible values of a field, by value and label.
func choicesOf(pairs ...string) []choice {
	var out []choice
	for i := 0; i+1 < len(pairs); i += 2 {
		out = append(out, choice{Value: pairs[i], Label: pairs[i+1]})
	}
	return out
}

// dict is several things by name, for a part that takes more than one.
func dict(pairs ...any) (map[string]any, error) {
	out := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("argument %s of dict is no name", strconv.Itoa(i))
		}
		out[name] = pairs[i+1]
	}
	return out, nil
}
