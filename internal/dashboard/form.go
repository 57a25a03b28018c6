package dashboard

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// maxForm bounds what a form may send, in bytes.
const maxForm = 512 << 10

// form is what somebody typed in, with what is wrong with it. A field has the name that the API's problems give its place, without "body.", such as
// spec.defaultChannel, so that each message stands at its field.
type form struct {
	values url.Values
	errors map[string]string
	// Problem is what is wrong with the whole, or with what has no field here.
	Problem string
	// Card is what part of the page Problem is shown in, such as test; empty above all of it.
	Card string
	// shown are the names of the fields that it has, as far as places of problems may lead to them.
	shown []string
	// status is what it is answered with when something is wrong.
	status int
}

// readForm reads what was posted.
func readForm(w http.ResponseWriter, r *http.Request) (*form, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return nil, &Problem{Status: http.StatusRequestEntityTooLarge, Detail: "That is more than a form may send."}
		}
		return nil, &Problem{Status: http.StatusBadRequest, Detail: "The form could not be read."}
	}
	return newForm(r.PostForm), nil
}

// newForm is a form with values in it.
func newForm(values url.Values) *form {
	return &form{values: values, errors: map[string]string{}, status: http.StatusUnprocessableEntity}
}

// get is a field's value, without space around it, and with the line ends that Unix has.
func (f *form) get(name string) string {
	return strings.TrimSpace(strings.ReplaceAll(f.values.Get(name), "\r\n", "\n"))
}

// all are the values of a field that has several.
func (f *form) all(name string) []string { return f.values[name] }

// lines are a field's lines or, with commas between them, entries.
func (f *form) lines(name string) []string {
	var out []string
	for _, line := range strings.FieldsFunc(f.get(name), func(c rune) bool { return c == '\n' || c == ',' }) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}

// checked says whether a box is ticked.
func (f *form) checked(name string) bool { return f.values.Get(name) != "" }

// wrong notes what is wrong with a field.
func (f *form) wrong(name, message string) { f.errors[name] = message }

// ok says that nothing is wrong so far.
func (f *form) ok() bool { return f.Problem == "" && len(f.errors) == 0 }

// take notes what the API did not like. It is false when that is nothing that somebody who fills in a form can mend, such as a missing right.
func (f *form) take(err error) bool {
	var p *Problem
	if !errors.As(err, &p) {
		return false
	}
	switch p.Status {
	case http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
	default:
		return false
	}
	var rest []string
	for _, d := range p.Errors {
		name := strings.TrimPrefix(d.Location, "body.")
		if d.Location == "" || name == "" || name == "body" {
			rest = append(rest, d.Message)
			continue
		}
		f.errors[name] = d.Message
	}
	if len(p.Errors) == 0 {
		rest = append(rest, p.Detail)
	}
	f.Problem = strings.Join(rest, " ")
	return true
}

// Field is one field, for a template.
func (f *form) Field(name, label, hint string) field {
	return field{Name: name, ID: fieldID(name), Label: label, Hint: hint, Value: f.values.Get(name), Values: f.values[name], Error: f.errorOf(name)}
}

// errorOf is what is wrong with a field or, where it stands for a list or an object, with a part of it.
func (f *form) errorOf(name string) string {
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

// Errors are all that is wrong with fields, in the order of their places.
func (f *form) Errors() []fieldError {
	out := make([]fieldError, 0, len(f.errors))
	for _, place := range slices.Sorted(maps.Keys(f.errors)) {
		out = append(out, fieldError{ID: f.idAt(place), Place: place, Text: f.errors[place]})
	}
	return out
}

// idAt is the id of the field that a place is in; empty when the form has none.
func (f *form) idAt(place string) string {
	for _, name := range f.shown {
		if rest, ok := strings.CutPrefix(place, name); ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return fieldID(name)
		}
	}
	return ""
}

// fieldError is what is wrong with a field, and the field's id; empty when the form does not have it.
type fieldError struct{ ID, Place, Text string }

func fieldID(name string) string {
	return "f-" + strings.NewReplacer(".", "-", "/", "-", " ", "-").Replace(name)
}

// Wrong says that there is something to mend.
func (f *form) Wrong() bool { return !f.ok() }

// field is one field of a form. Its methods add what only some have, for use in a template's pipeline.
type field struct {
	Name, ID, Label, Hint, Value, Error string
	Values                              []string
	Kind                                string
	Choices                             []choice
	Needed                              bool
	Example                             string
	Rows                                int
}

// choice is one of a field's possible values.
type choice struct{ Value, Label, Hint string }

// Required marks a field that has to be filled in.
func (f field) Required() field { f.Needed = true; return f }

// As sets the type of input, such as url or number.
func (f field) As(kind string) field { f.Kind = kind; return f }

// Like shows an example in the empty field.
func (f field) Like(example string) field { f.Example = example; return f }

// Of sets the possible values.
func (f field) Of(choices []choice) field { f.Choices = choices; return f }

// Tall sets the number of lines.
func (f field) Tall(rows int) field { f.Rows = rows; return f }

// Has says whether a value is chosen.
func (f field) Has(value string) bool { return slices.Contains(f.Values, value) || f.Value == value }

// Described are the ids of what describes the field.
func (f field) Described() string {
	var ids []string
	if f.Error != "" {
		ids = append(ids, f.ID+"-error")
	}
	if f.Hint != "" {
		ids = append(ids, f.ID+"-hint")
	}
	return strings.Join(ids, " ")
}
