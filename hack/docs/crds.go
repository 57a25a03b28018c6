// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

type (
	definition        = apiextensionsv1.CustomResourceDefinition
	definitionVersion = apiextensionsv1.CustomResourceDefinitionVersion
	// schema is the OpenAPI schema of a CRD or of a part of it.
	schema = apiextensionsv1.JSONSchemaProps
)

// readCRDs reads all CRDs of a file system, in the order of their kinds.
func readCRDs(files fs.FS) ([]definition, error) {
	var out []definition
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		raw, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		var crd definition
		if err := yaml.UnmarshalStrict(raw, &crd); err != nil {
			return fmt.Errorf("reading %s: %w", path, err)
		}
		out = append(out, crd)
		return nil
	})
	slices.SortFunc(out, func(a, b definition) int {
		return cmp.Compare(a.Spec.Names.Kind, b.Spec.Names.Kind)
	})
	return out, err
}

// apiReference returns the Markdown page about kinds.
func apiReference(crds []definition) string {
	var b strings.Builder
	b.WriteString(notice)
	b.WriteString("# API reference\n")
	for _, crd := range crds {
		fmt.Fprintf(&b, "\n- [%[1]s](%[2]s)", crd.Spec.Names.Kind, anchor(crd.Spec.Names.Kind))
	}
	b.WriteString("\n")
	for _, crd := range crds {
		for _, version := range crd.Spec.Versions {
			writeKind(&b, crd, version)
		}
	}
	return b.String()
}

// writeKind writes the section about one version of a kind.
func writeKind(b *strings.Builder, crd definition, version definitionVersion) {
	spec := crd.Spec
	root := version.Schema.OpenAPIV3Schema
	fmt.Fprintf(b, "\n## %s\n\n%s\n\n", spec.Names.Kind, escape(root.Description))
	fmt.Fprintf(b, "- API version: %s\n", code(spec.Group+"/"+version.Name))
	fmt.Fprintf(b, "- Scope: %s\n", spec.Scope)
	names := append([]string{spec.Names.Plural}, spec.Names.ShortNames...)
	fmt.Fprintf(b, "- Names for kubectl: %s\n", codes(append(names, spec.Names.Categories...)))
	if len(version.AdditionalPrinterColumns) > 0 {
		b.WriteString("\n| Column | Value | Shown |\n|---|---|---|\n")
		for _, column := range version.AdditionalPrinterColumns {
			shown := "always"
			if column.Priority > 0 {
				shown = "with `-o wide`"
			}
			fmt.Fprintf(b, "| %s | %s | %s |\n", column.Name, code(column.JSONPath), shown)
		}
	}
	writeRules(b, root.XValidations)
	for _, name := range slices.Sorted(maps.Keys(root.Properties)) {
		if name == "apiVersion" || name == "kind" || name == "metadata" {
			continue // they are the same for every kind
		}
		property := root.Properties[name]
		writeObject(b, spec.Names.Kind+"."+name, &property)
	}
}

// writeObject writes the section about an object and those about the objects in it.
func writeObject(b *strings.Builder, path string, object *schema) {
	fmt.Fprintf(b, "\n### %s\n\n%s\n", path, escape(object.Description))
	writeRules(b, object.XValidations)
	b.WriteString("\n| Field | Type | Required | Default | Validation | Description |\n|---|---|---|---|---|---|\n")
	names := slices.Sorted(maps.Keys(object.Properties))
	for _, name := range names {
		field := object.Properties[name]
		required := ""
		if slices.Contains(object.Required, name) {
			required = "yes"
		}
		defaultValue := ""
		if field.Default != nil {
			defaultValue = string(field.Default.Raw)
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s |\n", code(name), linkedType(path+"."+name, &field), required,
			code(defaultValue), strings.Join(constraints(&field), "; "), escape(field.Description))
	}
	for _, name := range names {
		field := object.Properties[name]
		if inner := innerObject(&field); inner != nil {
			writeObject(b, path+"."+name, inner)
		}
	}
}

// writeRules writes the CEL rules of an object.
func writeRules(b *strings.Builder, rules apiextensionsv1.ValidationRules) {
	if len(rules) == 0 {
		return
	}
	b.WriteString("\nRules:\n\n")
	for _, rule := range rules {
		fmt.Fprintf(b, "- %s (`%s`)\n", escape(rule.Message), rule.Rule)
	}
}

