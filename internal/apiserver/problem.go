package apiserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/voiceai-dev/integrations-operator/internal/action"
)

// Problem is an error as RFC 9457 has it. It never repeats a value that was sent: it may be a secret.
type Problem struct {
	Type   string   `json:"type" format:"uri-reference" example:"about:blank" doc:"What kind of problem it is."`
	Title  string   `json:"title" example:"Conflict" doc:"The kind in words."`
	Status int      `json:"status" example:"409" doc:"The HTTP status."`
	Detail string   `json:"detail,omitempty" doc:"What was wrong, and what to do."`
	Errors []Detail `json:"errors,omitempty" doc:"What was wrong where."`

	header http.Header
}

// Detail is one thing that is wrong with a request.
type Detail struct {
	Message  string `json:"message" doc:"What is wrong, and what is wanted."`
	Location string `json:"location,omitempty" example:"body.spec.defaultChannel" doc:"Where in the request."`
}

// Error is the detail.
func (p *Problem) Error() string { return p.Detail }

// GetStatus is the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders are further headers of the answer.
func (p *Problem) GetHeaders() http.Header { return p.header }

// ContentType is that of a problem.
func (p *Problem) ContentType(string) string { return problemType }

// maxDetails are told of one request, and how many more there are.
const maxDetails = 20

const problemType = "application/problem+json"

// mistake is a problem with a status, saying what to do.
func mistake(status int, format string, args ...any) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: fmt.Sprintf(format, args...)}
}

// later is a problem that goes away by itself.
func later(status, seconds int, format string, args ...any) *Problem {
	p := mistake(status, format, args...)
	p.header = http.Header{"Retry-After": {strconv.Itoa(seconds)}}
	return p
}

// wrong says that one place of a request is wrong.
func wrong(location, format string, args ...any) *Problem {
	p := mistake(http.StatusUnprocessableEntity, format, args...)
	p.Errors = []Detail{{Message: p.Detail, Location: location}}
	return p
}

func init() { //nolint:gochecknoinits // the framework has one place for it, and its own errors repeat what was sent
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		p := mistake(status, "%s", message)
		for at, err := range errs {
			if at == maxDetails {
				p.Errors = append(p.Errors, Detail{Message: fmt.Sprintf("and %d more", len(errs)-at)})
				break
			}
			var detailed huma.ErrorDetailer
			switch {
			case err == nil || status >= http.StatusInternalServerError:
			case errors.As(err, &detailed):
				d := detailed.ErrorDetail()
				p.Errors = append(p.Errors, Detail{Message: d.Message, Location: d.Location})
			default:
				p.Errors = append(p.Errors, Detail{Message: err.Error()})
			}
		}
		if len(p.Errors) > 0 {
			p.Detail = p.Errors[0].Message
			if where := p.Errors[0].Location; where != "" {
				p.Detail = where + ": " + p.Detail
			}
		}
		return p
	}
}

// write answers a problem outside of the framework.
func (p *Problem) write(w http.ResponseWriter) {
	for name, values := range p.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // who has gone need not know
}

// actionProblem returns what an error of package action means to the caller; nil when it is none.
func actionProblem(ctx context.Context, err error) *Problem {
	var unknown *action.AuthorizationError
	var forbidden *action.ForbiddenError
	var notFound *action.NotFoundError
	var conflict *action.ConflictError
	var invalid *action.InvalidError
	switch {
	case errors.As(err, &unknown):
		ctrl.LoggerFrom(ctx).Error(err, "Checking a permission")
		return later(http.StatusServiceUnavailable, 5, "Kubernetes did not answer whether you may do this; try again")
	case errors.As(err, &forbidden):
		return mistake(http.StatusForbidden, "%v", forbidden)
	case errors.As(err, &notFound):
		return mistake(http.StatusNotFound, "%v", notFound)
	case errors.As(err, &conflict):
		return mistake(http.StatusConflict, "%v", conflict)
	case errors.As(err, &invalid):
		return wrong("body."+invalid.Field, "%s", invalid.Message)
	}
	return nil
}

// cluster returns the problem that an error of an action or of the API server means to the caller. what names what was
// being done, such as "creating Defect d".
func cluster(ctx context.Context, err error, what string) error {
	var problem *Problem
	var status apierrors.APIStatus
	if err != nil {
		if p := actionProblem(ctx, err); p != nil {
			return p
		}
	}
	switch {
	case err == nil:
		return nil
	case errors.As(err, &problem):
		return problem
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return mistake(http.StatusServiceUnavailable, "%s: the request was given up", what)
	case !errors.As(err, &status):
		ctrl.LoggerFrom(ctx).Error(err, "The cluster could not be asked", "Doing", what)
		return later(http.StatusServiceUnavailable, 5, "%s: Kubernetes did not answer; try again", what)
	}
	s := status.Status()
	switch s.Reason {
	case metav1.StatusReasonNotFound:
		return mistake(http.StatusNotFound, "%s: %s", what, s.Message)
	case metav1.StatusReasonAlreadyExists:
		return mistake(http.StatusConflict, "%s: there is one of that name already; choose another name, or change that one", what)
	case metav1.StatusReasonConflict:
		return mistake(http.StatusConflict, "%s: somebody else changed it at the same moment; read it again and repeat", what)
	case metav1.StatusReasonInvalid, metav1.StatusReasonBadRequest:
		return invalid(s, what)
	case metav1.StatusReasonForbidden:
		return mistake(http.StatusForbidden, "%s: the cluster refused it, though you may do it: %s", what, s.Message)
	case metav1.StatusReasonRequestEntityTooLarge:
		return mistake(http.StatusRequestEntityTooLarge, "%s: it is larger than the cluster takes", what)
	case metav1.StatusReasonTooManyRequests, metav1.StatusReasonServerTimeout, metav1.StatusReasonTimeout, metav1.StatusReasonServiceUnavailable:
		seconds, _ := apierrors.SuggestsClientDelay(err)
		return later(http.StatusServiceUnavailable, max(seconds, 1), "%s: Kubernetes is busy; try again", what)
	}
	ctrl.LoggerFrom(ctx).Error(err, "The cluster failed", "Doing", what)
	return mistake(http.StatusInternalServerError, "%s: Kubernetes answered %q; the operator's log says more", what, s.Reason)
}

// value is how the API server begins a message by repeating what was sent.
var value = regexp.MustCompile(`^(Invalid|Unsupported|Duplicate|Not found|Too long|Too many)( value)?: ("(\\.|[^"\\])*"|[^":]*): `)

// invalid names the places of a body that the API server refused.
func invalid(s metav1.Status, what string) *Problem {
	p := mistake(http.StatusUnprocessableEntity, "%s: %s", what, s.Message)
	if s.Details == nil {
		return p
	}
	var parts []string
	for _, cause := range s.Details.Causes {
		if cause.Field == "<nil>" { // what could not be checked because of the others
			continue
		}
		message := value.ReplaceAllString(cause.Message, "")
		parts = append(parts, strings.TrimPrefix(cause.Field+": ", ": ")+message)
		p.Errors = append(p.Errors, Detail{Message: message, Location: strings.TrimSuffix("body."+cause.Field, ".")})
	}
	if len(parts) > 0 {
		p.Detail = what + ": " + strings.Join(parts, "; ")
	}
	return p
}
