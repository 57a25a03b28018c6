package rule

import (
	"fmt"
	"reflect"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// The types that expressions know. Their fields are declared, so that a misspelt one is found when the rule is written.
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

// object is a value of one of these types. CEL's own way to show it a Go struct looks every field up by reflection, each time: that is most of
// what matching many rules would cost.
type object struct {
	is     *types.Type
	fields map[string]any
}

// newObject is an event as expressions see it. The fields of its subject are empty where there is none.
func newObject(e *event.Event) *object {
	var s struct{ kind, namespace, name string }
	if e.Subject != nil {
		s.kind, s.namespace, s.name = e.Subject.Kind, e.Subject.Namespace, e.Subject.Name
	}
	return &object{eventType, map[string]any{
		"type": string(e.Type), "severity": string(e.Severity), "labels": e.Labels, "data": e.Data,
		"subject": &object{subjectType, map[string]any{"kind": s.kind, "namespace": s.namespace, "name": s.name}},
	}}
}

// Type is its type in CEL.
func (o *object) Type() ref.Type { return o.is }

// Value is the object itself, which field looks into.
func (o *object) Value() any { return o }

// Equal compares by content.
func (o *object) Equal(other ref.Val) ref.Val {
	p, ok := other.(*object)
	return types.Bool(ok && o.is == p.is && reflect.DeepEqual(o.fields, p.fields))
}

// ConvertToNative is not needed by any expression.
func (o *object) ConvertToNative(to reflect.Type) (any, error) {
	return nil, fmt.Errorf("an %s cannot become a %s", o.is, to)
}

// ConvertToType answers type(event), and nothing else.
func (o *object) ConvertToType(to ref.Type) ref.Val {
	if to == types.TypeType {
		return o.is
	}
	return types.NewErr("an %s cannot become a %s", o.is, to)
}

// field is how CEL reads one field of an object.
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

// provider adds the types to those that CEL has.
type provider struct{ types.Provider }

func (p provider) FindStructType(name string) (*types.Type, bool) {
	if structs[name] != nil {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return p.Provider.FindStructType(name)
}

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

// withTypes makes the types known to an environment.
func withTypes(e *cel.Env) (*cel.Env, error) {
	return cel.CustomTypeProvider(provider{e.CELTypeProvider()})(e)
}
