// SPDX-License-Identifier: Apache-2.0

package upgrade_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// accepted are the changes since the recorded version that the test cannot see are compatible, or that the changelog has, each
// with the reason. Stored objects stay valid, as the API server does not validate again what an update leaves. Remove them
// when another version is recorded.
var accepted = map[string]string{
	"Defect.spec.title has another rule: must not contain control characters or marks that change the direction of writing, " +
		"which terminals interpret; leave them out": "changelog",
	"Defect.spec.jira.labels[]" + reserved:           "changelog",
	"JiraIntegration.spec.labels[]" + reserved:       "changelog",
	"NotificationRule.spec.channel" + channel:        "accepts combining characters, too",
	"Notification.spec.channel" + channel:            "accepts combining characters, too",
	"SlackIntegration.spec.defaultChannel" + channel: "accepts combining characters, too",
}

const (
	reserved = " has another rule: must not begin with defect- or voice-ai-defect-, by which the operator recognises its tickets"
	channel  = " has another rule: must be a channel name such as #voice-ai-alerts (lowercase, no spaces) or an ID such as C0123456789"
)

// readCRD reads a CRD.
func readCRD(t *testing.T, file string) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	raw, err := os.ReadFile(file)
	must(t, err)
	crd := &apiextensionsv1.CustomResourceDefinition{}
	must(t, yaml.UnmarshalStrict(raw, crd))
	return crd
}

// TestCRDsAreCompatible checks that the CRDs accept what those of the recorded version accept: no field is removed, and
// nothing is validated more strictly.
func TestCRDsAreCompatible(t *testing.T) {
	files, err := filepath.Glob("testdata/crds/*.yaml")
	must(t, err)
	found := map[string]bool{}
	for _, file := range files {
		before := readCRD(t, file)
		after := readCRD(t, filepath.Join(root, "config/crd/bases", filepath.Base(file)))
		if before.Spec.Scope != after.Spec.Scope || before.Spec.Names.Kind != after.Spec.Names.Kind {
			t.Errorf("%s is now %s %s", before.Name, after.Spec.Scope, after.Spec.Names.Kind)
		}
		for _, name := range before.Spec.Names.ShortNames {
			if !slices.Contains(after.Spec.Names.ShortNames, name) {
				t.Errorf("%s has lost its short name %s", before.Name, name)
			}
		}
		for _, version := range before.Spec.Versions {
			named := func(v apiextensionsv1.CustomResourceDefinitionVersion) bool { return v.Name == version.Name }
			at := slices.IndexFunc(after.Spec.Versions, named)
			if at < 0 || version.Served && !after.Spec.Versions[at].Served {
				t.Errorf("%s has lost version %s", before.Name, version.Name)
				continue
			}
			for _, change := range narrowed("", version.Schema.OpenAPIV3Schema, after.Spec.Versions[at].Schema.OpenAPIV3Schema) {
				change = after.Spec.Names.Kind + change
				found[change] = true
				if accepted[change] == "" {
					t.Errorf("%q: keep it compatible, or add it to the changelog and to accepted", change)
				}
			}
		}
	}
	for change := range accepted {
		if !found[change] {
			t.Errorf("%q is accepted and has not changed", change)
		}
	}
}

// narrowed describes how a schema accepts less than before.
func narrowed(path string, before, after *apiextensionsv1.JSONSchemaProps) []string {
	out := narrowedValue(path, before, after)
	for _, name := range after.Required {
		if !slices.Contains(before.Required, name) && after.Properties[name].Default == nil {
			out = append(out, path+"."+name+" is required")
		}
	}
	for name, property := range before.Properties {
		now, ok := after.Properties[name]
		if !ok {
			out = append(out, path+"."+name+" is removed")
			continue
		}
		out = append(out, narrowed(path+"."+name, &property, &now)...)
	}
	if before.Items != nil && after.Items != nil {
		out = append(out, narrowed(path+"[]", before.Items.Schema, after.Items.Schema)...)
	}
	if before.AdditionalProperties != nil && after.AdditionalProperties != nil && after.AdditionalProperties.Schema != nil {
		out = append(out, narrowed(path+".*", before.AdditionalProperties.Schema, after.AdditionalProperties.Schema)...)
	}
	return out
}

