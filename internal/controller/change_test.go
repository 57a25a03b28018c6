// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// These specs change what is configured while calls are in flight.
var _ = Describe("While what is configured changes, the operator", func() {
	ctx := context.Background()
	var w *world
	BeforeEach(func() {
		w = newWorld()
		w.run(longAgo)
		w.furnish()
	})
	get := func(o client.Object) {
		GinkgoHelper()
		o.SetNamespace(w.namespace)
		Expect(kube.Get(ctx, client.ObjectKeyFromObject(o), o)).To(Succeed())
	}
	recreate := func(old, again client.Object) {
		GinkgoHelper()
		old.SetNamespace(w.namespace)
		Expect(kube.Delete(ctx, old)).To(Succeed())
		w.create(again)
	}

	It("files one ticket when the integration is created again during the call", func() {
		release := make(chan struct{})
		var n atomic.Int32
		w.jira.OnCreate(func(ticket.Draft) error {
			if n.Add(1) == 1 {
				<-release
			}
			return nil
		})
		d := defect(v1alpha1.SeverityCritical)
		w.create(d)
		Eventually(w.jira.Creates).Should(Equal(1))
		again := jiraCloud()
		recreate(jiraCloud(), again)
		eventually(again, v1alpha1.ConditionReady, "True/Ready", "")
		close(release)
		eventually(d, v1alpha1.ConditionTicketed, "True/Filed", "VOICE-1")
		Expect(w.jira.Creates()).To(Equal(1))
	})

	It("files one ticket when another integration becomes the default during the call", func() {
		release := make(chan struct{})
		var n atomic.Int32
		w.jira.OnCreate(func(ticket.Draft) error {
			if n.Add(1) == 1 {
				<-release
			}
			return nil
		})
		d := defect(v1alpha1.SeverityCritical)
		w.create(d)
		Eventually(w.jira.Creates).Should(Equal(1))
		first, other := jiraCloud(), jiraCloud()
		get(first)
		amend(first, func(i *v1alpha1.JiraIntegration) { i.Spec.Default = false })
		other.Name = "other"
		w.create(other)
		eventually(other, v1alpha1.ConditionReady, "True/Ready", "")
		close(release)
		eventually(d, v1alpha1.ConditionTicketed, "True/Filed", "VOICE-1")
		Expect(w.jira.Creates()).To(Equal(1))
		Expect(d.Status.Jira.Integration).To(Equal(w.namespace + "/jira"))
	})

	It("sends one message when the integration is created again during the call", func() {
		release := make(chan struct{})
		var n atomic.Int32
		w.slack.OnPost(func(chat.Message) error {
			if n.Add(1) == 1 {
				<-release
			}
			return nil
		})
		d := defect(v1alpha1.SeverityLow)
		w.create(d)
		Eventually(w.slack.Calls).Should(Equal(1))
		again := slackBot()
		recreate(slackBot(), again)
		eventually(again, v1alpha1.ConditionReady, "True/Ready", "")
		close(release)
		eventually(d, v1alpha1.ConditionNotified, "True/Notified", "")
		Expect(w.slack.Calls()).To(Equal(1))
	})

	It("retries a move that was refused when the integration's transitions change", func() {
		d := defect(v1alpha1.SeverityCritical)
		w.create(d)
		eventually(d, v1alpha1.ConditionReady, "True/Ready", "VOICE-1")
		w.jira.OnWrite(func(string) error { return fault.New(fault.Invalid, "no transition: fix spec.transitions") })
		amend(d, func(d *v1alpha1.Defect) { d.Spec.State = v1alpha1.StateClosed })
		eventually(d, v1alpha1.ConditionSynced, "False/Invalid", "no transition")
		w.jira.OnWrite(nil)
		j := jiraCloud()
		get(j)
		amend(j, func(i *v1alpha1.JiraIntegration) {
			i.Spec.Transitions = []v1alpha1.JiraTransitionMapping{{State: v1alpha1.StateClosed, Status: "Done"}}
		})
		eventually(d, v1alpha1.ConditionSynced, "True/InStep", "")
	})

	It("does not send a deleted Notification again", func() {
		d := defect(v1alpha1.SeverityLow)
		w.create(d)
		eventually(d, v1alpha1.ConditionNotified, "True/Notified", "")
		Expect(kube.DeleteAllOf(ctx, &v1alpha1.Notification{}, client.InNamespace(w.namespace))).To(Succeed())
		// The message about a later Defect is sent after the cache showed the deletion.
		later := defect(v1alpha1.SeverityLow)
		w.create(later)
		eventually(later, v1alpha1.ConditionNotified, "True/Notified", "")
		Expect(w.slack.Calls()).To(Equal(2))
	})
})
