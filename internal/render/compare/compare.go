// SPDX-License-Identifier: Apache-2.0

// Package compare compares values in templates as people expect: all numbers alike, and what is absent as empty.
package compare

import (
	"cmp"
	"errors"
	"reflect"
	"text/template"
)

// Functions replace those of text/template, for which 2 and 2.0 are of different kinds.
var Functions = template.FuncMap{
	"eq": func(first any, others ...any) (bool, error) {
		for _, o := range others {
			if order, err := compare(first, o); err != nil || order == 0 {
				return err == nil, err
			}
		}
		return false, nil
	},
	"ne": func(a, b any) (bool, error) { order, err := compare(a, b); return order != 0, err },
	"lt": func(a, b any) (bool, error) { order, err := compare(a, b); return order < 0, err },
	"le": func(a, b any) (bool, error) { order, err := compare(a, b); return order <= 0, err },
	"gt": func(a, b any) (bool, error) { order, err := compare(a, b); return order > 0, err },
	"ge": func(a, b any) (bool, error) { order, err := compare(a, b); return order >= 0, err },
}

// compare orders two values of one kind. A label or datum that the event does not have is equal to another one and to
// an empty text.
func compare(a, b any) (int, error) {
	v := reflect.ValueOf(a)
	w := reflect.ValueOf(b)
	switch {
	case !v.IsValid() && w.Kind() == reflect.String:
		v = reflect.ValueOf("")
	case !w.IsValid() && v.Kind() == reflect.String:
		w = reflect.ValueOf("")
	}
	x, aNumber := numeric(v)
	y, bNumber := numeric(w)
	switch {
	case aNumber && bNumber:
		return cmp.Compare(x, y), nil
	case v.Kind() == reflect.String && w.Kind() == reflect.String:
		return cmp.Compare(v.String(), w.String()), nil
	case v.Kind() == reflect.Bool && w.Kind() == reflect.Bool:
		if v.Bool() == w.Bool() {
			return 0, nil
		}
		return 1, nil
	case !v.IsValid() || !w.IsValid(): // a label that the event does not have
		if v.IsValid() == w.IsValid() {
			return 0, nil
		}
		return -1, nil
	}
	return 0, errors.New("incompatible types for comparison")
}

// numeric returns the number that a value holds, and whether it holds one.
func numeric(v reflect.Value) (float64, bool) {
	switch {
	case v.CanInt():
		return float64(v.Int()), true
	case v.CanFloat():
		return v.Float(), true
	default:
		return 0, false
	}
}
