// SPDX-License-Identifier: Apache-2.0

package runview

import (
	"github.com/prometheus/client_golang/prometheus"
)

// dueDesc describes when a suite has to run.
var dueDesc = prometheus.NewDesc("voiceai_suite_due_seconds",
	"When the next run of a suite's CronJob after its last one is due, in Unix time. It needs the API.",
	[]string{"namespace", "suite", "cronjob"}, nil)

// Metrics returns a collector of when the suites have to run.
func (m *Model) Metrics() prometheus.Collector { return dueCollector{m} }

type dueCollector struct{ m *Model }

// Describe implements prometheus.Collector.
func (dueCollector) Describe(out chan<- *prometheus.Desc) { out <- dueDesc }

// Collect implements prometheus.Collector. It sends nothing for suites that run on demand only.
func (c dueCollector) Collect(out chan<- prometheus.Metric) {
	for _, job := range c.m.Suites.In("") {
		last := job.CreationTimestamp.Time
		if at := job.Status.LastScheduleTime; at != nil {
			last = at.Time
		}
		if due := nextRun(job, last); due != nil {
			s := suiteOf(job, last)
			out <- prometheus.MustNewConstMetric(
				dueDesc, prometheus.GaugeValue, float64(due.Unix()), s.Namespace, s.Suite, s.Name)
		}
	}
}
