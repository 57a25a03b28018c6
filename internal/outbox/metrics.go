// SPDX-License-Identifier: Apache-2.0

package outbox

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// The only label is the event type, so that there are few series.
var (
	eventsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "voiceai_events_total",
		Help: "Events by type. A process counts an event once; a new process counts the runs of the last day again.",
	}, []string{"type"})
	matchesTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "voiceai_matches_total",
		Help: "Matches of events with rules, by event type. Each is a Notification.",
	}, []string{"type"})
	errorsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "voiceai_rule_errors_total",
		Help: "Events for which a rule's spec.when could not be evaluated, by event type. The rule's status.lastError has the reason.",
	}, []string{"type"})
)

// init exports every counter as 0, so that a rate can be computed from the first event on.
func init() {
	metrics.Registry.MustRegister(eventsTotal, matchesTotal, errorsTotal)
	for _, t := range event.Types {
		for _, counter := range []*prometheus.CounterVec{eventsTotal, matchesTotal, errorsTotal} {
			counter.WithLabelValues(string(t.Name))
		}
	}
}
