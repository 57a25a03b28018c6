// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

var _ = Describe("An integration", func() {
	It("is tested when a client requests it", func() {
		ctx := context.Background()
		w := newWorld()
		w.run(longAgo)
		w.furnish()
		request := func(o client.Object) {
			GinkgoHelper()
			amend(o, func(o client.Object) {
				o.SetAnnotations(map[string]string{v1alpha1.TestRequestedAtAnnotation: time.Now().Format(time.RFC3339Nano)})
			})
		}
		slack := slackBot()
		slack.Namespace = w.namespace
		eventually(slack, v1alpha1.ConditionReady, "True/Ready", "")
		request(slack)
		Eventually(func() *v1alpha1.IntegrationTest {
			Expect(kube.Get(ctx, client.ObjectKeyFromObject(slack), slack)).To(Succeed())
			return slack.Status.LastTest
		}).Should(HaveField("Outcome", v1alpha1.OutcomeSucceeded))
		Expect(w.slack.Messages()).To(HaveLen(1))
		Expect(w.slack.Messages()[0].Channel).To(Equal("#alerts"))

		jira := jiraCloud()
		jira.Namespace = w.namespace
		eventually(jira, v1alpha1.ConditionReady, "True/Ready", "")
		request(jira)
		Eventually(func() *v1alpha1.IntegrationTest {
			Expect(kube.Get(ctx, client.ObjectKeyFromObject(jira), jira)).To(Succeed())
			return jira.Status.LastTest
		}).Should(HaveField("Outcome", v1alpha1.OutcomeSucceeded))
		Expect(jira.Status.LastTest.Checks).To(HaveLen(5))
	})
})
