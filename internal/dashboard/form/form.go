// SPDX-License-Identifier: Apache-2.0

// Package form reads a posted form, maps it to a spec, and keeps what is wrong with it for the page that shows it
// again.
package form

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/dashboard/client"
)

// maxSize limits the size of a posted form, in bytes.
const maxSize = 512 << 10

// Form holds the values of a form and what is wrong with them. A field is named like the location that the API's
// problems give it, without "body.", such as spec.defaultChannel, so that each error is shown at its field.
type Form struct {
	Values url.Values
	// Problem is what is wrong with the form as a whole, or at a place without a field.
	Problem string
	// Card is the part of the page that shows Problem, such as test. It is shown at the top of the page when Card is
	// empty.
	Card string
	// Status is the HTTP status of an answer that shows the form with errors.
	Status int

	errors map[string]string
	fields []string
}

// Read reads a posted form.
func Read(w http.ResponseWriter, r *http.Request) (*Form, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxSize)
	if err := r.ParseForm(); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return nil, &client.Problem{Status: http.StatusRequestEntityTooLarge, Detail: "The form is too large."}
		}
		return nil, &client.Problem{Status: http.StatusBadRequest, Detail: "The form could not be read."}
	}
	return New(r.PostForm), nil
}

// New returns a form with values.
func New(values url.Values) *Form {
	return &Form{Values: values, errors: map[string]string{}, Status: http.StatusUnprocessableEntity}
}

// AddFields names fields that the page shows. Errors link to them.
func (f *Form) AddFields(names ...string) { f.fields = append(f.fields, names...) }

// Get returns a field's value without surrounding space, and with Unix line ends.
func (f *Form) Get(name string) string {
	return strings.TrimSpace(strings.ReplaceAll(f.Values.Get(name), "\r\n", "\n"))
}

// lines returns the entries of a field, which are separated by line ends or commas.
func (f *Form) lines(name string) []string {
	var out []string
	for _, line := range strings.FieldsFunc(f.Get(name), func(c rune) bool { return c == '\n' || c == ',' }) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}

// SetError records what is wrong with a field.
func (f *Form) SetError(name, message string) { f.errors[name] = message }

// MoveErrors records the errors of places at other fields: where field returns a name, the error moves there.
func (f *Form) MoveErrors(field func(place string) string) {
	for place, message := range maps.Clone(f.errors) {
		if name := field(place); name != "" {
			delete(f.errors, place)
			f.SetError(name, message)
		}
	}
}

// OK reports whether nothing is wrong so far.
func (f *Form) OK() bool { return f.Problem == "" && len(f.errors) == 0 }

// Invalid reports whether something is wrong.
func (f *Form) Invalid() bool { return !f.OK() }

// AddProblem records why the API rejected the form. It returns false for errors that the user cannot fix in the form,
// such as a missing right.
func (f *Form) AddProblem(err error) bool {
	var p *client.Problem
	if !errors.As(err, &p) {
		return false
	}
	switch p.Status {
	case http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
	default:
		return false
	}
	var general []string
	for _, d := range p.Errors {
		name := strings.TrimPrefix(d.Location, "body.")
		if name == "" || name == "body" {
			general = append(general, d.Message)
			continue
		}
		f.errors[name] = d.Message
	}
	if len(p.Errors) == 0 {
		general = append(general, p.Detail)
	}
	f.Problem = strings.Join(general, " ")
	return true
}

// ErrorOf returns what is wrong with a field or, where it holds a list or an object, with a part of it.
func (f *Form) ErrorOf(name string) string {
	if text, ok := f.errors[name]; ok {
		return text
	}
	for place, text := range f.errors {
		if rest, ok := strings.CutPrefix(place, name); ok && (strings.HasPrefix(rest, "[") || strings.HasPrefix(rest, ".")) {
			return text
		}
	}
	return ""
}

// FieldError is what is wrong at a place. ID is the HTML id of its field, and empty when the form has none for it.
type FieldError struct{ ID, Place, Text string }

// Errors returns all that is wrong with fields, sorted by place.
func (f *Form) Errors() []FieldError {
	out := make([]FieldError, 0, len(f.errors))
	for _, place := range slices.Sorted(maps.Keys(f.errors)) {
		out = append(out, FieldError{ID: f.idAt(place), Place: place, Text: f.errors[place]})
	}
	return out
}

// idAt returns the HTML id of the field that a place belongs to; empty when the form has none.
func (f *Form) idAt(place string) string {
	for _, name := range f.fields {
		if rest, ok := strings.CutPrefix(place, name); ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return fieldID(name)
		}
	}
	return ""
}

func fieldID(name string) string {
	return "f-" + strings.NewReplacer(".", "-", "/", "-", " ", "-").Replace(name)
}
