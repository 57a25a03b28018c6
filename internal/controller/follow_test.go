// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

var _ = Describe("A Defect with a ticket", func() {
	var w *world
	var d *v1alpha1.Defect
	status := func() v1alpha1.DefectStatus {
		GinkgoHelper()
		Expect(kube.Get(context.Background(), client.ObjectKeyFromObject(d), d)).To(Succeed())
		return d.Status
	}
	BeforeEach(func() {
		w = newWorld()
		w.run(longAgo)
		w.furnish()
		jira := jiraCloud()
		jira.Namespace = w.namespace
		amend(jira, func(i *v1alpha1.JiraIntegration) { i.Spec.PollIntervalSeconds = 10 })
		changes := ruleFor(v1alpha1.EventDefectStateChanged)
		changes.Name = "changes"
		d = defect(v1alpha1.SeverityCritical)
		w.create(changes, d)
		eventually(d, v1alpha1.ConditionReady, "True/Ready", "VOICE-1")
		eventually(d, v1alpha1.ConditionSynced, "True/InStep", "in sync")
	})

	It("has the ticket moved when spec.state changes, with a comment and a message", func() {
		amend(d, func(d *v1alpha1.Defect) {
			d.Spec.State = v1alpha1.StateResolved
			d.SetChangedBy("ann@example.com")
		})
		Eventually(func() string { return status().Jira.Status }).Should(Equal("Done"))
		eventually(d, v1alpha1.ConditionReady, "True/Ready", "VOICE-1")
		Expect(d.Status.State).To(Equal(v1alpha1.StateResolved))
		_, comments, links := w.jira.Issue("VOICE-1")
		Expect(comments).To(HaveLen(1))
		Expect(comments[0].Body).To(ContainSubstring("by ann@example.com"))
		Expect(links).To(HaveLen(1))
		Expect(links[0].URL).To(Equal("https://voice.example.com/defects/" + w.namespace + "/" + d.Name))
		Eventually(w.slack.Messages).Should(HaveLen(2))
		Expect(w.slack.Messages()[1].Text).To(HavePrefix("Defect resolved"))
	})

	It("follows what a poll finds", func() {
		w.jira.Edit("VOICE-1", "Done", "done", func(t *ticket.Ticket) { t.Resolution = "Fixed" })
		Eventually(func() string { return status().Jira.Resolution }).Should(Equal("Fixed"))
		Expect(d.Status.State).To(Equal(v1alpha1.StateResolved))
	})
})
