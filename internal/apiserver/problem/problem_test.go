// SPDX-License-Identifier: Apache-2.0

package problem

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/page"
	"github.com/voiceai-dev/integrations-operator/internal/credential"
)

func TestFrom(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	defects := schema.GroupResource{Resource: "defects"}
	for name, c := range map[string]struct {
		ctx        context.Context
		err        error
		status     int
		retryAfter string
	}{
		"a problem": {err: New(http.StatusTeapot, "x"), status: http.StatusTeapot},
		"forbidden": {err: &action.ForbiddenError{}, status: http.StatusForbidden},
		"unknown": {err: &action.AuthorizationError{Err: errors.New("down")},
			status: http.StatusServiceUnavailable, retryAfter: "5"},
		"not found":      {err: &action.NotFoundError{}, status: http.StatusNotFound},
		"conflict":       {err: &action.ConflictError{}, status: http.StatusConflict},
		"invalid":        {err: &action.InvalidError{}, status: http.StatusUnprocessableEntity},
		"foreign Secret": {err: &credential.ForeignSecretError{}, status: http.StatusConflict},
		"cursor":         {err: page.ErrCursor, status: http.StatusUnprocessableEntity},
		"canceled":       {ctx: canceled, err: context.Canceled, status: http.StatusServiceUnavailable},
		"no answer":      {err: errors.New("connection refused"), status: http.StatusServiceUnavailable, retryAfter: "5"},
		"missing":        {err: apierrors.NewNotFound(defects, "d"), status: http.StatusNotFound},
		"exists":         {err: apierrors.NewAlreadyExists(defects, "d"), status: http.StatusConflict},
		"changed":        {err: apierrors.NewConflict(defects, "d", errors.New("x")), status: http.StatusConflict},
		"refused":        {err: apierrors.NewForbidden(defects, "d", errors.New("quota")), status: http.StatusForbidden},
		"busy":           {err: apierrors.NewTooManyRequests("x", 7), status: http.StatusServiceUnavailable, retryAfter: "7"},
		"broken":         {err: apierrors.NewInternalError(errors.New("x")), status: http.StatusInternalServerError},
		"too large, inside": {err: fmt.Errorf("x: %w", apierrors.NewRequestEntityTooLargeError("x")),
			status: http.StatusRequestEntityTooLarge},
	} {
		if c.ctx == nil {
			c.ctx = t.Context()
		}
		var p *Problem
		if err := From(c.ctx, c.err, "doing"); !errors.As(err, &p) || p.Status != c.status || p.header.Get("Retry-After") != c.retryAfter {
			t.Errorf("%s: got %+v, want %d, Retry-After %q", name, err, c.status, c.retryAfter)
		}
	}
	if err := From(t.Context(), nil, "doing"); err != nil {
		t.Errorf("got %v of no error", err)
	}
}

// TestSentValuesAreNotRepeated covers messages of the API server that repeat values of the request body.
func TestSentValuesAreNotRepeated(t *testing.T) {
	for message, want := range map[string]string{
		`Invalid value: "s3cr3t": must be a name`:                        "must be a name",
		`Invalid value: "s3\"cr: 3t": spec.x in body should match '^a$'`: "spec.x in body should match '^a$'",
		`Invalid value: 17: must be less`:                                "must be less",
		`Unsupported value: "s3cr3t": supported values: "a", "b"`:        `supported values: "a", "b"`,
		`Required value: give one`:                                       "Required value: give one",
		`Too long: may not be more than 3 bytes`:                         "Too long: may not be more than 3 bytes",
		`Too many: 17: must have at most 16 items`:                       "must have at most 16 items",
		`Invalid value: "s3cr3t"`:                                        refusedValue,
		`Invalid value: {"a":"s3cr3t: x"}: must be less`:                 "must be less",
		`Invalid value: map[string]interface {}{"a":"s3cr3t: x"}: less`:  "less",
		`Invalid value: ["s3cr3t"]: must be less`:                        "must be less",
		`Invalid value: ["s3cr3t…: must be less`:                         refusedValue,
		`Duplicate value: "s3cr3t"`:                                      repeatedValue,
		`Duplicate value: {"name":"s3cr3t"}`:                             repeatedValue,
		`Invalid value: one of [webhook bot] must be set`:                "one of [webhook bot] must be set",
		`Not found: "s3cr3t"`:                                            refusedValue,
		`denied request: set a channel`:                                  "denied request: set a channel",
	} {
		p := ofFields(metav1.Status{Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{
			{Field: "spec.x", Message: message}, {Field: "<nil>", Message: "not checked"},
		}}}, "x")
		if len(p.Errors) != 1 || p.Errors[0] != (Detail{want, "body.spec.x"}) || p.Detail != "x: spec.x: "+want {
			t.Errorf("%s: got %q, %v", message, p.Detail, p.Errors)
		}
	}
}

