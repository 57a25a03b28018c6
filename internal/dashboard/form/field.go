// SPDX-License-Identifier: Apache-2.0

package form

import (
	"slices"
	"strings"
)

// Field is a field of a form as a template shows it. Templates chain its methods for what only some fields have.
type Field struct {
	Name, ID, Label, Hint, Value, Error string
	Values                              []string
	Type                                string
	Choices                             []Choice
	// Needed is whether the field must not be empty, NeededAtTimes whether that depends on other fields.
	Needed, NeededAtTimes bool
	Example               string
}

// Field returns a field for a template.
func (f *Form) Field(name, label, hint string) Field {
	return Field{
		Name: name, ID: fieldID(name), Label: label, Hint: hint,
		Value: f.Values.Get(name), Values: f.Values[name], Error: f.ErrorOf(name),
	}
}

// Required marks a field that must not be empty.
func (f Field) Required() Field { f.Needed = true; return f }

// RequiredAtTimes marks a field that must not be empty when other fields are set. Its hint says when.
func (f Field) RequiredAtTimes() Field { f.NeededAtTimes = true; return f }

// Optional reports whether the field may always be empty.
func (f Field) Optional() bool { return !f.Needed && !f.NeededAtTimes }

// OfType sets the type of the input element, such as url or number.
func (f Field) OfType(name string) Field { f.Type = name; return f }

// Like sets an example that the empty field shows.
func (f Field) Like(example string) Field { f.Example = example; return f }

// OneOf sets the possible values.
func (f Field) OneOf(choices []Choice) Field { f.Choices = choices; return f }

// Has reports whether a value is chosen.
func (f Field) Has(value string) bool { return slices.Contains(f.Values, value) || f.Value == value }

// DescribedBy returns the ids of the elements that describe the field.
func (f Field) DescribedBy() string {
	var ids []string
	if f.Error != "" {
		ids = append(ids, f.ID+"-error")
	}
	if f.Hint != "" {
		ids = append(ids, f.ID+"-hint")
	}
	return strings.Join(ids, " ")
}

// Choice is a possible value of a field.
type Choice struct{ Value, Label string }

// Choices returns choices from values and labels.
func Choices(pairs ...string) []Choice {
	var out []Choice
	for i := 0; i+1 < len(pairs); i += 2 {
		out = append(out, Choice{Value: pairs[i], Label: pairs[i+1]})
	}
	return out
}
