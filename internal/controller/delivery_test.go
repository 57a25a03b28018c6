package controller_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

var _ = Describe("Delivery", func() {
	var w *world
	ctx := context.Background()
	BeforeEach(func() { w = newWorld() })

	notifications := func() []v1alpha1.Notification {
		GinkgoHelper()
		list := &v1alpha1.NotificationList{}
		Expect(kube.List(ctx, list, client.InNamespace(w.namespace))).To(Succeed())
		return list.Items
	}
	// delivered waits until so many Notifications that are no digests are delivered, and counts them by reason.
	delivered := func(n int) map[string]int {
		GinkgoHelper()
		var reasons map[string]int
		Eventually(func(g Gomega) {
			reasons = map[string]int{}
			events := 0
			for _, n := range notifications() {
				c := condition.Get(&n, v1alpha1.ConditionDelivered)
				g.Expect(c).NotTo(BeNil(), n.Name)
				g.Expect(c.Status).To(Equal(metav1.ConditionTrue), "%s: %s", n.Name, c.Message)
				reasons[c.Reason]++
				if len(n.Spec.Members) == 0 {
					events++
				}
			}
			g.Expect(events).To(Equal(n))
		}).WithTimeout(time.Minute).Should(Succeed())
		return reasons
	}
	slackOnly := func(limit *v1alpha1.SlackRateLimit, rules ...*v1alpha1.NotificationRule) {
		GinkgoHelper()
		s := slackBot()
		s.Spec.RateLimit = limit
		w.create(w.secret("slack", map[string]string{"token": "xoxb-1"}), s)
		for _, r := range rules {
			w.create(r)
		}
	}
	fast := &v1alpha1.SlackRateLimit{ChannelMessagesPerMinute: 60000, WorkspaceMessagesPerMinute: 60000}

	It("tells what a channel does not take in time in digests, each event once", func() {
		w.run(longAgo)
		slackOnly(&v1alpha1.SlackRateLimit{ChannelMessagesPerMinute: 60, WorkspaceMessagesPerMinute: 600}, ruleFor(v1alpha1.EventDefectCreated))
		for range 40 {
			w.create(defect(v1alpha1.SeverityHigh))
		}
		reasons := delivered(40)
		Expect(reasons[v1alpha1.ReasonDigested]).To(BeNumerically(">", 10))
		told := map[string]int{}
		for _, n := range notifications() {
			switch {
			case len(n.Spec.Members) > 0:
				for _, m := range n.Spec.Members {
					told[string(m)]++
				}
			case n.Status.Digest == "":
				told[n.Name]++
			default:
				Expect(n.Status.Message).NotTo(BeNil())
			}
		}
		Expect(told).To(HaveLen(40))
		for name, times := range told {
			Expect(times).To(Equal(1), name)
		}
		Expect(w.slack.Messages()).To(HaveLen(len(notifications()) - reasons[v1alpha1.ReasonDigested]))
	})

	It("gathers what a rule groups", func() {
		w.run(longAgo)
		r := ruleFor(v1alpha1.EventDefectCreated)
		r.Spec.Grouping = &v1alpha1.Grouping{By: []v1alpha1.GroupKey{"severity"}, WindowSeconds: 3}
		slackOnly(fast, r)
		for range 3 {
			w.create(defect(v1alpha1.SeverityHigh))
		}
		w.create(defect(v1alpha1.SeverityLow))
		Expect(delivered(4)).To(Equal(map[string]int{v1alpha1.ReasonDigested: 3, v1alpha1.ReasonSent: 2}))
		Expect(w.slack.Messages()).To(HaveLen(2))
	})

	It("records as muted what a mute window holds back", func() {
		w.run(longAgo)
		r := ruleFor(v1alpha1.EventDefectCreated)
		r.Spec.MuteWindows = []v1alpha1.MuteWindow{{Start: "00:00", End: "24:00"}}
		slackOnly(fast, r)
		w.create(defect(v1alpha1.SeverityHigh))
		Expect(delivered(1)).To(Equal(map[string]int{v1alpha1.ReasonMuted: 1}))
		Expect(w.slack.Calls()).To(BeZero())
	})

	DescribeTable(
		"says that a message was sent, though its rule was muted and its integration removed before that was written down",
		func(by func(*v1alpha1.SlackIntegrationSpec)) {
			release := make(chan struct{})
			w.run(longAgo)
			i, r := slackBot(), ruleFor(v1alpha1.EventDefectCreated)
			by(&i.Spec)
			w.create(w.secret("slack", map[string]string{"token": "xoxb-1", "url": "https://hooks.slack.example.com/services/T0/B0/x"}), i, r)
			w.slack.OnPost(func(chat.Message) error { <-release; return nil })
			w.create(defect(v1alpha1.SeverityHigh))
			Eventually(w.slack.Calls).Should(Equal(1))
			amend(r, func(r *v1alpha1.NotificationRule) {
				r.Spec.MuteWindows = []v1alpha1.MuteWindow{{Start: "00:00", End: "24:00"}}
			})
			Expect(kube.Delete(ctx, i)).To(Succeed())
			close(release)
			Expect(delivered(1)).To(Equal(map[string]int{v1alpha1.ReasonSent: 1}))
		},
		Entry("by bot", func(*v1alpha1.SlackIntegrationSpec) {}),
		Entry("by incoming webhook", func(s *v1alpha1.SlackIntegrationSpec) {
			s.Bot, s.Webhook = nil, &v1alpha1.SlackWebhook{URLSecretRef: v1alpha1.SecretKeyReference{Name: "slack", Key: "url"}}
		}),
	)

	It("tells the story of a Defect in one message and its thread", func() {
		w.run(longAgo)
		w.furnish()
		r := ruleFor(v1alpha1.EventDefectCreated, v1alpha1.EventDefectTicketed, v1alpha1.EventDefectStateChanged)
		r.Name = "story"
		w.create(r)
		d := defect(v1alpha1.SeverityCritical)
		w.create(d)
		eventually(d, v1alpha1.ConditionReady, "True/Ready", "VOICE-1")
		w.jira.Edit("VOICE-1", "Done", "done", func(t *ticket.Ticket) { t.Resolution = "Fixed" })
		before := d.DeepCopy()
		metav1.SetMetaDataAnnotation(&d.ObjectMeta, v1alpha1.JiraChangedAtAnnotation, "now")
		Expect(kube.Patch(ctx, d, client.MergeFrom(before))).To(Succeed())
		delivered(4) // one by the other rule

		var head []chat.Message
		var replies []chat.Message
		for _, m := range w.slack.Messages() {
			if m.ThreadTS == "" {
				head = append(head, m)
			} else {
				replies = append(replies, m)
			}
		}
		Expect(head).To(HaveLen(2)) // one for each rule
		Expect(replies).To(HaveLen(2))
		Expect(replies[0].ThreadTS).To(Equal(replies[1].ThreadTS))
		updates := w.slack.Updates()
		Expect(updates).To(HaveLen(2))
		Expect(updates[1].At.TS).To(Equal(replies[0].ThreadTS))
		for _, u := range updates {
			Expect(fmt.Sprint(u.Message.Blocks)).To(ContainSubstring("VOICE-1"))
		}
		Expect(kube.Get(ctx, client.ObjectKeyFromObject(d), d)).To(Succeed())
		Expect(d.Status.Messages).To(HaveLen(2))
	})

	It("begins a Defect's story beside the digest that told of it", func() {
		w.run(longAgo)
		r := ruleFor(v1alpha1.EventDefectCreated, v1alpha1.EventDefectStateChanged)
		r.Spec.Grouping = &v1alpha1.Grouping{By: []v1alpha1.GroupKey{"type"}, WindowSeconds: 2}
		slackOnly(fast, r)
		var d *v1alpha1.Defect
		for range 3 {
			d = defect(v1alpha1.SeverityHigh)
			w.create(d)
		}
		delivered(3)
		eventually(d, v1alpha1.ConditionReady, "True/Ready", "")
		amend(d, func(d *v1alpha1.Defect) { d.Spec.State = v1alpha1.StateResolved })
		delivered(4)
		Expect(w.slack.Updates()).To(BeEmpty())
		Expect(w.slack.Messages()).To(HaveLen(2))
		Expect(w.slack.Messages()[1].ThreadTS).To(BeEmpty())
	})

	It("finds the thread again though the Defect's status does not say where it is", func() {
		w.run(longAgo)
		slackOnly(fast, ruleFor(v1alpha1.EventDefectCreated, v1alpha1.EventDefectStateChanged))
		d := defect(v1alpha1.SeverityHigh)
		w.create(d)
		eventually(d, v1alpha1.ConditionReady, "True/Ready", "")
		w.stop()
		before := d.DeepCopy()
		d.Status.Messages = nil
		Expect(kube.Status().Patch(ctx, d, client.MergeFrom(before))).To(Succeed())
		amend(d, func(d *v1alpha1.Defect) { d.Spec.State = v1alpha1.StateResolved })
		w.run(time.Now())
		delivered(2)
		Expect(w.slack.Messages()).To(HaveLen(2))
		Expect(w.slack.Messages()[1].ThreadTS).NotTo(BeEmpty())
	})

	DescribeTable("does not say exactly once of a channel that cannot be asked", func(broken int32) {
		w.slack.OnFind(func(string) error { return chat.ErrUnsupported })
		var calls atomic.Int32
		w.slack.OnPost(func(m chat.Message) error {
			if calls.Add(1) <= broken {
				w.slack.Keep(m)
				return fault.New(fault.Ambiguous, "the connection broke")
			}
			return nil
		})
		w.run(longAgo)
		slackOnly(fast, ruleFor(v1alpha1.EventDefectCreated))
		i := slackBot()
		i.Namespace = w.namespace
		eventually(i, v1alpha1.ConditionHealthy, "True/Healthy", "")
		Expect(i.Status.Delivery).To(Equal(v1alpha1.DeliveryExactlyOnce))
		w.create(defect(v1alpha1.SeverityHigh))
		delivered(1)
		eventually(i, v1alpha1.ConditionHealthy, "True/Degraded", "#alerts could not be read")
		Expect(i.Status.Delivery).To(Equal(v1alpha1.DeliveryAtLeastOnce))
	},
		Entry("from the first message on", int32(0)),
		Entry("when it would have to be", int32(1)),
	)

	It("asks a channel once whether it can be asked", func() {
		w.run(longAgo)
		slackOnly(fast, ruleFor(v1alpha1.EventDefectCreated))
		for n := range 3 {
			w.create(defect(v1alpha1.SeverityHigh))
			delivered(n + 1)
		}
		Eventually(w.slack.Finds).Should(Equal(1))
		Consistently(w.slack.Finds).WithTimeout(time.Second).Should(Equal(1))
	})

	It("waits for no answer to whether a channel can be asked", func() {
		release := make(chan struct{})
		w.slack.OnFind(func(string) error { <-release; return nil })
		w.run(longAgo)
		DeferCleanup(func() { close(release) }) // before the operator stops, which waits for calls under way
		slackOnly(fast, ruleFor(v1alpha1.EventDefectCreated))
		for n := range 2 {
			w.create(defect(v1alpha1.SeverityHigh))
			Expect(delivered(n + 1)).To(Equal(map[string]int{v1alpha1.ReasonSent: n + 1}))
		}
	})

	It("goes on with a story whose first message cannot be edited", func() {
		w.run(longAgo)
		slackOnly(fast, ruleFor(v1alpha1.EventDefectCreated, v1alpha1.EventDefectStateChanged))
		w.slack.OnUpdate(func(chat.Posted) error { return fault.New(fault.Unavailable, "Slack answered with status 502") })
		d := defect(v1alpha1.SeverityHigh)
		w.create(d)
		eventually(d, v1alpha1.ConditionReady, "True/Ready", "")
		amend(d, func(d *v1alpha1.Defect) { d.Spec.State = v1alpha1.StateResolved })
		delivered(2)
		Expect(w.slack.Messages()).To(HaveLen(2))
	})

	It("looks before it posts what may have been posted, once for all that wait", func() {
		slackOnly(fast, ruleFor(v1alpha1.EventDefectCreated))
		w.run(longAgo)
		// The first operator posts two and loses the answers; what a third waits for is not there.
		var calls atomic.Int32
		w.slack.OnPost(func(m chat.Message) error {
			if calls.Add(1) <= 2 {
				w.slack.Keep(m)
			}
			return fault.New(fault.Ambiguous, "the connection broke")
		})
		for range 3 {
			w.create(defect(v1alpha1.SeverityHigh))
		}
		Eventually(w.slack.Calls).Should(BeNumerically(">=", 3))
		w.stop()
		w.slack.OnPost(nil)
		w.run(time.Now())
		Expect(delivered(3)).To(Equal(map[string]int{v1alpha1.ReasonSent: 3}))
		once := map[string]int{}
		for _, m := range w.slack.Messages() {
			once[m.DeliveryID]++
		}
		Expect(once).To(HaveLen(3))
		Expect(w.slack.Messages()).To(HaveLen(3))
	})

	It("tells when a test run ends, and how the one before did", func() {
		w.run(longAgo)
		r := ruleFor(v1alpha1.EventTestRunCompleted)
		r.Spec.When = `event.data.result == "Failed" && event.data.previousResult == "Passed"`
		all := ruleFor(v1alpha1.EventTestRunCompleted)
		all.Name = "all"
		slackOnly(fast, r, all)
		run := func(name, results string) {
			GinkgoHelper()
			finish(w, name, results)
		}
		run("run-1", `{"passed":10,"failed":0,"total":10}`)
		delivered(1)
		run("run-2", `{"passed":9,"failed":1,"total":10}`)
		delivered(3) // by both rules
		run("run-3", `{"passed":"many"}`)
		delivered(4)
		Expect(w.slack.Messages()).To(HaveLen(4))
		Eventually(func(g Gomega) {
			g.Expect(kube.Get(ctx, client.ObjectKeyFromObject(all), all)).To(Succeed())
			g.Expect(all.Status.MatchedTotal).To(Equal(int64(3)))
			g.Expect(all.Status.SentTotal).To(Equal(int64(3)))
			g.Expect(all.Status.LastMatchTime).NotTo(BeNil())
		}).WithTimeout(20 * time.Second).Should(Succeed())
	})

	It("waits in a channel that is refused, and says why", func() {
		w.run(longAgo)
		slackOnly(fast, ruleFor(v1alpha1.EventDefectCreated))
		w.slack.OnPost(func(chat.Message) error {
			return &fault.Fault{Kind: fault.NotFound, Scope: fault.Endpoint, Message: "channel #alerts is archived"}
		})
		d := defect(v1alpha1.SeverityHigh)
		w.create(d)
		eventually(d, v1alpha1.ConditionNotified, "False/DeliveryFailed", "archived")
		n := notifications()[0]
		eventually(&n, v1alpha1.ConditionDelivered, "False/Rejected", "archived")
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