// TestUnknownPropertiesAreNotRepeated covers a secret that was sent as the name of a property.
// TestMessagesOfRulesAreShown tests that what the rules of the CRDs say reaches the caller whole.
func TestMessagesOfRulesAreShown(t *testing.T) {
	paths, err := filepath.Glob("../../../config/crd/bases/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("there are no CRDs: %v", err)
	}
	for _, path := range paths {
		crd, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var root any
		if err := yaml.Unmarshal(crd, &root); err != nil {
			t.Fatal(err)
		}
		for _, message := range messagesOfRules(root) {
			if got := withoutValue("Invalid value: " + message); got != message {
				t.Errorf("%s: instead of %q, the caller reads %q", filepath.Base(path), message, got)
			}
		}
	}
}

// messagesOfRules returns the messages of all rules of a CRD.
func messagesOfRules(node any) (out []string) {
	switch node := node.(type) {
	case []any:
		for _, item := range node {
			out = append(out, messagesOfRules(item)...)
		}
	case map[string]any:
		if message, ok := node["message"].(string); ok && node["rule"] != nil {
			return []string{message}
		}
		for _, item := range node {
			out = append(out, messagesOfRules(item)...)
		}
	}
	return out
}

func TestUnknownPropertiesAreNotRepeated(t *testing.T) {
	for location, want := range map[string]string{
		"body.s3.cr3t": "body", "body.spec.s3.cr3t": "body.spec", "body.spec.rules[0].s3.cr3t": "body.spec.rules[0]",
	} {
		sent := map[string]any{"s3.cr3t": 1, "cr3t": 1}
		refused := huma.NewError(http.StatusUnprocessableEntity, "validation failed",
			&huma.ErrorDetail{Message: validation.MsgUnexpectedProperty, Location: location, Value: sent})
		text, err := json.Marshal(refused)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "cr3t") || !strings.Contains(string(text), `"location":"`+want+`"`) {
			t.Errorf("%s: got %s, want the location %s alone", location, text, want)
		}
	}
}

// TestKeysAreNotRepeated covers a secret that was sent as the key of a map or as a query parameter.
func TestKeysAreNotRepeated(t *testing.T) {
	for name, test := range map[string]struct{ message, location, want string }{
		"label":             {"expected string", "body.labels.s3.cr3t", "body.labels"},
		"label of a rule":   {"expected string", "body.spec.selector.matchLabels.s3cr3t", "body.spec.selector.matchLabels"},
		"query parameter":   {"unknown query parameter", "query.s3cr3t", "query"},
		"known parameter":   {"expected integer", "query.limit", "query.limit"},
		"name like a map's": {"expected string", "body.labelsOf.x", "body.labelsOf.x"},
	} {
		refused := huma.NewError(http.StatusUnprocessableEntity, "validation failed",
			&huma.ErrorDetail{Message: test.message, Location: test.location},
			&huma.ErrorDetail{Message: test.message, Location: test.location})
		var p *Problem
		if !errors.As(refused, &p) || len(p.Errors) != 1 || p.Errors[0].Location != test.want || strings.Contains(p.Detail, "cr3t") {
			t.Errorf("%s: got %+v, want one error at %s", name, refused, test.want)
		}
	}
	for field, want := range map[string]string{
		"spec.labels[s3cr3t]": "body.spec.labels", "metadata.annotations.s3cr3t": "body.metadata.annotations", "": "body",
	} {
		p := ofFields(metav1.Status{Message: "s3cr3t", Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{
			{Field: field, Message: "is wrong"},
		}}}, "x")
		if p.Errors[0].Location != want || strings.Contains(p.Detail, "s3cr3t") {
			t.Errorf("%s: got %q at %s, want %s", field, p.Detail, p.Errors[0].Location, want)
		}
	}
	if p := ofFields(metav1.Status{Message: `strict decoding error: unknown field "s3cr3t"`}, "x"); p.Detail != "x: "+refusedBody {
		t.Errorf("a refusal without fields says %q", p.Detail)
	}
}

func TestProblemsAreBounded(t *testing.T) {
	var errs []error
	for i := range 1000 {
		errs = append(errs, &huma.ErrorDetail{Message: "expected string", Location: fmt.Sprintf("body.mentions[%d]", i)})
	}
	var p *Problem
	if !errors.As(huma.NewError(http.StatusUnprocessableEntity, "x", errs...), &p) || len(p.Errors) != MaxDetails+1 ||
		p.Errors[MaxDetails].Message != "and 980 more" {
		t.Errorf("got %+v", p)
	}
}
