package controller_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
)

var _ = Describe("A rule", func() {
	var w *world
	ctx := context.Background()
	BeforeEach(func() { w = newWorld() })
	// observed waits until a rule's status speaks of its present spec.
	observed := func(r *v1alpha1.NotificationRule) v1alpha1.NotificationRuleStatus {
		GinkgoHelper()
		Eventually(func(g Gomega) {
			g.Expect(kube.Get(ctx, client.ObjectKeyFromObject(r), r)).To(Succeed())
			g.Expect(r.Status.ObservedGeneration).To(Equal(r.Generation))
		}).Should(Succeed())
		return r.Status
	}

	It("shows what its expression cannot be worked out for, until it is mended", func() {
		w.run(longAgo)
		w.furnish()
		r := ruleFor(v1alpha1.EventDefectCreated)
		r.Name, r.Spec.When = "typo", `event.data.colour == "red"`
		w.create(r)
		observed(r)
		w.create(defect(v1alpha1.SeverityLow), defect(v1alpha1.SeverityLow))
		Eventually(func() int64 { return observed(r).ErrorsTotal }).Should(Equal(int64(2)))
		Expect(r.Status.LastError.EventType).To(Equal(v1alpha1.EventDefectCreated))
		Expect(r.Status.LastError.Message).To(ContainSubstring("no such key: colour"))
		eventually(r, v1alpha1.ConditionAccepted, "True/Accepted", "but could not be evaluated for every event. Last error, for a DefectCreated")
		Expect(r.Status.MatchedTotal).To(BeZero())

		amend(r, func(r *v1alpha1.NotificationRule) {
			r.Spec.When = `has(event.data.colour) && event.data.colour == "red"`
		})
		eventually(r, v1alpha1.ConditionAccepted, "True/Accepted", "The rule is valid")
		Eventually(func() *v1alpha1.RuleError { return observed(r).LastError }).Should(BeNil())
		Expect(condition.Get(r, v1alpha1.ConditionAccepted).Message).To(Equal("The rule is valid"))
		Expect(r.Status.ErrorsTotal).To(Equal(int64(2)))
	})

	It("remembers what was called off", func() {
		w.run(longAgo)
		w.furnish()
		r := ruleFor(v1alpha1.EventTestRunCompleted)
		r.Name = "runs"
		w.create(r)
		finish(w, "run", `{"passed":1}`)
		list := &v1alpha1.NotificationList{}
		Eventually(func(g Gomega) {
			g.Expect(kube.List(ctx, list, client.InNamespace(w.namespace))).To(Succeed())
			g.Expect(list.Items).To(HaveLen(1))
		}).Should(Succeed())
		Expect(kube.Delete(ctx, &list.Items[0])).To(Succeed())
		Eventually(func() []v1alpha1.EventID { return observed(r).CalledOff }).Should(Equal([]v1alpha1.EventID{list.Items[0].Spec.Event.ID}))
	})

	It("says since when its spec is as it is, whoever was there to see it change", func() {
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
