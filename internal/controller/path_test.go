// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// longAgo is when most operators of these tests became the leader: no former one can have filed a ticket.
var longAgo = time.Unix(0, 0)

// conditionOf returns a function that reads a condition of an object as status/reason, and its message.
func conditionOf(o interface {
	client.Object
	condition.Object
}, conditionType string) func() (string, string) {
	return func() (string, string) {
		if err := kube.Get(context.Background(), client.ObjectKeyFromObject(o), o); err != nil {
			return err.Error(), ""
		}
		c := condition.Get(o, conditionType)
		if c == nil {
			return "none", ""
		}
		return string(c.Status) + "/" + c.Reason, c.Message
	}
}

// eventually waits until a condition has a status and reason, and its message contains a text.
func eventually(o interface {
	client.Object
	condition.Object
}, conditionType, want, message string) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		got, text := conditionOf(o, conditionType)()
		g.Expect(got).To(Equal(want), text)
		g.Expect(text).To(ContainSubstring(message))
	}).Should(Succeed())
}

var _ = Describe("From a Defect to a ticket and a message", func() {
	var w *world
	ctx := context.Background()
	BeforeEach(func() { w = newWorld() })

	It("files one ticket and sends one message", func() {
		w.run(longAgo)
		w.furnish()
		d := defect(v1alpha1.SeverityCritical)
		w.create(d)
		eventually(d, v1alpha1.ConditionReady, "True/Ready", "VOICE-1")

		Expect(d.Status.ObservedGeneration).To(Equal(d.Generation))
		Expect(d.Status.Jira.Key).To(Equal("VOICE-1"))
		Expect(d.Status.Jira.URL).To(Equal("https://jira.example.com/browse/VOICE-1"))
		Expect(d.Status.State).To(Equal(v1alpha1.StateOpen))
		Expect(d.Status.Messages).To(HaveLen(1))
		Expect(condition.Get(d, v1alpha1.ConditionReconciling)).To(BeNil())
		Expect(condition.Get(d, v1alpha1.ConditionStalled)).To(BeNil())

		drafts := w.jira.Drafts()
		Expect(drafts).To(HaveLen(1))
		Expect(drafts[0].Marker).To(Equal("defect-" + string(d.UID)))
		Expect(drafts[0].Priority).To(Equal("Highest"))
		Expect(drafts[0].Labels).To(ContainElements("voice-ai-testing", "auto-created", "defect-"+string(d.UID)))
		Expect(w.jira.Finds()).To(BeZero())
		Expect(w.slack.Messages()).To(HaveLen(1))
		Expect(w.slack.Messages()[0].Channel).To(Equal("#alerts"))
	})

	It("adopts a ticket that the former leader filed", func() {
		w.furnish()
		d := defect(v1alpha1.SeverityCritical)
		w.create(d)
		w.jira.Keep(ticket.Draft{Marker: d.Marker()})
		w.run(time.Now())
		eventually(d, v1alpha1.ConditionTicketed, "True/Filed", "VOICE-1")
		Expect(w.jira.Creates()).To(BeZero())
	})

	It("files the ticket as soon as the Secret of the integration is complete", func() {
		w.run(longAgo)
		i := jiraCloud()
		w.create(i)
		eventually(i, v1alpha1.ConditionReady, "False/SecretNotFound", `Secret "jira" does not exist`)
		Expect(condition.Get(i, v1alpha1.ConditionReconciling)).NotTo(BeNil())
		d := defect(v1alpha1.SeverityCritical)
		w.create(d)
		eventually(d, v1alpha1.ConditionTicketed, "False/IntegrationPaused", `Secret "jira" does not exist`)

		secret := w.secret("jira", map[string]string{"other": "x"})
		w.create(secret)
		eventually(i, v1alpha1.ConditionAuthenticated, "False/SecretKeyNotFound", `no value for key "token"`)
		secret.StringData = map[string]string{"token": "t-1"}
		Expect(kube.Update(ctx, secret)).To(Succeed())
		eventually(i, v1alpha1.ConditionReady, "True/Ready", "")
		eventually(d, v1alpha1.ConditionTicketed, "True/Filed", "VOICE-1")
		Expect(w.jira.Creates()).To(Equal(1))
	})
})