// innerObject returns the object that a field holds, directly or in a list or map, if it has fields of its own. It
// returns nil for conditions, which are the same in every kind.
func innerObject(field *schema) *schema {
	switch {
	case isConditions(field):
		return nil
	case field.Items != nil && field.Items.Schema != nil:
		return innerObject(field.Items.Schema)
	case field.AdditionalProperties != nil && field.AdditionalProperties.Schema != nil:
		return innerObject(field.AdditionalProperties.Schema)
	case len(field.Properties) > 0:
		return field
	default:
		return nil
	}
}

// isConditions reports whether a field is a list of metav1.Condition.
func isConditions(field *schema) bool {
	if field.Items == nil || field.Items.Schema == nil {
		return false
	}
	_, hasTransition := field.Items.Schema.Properties["lastTransitionTime"]
	return hasTransition && slices.Equal(field.XListMapKeys, []string{"type"})
}

// linkedType returns the name of a field's type, with a link to the section about it.
func linkedType(path string, field *schema) string {
	if isConditions(field) {
		return "list of Condition, by `type`"
	}
	name := typeName(field)
	if innerObject(field) != nil {
		return fmt.Sprintf("[%s](%s)", name, anchor(path))
	}
	return name
}

// typeName returns the name of a field's type.
func typeName(field *schema) string {
	switch {
	case field.Type == "array" && field.XListType != nil && *field.XListType == "set":
		return "set of " + typeName(field.Items.Schema)
	case field.Type == "array":
		return "list of " + typeName(field.Items.Schema)
	case field.AdditionalProperties != nil && field.AdditionalProperties.Schema != nil:
		return "map of " + typeName(field.AdditionalProperties.Schema)
	case field.XPreserveUnknownFields != nil && *field.XPreserveUnknownFields:
		return "any object"
	case field.Format != "":
		return field.Format
	default:
		return field.Type
	}
}

// constraints returns what a field's schema requires of its value, and of the elements of a list or map.
func constraints(field *schema) []string {
	var out []string
	if len(field.Enum) > 0 {
		out = append(out, "one of "+enum(field.Enum))
	}
	out = append(out, bounds(field.MinLength, field.MaxLength, "characters")...)
	out = append(out, bounds(field.MinItems, field.MaxItems, "items")...)
	out = append(out, bounds(field.MinProperties, field.MaxProperties, "entries")...)
	out = append(out, bounds(field.Minimum, field.Maximum, "")...)
	if field.Pattern != "" {
		out = append(out, "matches "+code(field.Pattern))
	}
	if len(field.XListMapKeys) > 0 {
		out = append(out, "unique "+codes(field.XListMapKeys))
	}
	if len(field.Properties) == 0 { // the rules of an object are in the section about it
		for _, rule := range field.XValidations {
			out = append(out, fmt.Sprintf("%s (%s)", escape(rule.Message), code(rule.Rule)))
		}
	}
	if isConditions(field) {
		return out
	}
	switch {
	case field.Items != nil && field.Items.Schema != nil:
		out = append(out, each(field.Items.Schema)...)
	case field.AdditionalProperties != nil && field.AdditionalProperties.Schema != nil:
		out = append(out, each(field.AdditionalProperties.Schema)...)
	}
	return out
}

// each returns the constraints of the elements of a list or map.
func each(element *schema) []string {
	of := constraints(element)
	if len(of) == 0 {
		return nil
	}
	return []string{"each: " + strings.Join(of, ", ")}
}

// bounds describes a lower and an upper bound. Either may be nil.
func bounds[T int64 | float64](lower, upper *T, unit string) []string {
	number := func(n T) string { return strconv.FormatFloat(float64(n), 'f', -1, 64) }
	var text string
	switch {
	case lower != nil && upper != nil && *lower == *upper:
		text = number(*lower)
	case lower != nil && upper != nil:
		text = number(*lower) + " to " + number(*upper)
	case lower != nil:
		text = "at least " + number(*lower)
	case upper != nil:
		text = "at most " + number(*upper)
	default:
		return nil
	}
	return []string{strings.TrimSpace(text + " " + unit)}
}

// enum formats the values of an enumeration.
func enum(values []apiextensionsv1.JSON) string {
	var out []string
	for _, value := range values {
		out = append(out, strings.Trim(string(value.Raw), `"`))
	}
	return codes(out)
}
