// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// waitForDelivery waits until so many Notifications that are no digests are delivered, and counts all by reason.
func (w *world) waitForDelivery(n int) map[string]int {
	GinkgoHelper()
	var reasons map[string]int
	Eventually(func(g Gomega) {
		list := &v1alpha1.NotificationList{}
		g.Expect(kube.List(context.Background(), list, client.InNamespace(w.namespace))).To(Succeed())
		reasons = map[string]int{}
		single := 0
		for i := range list.Items {
			o := &list.Items[i]
			c := condition.Get(o, v1alpha1.ConditionDelivered)
			g.Expect(c).NotTo(BeNil(), o.Name)
			g.Expect(c.Status).To(Equal(metav1.ConditionTrue), "%s: %s", o.Name, c.Message)
			reasons[c.Reason]++
			if len(o.Spec.Members) == 0 {
				single++
			}
		}
		g.Expect(single).To(Equal(n))
	}).Should(Succeed())
	return reasons
}

var _ = Describe("A Notification", func() {
	It("is sent in a Defect's thread, or in the digest of its group", func() {
		ctx := context.Background()
		w := newWorld()
		w.run(longAgo)
		w.furnish()
		thread := ruleFor(v1alpha1.EventDefectCreated, v1alpha1.EventDefectTicketed, v1alpha1.EventDefectStateChanged)
		thread.Name = "thread"
		grouped := ruleFor(v1alpha1.EventDefectTicketed)
		grouped.Name = "grouped"
		grouped.Spec.Grouping = &v1alpha1.Grouping{WindowSeconds: 20} // in which both tickets are filed, however slow the machine is
		w.create(thread, grouped)
		d := defect(v1alpha1.SeverityCritical)
		second := defect(v1alpha1.SeverityCritical)
		w.create(d, second)
		eventually(d, v1alpha1.ConditionReady, "True/Ready", "VOICE-")
		eventually(second, v1alpha1.ConditionReady, "True/Ready", "VOICE-")
		w.jira.Edit(d.Status.Jira.Key, "Done", "done", func(t *ticket.Ticket) { t.Resolution = "Fixed" })
		before := d.DeepCopy()
		metav1.SetMetaDataAnnotation(&d.ObjectMeta, v1alpha1.JiraChangedAtAnnotation, "now")
		Expect(kube.Patch(ctx, d, client.MergeFrom(before))).To(Succeed())
		// For each Defect its creation by two rules and its ticket by two, of which one groups, and the change of one.
		Expect(w.waitForDelivery(9)).To(Equal(map[string]int{v1alpha1.ReasonSent: 8, v1alpha1.ReasonDigested: 2}))

		var replies []chat.Message
		for _, m := range w.slack.Messages() {
			if m.ThreadTS != "" {
				replies = append(replies, m)
			}
		}
		Expect(w.slack.Messages()).To(HaveLen(8))
		Expect(replies).To(HaveLen(3))
		Eventually(w.slack.Updates).Should(HaveLen(3))
		for _, u := range w.slack.Updates() {
			Expect(fmt.Sprint(u.Message.Blocks)).To(ContainSubstring("VOICE-"))
		}
		Expect(kube.Get(ctx, client.ObjectKeyFromObject(d), d)).To(Succeed())
		Expect(d.Status.Messages).To(HaveLen(2)) // one of each rule that posts in the channel
	})
})