// narrowedValue describes how a schema accepts fewer values itself, without its fields and items.
func narrowedValue(path string, before, after *apiextensionsv1.JSONSchemaProps) (out []string) {
	note := func(changed bool, format string, args ...any) {
		if changed {
			out = append(out, path+" "+fmt.Sprintf(format, args...))
		}
	}
	note(before.Type != after.Type, "has type %s", after.Type)
	note(before.Nullable && !after.Nullable, "is no longer nullable")
	note(before.Format != after.Format && after.Format != "", "has format %s", after.Format)
	note(before.Pattern != after.Pattern && after.Pattern != "", "has another pattern")
	note(below(before.MaxLength, after.MaxLength), "has a lower maxLength")
	note(below(before.MaxItems, after.MaxItems), "has a lower maxItems")
	note(below(before.MaxProperties, after.MaxProperties), "has a lower maxProperties")
	note(below(before.Maximum, after.Maximum), "has a lower maximum")
	note(above(before.MinLength, after.MinLength), "has a higher minLength")
	note(above(before.MinItems, after.MinItems), "has a higher minItems")
	note(above(before.MinProperties, after.MinProperties), "has a higher minProperties")
	note(above(before.Minimum, after.Minimum), "has a higher minimum")
	note(listType(before) != listType(after), "has list type %s", listType(after))
	note(before.Default != nil && (after.Default == nil || string(before.Default.Raw) != string(after.Default.Raw)), "has another default")
	note(len(before.Enum) == 0 && len(after.Enum) > 0, "is an enum")
	for _, value := range before.Enum {
		same := func(v apiextensionsv1.JSON) bool { return string(v.Raw) == string(value.Raw) }
		note(len(after.Enum) > 0 && !slices.ContainsFunc(after.Enum, same), "lacks the value %s", value.Raw)
	}
	for _, rule := range after.XValidations {
		same := func(r apiextensionsv1.ValidationRule) bool { return r.Rule == rule.Rule }
		note(!slices.ContainsFunc(before.XValidations, same), "has another rule: %s", rule.Message)
	}
	return out
}

// below reports whether an upper bound is lower than before, or new.
func below[N int64 | float64](before, after *N) bool {
	return after != nil && (before == nil || *after < *before)
}

// above reports whether a lower bound is higher than before, or new.
func above[N int64 | float64](before, after *N) bool {
	return after != nil && (before == nil || *after > *before)
}

// listType returns how lists are merged.
func listType(s *apiextensionsv1.JSONSchemaProps) string {
	if s.XListType == nil {
		return "atomic"
	}
	return *s.XListType
}

// TestNarrowed checks that each way of accepting less is found, and that accepting more is not.
func TestNarrowed(t *testing.T) {
	const field = "properties: {a: {type: string}}"
	for name, c := range map[string]struct{ before, after, want string }{
		"the same":              {field, field, ""},
		"a new field":           {"", field, ""},
		"a removed field":       {field, "", ".a is removed"},
		"a removed nested one":  {"properties: {b: {" + field + "}}", "properties: {b: {}}", ".b.a is removed"},
		"one of an item":        {"items: {" + field + "}", "items: {}", "[].a is removed"},
		"one of a map":          {"additionalProperties: {" + field + "}", "additionalProperties: {}", ".*.a is removed"},
		"a type":                {"type: string", "type: integer", " has type integer"},
		"a required field":      {field, field + "\nrequired: [a]", ".a is required"},
		"one with a default":    {field, `properties: {a: {type: string, default: "x"}}` + "\nrequired: [a]", ""},
		"a lower maxLength":     {"maxLength: 3", "maxLength: 2", " has a lower maxLength"},
		"a new maxLength":       {"", "maxLength: 2", " has a lower maxLength"},
		"a higher maxLength":    {"maxLength: 3", "maxLength: 4", ""},
		"no maxLength":          {"maxLength: 3", "", ""},
		"a lower maxItems":      {"maxItems: 3", "maxItems: 2", " has a lower maxItems"},
		"a lower maxProperties": {"maxProperties: 3", "maxProperties: 2", " has a lower maxProperties"},
		"a lower maximum":       {"maximum: 3", "maximum: 2", " has a lower maximum"},
		"a higher minLength":    {"minLength: 1", "minLength: 2", " has a higher minLength"},
		"a new minLength":       {"", "minLength: 1", " has a higher minLength"},
		"no minLength":          {"minLength: 1", "", ""},
		"a higher minItems":     {"minItems: 1", "minItems: 2", " has a higher minItems"},
		"more minProperties":    {"minProperties: 1", "minProperties: 2", " has a higher minProperties"},
		"a higher minimum":      {"minimum: 1", "minimum: 2", " has a higher minimum"},
		"a lower minimum":       {"minimum: 1", "minimum: 0", ""},
		"a removed value":       {"enum: [a, b]", "enum: [a]", ` lacks the value "b"`},
		"a new value":           {"enum: [a]", "enum: [a, b]", ""},
		"an enum":               {"", "enum: [a]", " is an enum"},
		"a pattern":             {"pattern: a", "pattern: b", " has another pattern"},
		"a format":              {"", "format: date-time", " has format date-time"},
		"a rule":                {"", "x-kubernetes-validations: [{rule: 'true', message: m}]", " has another rule: m"},
		"no null":               {"nullable: true", "", " is no longer nullable"},
		"a default":             {"default: a", "default: b", " has another default"},
		"a list type":           {"x-kubernetes-list-type: set", "", " has list type atomic"},
	} {
		t.Run(name, func(t *testing.T) {
			var schemas [2]apiextensionsv1.JSONSchemaProps
			for i, text := range []string{c.before, c.after} {
				must(t, yaml.UnmarshalStrict([]byte(text), &schemas[i]))
			}
			got := strings.Join(narrowed("", &schemas[0], &schemas[1]), "\n")
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
