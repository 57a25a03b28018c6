// SPDX-License-Identifier: Apache-2.0

package tracing

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

// Names of attributes.
const (
	keyNamespace   = "k8s.namespace.name"
	keyKind        = "voiceai.kind"
	keyName        = "voiceai.name"
	keySubject     = "voiceai.subject"
	keyIntegration = "voiceai.integration"
	keyAttempt     = "voiceai.attempt"
	keyFault       = "error.type"
)

// tracer returns the tracer of the provider that is set.
func tracer() trace.Tracer { return otel.Tracer(service) }

// An Origin is the span of the reconcile that needs a call. The call is made later.
type Origin struct{ span trace.SpanContext }

// OriginOf returns the span of a context as an Origin.
func OriginOf(ctx context.Context) Origin {
	return Origin{trace.SpanContextFromContext(ctx)}
}

// Reconcile begins the span of a reconcile.
func Reconcile(ctx context.Context, kind string, name types.NamespacedName) (context.Context, func()) {
	ctx, span := tracer().Start(ctx, "reconcile "+kind, trace.WithAttributes(
		attribute.String(keyKind, kind), attribute.String(keyNamespace, name.Namespace), attribute.String(keyName, name.Name),
	))
	return ctx, func() { span.End() }
}

// Subject adds to the span of a context which object a Notification is about, such as Defect/unmade-booking.
func Subject(ctx context.Context, subject string) {
	trace.SpanFromContext(ctx).SetAttributes(attribute.String(keySubject, subject))
}

// A Call is a call that a lane makes.
type Call struct {
	Origin Origin
	// Name is what the call does, such as CreateIssue.
	Name string
	// Integration and Object are the integration and what the call is for.
	Integration, Object types.NamespacedName
	// Attempt counts from 1.
	Attempt int
}

// Start begins the span of a call, below that of its reconcile. The returned function ends it with the call's error.
func (c Call) Start(ctx context.Context) (context.Context, func(error)) {
	ctx, span := tracer().Start(trace.ContextWithSpanContext(ctx, c.Origin.span), c.Name, trace.WithAttributes(
		attribute.String(keyIntegration, c.Integration.String()), attribute.String(keyNamespace, c.Object.Namespace),
		attribute.String(keyName, c.Object.Name), attribute.Int(keyAttempt, c.Attempt),
	))
	return ctx, func(err error) {
		if f := fault.From(err); f != nil {
			fail(span, f)
		}
		span.End()
	}
}

// fail records the kind and the code of a failure. Its text may have more of the answer than a trace should.
func fail(span trace.Span, f *fault.Fault) {
	text := f.Kind.String()
	if f.Code != "" {
		text += " " + f.Code
	}
	span.SetStatus(codes.Error, text)
	span.SetAttributes(attribute.String(keyFault, text))
}

// Request begins the span of an HTTP request. It has the host, and neither path nor query. The returned function ends it.
func Request(r *http.Request) (*http.Request, func(*http.Response, error)) {
	ctx, span := tracer().Start(r.Context(), "HTTP "+r.Method, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("http.request.method", r.Method), attribute.String("server.address", r.URL.Hostname()),
	))
	return r.WithContext(ctx), func(res *http.Response, err error) {
		switch {
		case err != nil:
			span.SetStatus(codes.Error, "no answer")
		case res.StatusCode >= http.StatusBadRequest:
			span.SetStatus(codes.Error, "")
			fallthrough
		default:
			span.SetAttributes(attribute.Int("http.response.status_code", res.StatusCode))
		}
		span.End()
	}
}
