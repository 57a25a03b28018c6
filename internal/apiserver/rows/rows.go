// SPDX-License-Identifier: Apache-2.0

// Package rows has what lists, filters and counts of the API need of a Defect or a Notification. There may be a hundred
// thousand of each: the cache holds them compressed, and a list reads those of its page.
package rows

import (
	"hash/maphash"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Object identifies the object of a row, and its version.
type Object struct {
	namespace, name, version string
	created                  int64
}

func objectOf(o client.Object) Object {
	return Object{
		namespace: o.GetNamespace(), name: o.GetName(), version: o.GetResourceVersion(),
		created: o.GetCreationTimestamp().UnixNano(),
	}
}

// GetNamespace returns the namespace of the object.
func (o *Object) GetNamespace() string { return o.namespace }

// GetName returns the name of the object.
func (o *Object) GetName() string { return o.name }

// GetResourceVersion returns the version of the object that the row is of.
func (o *Object) GetResourceVersion() string { return o.version }

// GetCreationTimestamp returns when the object was created.
func (o *Object) GetCreationTimestamp() metav1.Time { return metav1.NewTime(time.Unix(0, o.created)) }

// Created returns when the object was created, in nanoseconds since 1970.
func (o *Object) Created() int64 { return o.created }

// Key returns the name of the object.
func (o *Object) Key() types.NamespacedName {
	return types.NamespacedName{Namespace: o.namespace, Name: o.name}
}

// ParseKey parses namespace/name.
func ParseKey(text string) types.NamespacedName {
	namespace, name, _ := strings.Cut(text, "/")
	return types.NamespacedName{Namespace: namespace, Name: name}
}

// An ID is the hash of an identifier, which takes a sixth of its memory.
type ID uint64

var seed = maphash.MakeSeed()

// IDOf returns the hash of an identifier. It is another one in each process.
func IDOf[T ~string](identifier T) ID { return ID(maphash.String(seed, string(identifier))) }
