// SPDX-License-Identifier: Apache-2.0

// Package params has the parameters that several routes of the REST API share.
package params

import (
	"cmp"

	"k8s.io/apimachinery/pkg/types"
)

// Within are the parameters of what is about one namespace.
type Within struct {
	Namespace string `query:"namespace" maxLength:"63" pattern:"^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$" patternDescription:"name of a namespace" doc:"The namespace; the default one when empty."`
}

// Across are the parameters of lists, which may span all namespaces.
type Across struct {
	Namespace string `query:"namespace" maxLength:"63" pattern:"^([a-z0-9]([-a-z0-9]*[a-z0-9])?|\\*)?$" patternDescription:"name of a namespace, or *" doc:"The namespace; the default one when empty, all namespaces when *."`
}

// Named are the parameters of what is about one integration.
type Named struct {
	Within
	Name string `query:"name" maxLength:"253" pattern:"^([a-z0-9]([-.a-z0-9]*[a-z0-9])?)?$" patternDescription:"name of an object" doc:"The integration; the default one when empty."`
}

// ByName are the parameters of what is about one object.
type ByName struct {
	Within
	Name string `path:"name" maxLength:"253" pattern:"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$" patternDescription:"name of an object" doc:"The object's name."`
}

// Defaults are the values of parameters that are left out.
type Defaults struct{ Namespace string }

// In returns the namespace of a request about one.
func (d Defaults) In(w Within) string { return cmp.Or(w.Namespace, d.Namespace) }

// Of returns the namespace of a list; empty for all.
func (d Defaults) Of(a Across) string {
	if a.Namespace == "*" {
		return ""
	}
	return cmp.Or(a.Namespace, d.Namespace)
}

// Key returns the key of the object that a request is about.
func (d Defaults) Key(n ByName) types.NamespacedName {
	return types.NamespacedName{Namespace: d.In(n.Within), Name: n.Name}
}
