// SPDX-License-Identifier: Apache-2.0

package run

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// resultsTotal counts runs by what is known of their results.
var resultsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "voiceai_run_results_total",
	Help: "Runs that ended in namespaces with a rule, by whether their result was Read, Missing or Malformed, each once in a process.",
}, []string{"namespace", "result"})

func init() { metrics.Registry.MustRegister(resultsTotal) }

// countResult counts a run that ended. malformed is what could not be read of its result.
func countResult(namespace string, r event.Result, malformed error) {
	result := "Read"
	switch {
	case malformed != nil:
		result = "Malformed"
	case r.All() == nil:
		result = "Missing"
	}
	resultsTotal.WithLabelValues(namespace, result).Inc()
}
