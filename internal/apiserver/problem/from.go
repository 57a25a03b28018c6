package problem

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/page"
	"github.com/voiceai-dev/integrations-operator/internal/credential"
)

// From returns the problem that an error means to the caller; nil when there is none. doing names what failed, such
// as "creating Defect d", for errors of the API server.
func From(ctx context.Context, err error, doing string) error {
	if err == nil {
		return nil
	}
	var problem *Problem
	if errors.As(err, &problem) {
		return problem
	}
	if p := ofAction(ctx, err); p != nil {
		return p
	}
	var status apierrors.APIStatus
	switch {
	case errors.Is(err, page.ErrCursor), errors.Is(err, page.ErrCursorOrder):
		return Invalid("query.cursor", "%v", err)
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return New(http.StatusServiceUnavailable, "%s: the request was canceled", doing)
	case !errors.As(err, &status):
		ctrl.LoggerFrom(ctx).Error(err, "No answer of the API server", "Doing", doing)
		return Temporary(http.StatusServiceUnavailable, 5, "%s: Kubernetes did not answer; try again", doing)
	}
	return ofStatus(ctx, err, status.Status(), doing)
}

// ofAction returns the problem of an error of package action or credential; nil when it is none.
func ofAction(ctx context.Context, err error) *Problem {
	var unknown *action.AuthorizationError
	var forbidden *action.ForbiddenError
	var notFound *action.NotFoundError
	var conflict *action.ConflictError
	var foreign *credential.ForeignSecretError
	var invalid *action.InvalidError
	switch {
	case errors.As(err, &unknown):
		ctrl.LoggerFrom(ctx).Error(err, "Checking a permission")
		return Temporary(http.StatusServiceUnavailable, 5, "Kubernetes did not answer whether you may do this; try again")
	case errors.As(err, &forbidden):
		return New(http.StatusForbidden, "%v", forbidden)
	case errors.As(err, &notFound):
		return New(http.StatusNotFound, "%v", notFound)
	case errors.As(err, &conflict):
		return New(http.StatusConflict, "%v", conflict)
	case errors.As(err, &foreign):
		return New(http.StatusConflict, "%v", foreign)
	case errors.As(err, &invalid):
		return Invalid("body."+invalid.Field, "%s", invalid.Message)
	}
	return nil
}

// ofStatus returns the problem of an error that the API server answered.
func ofStatus(ctx context.Context, err error, s metav1.Status, doing string) *Problem {
	switch s.Reason {
	case metav1.StatusReasonNotFound:
		return New(http.StatusNotFound, "%s: %s", doing, s.Message)
	case metav1.StatusReasonAlreadyExists:
		return New(http.StatusConflict,
			"%s: an object of this name exists already: choose another name, or change that object", doing)
	case metav1.StatusReasonConflict:
		return New(http.StatusConflict, "%s: it was changed at the same moment: read it again and repeat", doing)
	case metav1.StatusReasonInvalid, metav1.StatusReasonBadRequest:
		return ofFields(s, doing)
	case metav1.StatusReasonForbidden:
		return New(http.StatusForbidden, "%s: the API server refused it, although you may do it: %s", doing, s.Message)
	case metav1.StatusReasonUnauthorized:
		return New(http.StatusForbidden,
			"%s: Kubernetes does not accept your token, which may lack the audience of its API server. Request one with it: "+
				"kubectl create token NAME --audience=https://kubernetes.default.svc, and with a further --audience for "+
				"the operator's --api-audience, if that is set", doing)
	case metav1.StatusReasonRequestEntityTooLarge:
		return New(http.StatusRequestEntityTooLarge, "%s: it is larger than the API server accepts", doing)
	case metav1.StatusReasonTooManyRequests, metav1.StatusReasonServerTimeout, metav1.StatusReasonTimeout,
		metav1.StatusReasonServiceUnavailable:
		seconds, _ := apierrors.SuggestsClientDelay(err)
		return Temporary(http.StatusServiceUnavailable, max(seconds, 1), "%s: Kubernetes is busy; try again", doing)
	}
	ctrl.LoggerFrom(ctx).Error(err, "Unexpected error of the API server", "Doing", doing)
	return New(http.StatusInternalServerError, "%s: Kubernetes answered %q: see the operator's log", doing, s.Reason)
}

// sentValue matches the beginning of a message of the API server, where it repeats what was sent.
var sentValue = regexp.MustCompile(
	`^(Invalid|Unsupported|Duplicate|Not found|Too long|Too many)( value)?: ("(\\.|[^"\\])*"|[^":]*): `)

// ofFields returns the problem of a body that the API server refused, with the fields that it named.
func ofFields(s metav1.Status, doing string) *Problem {
	p := New(http.StatusUnprocessableEntity, "%s: %s", doing, s.Message)
	if s.Details == nil {
		return p
	}
	var parts []string
	for _, cause := range s.Details.Causes {
		if cause.Field == "<nil>" { // what could not be checked because of the others
			continue
		}
		message := sentValue.ReplaceAllString(cause.Message, "")
		parts = append(parts, strings.TrimPrefix(cause.Field+": ", ": ")+message)
		p.Errors = append(p.Errors, Detail{Message: message, Location: strings.TrimSuffix("body."+cause.Field, ".")})
	}
	if len(parts) > 0 {
		p.Detail = doing + ": " + strings.Join(parts, "; ")
	}
	return p
}
