// SPDX-License-Identifier: Apache-2.0

package action

import (
	"fmt"

	"github.com/voiceai-dev/integrations-operator/internal/identity"
)

// Errors of the API server that an action does not expect are returned as they are: see
// k8s.io/apimachinery/pkg/api/errors.

// ForbiddenError reports that a caller lacks a permission.
type ForbiddenError struct {
	Caller string
	// Access is the missing permission.
	Access identity.Access
}

func (e *ForbiddenError) Error() string {
	return fmt.Sprintf("%s may not %s: bind a Role that allows it", e.Caller, e.Access)
}

// AuthorizationError reports that Kubernetes did not answer whether a caller has a permission.
type AuthorizationError struct {
	Access identity.Access
	Err    error
}

func (e *AuthorizationError) Error() string {
	return fmt.Sprintf("checking the permission to %s: %v", e.Access, e.Err)
}

func (e *AuthorizationError) Unwrap() error { return e.Err }

// NotFoundError reports that what an action is about does not exist.
type NotFoundError struct{ Message string }

func (e *NotFoundError) Error() string { return e.Message }

// ConflictError reports that an action is not possible in the present state.
type ConflictError struct{ Message string }

func (e *ConflictError) Error() string { return e.Message }

// InvalidError reports that a parameter of an action has no valid value.
type InvalidError struct {
	// Field is the parameter, such as state.
	Field   string
	Message string
}

func (e *InvalidError) Error() string { return e.Field + ": " + e.Message }
