package controller_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

var _ = Describe("A test that somebody asks for", func() {
	var w *world
	ctx := context.Background()
	BeforeEach(func() {
		w = newWorld()
		w.run(longAgo)
		w.furnish()
	})
	ask := func(o client.Object, at time.Time) {
		GinkgoHelper()
		Expect(kube.Get(ctx, client.ObjectKeyFromObject(o), o)).To(Succeed())
		before := o.DeepCopyObject().(client.Object)
		o.SetAnnotations(map[string]string{v1alpha1.TestRequestedAtAnnotation: at.Format(time.RFC3339Nano)})
		Expect(kube.Patch(ctx, o, client.MergeFrom(before))).To(Succeed())
	}

	It("posts to Slack and says what happened", func() {
		i := slackBot()
		i.Namespace = w.namespace
		eventually(i, v1alpha1.ConditionReady, "True/Ready", "")
		outcome := func() *v1alpha1.IntegrationTest {
			Expect(kube.Get(ctx, client.ObjectKeyFromObject(i), i)).To(Succeed())
			return i.Status.LastTest
		}
		ask(i, time.Now().Add(-time.Hour)) // nobody waits for it any more
		first := time.Now()
		ask(i, first)
		Eventually(outcome).Should(HaveField("Outcome", v1alpha1.OutcomeSucceeded))
		Expect(i.Status.LastTest.RequestedAt).To(Equal(first.Format(time.RFC3339Nano)))
		Expect(w.slack.Messages()).To(HaveLen(1))
		Expect(w.slack.Messages()[0].Channel).To(Equal("#alerts"))

		w.slack.OnPost(func(chat.Message) error { return fault.New(fault.NotFound, "channel #alerts is archived") })
		ask(i, time.Now())
		Eventually(outcome).Should(And(HaveField("Outcome", v1alpha1.OutcomeFailed), HaveField("Message", ContainSubstring("archived"))))
	})

	It("checks Jira part by part", func() {
		i := jiraCloud()
		i.Namespace = w.namespace
		eventually(i, v1alpha1.ConditionReady, "True/Ready", "")
		checks := func() map[string]v1alpha1.Outcome {
			Expect(kube.Get(ctx, client.ObjectKeyFromObject(i), i)).To(Succeed())
			out := map[string]v1alpha1.Outcome{}
			if i.Status.LastTest != nil {
				for _, c := range i.Status.LastTest.Checks {
					out[c.Name] = c.Outcome
				}
			}
			return out
		}
		good, bad := v1alpha1.OutcomeSucceeded, v1alpha1.OutcomeFailed
		ask(i, time.Now())
		Eventually(
			checks,
		).Should(Equal(map[string]v1alpha1.Outcome{"Credentials": good, "Project": good, "IssueType": good, "Priorities": good, "Fields": good}))
		Expect(i.Status.LastTest.Outcome).To(Equal(good))
		w.jira.OnProbe(func(ticket.Config) (ticket.Project, error) {
			return ticket.Project{}, &fault.Fault{
				Kind:    fault.NotFound,
				Scope:   fault.Connection,
				Field:   "Project",
				Message: "project VOICE does not exist",
			}
		})
		ask(i, time.Now())
		Eventually(checks).Should(Equal(map[string]v1alpha1.Outcome{"Credentials": good, "Project": bad}))
		Expect(i.Status.LastTest.Message).To(ContainSubstring("VOICE does not exist"))
		Expect(metav1.Now().After(i.Status.LastTest.Time.Time)).To(BeTrue())
	})
})
