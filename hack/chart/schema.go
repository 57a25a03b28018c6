// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// schemaOf returns the JSON schema of settings. It refuses settings that do not exist.
func schemaOf(values []value) ([]byte, error) {
	schema, err := object(values)
	if err != nil {
		return nil, err
	}
	schema["$schema"] = "http://json-schema.org/draft-07/schema#"
	schema["title"] = "Values of voiceai-integrations"
	out, err := json.MarshalIndent(schema, "", "  ")
	return append(out, '\n'), err
}

// object returns the schema of a mapping with settings.
func object(values []value) (map[string]any, error) {
	properties := map[string]any{}
	for _, v := range values {
		property, err := v.schema()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", v.path, err)
		}
		properties[v.name] = property
	}
	return map[string]any{"type": "object", "additionalProperties": false, "properties": properties}, nil
}

// types are the types of JSON by the tags of YAML.
var types = map[string]string{"!!str": "string", "!!int": "integer", "!!bool": "boolean", "!!seq": "array", "!!map": "object"}

// schema returns the schema of one setting, which its default and its marks determine.
func (v value) schema() (map[string]any, error) {
	if v.children != nil {
		return object(v.children)
	}
	kind, ok := types[v.node.ShortTag()]
	if !ok {
		return nil, fmt.Errorf("a default of type %s has no type of JSON", v.node.ShortTag())
	}
	out := map[string]any{"description": v.description, "type": kind}
	if _, isAny := v.marks["any"]; isAny && v.node.Kind != yaml.MappingNode {
		delete(out, "type")
	}
	if options, ok := v.marks["enum"]; ok {
		out["enum"] = strings.Split(options, ", ")
	}
	if pattern, ok := v.marks["pattern"]; ok {
		out["pattern"] = pattern
	}
	if kind == "integer" && out["type"] != nil {
		out["minimum"] = 0
	}
	if _, ok := v.marks["port"]; ok {
		out["minimum"] = 1
		out["maximum"] = 65535
	}
	return out, nil
}
