// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/http/httptest"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/catalog"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/issue"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/webhook"
)

// Jira sends signed webhooks. The poll interval is so long that the operator does not poll.
var _ = DescribeTableSubtree("Synchronization with Jira", func(mode jira.Mode) {
	var (
		site        *jira.Site
		integration *v1alpha1.JiraIntegration
		defect      *v1alpha1.Defect
	)
	status := func() v1alpha1.DefectStatus {
		GinkgoHelper()
		Expect(kube.Get(ctx, client.ObjectKeyFromObject(defect), defect)).To(Succeed())
		return defect.Status
	}
	edit := func(change func()) {
		GinkgoHelper()
		Expect(kube.Get(ctx, client.ObjectKeyFromObject(defect), defect)).To(Succeed())
		before := defect.DeepCopy()
		change()
		Expect(kube.Patch(ctx, defect, client.MergeFrom(before))).To(Succeed())
	}
	ticket := func() *issue.Issue {
		GinkgoHelper()
		i, ok := site.Issue(defect.Status.Jira.ID)
		Expect(ok).To(BeTrue())
		return i
	}

	BeforeEach(func() {
		box := sandbox.New(sandbox.Options{JiraMode: mode})
		site = box.Jira()
		server := httptest.NewServer(box)
		DeferCleanup(server.Close)
		namespaces++
		namespace := fmt.Sprintf("sync-%d", namespaces)
		Expect(kube.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})).To(Succeed())
		integration = &v1alpha1.JiraIntegration{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "jira"},
			Spec: v1alpha1.JiraIntegrationSpec{
				Default:             true,
				APIURL:              v1alpha1.HTTPURL(server.URL + "/jira"),
				ProjectKey:          "VOICE",
				SettleSeconds:       1,
				PollIntervalSeconds: 86400,
				WebhookSecretRef:    &v1alpha1.SecretKeyReference{Name: "s", Key: "webhook"},
				Bearer:              &v1alpha1.JiraBearerAuth{TokenSecretRef: v1alpha1.SecretKeyReference{Name: "s", Key: "jira"}},
				AutoCreate:          &v1alpha1.JiraAutoCreate{Enabled: true},
			},
		}
		defect = &v1alpha1.Defect{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "defect"},
			Spec:       v1alpha1.DefectSpec{Title: "It is broken", Severity: v1alpha1.SeverityHigh},
		}
		Expect(kube.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "s"},
			StringData: map[string]string{"jira": jira.BearerToken, "webhook": "a-good-secret"},
		})).To(Succeed())
		Expect(kube.Create(ctx, integration)).To(Succeed())
		Expect(site.SetWebhook(webhook.Settings{
			URL:     edgeURL + "/api/v1/webhooks/jira/" + namespace + "/jira",
			Secret:  "a-good-secret",
			RetryMS: 50,
		})).To(Succeed())
		expectCondition(integration, v1alpha1.ConditionReady, "True/Ready", "")
		Expect(kube.Create(ctx, defect)).To(Succeed())
		expectCondition(defect, v1alpha1.ConditionReady, "True/Ready", "VOICE-1")
	})

	It("follows changes in Jira, and does not overwrite edits", func() {
		Expect(site.Edit("VOICE-1", catalog.Tester, func(i *issue.Issue) {
			i.Summary = "A better summary"
			i.Priority = "Low"
			i.Labels = append(i.Labels, "by-hand")
		})).To(Succeed())
		Expect(site.Transition("VOICE-1", "In Progress", catalog.Tester)).To(Succeed())
		Eventually(func() v1alpha1.State { return status().State }).Should(Equal(v1alpha1.StateInProgress))
		Expect(defect.Status.Jira.Status).To(Equal("In Progress"))

		By("moving the ticket through spec.state")
		edit(func() { defect.Spec.State = v1alpha1.StateResolved })
		Eventually(func() string { return status().Jira.StatusCategory }).Should(Equal("done"))
		expectCondition(defect, v1alpha1.ConditionSynced, "True/InStep", "")
		Expect(ticket().Summary).To(Equal("A better summary"))
		Expect(ticket().Priority).To(Equal("Low"))
		Expect(ticket().Labels).To(ContainElement("by-hand"))
		Expect(ticket().Comments).To(HaveLen(1))

		By("ignoring the webhook about its own change")
		before := site.Counts()
		Expect(site.WaitForDeliveries(ctx)).To(Succeed())
		edit(func() { metav1.SetMetaDataLabel(&defect.ObjectMeta, "touched", "true") })
		expectCondition(defect, v1alpha1.ConditionSynced, "True/InStep", "")
		Expect(site.Counts()).To(Equal(before))
		Expect(status().StateChange.Number).To(Equal(int64(2)))
	})

	It("detects that the ticket was moved or deleted", func() {
		key, err := site.MoveToProject("VOICE-1", "OPS", catalog.Tester)
		Expect(err).NotTo(HaveOccurred())
		Eventually(func() string { return status().Jira.Key }).Should(Equal(key))
		Expect(site.Delete(key)).To(BeTrue())
		expectCondition(defect, v1alpha1.ConditionSynced, "False/TicketMissing", key)
	})

	It("reports the field that a transition requires, and moves the ticket once it is filled in", func() {
		Expect(site.SetWorkflow("VOICE", jira.Strict)).To(Succeed())
		edit(func() { defect.Spec.State = v1alpha1.StateResolved })
		expectCondition(defect, v1alpha1.ConditionSynced, "False/Invalid", "Resolution")
		Expect(site.SetWorkflow("VOICE", jira.Simple)).To(Succeed())
		Expect(site.Edit("VOICE-1", catalog.Tester, func(i *issue.Issue) { i.Assignee = catalog.OnCall })).To(Succeed())
		Eventually(func() string { return status().Jira.StatusCategory }).Should(Equal("done"))
	})
}, Entry("Cloud", jira.Cloud), Entry("Data Center", jira.DataCenter))
