package controller_test

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// What is configured changes while calls are under way.
var _ = Describe("In an upheaval", func() {
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

	It("makes no second ticket when the integration is recreated in the middle of a create", func() {
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

	It("makes no second ticket when another integration becomes the default in the middle of a create", func() {
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

	It("sends no second message when the integration is recreated in the middle of a post", func() {
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

	It("tries a move again when the integration's transitions are mended", func() {
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

	It("does not send again what somebody deleted", func() {
		d := defect(v1alpha1.SeverityLow)
		w.create(d)
		eventually(d, v1alpha1.ConditionNotified, "True/Notified", "")
		Expect(kube.DeleteAllOf(ctx, &v1alpha1.Notification{}, client.InNamespace(w.namespace))).To(Succeed())
		// What is told of a later Defect is told after the deletion was seen.
		later := defect(v1alpha1.SeverityLow)
		w.create(later)
		eventually(later, v1alpha1.ConditionNotified, "True/Notified", "")
		Expect(w.slack.Calls()).To(Equal(2))
	})

	It("goes on counting after an occurrence with a wrong clock", func() {
		d := defect(v1alpha1.SeverityLow)
		d.Spec.Occurrence = &v1alpha1.Occurrence{Time: metav1.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)}
		w.create(d)
		eventually(d, v1alpha1.ConditionReady, "True/Ready", "")
		amend(d, func(d *v1alpha1.Defect) {
			d.Spec.Occurrence = &v1alpha1.Occurrence{Time: metav1.NewTime(time.Now().Add(time.Minute))}
		})
		Eventually(func() int64 { get(d); return d.Status.Occurrences }).Should(Equal(int64(2)))
	})

	It("pings whom each rule of a digest mentions, and counts each event once", func() {
		s := slackBot()
		get(s)
		amend(s, func(i *v1alpha1.SlackIntegration) {
			i.Spec.RateLimit = &v1alpha1.SlackRateLimit{ChannelMessagesPerMinute: 30, WorkspaceMessagesPerMinute: 600}
		})
		oncall := ruleFor(v1alpha1.EventDefectCreated)
		oncall.Name, oncall.Spec.MinSeverity, oncall.Spec.Mentions = "oncall", v1alpha1.SeverityCritical, []v1alpha1.Mention{"channel"}
		w.create(oncall)
		eventually(oncall, v1alpha1.ConditionReady, "True/Ready", "")
		for i := range 20 {
			d := defect(v1alpha1.SeverityLow)
			d.Spec.Jira = &v1alpha1.DefectJira{Create: v1alpha1.TicketNever}
			if i == 14 {
				d.Spec.Severity = v1alpha1.SeverityCritical
			}
			w.create(d)
		}
		Eventually(func(g Gomega) {
			list := &v1alpha1.NotificationList{}
			g.Expect(kube.List(ctx, list, client.InNamespace(w.namespace))).To(Succeed())
			told := 0
			for i := range list.Items {
				g.Expect(condition.Is(&list.Items[i], v1alpha1.ConditionDelivered, metav1.ConditionTrue, "")).To(BeTrue())
				if len(list.Items[i].Spec.Members) == 0 {
					told++
				}
			}
			g.Expect(told).To(Equal(21))
		}).WithTimeout(time.Minute).Should(Succeed())
		pings := 0
		for _, m := range w.slack.Messages() {
			for _, b := range m.Blocks {
				pings += strings.Count(b.Section, "<!channel>")
			}
			Expect(m.Text).NotTo(ContainSubstring("2 Critical"))
		}
		Expect(pings).To(Equal(1))
	})
})
