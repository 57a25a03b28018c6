// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"fmt"
	"reflect"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// The types that expressions see. Their fields are declared, so that a misspelt one is an error when the rule is
// compiled.
var (
	subjectType = types.NewObjectType("Subject")
	eventType   = types.NewObjectType("Event")
	structs     = map[string]map[string]*types.Type{
		"Subject": {"kind": types.StringType, "namespace": types.StringType, "name": types.StringType},
		"Event": {
			"type": types.StringType, "severity": types.StringType, "subject": subjectType,
			"labels": types.NewMapType(types.StringType, types.StringType),
			"data":   types.NewMapType(types.StringType, types.DynType),
		},
	}
)

// object is a value of one of these types. CEL's own support for Go structs looks up every field by reflection, each
// time. That would be most of the cost of matching many rules.
type object struct {
	of     *types.Type
	fields map[string]any
}

// newObject returns an event as expressions see it. An event without a subject has one with empty fields.
func newObject(e *event.Event) *object {
	var s v1alpha1.EventSubject
	if e.Subject != nil {
		s = *e.Subject
	}
	return &object{eventType, map[string]any{
		"type": string(e.Type), "severity": string(e.Severity), "labels": e.Labels, "data": e.Data,
		"subject": &object{subjectType, map[string]any{"kind": s.Kind, "namespace": s.Namespace, "name": s.Name}},
	}}
}

// Type returns the type in CEL.
func (o *object) Type() ref.Type { return o.of }

// Value returns the object itself, which field reads from.
func (o *object) Value() any { return o }

// Equal reports whether two objects have the same fields.
func (o *object) Equal(other ref.Val) ref.Val {
	p, ok := other.(*object)
	return types.Bool(ok && o.of == p.of && reflect.DeepEqual(o.fields, p.fields))
}

// ConvertToNative returns an error: no expression needs it.
func (o *object) ConvertToNative(to reflect.Type) (any, error) {
	return nil, fmt.Errorf("cannot convert %s to %s", o.of, to)
}

// ConvertToType supports type(event), and nothing else.
func (o *object) ConvertToType(to ref.Type) ref.Val {
	if to == types.TypeType {
		return o.of
	}
	return types.NewErr("cannot convert %s to %s", o.of, to)
}

// field returns how CEL reads a field of an object.
func field(name string, of *types.Type) *types.FieldType {
	return &types.FieldType{
		Type: of,
		IsSet: func(target any) bool {
			o, ok := target.(*object)
			return ok && !reflect.ValueOf(o.fields[name]).IsZero()
		},
		GetFrom: func(target any) (any, error) {
			if o, ok := target.(*object); ok {
				return o.fields[name], nil
			}
			return nil, fmt.Errorf("no such field: %s", name)
		},
	}
}

// provider adds the types to those of CEL.
type provider struct{ types.Provider }

// FindStructType returns the type with a name.
func (p provider) FindStructType(name string) (*types.Type, bool) {
	if structs[name] != nil {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return p.Provider.FindStructType(name)
}

// FindStructFieldNames returns the fields of a type.
func (p provider) FindStructFieldNames(name string) ([]string, bool) {
	fields, ok := structs[name]
	if !ok {
		return p.Provider.FindStructFieldNames(name)
	}
	var names []string
	for n := range fields {
		names = append(names, n)
	}
	return names, true
}

// FindStructFieldType returns a field of a type.
func (p provider) FindStructFieldType(name, fieldName string) (*types.FieldType, bool) {
	fields, ok := structs[name]
	if !ok {
		return p.Provider.FindStructFieldType(name, fieldName)
	}
	of, ok := fields[fieldName]
	if !ok {
		return nil, false
	}
	return field(fieldName, of), true
}

// withTypes adds the types to an environment.
func withTypes(e *cel.Env) (*cel.Env, error) {
	return cel.CustomTypeProvider(provider{e.CELTypeProvider()})(e)
}
