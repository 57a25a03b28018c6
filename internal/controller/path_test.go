package controller_test

import (
	"context"
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

// longAgo is a take-over before everything: what the test makes is surely this operator's.
var longAgo = time.Unix(0, 0)

// conditionOf is a condition of an object as the API server has it, as status/reason, and its message.
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

// eventually waits for a condition and for its message to hold a text.
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

	It("makes no ticket that nobody wants", func() {
		w.run(longAgo)
		w.furnish()
		low, never := defect(v1alpha1.SeverityLow), defect(v1alpha1.SeverityCritical)
		never.Spec.Jira = &v1alpha1.DefectJira{Create: v1alpha1.TicketNever}
		w.create(low, never)
		eventually(low, v1alpha1.ConditionTicketed, "True/NotWanted", "from severity High on")
		eventually(never, v1alpha1.ConditionTicketed, "True/NotWanted", "spec.jira.create is Never")
		Expect(w.jira.Creates()).To(BeZero())
	})

	It("does not make a second ticket when the answer was lost", func() {
		w.run(longAgo)
		w.furnish()
		var first atomic.Bool
		w.jira.OnCreate(func(d ticket.Draft) error {
			if first.CompareAndSwap(false, true) {
				w.jira.Keep(d)
				return fault.New(fault.Ambiguous, "the connection broke")
			}
			return nil
		})
		d := defect(v1alpha1.SeverityCritical)
		w.create(d)
		eventually(d, v1alpha1.ConditionTicketed, "True/Filed", "VOICE-1")
		Expect(w.jira.Drafts()).To(HaveLen(1))
		Expect(w.jira.Creates()).To(Equal(1))
		Expect(d.Status.Jira.UncertainSince).To(BeNil())
	})

	It("files what was lost before it arrived", func() {
		w.run(longAgo)
		w.furnish()
		var first atomic.Bool
		w.jira.OnCreate(func(ticket.Draft) error {
			if first.CompareAndSwap(false, true) {
				return fault.New(fault.Ambiguous, "the connection broke")
			}
			return nil
		})
		d := defect(v1alpha1.SeverityCritical)
		w.create(d)
		eventually(d, v1alpha1.ConditionTicketed, "True/Filed", "VOICE-1")
		Expect(w.jira.Creates()).To(Equal(2))
		Expect(w.jira.Finds()).To(Equal(1))
	})

	It("adopts the ticket that the operator before it made", func() {
		w.furnish()
		d := defect(v1alpha1.SeverityCritical)
		w.create(d)
		w.jira.Keep(ticket.Draft{Marker: d.Marker()})
		w.run(time.Now())
		eventually(d, v1alpha1.ConditionTicketed, "True/Filed", "VOICE-1")
		Expect(w.jira.Creates()).To(BeZero())
	})

	It("does not send a second message when the answer was lost", func() {
		w.run(longAgo)
		w.furnish()
		bot := &v1alpha1.SlackIntegration{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "slack"}}
		amend(bot, func(i *v1alpha1.SlackIntegration) { i.Spec.DefaultChannel = "C0ALERTS" }) // an ID, so that the channel can be asked
		eventually(bot, v1alpha1.ConditionReady, "True/Ready", "")
		var first atomic.Bool
		w.slack.OnPost(func(m chat.Message) error {
			if first.CompareAndSwap(false, true) {
				w.slack.Keep(m)
				return fault.New(fault.Ambiguous, "the connection broke")
			}
			return nil
		})
		d := defect(v1alpha1.SeverityCritical)
		w.create(d)
		eventually(d, v1alpha1.ConditionNotified, "True/Notified", "1 notification was delivered")
		Expect(w.slack.Messages()).To(HaveLen(1))
	})

	It("uses a Secret as soon as it is right", func() {
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

	DescribeTable("a Jira in trouble shows on integration and Defect, and recovery follows by itself",
		func(f *fault.Fault, integrationType, integrationWant, defectWant, message string) {
			w.jira.OnProbe(func(c ticket.Config) (ticket.Project, error) {
				if c.Token == "t-2" {
					return ticket.Project{Deployment: ticket.Cloud, Priorities: []string{"Highest"}}, nil
				}
				return ticket.Project{}, f
			})
			w.run(longAgo)
			w.furnish()
			i := jiraCloud()
			i.Namespace = w.namespace
			eventually(i, integrationType, integrationWant, message)
			d := defect(v1alpha1.SeverityCritical)
			w.create(d)
			eventually(d, v1alpha1.ConditionTicketed, defectWant, message)
			eventually(d, v1alpha1.ConditionNotified, "True/Notified", "")
			Expect(w.jira.Creates()).To(BeZero())

			mended := w.secret("jira", map[string]string{"token": "t-2"})
			mended.Namespace = w.namespace
			Expect(kube.Update(ctx, mended)).To(Succeed())
			eventually(d, v1alpha1.ConditionTicketed, "True/Filed", "VOICE-1")
		},
		Entry("wrong token", &fault.Fault{Kind: fault.Unauthorized, Scope: fault.Connection, Message: "Jira refused the credentials"},
			v1alpha1.ConditionAuthenticated, "False/Unauthorized", "False/IntegrationPaused", "refused the credentials"),
		Entry("unknown project", &fault.Fault{Kind: fault.NotFound, Scope: fault.Connection, Message: `project "VOICE" does not exist`},
			v1alpha1.ConditionHealthy, "False/NotFound", "False/IntegrationPaused", "does not exist"),
		Entry("unknown issue type", &fault.Fault{Kind: fault.NotFound, Scope: fault.Connection, Message: `no issue type "Bug"`},
			v1alpha1.ConditionHealthy, "False/NotFound", "False/IntegrationPaused", "no issue type"),
		Entry("down", fault.New(fault.Unavailable, "Jira could not be reached"),
			v1alpha1.ConditionHealthy, "False/Unavailable", "False/IntegrationPaused", "could not be reached"),
	)

	It("files without a priority that the project does not know, and says so", func() {
		w.jira.OnProbe(func(ticket.Config) (ticket.Project, error) {
			return ticket.Project{Deployment: ticket.Cloud, Priorities: []string{"P1", "P2"}}, nil
		})
		w.run(longAgo)
		w.furnish()
		i := jiraCloud()
		i.Namespace = w.namespace
		eventually(i, v1alpha1.ConditionHealthy, "True/Degraded", "does not have the priority Highest")
		d := defect(v1alpha1.SeverityCritical)
		w.create(d)
		eventually(d, v1alpha1.ConditionTicketed, "True/FiledWithoutPriority", `without the priority "Highest"`)
		Expect(w.jira.Creates()).To(Equal(1))
	})

	DescribeTable(
		"a message that Slack does not take says why",
		func(f *fault.Fault, want, message string) {
			w.slack.OnPost(func(chat.Message) error { return f })
			w.run(longAgo)
			w.furnish()
			d := defect(v1alpha1.SeverityCritical)
			w.create(d)
			n := &v1alpha1.NotificationList{}
			Eventually(func(g Gomega) {
				g.Expect(kube.List(ctx, n, client.InNamespace(w.namespace))).To(Succeed())
				g.Expect(n.Items).To(HaveLen(1))
			}).Should(Succeed())
			eventually(&n.Items[0], v1alpha1.ConditionDelivered, want, message)
			eventually(d, v1alpha1.ConditionTicketed, "True/Filed", "VOICE-1")
			Expect(condition.Is(d, v1alpha1.ConditionNotified, metav1.ConditionFalse, "")).To(BeTrue())
		},
		Entry(
			"channel not found",
			&fault.Fault{Kind: fault.NotFound, Scope: fault.Endpoint, Message: "channel #alerts does not exist"},
			"False/Rejected",
			"#alerts does not exist",
		),
		Entry(
			"bot not in channel",
			&fault.Fault{Kind: fault.NotFound, Scope: fault.Endpoint, Message: "the bot is not in channel #alerts"},
			"False/Rejected",
			"not in channel",
		),
		Entry("down", fault.New(fault.Unavailable, "Slack could not be reached"), "False/Retrying", "could not be reached"),
		Entry(
			"asks to wait",
			&fault.Fault{Kind: fault.RateLimited, Message: "Slack asks to wait", RetryAfter: time.Minute},
			"False/RateLimited",
			"asks to wait",
		),
	)
})
