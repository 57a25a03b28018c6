// SPDX-License-Identifier: Apache-2.0

package client

import "strings"

// Spec is the spec of a resource, with fields that the dashboard does not know. Methods name a field by its path,
// such as autoCreate.minSeverity.
type Spec map[string]any

// Get returns the value at a path, and nil when there is none.
func (s Spec) Get(path string) any { return get(s, path) }

func get(object map[string]any, path string) any {
	first, rest, nested := strings.Cut(path, ".")
	if !nested {
		return object[first]
	}
	inner, _ := object[first].(map[string]any)
	return get(inner, rest)
}

// Text returns the text at a path; empty when there is none.
func (s Spec) Text(path string) string {
	text, _ := s.Get(path).(string)
	return text
}

// Set writes a value to a path. A nil value removes the field, and the objects around it that become empty.
func (s Spec) Set(path string, value any) { set(s, path, value) }

func set(object map[string]any, path string, value any) {
	first, rest, nested := strings.Cut(path, ".")
	if !nested {
		if value == nil {
			delete(object, first)
		} else {
			object[first] = value
		}
		return
	}
	inner, ok := object[first].(map[string]any)
	if !ok {
		if value == nil {
			return
		}
		inner = map[string]any{}
		object[first] = inner
	}
	if set(inner, rest, value); len(inner) == 0 {
		delete(object, first)
	}
}
