// SPDX-License-Identifier: Apache-2.0

package outbox

import (
	"errors"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// IsRejected reports whether an error means that the API server refuses this one object for its content or place. It
// says nothing about other objects.
func IsRejected(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsForbidden(err) ||
		apierrors.IsRequestEntityTooLargeError(err)
}

// IsForbidden reports whether one of the errors of an announcement is of a quota, a policy or a missing permission of
// the operator. The same Notification may be stored once an administrator changes that.
func IsForbidden(err error) bool {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return slices.ContainsFunc(joined.Unwrap(), IsForbidden)
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return false
	}
	return apierrors.IsForbidden(err) || isOfPolicy(status.Status())
}

// isOfPolicy reports whether a refusal is of an admission webhook or a ValidatingAdmissionPolicy, whatever its status
// code. The reason of such a policy is Invalid unless it has another, and unlike a schema it names no field.
func isOfPolicy(s metav1.Status) bool {
	if strings.Contains(s.Message, "admission webhook ") {
		return true
	}
	return s.Details != nil && slices.ContainsFunc(s.Details.Causes, func(c metav1.StatusCause) bool { return c.Field == "" })
}
