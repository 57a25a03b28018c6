// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/go-logr/logr"
	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/voiceai-dev/integrations-operator/internal/tracing"
)

// A collector receives traces as an OpenTelemetry collector does.
type collector struct {
	t *testing.T

	mu    sync.Mutex
	raw   bytes.Buffer
	spans []*tracev1.Span
}

// ServeHTTP receives spans.
func (c *collector) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		c.t.Error(err)
	}
	request := &collectorv1.ExportTraceServiceRequest{}
	if err := proto.Unmarshal(raw, request); err != nil || r.URL.Path != "/v1/traces" {
		c.t.Errorf("%s received what is no export of traces: %v", r.URL, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw.Write(raw)
	for _, resource := range request.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			c.spans = append(c.spans, scope.GetSpans()...)
		}
	}
}

// find returns the spans of a name, of one trace if that is not nil.
func (c *collector) find(name string, trace []byte) (found []*tracev1.Span) {
	for _, s := range c.spans {
		if s.GetName() == name && (trace == nil || bytes.Equal(s.GetTraceId(), trace)) {
			found = append(found, s)
		}
	}
	return found
}

// attribute returns an attribute of a span that is a text.
func attribute(s *tracev1.Span, key string) string {
	for _, a := range s.GetAttributes() {
		if a.GetKey() == key {
			return a.GetValue().GetStringValue()
		}
	}
	return ""
}

// TestTraces checks that the reconcile of a Defect, its call and the request are spans of one trace, and that the traces
// have no token.
func TestTraces(t *testing.T) {
	got := &collector{t: t}
	server := httptest.NewServer(got)
	defer server.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	c := newCluster(t)
	c.createNamespace("a")
	operator := c.install("traced", "a")
	c.expectReady(c.createDefects("a", "d", 1))
	operator.stop() // it sends the rest
	got.mu.Lock()
	defer got.mu.Unlock()

	for call, kind := range map[string]string{"CreateIssue": "Defect", "PostMessage": "Notification"} {
		calls := got.find(call, nil)
		if len(calls) == 0 {
			t.Fatalf("there is no span %s in %d spans", call, len(got.spans))
		}
		trace := calls[0].GetTraceId()
		var reconciled, requested bool
		for _, s := range got.find("reconcile "+kind, trace) {
			about := attribute(s, "voiceai.name") == "d-0" || attribute(s, "voiceai.subject") == "Defect/d-0"
			reconciled = reconciled || about && bytes.Equal(s.GetSpanId(), calls[0].GetParentSpanId())
		}
		for _, s := range got.find("HTTP POST", trace) {
			requested = requested || bytes.Equal(s.GetParentSpanId(), calls[0].GetSpanId()) && attribute(s, "server.address") == "127.0.0.1"
		}
		if !reconciled || !requested {
			t.Errorf("%s has a reconcile: %v, a request: %v", call, reconciled, requested)
		}
	}
	for _, secret := range []string{"xoxb-sandbox", "jira-sandbox", "/rest/api", "chat.postMessage"} {
		if bytes.Contains(got.raw.Bytes(), []byte(secret)) {
			t.Errorf("the traces contain %s", secret)
		}
	}
}

// TestTracesAreOptional checks that nothing is sent without a collector, and that what cannot be sent is refused.
func TestTracesAreOptional(t *testing.T) {
	for name, c := range map[string]struct {
		env     map[string]string
		refused bool
	}{
		"nothing is set":   {nil, false},
		"it is turned off": {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, false},
		"gRPC":             {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, true},
		"bad attributes":   {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_RESOURCE_ATTRIBUTES": "x"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			for key, value := range c.env {
				t.Setenv(key, value)
			}
			stop, err := tracing.Start(t.Context(), "v1", logr.Discard())
			if (err != nil) != c.refused {
				t.Fatalf("the error is %v", err)
			}
			if err == nil {
				stop()
			}
		})
	}
}
