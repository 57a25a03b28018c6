// SPDX-License-Identifier: Apache-2.0

package form

import (
	"net/url"
	"reflect"
	"testing"

	"github.com/voiceai-dev/integrations-operator/internal/dashboard/client"
)

var fields = []SpecField{{"title", Text}, {"suspend", Flag}, {"seconds", Integer}, {"labels", Lines}, {"categories", Options}}

// TestSpecRoundTrip shows a spec in a form and reads it back. What the form does not show stays.
func TestSpecRoundTrip(t *testing.T) {
	spec := client.Spec{
		"title": "Bug", "suspend": true, "seconds": float64(60), "labels": []any{"a", "b"}, "categories": []any{"Defect"}, "other": "x",
	}
	f := New(ValuesOf(spec, fields))
	if got := f.Get("spec.labels"); got != "a\nb" {
		t.Errorf("the labels are shown as %q", got)
	}
	f.Fill(spec, fields)
	want := client.Spec{
		"title": "Bug", "suspend": true, "seconds": 60, "labels": []string{"a", "b"}, "categories": []string{"Defect"}, "other": "x",
	}
	if !f.OK() || !reflect.DeepEqual(spec, want) {
		t.Errorf("got %v, want %v", spec, want)
	}
}

// TestFill reads an empty form, which removes the fields, and one that is invalid.
func TestFill(t *testing.T) {
	spec := client.Spec{"title": "Bug", "suspend": true, "seconds": 60, "labels": []string{"a"}, "categories": []string{"Defect"}}
	f := New(url.Values{})
	if f.Fill(spec, fields); !f.OK() || len(spec) != 0 {
		t.Errorf("an empty form leaves %v", spec)
	}
	f = New(url.Values{"spec.seconds": {"many"}})
	if f.Fill(spec, fields); f.ErrorOf("spec.seconds") == "" || !f.Invalid() {
		t.Errorf("many is accepted as a number: %v", spec)
	}
}

func TestErrorsOfParts(t *testing.T) {
	f := New(nil)
	f.AddFields("spec.labels", "spec.label")
	f.SetError("spec.labels[1]", "too long")
	if got := f.ErrorOf("spec.labels"); got != "too long" {
		t.Errorf("the field has the error %q", got)
	}
	if got := f.ErrorOf("spec.label"); got != "" {
		t.Errorf("a field whose name is the beginning of another's has the error %q", got)
	}
	if got := f.Errors(); len(got) != 1 || got[0].ID != "f-spec-labels" {
		t.Errorf("the errors are %v", got)
	}
}
