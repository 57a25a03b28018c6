// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"maps"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics returns a collector of the number of waiting calls in each of the pool's lanes. kind is the kind of
// integration.
func (p *Pool[C, R]) Metrics(kind string) prometheus.Collector {
	return backlogCollector[C, R]{pool: p, desc: prometheus.NewDesc(
		"voiceai_lane_backlog", "Calls waiting in a lane, by kind of integration, integration and lane.",
		[]string{"namespace", "integration", "lane"}, prometheus.Labels{"kind": kind},
	)}
}

type backlogCollector[C, R any] struct {
	pool *Pool[C, R]
	desc *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (b backlogCollector[C, R]) Describe(out chan<- *prometheus.Desc) { out <- b.desc }

// Collect implements prometheus.Collector.
func (b backlogCollector[C, R]) Collect(out chan<- prometheus.Metric) {
	b.pool.mu.Lock()
	connections := maps.Clone(b.pool.connections)
	b.pool.mu.Unlock()
	for name, c := range connections {
		c.mu.Lock()
		lanes := maps.Clone(c.lanes)
		c.mu.Unlock()
		for lane, l := range lanes {
			backlog := float64(l.Backlog())
			out <- prometheus.MustNewConstMetric(b.desc, prometheus.GaugeValue, backlog, name.Namespace, name.Name, lane)
		}
	}
}
