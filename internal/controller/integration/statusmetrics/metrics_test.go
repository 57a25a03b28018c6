// SPDX-License-Identifier: Apache-2.0

package statusmetrics

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
)

// TestMetrics checks what a scrape shows of integrations that work, do not work, are new, and are suspended.
func TestMetrics(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	if err := corev1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	polled := &metav1.Time{Time: time.Unix(1000, 0)}
	works := &v1alpha1.SlackIntegration{
		ObjectMeta: metav1.ObjectMeta{Namespace: "qa", Name: "works"},
		Spec: v1alpha1.SlackIntegrationSpec{
			Bot: &v1alpha1.SlackBot{TokenSecretRef: v1alpha1.SecretKeyReference{Name: "slack", Key: "token"}},
		},
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Namespace: "qa", Name: "slack", Annotations: map[string]string{v1alpha1.ExpiresAnnotation: "1970-01-02"},
	}}
	condition.Ready(works, v1alpha1.ReasonReady, "")
	fails := &v1alpha1.JiraIntegration{
		ObjectMeta: metav1.ObjectMeta{Namespace: "qa", Name: "fails"},
		Spec:       v1alpha1.JiraIntegrationSpec{PollIntervalSeconds: 30},
		Status:     v1alpha1.JiraIntegrationStatus{LastPollTime: polled},
	}
	condition.NotReady(fails, condition.Stalled, v1alpha1.ReasonUnauthorized, "")
	suspended := &v1alpha1.JiraIntegration{
		ObjectMeta: metav1.ObjectMeta{Namespace: "qa", Name: "suspended"},
		Spec:       v1alpha1.JiraIntegrationSpec{Suspend: true},
		Status:     v1alpha1.JiraIntegrationStatus{LastPollTime: polled},
	}
	condition.Ready(suspended, v1alpha1.ReasonSuspended, "")
	added := &v1alpha1.JiraIntegration{ObjectMeta: metav1.ObjectMeta{Namespace: "qa", Name: "new"}}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(secret, works, fails, suspended, added).Build()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(New(c))
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, family := range families {
		if _, err := expfmt.MetricFamilyToText(&got, family); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{
		`voiceai_integration_ready{integration="fails",kind="JiraIntegration",namespace="qa"} 0`,
		`voiceai_integration_ready{integration="new",kind="JiraIntegration",namespace="qa"} 0`,
		`voiceai_integration_ready{integration="suspended",kind="JiraIntegration",namespace="qa"} 1`,
		`voiceai_integration_ready{integration="works",kind="SlackIntegration",namespace="qa"} 1`,
		`voiceai_credential_expiry_seconds{integration="works",kind="SlackIntegration",namespace="qa"} 86400`,
		`voiceai_jira_poll_due_seconds{integration="fails",namespace="qa"} 1030`,
	} {
		if !strings.Contains(got.String(), want+"\n") {
			t.Errorf("a scrape lacks %s:\n%s", want, got.String())
		}
	}
	if n := strings.Count(got.String(), "\nvoiceai_"); n != 6 {
		t.Errorf("a scrape has %d series:\n%s", n, got.String())
	}
}
