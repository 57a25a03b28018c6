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
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

var _ = Describe("Defect and ticket in step", func() {
	var w *world
	var d *v1alpha1.Defect
	ctx := context.Background()

	// edit is a change of the Defect by a person.
	edit := func(change func()) {
		GinkgoHelper()
		amend(d, func(*v1alpha1.Defect) { change() })
	}
	// hint is what a webhook leads to.
	hint := func() {
		GinkgoHelper()
		edit(func() {
			metav1.SetMetaDataAnnotation(&d.ObjectMeta, v1alpha1.JiraChangedAtAnnotation, time.Now().Format(time.RFC3339Nano))
		})
	}
	status := func() v1alpha1.DefectStatus {
		GinkgoHelper()
		Expect(kube.Get(ctx, client.ObjectKeyFromObject(d), d)).To(Succeed())
		return d.Status
	}
	// arrange is what is to be so before there is a Defect.
	arrange := func() {}
	ready := func(reopen *v1alpha1.JiraReopen, events ...v1alpha1.EventType) {
		GinkgoHelper()
		w = newWorld()
		arrange()
		arrange = func() {}
		w.run(longAgo)
		w.furnish()
		jira := jiraCloud()
		jira.Namespace = w.namespace
		amend(jira, func(i *v1alpha1.JiraIntegration) { i.Spec.Reopen, i.Spec.PollIntervalSeconds = reopen, 10 })
		if len(events) > 0 {
			r := ruleFor(events...)
			r.Name = "also"
			w.create(r)
		}
		d = defect(v1alpha1.SeverityCritical)
		w.create(d)
		eventually(d, v1alpha1.ConditionReady, "True/Ready", "VOICE-1")
		eventually(d, v1alpha1.ConditionSynced, "True/InStep", "in sync")
	}

	It("links the ticket back to the Defect", func() {
		ready(nil)
		_, _, links := w.jira.Issue("VOICE-1")
		Expect(links).To(Equal([]ticket.Link{
			{
				GlobalID: d.Marker(),
				URL:      "https://voice.example.com/defects/" + w.namespace + "/" + d.Name,
				Title:    "Defect " + w.namespace + "/" + d.Name,
			},
		}))
	})

	It("moves the ticket when spec.state changes, once, and says who wanted it", func() {
		ready(nil, v1alpha1.EventDefectStateChanged)
		edit(func() {
			d.Spec.State = v1alpha1.StateResolved
			d.SetChangedBy("ann@example.com")
		})
		Eventually(func() string { return status().Jira.Status }).Should(Equal("Done"))
		eventually(d, v1alpha1.ConditionReady, "True/Ready", "VOICE-1")
		Expect(d.Status.State).To(Equal(v1alpha1.StateResolved))
		Expect(d.Status.ResolvedTime).NotTo(BeNil())
		_, comments, _ := w.jira.Issue("VOICE-1")
		Expect(comments).To(HaveLen(1))
		Expect(comments[0].Body).To(ContainSubstring("*Resolved*"))
		Expect(comments[0].Body).To(ContainSubstring("by ann@example.com"))
		Eventually(w.slack.Messages).Should(HaveLen(2))
		Expect(w.slack.Messages()[1].Text).To(HavePrefix("Defect resolved"))
	})

	It("follows what a webhook hints at, and moves nothing back", func() {
		ready(nil)
		w.jira.Edit("VOICE-1", "In Progress", "indeterminate", func(t *ticket.Ticket) { t.Assignee = "Ann" })
		hint()
		Eventually(func() v1alpha1.State { return status().State }).Should(Equal(v1alpha1.StateInProgress))
		Expect(d.Status.Jira.Assignee).To(Equal("Ann"))
		Expect(d.Status.StateChange.Cause).To(Equal(v1alpha1.CauseJira))
		eventually(d, v1alpha1.ConditionSynced, "True/InStep", "in sync")
		_, comments, _ := w.jira.Issue("VOICE-1")
		Expect(comments).To(BeEmpty())
	})

	It("finds out by poll what no webhook told", func() {
		ready(nil)
		w.jira.Edit("VOICE-1", "Done", "done", func(t *ticket.Ticket) { t.Resolution = "Fixed" })
		Eventually(func() string { return status().Jira.Resolution }).WithTimeout(30 * time.Second).Should(Equal("Fixed"))
		Expect(d.Status.State).To(Equal(v1alpha1.StateResolved))
	})

	It("says when the ticket was deleted, follows it when it was moved", func() {
		ready(nil)
		w.jira.Edit("VOICE-1", "To Do", "new", func(t *ticket.Ticket) { t.Key, t.URL = "OPS-9", "https://jira.example.com/browse/OPS-9" })
		hint()
		Eventually(func() string { return status().Jira.Key }).Should(Equal("OPS-9"))
		eventually(d, v1alpha1.ConditionTicketed, "True/Filed", "The ticket is OPS-9, which was VOICE-1 before it was moved")
		w.jira.Edit("OPS-9", "", "", nil)
		hint()
		eventually(d, v1alpha1.ConditionSynced, "False/TicketMissing", "does not have OPS-9 any more")
		eventually(d, v1alpha1.ConditionReady, "False/TicketMissing", "OPS-9")
		Expect(w.jira.Creates()).To(Equal(1))
		w.jira.Edit("OPS-9", "To Do", "new", nil)
		hint()
		eventually(d, v1alpha1.ConditionReady, "True/Ready", "OPS-9")
	})

	It("notices that the ticket was deleted though nobody says so, and reads a ticket that is merely not found", func() {
		ready(nil)
		longSince := metav1.NewTime(time.Now().Add(-time.Hour))
		other := defect(v1alpha1.SeverityCritical)
		other.Name = "relabelled"
		w.create(other)
		eventually(other, v1alpha1.ConditionReady, "True/Ready", "VOICE-2")
		for _, o := range []*v1alpha1.Defect{d, other} { // as if the tickets were no new ones
			Expect(kube.Get(ctx, client.ObjectKeyFromObject(o), o)).To(Succeed())
			before := o.DeepCopy()
			o.Status.Jira.CreatedTime = &longSince
			Expect(kube.Status().Patch(ctx, o, client.MergeFrom(before))).To(Succeed())
		}
		w.jira.Hide("VOICE-2")
		w.jira.Edit("VOICE-1", "", "", nil)
		Eventually(func() string {
			s := status()
			if s.Jira.MissingSince == nil {
				return ""
			}
			return s.Jira.Key
		}).WithTimeout(time.Minute).Should(Equal("VOICE-1"))
		eventually(d, v1alpha1.ConditionSynced, "False/TicketMissing", "does not have VOICE-1 any more")
		Eventually(func() int { return w.jira.Gets("VOICE-2") }).WithTimeout(time.Minute).Should(BeNumerically(">", 0))
		eventually(other, v1alpha1.ConditionSynced, "True/InStep", "in sync")
	})

	DescribeTable("a defect that comes back",
		func(reopen *v1alpha1.JiraReopen, resolution, wantStatus string) {
			ready(reopen)
			w.jira.Edit("VOICE-1", "Done", "done", func(t *ticket.Ticket) { t.Resolution = resolution })
			hint()
			Eventually(func() v1alpha1.State { return status().State }).Should(Equal(v1alpha1.StateResolved))
			edit(func() {
				d.Spec.Occurrence = &v1alpha1.Occurrence{Time: metav1.NewTime(time.Now().Add(2 * time.Second)), Run: "nightly-7"}
			})
			Eventually(func() int64 { s := status(); return s.Jira.ToldOccurrences }).Should(Equal(int64(2)))
			Expect(d.Status.State).To(Equal(v1alpha1.StateOpen))
			Expect(d.Status.Regressions).To(Equal(int64(1)))
			t, comments, _ := w.jira.Issue("VOICE-1")
			Expect(t.Status).To(Equal(wantStatus))
			Expect(comments).To(HaveLen(1))
			Expect(comments[0].Body).To(And(ContainSubstring("Regression"), ContainSubstring("nightly-7")))
		},
		Entry("gets a comment", nil, "Done", "Done"),
		Entry("is reopened", &v1alpha1.JiraReopen{Policy: v1alpha1.JiraReopenReopen}, "Done", "To Do"),
		Entry("is not reopened after a resolution that is excepted",
			&v1alpha1.JiraReopen{Policy: v1alpha1.JiraReopenReopen, ExceptResolutions: []v1alpha1.JiraName{"Won't Do"}}, "Won't Do", "Done"),
	)

	It("gathers further occurrences into few comments", func() {
		ready(nil)
		for n := range 4 {
			edit(func() {
				d.Spec.Occurrence = &v1alpha1.Occurrence{Time: metav1.NewTime(time.Now().Add(time.Duration(n+1) * time.Minute)), Run: "nightly"}
			})
			Eventually(func() int64 { return status().Occurrences }).Should(Equal(int64(n + 2)))
		}
		eventually(d, v1alpha1.ConditionSynced, "True/InStep", "")
		_, comments, _ := w.jira.Issue("VOICE-1")
		Expect(comments).To(HaveLen(1))
	})

	It("tells why a ticket cannot be moved, and moves it when that is mended", func() {
		ready(nil)
		w.jira.OnWrite(func(string) error {
			return fault.New(fault.Invalid, "no transition leads from To Do to done: there is In Progress")
		})
		edit(func() { d.Spec.State = v1alpha1.StateClosed })
		eventually(d, v1alpha1.ConditionSynced, "False/Invalid", "no transition leads")
		eventually(d, v1alpha1.ConditionReady, "False/Invalid", "no transition leads")
		Expect(d.Status.State).To(Equal(v1alpha1.StateClosed))
		w.jira.OnWrite(nil)
		w.jira.Edit("VOICE-1", "To Do", "new", func(t *ticket.Ticket) { t.Assignee = "Ann" })
		hint()
		Eventually(func() string { return status().Jira.StatusCategory }).Should(Equal("done"))
	})

	It("goes on following a ticket to which something cannot be done", func() {
		arrange = func() {
			w.jira.OnWrite(func(string) error { return fault.New(fault.NotFound, "Jira does not have it (404)") })
		}
		ready(nil) // without the link
		c := condition.Get(d, v1alpha1.ConditionSynced)
		Expect(c.Message).To(And(ContainSubstring("could not be created"), ContainSubstring("VOICE-1 exists, but")))
		edit(func() { d.Spec.State = v1alpha1.StateResolved })
		eventually(d, v1alpha1.ConditionSynced, "False/Invalid", "VOICE-1 exists, but")
		Expect(d.Status.Jira.MissingSince).To(BeNil())
		w.jira.OnWrite(nil)
		w.jira.Edit("VOICE-1", "To Do", "new", func(t *ticket.Ticket) { t.Assignee = "Ann" })
		hint()
		Eventually(func() string { return status().Jira.StatusCategory }).Should(Equal("done"))
	})

	It("says that polls fail for as long as they do, and probes no more for it", func() {
		ready(nil)
		w.jira.OnPoll(func() error { return fault.New(fault.Unavailable, "the search is down") })
		i := &v1alpha1.JiraIntegration{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "jira"}}
		eventually(i, v1alpha1.ConditionReady, "False/Unavailable", "the search is down")
		probes := w.jira.Probes()
		Consistently(func() string {
			Expect(kube.Get(ctx, client.ObjectKeyFromObject(i), i)).To(Succeed())
			return condition.Get(i, v1alpha1.ConditionReady).Message
		}).WithTimeout(8 * time.Second).Should(ContainSubstring("the search is down"))
		Expect(w.jira.Probes()).To(Equal(probes))
		w.jira.OnPoll(nil)
		eventually(i, v1alpha1.ConditionReady, "True/Ready", "")
	})

	It("says a comment once though the answers are lost", func() {
		ready(nil)
		var calls atomic.Int32
		w.jira.OnWrite(func(string) error {
			if calls.Add(1) <= 2 {
				return fault.New(fault.Unavailable, "the connection broke")
			}
			return nil
		})
		edit(func() { d.Spec.Occurrence = &v1alpha1.Occurrence{Time: metav1.NewTime(time.Now().Add(time.Minute))} })
		Eventually(func() int64 { return status().Jira.ToldOccurrences }).WithTimeout(20 * time.Second).Should(Equal(int64(2)))
		_, comments, _ := w.jira.Issue("VOICE-1")
		Expect(comments).To(HaveLen(1))
	})

	It("acknowledges a request for a ticket that is there", func() {
		ready(nil)
		edit(func() {
			metav1.SetMetaDataAnnotation(&d.ObjectMeta, v1alpha1.TicketRequestedAtAnnotation, "2026-03-01T12:00:00Z")
		})
		Eventually(func() string { return status().Jira.TicketRequestedAt }).Should(Equal("2026-03-01T12:00:00Z"))
		Expect(w.jira.Creates()).To(Equal(1))
	})
})
