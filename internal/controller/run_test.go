// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

var _ = Describe("A test run", func() {
	It("is announced when it ends, with the outcome of the one before", func() {
		ctx := context.Background()
		w := newWorld()
		w.run(longAgo)
		r := ruleFor(v1alpha1.EventTestRunCompleted)
		r.Spec.When = `event.data.result == "Failed" && event.data.previousResult == "Passed"`
		all := ruleFor(v1alpha1.EventTestRunCompleted)
		all.Name = "all"
		w.create(w.secret("slack", map[string]string{"token": "xoxb-1"}), slackBot(), r, all)
		for n, results := range []string{`{"passed":10,"failed":0,"total":10}`, `{"passed":9,"failed":1,"total":10}`, `{"passed":"many"}`} {
			finish(w, []string{"run-1", "run-2", "run-3"}[n], results)
			w.waitForDelivery([]int{1, 3, 4}[n]) // run-2 matches both rules
		}
		Expect(w.slack.Messages()).To(HaveLen(4))
		Eventually(func(g Gomega) {
			g.Expect(kube.Get(ctx, client.ObjectKeyFromObject(all), all)).To(Succeed())
			g.Expect(all.Status.MatchedTotal).To(Equal(int64(3)))
			g.Expect(all.Status.SentTotal).To(Equal(int64(3)))
			g.Expect(all.Status.LastMatchTime).NotTo(BeNil())
		}).Should(Succeed())
	})
})

// finish creates a run that has ended, with a result.
func finish(w *world, name, result string) {
	GinkgoHelper()
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{v1alpha1.SuiteLabel: "booking"},
		Annotations: map[string]string{v1alpha1.ResultsAnnotation: result}},
		Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{RestartPolicy: corev1.RestartPolicyNever,
			Containers: []corev1.Container{{Name: "c", Image: "i"}}}}}}
	w.create(job)
	at := metav1.Now()
	job.Status.StartTime = &at
	job.Status.CompletionTime = &at
	job.Status.Succeeded = 1
	job.Status.Conditions = []batchv1.JobCondition{
		{Type: batchv1.JobSuccessCriteriaMet, Status: corev1.ConditionTrue, LastTransitionTime: at},
		{Type: batchv1.JobComplete, Status: corev1.ConditionTrue, LastTransitionTime: at},
	}
	Expect(kube.Status().Update(context.Background(), job)).To(Succeed())
}
