// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A value is one setting of the chart.
type value struct {
	name string
	// path is the name with those of the settings around it, separated by dots.
	path        string
	description string
	// marks are the comments that begin with @, such as "@any" for a setting of any shape.
	marks map[string]string
	node  *yaml.Node
	// children are the settings in this one; nil for one that is set as a whole.
	children []value
}

// parseValues returns the settings of a values.yaml.
func parseValues(text []byte) ([]value, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	if len(document.Content) != 1 {
		return nil, errors.New("it is empty")
	}
	return valuesIn(document.Content[0], "")
}

// valuesIn returns the settings in a mapping. Each that is set as a whole needs a comment.
func valuesIn(mapping *yaml.Node, prefix string) ([]value, error) {
	var out []value
	for i := 0; i < len(mapping.Content); i += 2 {
		key := mapping.Content[i]
		v := value{name: key.Value, path: prefix + key.Value, marks: map[string]string{}, node: mapping.Content[i+1]}
		v.readComment(key.HeadComment)
		_, isAny := v.marks["any"]
		if v.node.Kind == yaml.MappingNode && !isAny {
			children, err := valuesIn(v.node, v.path+".")
			if err != nil {
				return nil, err
			}
			v.children = children
		} else if v.description == "" {
			return nil, fmt.Errorf("%s has no comment", v.path)
		}
		out = append(out, v)
	}
	return out, nil
}

// readComment splits a comment into marks and the description.
func (v *value) readComment(comment string) {
	var words []string
	for line := range strings.Lines(comment) {
		line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "#"))
		if mark, ok := strings.CutPrefix(line, "@"); ok {
			name, rest, _ := strings.Cut(mark, " ")
			v.marks[name] = rest
			continue
		}
		words = append(words, line)
	}
	v.description = strings.TrimSpace(strings.Join(words, " "))
}
