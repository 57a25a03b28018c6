// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

// metric matches the name of a metric in a query of Prometheus.
var metric = regexp.MustCompile(`\b(?:voiceai|controller_runtime|leader_election|process)_[a-z_]+\b`)

// queried returns the metrics that a file in config names in queries.
func (c *cluster) queried(name string) []string {
	c.t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "config", name))
	c.Expect(err).NotTo(HaveOccurred())
	found := metric.FindAllString(string(text), -1)
	c.Expect(len(found)).To(BeNumerically(">", 10))
	slices.Sort(found)
	return slices.Compact(found)
}

// lateSeries are exported once there is a suite. This test has none.
var lateSeries = []string{"voiceai_run_results_total", "voiceai_suite_due_seconds"}

// TestQueriesHaveData checks that a running operator exports each metric that an alert or a panel of the dashboard
// queries, and each label of it that a selector names.
func TestQueriesHaveData(t *testing.T) {
	c := newCluster(t)
	c.createNamespace("a")
	i := c.install("first")
	i.expectReadiness(http.StatusOK, "")
	c.expectReady(c.createDefects("a", "d", 2))
	c.Eventually(func(g Gomega) {
		status, body, err := scrape(t.Context(), "http://"+i.metrics+"/metrics", "")
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(status).To(Equal(http.StatusOK))
		for _, file := range []string{"prometheus/alerts.yaml", "grafana/dashboard.json"} {
			for _, name := range c.queried(file) {
				if slices.Contains(lateSeries, name) {
					continue
				}
				g.Expect("\n"+body).To(MatchRegexp(`\n`+name+`[{ ]`), "%s queries %s", file, name)
			}
		}
		for _, series := range []string{
			`leader_election_master_status{name="voiceai-integrations`,
			`voiceai_integration_ready{integration="slack",kind="SlackIntegration",namespace="a"} 1`,
			`voiceai_integration_ready{integration="jira",kind="JiraIntegration",namespace="a"} 1`,
			`voiceai_jira_poll_due_seconds{integration="jira",namespace="a"} 1.`,
			`voiceai_notifications_total{reason="Rejected",result="Failed",type="DefectCreated"} `,
			`voiceai_delivery_attempts_total{reason="Retrying",result="Failed"} `,
			`voiceai_tickets_total{how="Found"} `,
			`voiceai_webhooks_total{result="refused",source="jira"} `,
			`controller_runtime_reconcile_errors_total{controller="defect"} `,
		} {
			g.Expect(body).To(ContainSubstring(series))
		}
	}).Should(Succeed())
	_, body, err := scrape(t.Context(), "http://"+i.metrics+"/metrics", "")
	c.Expect(err).NotTo(HaveOccurred())
	c.expectDocumented(body)
}

// expectDocumented checks that docs describe each metric of the operator's own in a scrape.
func (c *cluster) expectDocumented(body string) {
	c.t.Helper()
	var docs strings.Builder
	pages, err := filepath.Glob(filepath.Join("..", "..", "docs", "*.md"))
	c.Expect(err).NotTo(HaveOccurred())
	for _, page := range pages {
		text, err := os.ReadFile(page)
		c.Expect(err).NotTo(HaveOccurred())
		docs.Write(text)
	}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (voiceai_\w+) `).FindAllStringSubmatch(body, -1) {
		c.Expect(docs.String()).To(ContainSubstring("| `" + m[1] + "` |"))
	}
}
