// SPDX-License-Identifier: Apache-2.0

package client

import (
	"slices"
	"strings"
)

// Access is the caller's identity and rights.
type Access struct {
	Caller     string              `json:"caller"`
	Namespace  string              `json:"namespace"`
	Everywhere bool                `json:"everywhere"`
	Namespaces []string            `json:"namespaces"`
	Rights     map[string][]string `json:"rights"`
}

// Access returns the caller's identity and rights in a namespace: in the default one when it is empty, in all when it
// is *.
func (c *Client) Access(namespace string) (*Access, error) {
	a := &Access{}
	return a, c.get("/api/v1/access", Query("namespace", namespace), a)
}

// May reports whether the caller may use a verb on a resource, such as update on defects, in the namespace of the
// page.
func (a *Access) May(verb, resource string) bool {
	return a != nil && slices.Contains(a.Rights[resource], verb)
}

// ListsAnything reports whether the caller may list any resource.
func (a *Access) ListsAnything() bool {
	for _, verbs := range a.Rights {
		if slices.Contains(verbs, "list") {
			return true
		}
	}
	return false
}

// AccountNamespace returns the namespace of a caller that is a ServiceAccount; empty for other callers.
func (a *Access) AccountNamespace() string {
	account, ok := strings.CutPrefix(a.Caller, "system:serviceaccount:")
	if !ok {
		return ""
	}
	namespace, _, _ := strings.Cut(account, ":")
	return namespace
}
