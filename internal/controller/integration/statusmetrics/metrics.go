// SPDX-License-Identifier: Apache-2.0

// Package statusmetrics exports what the statuses of integrations show.
package statusmetrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
)

// scrapeTimeout bounds how long a scrape waits for the cache.
const scrapeTimeout = 5 * time.Second

var (
	readyDesc = prometheus.NewDesc("voiceai_integration_ready",
		"Whether the condition Ready of an integration is True: 1 or 0.", []string{"kind", "namespace", "integration"}, nil)
	pollDesc = prometheus.NewDesc("voiceai_jira_poll_due_seconds",
		"When the poll of a JiraIntegration that is not suspended is due: the time of the last one and its interval, in Unix time.",
		[]string{"namespace", "integration"}, nil)
	expiryDesc = prometheus.NewDesc("voiceai_credential_expiry_seconds",
		"When the credential of an integration expires, as the annotation "+v1alpha1.ExpiresAnnotation+" of its Secret says, in Unix time.",
		[]string{"kind", "namespace", "integration"}, nil)
)

// New returns a collector of what the statuses of integrations in a cache show.
func New(cached client.Reader) prometheus.Collector { return statusCollector{cached} }

type statusCollector struct{ cached client.Reader }

// Describe implements prometheus.Collector.
func (statusCollector) Describe(out chan<- *prometheus.Desc) {
	out <- readyDesc
	out <- pollDesc
	out <- expiryDesc
}

// Collect implements prometheus.Collector. It sends nothing while the cache is not filled.
func (c statusCollector) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	var slacks v1alpha1.SlackIntegrationList
	if err := c.cached.List(ctx, &slacks); err == nil {
		for i := range slacks.Items {
			out <- ready(v1alpha1.KindSlackIntegration, &slacks.Items[i])
			c.collectExpiry(ctx, out, v1alpha1.KindSlackIntegration, &slacks.Items[i], slacks.Items[i].CredentialRef)
		}
	}
	var jiras v1alpha1.JiraIntegrationList
	if err := c.cached.List(ctx, &jiras); err == nil {
		for i := range jiras.Items {
			jira := &jiras.Items[i]
			out <- ready(v1alpha1.KindJiraIntegration, jira)
			c.collectExpiry(ctx, out, v1alpha1.KindJiraIntegration, jira, jira.CredentialRef)
			if last := jira.Status.LastPollTime; last != nil && !jira.Spec.Suspend {
				due := last.Add(jira.PollInterval())
				out <- prometheus.MustNewConstMetric(pollDesc, prometheus.GaugeValue, float64(due.Unix()), jira.Namespace, jira.Name)
			}
		}
	}
}

// ready returns the metric of an integration's condition Ready.
func ready(kind string, o condition.Object) prometheus.Metric {
	value := 0.0
	if c := condition.Get(o, v1alpha1.ConditionReady); c != nil && c.Status == metav1.ConditionTrue {
		value = 1
	}
	return prometheus.MustNewConstMetric(readyDesc, prometheus.GaugeValue, value, kind, o.GetNamespace(), o.GetName())
}

// collectExpiry sends when the credential of an integration expires, if its Secret says so.
func (c statusCollector) collectExpiry(
	ctx context.Context, out chan<- prometheus.Metric, kind string, o client.Object,
	credential func() (v1alpha1.SecretKeyReference, string),
) {
	ref, _ := credential()
	s := &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}}
	if err := c.cached.Get(ctx, client.ObjectKey{Namespace: o.GetNamespace(), Name: ref.Name}, s); err != nil {
		return // the condition Ready shows what is wrong
	}
	if at, ok := v1alpha1.ExpiryOf(s); ok {
		out <- prometheus.MustNewConstMetric(
			expiryDesc, prometheus.GaugeValue, float64(at.Unix()), kind, o.GetNamespace(), o.GetName())
	}
}
