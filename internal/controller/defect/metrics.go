// SPDX-License-Identifier: Apache-2.0

package defect

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var (
	ticketsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "voiceai_tickets_total",
		Help: "Tickets of Defects by how they came about: Created, or Found after a call in doubt.",
	}, []string{"how"})
	ticketSeconds = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "voiceai_ticket_seconds",
		Help:    "Seconds from the creation of a Defect to the key of its ticket.",
		Buckets: []float64{.05, .1, .25, .5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200},
	})
)

func init() {
	metrics.Registry.MustRegister(ticketsTotal, ticketSeconds)
	for _, how := range []string{"Created", "Found"} {
		ticketsTotal.WithLabelValues(how) // exports 0, so that a rate can be computed from the first ticket on
	}
}

// measure counts a ticket that was filed just now.
func (s *scope) measure() {
	if s.filed == nil {
		return
	}
	how := "Created"
	if s.filed.Found {
		how = "Found"
	}
	ticketsTotal.WithLabelValues(how).Inc()
	ticketSeconds.Observe(s.now.Sub(s.defect.CreationTimestamp.Time).Seconds())
}
