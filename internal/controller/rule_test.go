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

var _ = Describe("A rule", func() {
	var w *world
	ctx := context.Background()
	BeforeEach(func() { w = newWorld() })
	// observed waits until a rule's status describes its present spec.
	observed := func(r *v1alpha1.NotificationRule) v1alpha1.NotificationRuleStatus {
		GinkgoHelper()
		Eventually(func(g Gomega) {
			g.Expect(kube.Get(ctx, client.ObjectKeyFromObject(r), r)).To(Succeed())
			g.Expect(r.Status.ObservedGeneration).To(Equal(r.Generation))
		}).Should(Succeed())
		return r.Status
	}

	It("reports expressions that fail, and Notifications that were deleted, until its spec changes", func() {
		w.run(longAgo)
		w.furnish()
		r := ruleFor(v1alpha1.EventDefectCreated, v1alpha1.EventTestRunCompleted)
		r.Name = "typo"
		r.Spec.When = `event.type == "TestRunCompleted" || event.data.colour == "red"`
		w.create(r)
		observed(r)
		w.create(defect(v1alpha1.SeverityLow), defect(v1alpha1.SeverityLow))
		Eventually(func() int64 { return observed(r).ErrorsTotal }).Should(Equal(int64(2)))
		Expect(r.Status.LastError.Message).To(ContainSubstring("no such key: colour"))
		eventually(r, v1alpha1.ConditionAccepted, "True/Accepted", "but could not be evaluated for every event. Last error, for a DefectCreated")

		finish(w, "run", `{"passed":1}`)
		var deleted *v1alpha1.Notification
		Eventually(func(g Gomega) {
			list := &v1alpha1.NotificationList{}
			g.Expect(kube.List(ctx, list, client.InNamespace(w.namespace))).To(Succeed())
			deleted = nil
			for i := range list.Items {
				if list.Items[i].Spec.Rule.Name == r.Name {
					deleted = &list.Items[i]
				}
			}
			g.Expect(deleted).NotTo(BeNil())
		}).Should(Succeed())
		Expect(kube.Delete(ctx, deleted)).To(Succeed())
		Eventually(func() []v1alpha1.EventID { return observed(r).CalledOff }).Should(Equal([]v1alpha1.EventID{deleted.Spec.Event.ID}))

		amend(r, func(r *v1alpha1.NotificationRule) { r.Spec.When = "" })
		eventually(r, v1alpha1.ConditionAccepted, "True/Accepted", "The rule is valid")
		Eventually(func() *v1alpha1.RuleError { return observed(r).LastError }).Should(BeNil())
	})

	It("shows when its spec changed, although no operator ran then", func() {
		w.furnish()
		r := ruleFor(v1alpha1.EventTestRunCompleted)
		r.Name = "runs"
		w.create(r)
		w.run(longAgo)
		Expect(observed(r).Since).To(BeNil())
		w.stop()

		begin := time.Now().Truncate(time.Second)
		amend(r, func(r *v1alpha1.NotificationRule) { r.Spec.Suspend = true })
		end := time.Now()
		Eventually(time.Now).Should(BeTemporally(">", begin.Add(2*time.Second))) // the API server gives whole seconds
		w.run(longAgo)
		since := observed(r).Since
		Expect(since).NotTo(BeNil())
		Expect(since.Time).To(BeTemporally(">=", begin))
		Expect(since.Time).To(BeTemporally("<=", end))

		amend(r, func(r *v1alpha1.NotificationRule) { r.Labels = map[string]string{"team": "voice"} })
		amend(r, func(r *v1alpha1.NotificationRule) { r.Spec.Suspend = false })
		Expect(observed(r).Since.Time).To(BeTemporally(">", since.Time))
	})
})
