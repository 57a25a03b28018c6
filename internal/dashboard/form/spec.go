// SPDX-License-Identifier: Apache-2.0

package form

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/dashboard/client"
)

// Kind is the type of a spec's field, which decides how a form shows and reads it.
type Kind int

// The kinds of fields.
const (
	Text    Kind = iota
	Flag         // true or absent; a checkbox
	Integer      // an integer
	Lines        // a list of texts, one a line
	Options      // a list of texts, a checkbox each
)

// SpecField is a field of a spec that a form shows. Fields that the form does not show stay as they are.
type SpecField struct {
	// Path is the place in the spec, such as autoCreate.minSeverity.
	Path string
	Kind Kind
}

// Name returns the name of the form's field.
func (s SpecField) Name() string { return "spec." + s.Path }

// ValuesOf returns the values that a form shows for a spec.
func ValuesOf(spec client.Spec, fields []SpecField) url.Values {
	out := url.Values{}
	for _, f := range fields {
		switch v := spec.Get(f.Path).(type) {
		case string:
			out.Set(f.Name(), v)
		case bool:
			if v {
				out.Set(f.Name(), "true")
			}
		case float64:
			out.Set(f.Name(), strconv.FormatFloat(v, 'f', -1, 64))
		case []any:
			out[f.Name()] = listValues(v, f.Kind)
		}
	}
	return out
}

func listValues(list []any, kind Kind) []string {
	var all []string
	for _, item := range list {
		if s, ok := item.(string); ok {
			all = append(all, s)
		}
	}
	if kind == Lines {
		return []string{strings.Join(all, "\n")}
	}
	return all
}

// Fill writes the form's values into a spec. Values that do not fit their field become errors of the form.
func (f *Form) Fill(spec client.Spec, fields []SpecField) {
	for _, field := range fields {
		name := field.Name()
		switch field.Kind {
		case Text:
			setText(spec, field.Path, f.Get(name))
		case Flag:
			if f.Values.Get(name) != "" {
				spec.Set(field.Path, true)
			} else {
				spec.Set(field.Path, nil)
			}
		case Integer:
			f.fillInteger(spec, field)
		case Lines:
			setList(spec, field.Path, f.lines(name))
		case Options:
			setList(spec, field.Path, f.Values[name])
		}
	}
}

func (f *Form) fillInteger(spec client.Spec, field SpecField) {
	text := f.Get(field.Name())
	if text == "" {
		spec.Set(field.Path, nil)
		return
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		f.SetError(field.Name(), "Enter a whole number, or leave it empty.")
		return
	}
	spec.Set(field.Path, n)
}

// setText writes a text, and removes the field when it is empty.
func setText(spec client.Spec, path, text string) {
	if text == "" {
		spec.Set(path, nil)
		return
	}
	spec.Set(path, text)
}

// setList writes a list, and removes the field when it is empty.
func setList(spec client.Spec, path string, list []string) {
	if len(list) == 0 {
		spec.Set(path, nil)
		return
	}
	spec.Set(path, list)
}
