// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// Result is the label under which a request is counted.
type Result string

const (
	// Accepted is the result of a request that the handler acted on.
	Accepted Result = "accepted"
	// Ignored is the result of a request that needs no action.
	Ignored Result = "ignored"
	// repeated is the result of a delivery that was handled before.
	repeated Result = "repeated"
	// refused is the result of a request that is not signed as it must be, or is malformed.
	refused Result = "refused"
	// failed is the result of a request that could not be handled now. Its client was asked to repeat it.
	failed Result = "failed"
)

var webhooks = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "voiceai_webhooks_total",
	Help: "Webhooks received, by source and result: accepted, ignored, repeated, refused or failed.",
}, []string{"source", "result"})

func init() { metrics.Registry.MustRegister(webhooks) }

func record(source string, r Result) { webhooks.WithLabelValues(source, string(r)).Inc() }

// initialize exports every counter of a source as 0, so that a rate can be computed from the first request on.
func initialize(source string) {
	for _, r := range []Result{Accepted, Ignored, repeated, refused, failed} {
		webhooks.WithLabelValues(source, string(r))
	}
}
