// SPDX-License-Identifier: Apache-2.0

// Package tracing sends OpenTelemetry traces: which reconcile led to which call of Slack or Jira, and how long it waited and
// took. It sends none unless the environment names a collector. Spans have names of objects, and neither secrets nor paths
// of URLs, which may be secrets.
package tracing

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

const (
	service = "voiceai-integrations-operator"
	// stopTimeout bounds how long the last spans are sent when the process stops.
	stopTimeout = 5 * time.Second
)

// isOn reports whether the environment names a collector.
func isOn() bool {
	return os.Getenv("OTEL_SDK_DISABLED") != "true" && os.Getenv("OTEL_TRACES_EXPORTER") != "none" &&
		(os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != "")
}

// checkProtocol returns an error for a protocol that is not supported.
func checkProtocol() error {
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
		if value := os.Getenv(name); value != "" && value != "http/protobuf" {
			return fmt.Errorf("%s is %s: set it to http/protobuf, and the endpoint to the port for HTTP, which is mostly 4318", name, value)
		}
	}
	return nil
}

// Start begins to send traces if the environment names a collector, as the variables of OpenTelemetry describe. The returned
// function sends the rest and stops.
func Start(ctx context.Context, version string, log logr.Logger) (stop func(), err error) {
	if !isOn() {
		return func() {}, nil
	}
	if err := checkProtocol(); err != nil {
		return nil, err
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("setting up traces: %w", err)
	}
	about, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", service), attribute.String("service.version", version)),
		resource.WithFromEnv(),
	)
	if err != nil {
		return nil, fmt.Errorf("reading OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Error(err, "Traces were not sent") }))
	otel.SetTracerProvider(provider)
	return func() {
		otel.SetTracerProvider(noop.NewTracerProvider())
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		if err := provider.Shutdown(ctx); err != nil {
			log.Error(err, "The last traces were not sent")
		}
	}, nil
}
