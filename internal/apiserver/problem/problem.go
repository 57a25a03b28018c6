// SPDX-License-Identifier: Apache-2.0

// Package problem has the errors of the REST API, as RFC 9457 describes them.
package problem

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"
)

// Problem is an error as RFC 9457 describes it. It never repeats a value that was sent, which may be a secret.
type Problem struct {
	Type   string   `json:"type" format:"uri-reference" example:"about:blank" doc:"The kind of problem."`
	Title  string   `json:"title" example:"Conflict" doc:"The kind in words."`
	Status int      `json:"status" example:"409" doc:"The HTTP status."`
	Detail string   `json:"detail,omitempty" doc:"What is wrong, and what to do."`
	Errors []Detail `json:"errors,omitempty" doc:"What is wrong where."`

	header http.Header
}

// Detail is an error at one place of a request.
type Detail struct {
	Message  string `json:"message" doc:"What is wrong, and what is wanted."`
	Location string `json:"location,omitempty" example:"body.spec.defaultChannel" doc:"Where in the request."`
}

// ContentType is the media type of a problem.
const ContentType = "application/problem+json"

// MaxDetails bounds the details of one problem. One more names how many were left out.
const MaxDetails = 20

// Error returns the detail.
func (p *Problem) Error() string { return p.Detail }

// GetStatus returns the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders returns further headers of the answer.
func (p *Problem) GetHeaders() http.Header { return p.header }

// ContentType returns the media type of a problem.
func (p *Problem) ContentType(string) string { return ContentType }

// New returns a problem with a detail, which says what to do.
func New(status int, format string, args ...any) *Problem {
	return &Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: fmt.Sprintf(format, args...),
	}
}

// Temporary returns a problem after which a client may retry in some seconds.
func Temporary(status, seconds int, format string, args ...any) *Problem {
	return New(status, format, args...).WithHeader("Retry-After", strconv.Itoa(seconds))
}

// Invalid returns a problem with one place of a request.
func Invalid(location, format string, args ...any) *Problem {
	p := New(http.StatusUnprocessableEntity, format, args...)
	p.Errors = []Detail{{Message: p.Detail, Location: location}}
	return p
}

// WithHeader sets a header of the answer, and returns the problem.
func (p *Problem) WithHeader(name, value string) *Problem {
	if p.header == nil {
		p.header = http.Header{}
	}
	p.header.Set(name, value)
	return p
}

// Write writes the problem as the answer to a request outside of the framework.
func (p *Problem) Write(w http.ResponseWriter) {
	for name, values := range p.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", ContentType)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client has gone
}

func init() { //nolint:gochecknoinits // the framework has one place for it, and its own errors repeat what was sent
	huma.NewError = ofFramework
}

const (
	// unknownProperty is the message of a property that the API does not have.
	unknownProperty = "has a property that does not exist here: compare it with /openapi"
	// unknownParameter is the message of a query parameter that an operation does not have.
	unknownParameter = "has a parameter that does not exist here: compare it with /openapi"
)

// ofFramework returns the problem of a request that the framework refused.
func ofFramework(status int, message string, errs ...error) huma.StatusError {
	p := New(status, "%s", message)
	if status < http.StatusInternalServerError {
		p.Errors = details(errs)
	}
	if len(p.Errors) == 0 {
		return p
	}
	p.Detail = p.Errors[0].Message
	if where := p.Errors[0].Location; where != "" {
		p.Detail = where + ": " + p.Detail
	}
	return p
}

// details returns what is wrong, each once and within MaxDetails.
func details(errs []error) []Detail {
	var out []Detail
	known := make(map[Detail]bool, len(errs))
	for _, err := range errs {
		if err == nil {
			continue
		}
		d := Detail{Message: err.Error()}
		var detailed huma.ErrorDetailer
		if errors.As(err, &detailed) {
			d = withoutSent(detailed.ErrorDetail())
		}
		if !known[d] {
			known[d] = true
			out = append(out, d)
		}
	}
	if more := len(out) - MaxDetails; more > 0 {
		out = append(out[:MaxDetails], Detail{Message: fmt.Sprintf("and %d more", more)})
	}
	return out
}

// withoutSent returns an error of the framework without what the caller sent. A name that the API does not have may be a
// secret, such as a token that was pasted in the wrong place, so that only what has it is named.
func withoutSent(d *huma.ErrorDetail) Detail {
	switch d.Message {
	case "unknown query parameter":
		return Detail{Message: unknownParameter, Location: "query"}
	case validation.MsgUnexpectedProperty:
		return Detail{Message: unknownProperty, Location: withoutKeys(objectOf(d))}
	}
	return Detail{Message: d.Message, Location: withoutKeys(d.Location)}
}

// keyOfMap matches what follows the name of a map in a location. Maps lists their names.
var keyOfMap = regexp.MustCompile(`\.(` + strings.Join(Maps, "|") + `)[.\[].*$`)

// Maps are the members of requests whose keys the caller chooses.
var Maps = []string{"labels", "matchLabels", "annotations", "data", "stringData"}

// withoutKeys returns a location up to the first map, whose keys the caller chooses.
func withoutKeys(location string) string { return keyOfMap.ReplaceAllString(location, ".$1") }

// objectOf returns the location of the object that has an unexpected property.
func objectOf(d *huma.ErrorDetail) string {
	within, _, _ := strings.Cut(d.Location, ".")
	keys, _ := d.Value.(map[string]any)
	longest := ""
	for key := range keys { // a name may contain dots
		if object, found := strings.CutSuffix(d.Location, "."+key); found && len(key) >= len(longest) {
			longest = key
			within = object
		}
	}
	return within
}
