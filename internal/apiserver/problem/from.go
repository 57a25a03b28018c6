// SPDX-License-Identifier: Apache-2.0

package problem

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/page"
	"github.com/voiceai-dev/integrations-operator/internal/credential"
)

// tokenCommand is the key of WithTokenCommand.
type tokenCommand struct{}

// WithTokenCommand returns a context with the command that creates a token which may write.
func WithTokenCommand(ctx context.Context, command string) context.Context {
	return context.WithValue(ctx, tokenCommand{}, command)
}

// commandOf returns the command of a context.
func commandOf(ctx context.Context) string {
	command, _ := ctx.Value(tokenCommand{}).(string)
	return cmp.Or(command, "kubectl create token NAME")
}

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
		if s.Details != nil && strings.HasSuffix(doing, "/"+s.Details.Name) {
			return New(http.StatusNotFound, "%s: it does not exist: check its name and namespace", doing)
		}
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
			"%s: Kubernetes does not accept your token, which may lack the audience of its API server. Create one that has it: %s",
			doing, commandOf(ctx))
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

const (
	// refusedBody is the message of a body that the API server refused in words that may repeat it.
	refusedBody = "the API server refused what you sent: compare it with /openapi"
	// refusedValue is the same for a value.
	refusedValue = "the API server refused this value: compare it with /openapi"
	// repeatedValue is the message of a value that a list has twice.
	repeatedValue = "is there twice: remove one"
)

var (
	// withValue matches the beginning of a message of the API server that usually goes on with the value that was sent.
	withValue = regexp.MustCompile(`^(Invalid value|Unsupported value|Duplicate value|Not found|Too many): `)
	// words matches the beginning of a sentence, where the value was left out. It may begin with the name of a field, such
	// as spec.defaultChannel. The API server writes texts in quotes.
	words = regexp.MustCompile(`^[A-Za-z]+(\.[A-Za-z]+)* [a-z]`)
)

// withoutValue returns a message of the API server about a field without the value that was sent, which may be a secret.
func withoutValue(message string) string {
	prefix := withValue.FindString(message)
	if prefix == "" {
		return message
	}
	if prefix == "Duplicate value: " {
		return repeatedValue
	}
	rest := message[len(prefix):]
	if words.MatchString(rest) {
		return rest
	}
	return afterValue(rest)
}

// afterValue returns what follows a value in the notation of JSON or Go, and a colon.
func afterValue(message string) string {
	depth := 0
	for i := 0; i < len(message); i++ {
		switch message[i] {
		case '"':
			text, err := strconv.QuotedPrefix(message[i:])
			if err != nil {
				return refusedValue
			}
			i += len(text) - 1
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case ':':
			if reason, found := strings.CutPrefix(message[i:], ": "); found && depth == 0 {
				return reason
			}
		}
	}
	return refusedValue
}

// ofFields returns the problem of a body that the API server refused, with the fields that it named. A refusal that names
// none may repeat anything.
func ofFields(s metav1.Status, doing string) *Problem {
	p := New(http.StatusUnprocessableEntity, "%s: %s", doing, refusedBody)
	if s.Details == nil {
		return p
	}
	var parts []string
	for _, cause := range s.Details.Causes {
		if cause.Field == "<nil>" { // what could not be checked because of the others
			continue
		}
		message := withoutValue(cause.Message)
		location := withoutKeys(strings.TrimSuffix("body."+cause.Field, "."))
		parts = append(parts, strings.TrimPrefix(strings.TrimPrefix(location, "body.")+": ", "body: ")+message)
		p.Errors = append(p.Errors, Detail{Message: message, Location: location})
	}
	if len(parts) > 0 {
		p.Detail = doing + ": " + strings.Join(parts, "; ")
	}
	return p
}
