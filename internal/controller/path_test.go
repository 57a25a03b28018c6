// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// longAgo is when most operators of these tests became the leader: no former one can have filed a ticket.
var longAgo = time.Unix(0, 0)

// conditionOf returns a function that reads a condition of an object as status/reason, and its message.
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

// eventually waits until a condition has a status and reason, and its message contains a text.
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

	It("brings evidence to the ticket and to the thread, and removes its content", func() {
		w.run(longAgo)
		w.furnish()
		tracker := jiraCloud()
		tracker.SetNamespace(w.namespace)
		amend(tracker, func(i *v1alpha1.JiraIntegration) { i.Spec.Evidence = v1alpha1.EvidenceAll })
		bot := slackBot()
		bot.SetNamespace(w.namespace)
		amend(bot, func(i *v1alpha1.SlackIntegration) { i.Spec.Evidence = v1alpha1.EvidenceAll })
		d := defect(v1alpha1.SeverityCritical)
		w.create(d)
		content := []byte("RIFF....WAVEfmt ")
		sum := sha256.Sum256(content)
		file := v1alpha1.EvidenceFile{Name: "call.wav", Bytes: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}
		w.create(&v1alpha1.Evidence{
			ObjectMeta: metav1.ObjectMeta{
				Name: v1alpha1.EvidenceName(d.UID, file, 0), Labels: map[string]string{v1alpha1.DefectLabel: string(d.UID)},
			},
			Data: content,
		})
		amend(d, func(d *v1alpha1.Defect) {
			d.Spec.Evidence = &v1alpha1.DefectEvidence{Time: metav1.Now(), Files: []v1alpha1.EvidenceFile{file}, Clip: file.Name}
		})
		Eventually(func(g Gomega) {
			g.Expect(kube.Get(ctx, client.ObjectKeyFromObject(d), d)).To(Succeed())
			g.Expect(d.Status.Evidence).NotTo(BeNil())
			g.Expect(d.Status.Evidence.RemovedTime).NotTo(BeNil(), "%+v", d.Status.Evidence)
		}).Should(Succeed())
		left := &v1alpha1.EvidenceList{}
		Expect(kube.List(ctx, left, client.InNamespace(w.namespace))).To(Succeed())
		Expect(left.Items).To(BeEmpty())
		Expect(w.jira.Files("VOICE-1")).To(HaveLen(1))
		Expect(w.slack.Files()).To(HaveLen(1))
	})

	It("adopts a ticket that the former leader filed", func() {
		w.furnish()
		d := defect(v1alpha1.SeverityCritical)
		w.create(d)
		w.jira.Keep(ticket.Draft{Marker: d.Marker()})
		w.run(time.Now())
		eventually(d, v1alpha1.ConditionTicketed, "True/Filed", "VOICE-1")
		Expect(w.jira.Creates()).To(BeZero())
	})

	It("files the ticket as soon as the Secret of the integration is complete", func() {
		w.run(longAgo)
		i := jiraCloud()
		w.create(i)
		eventually(i, v1alpha1.ConditionReady, "False/SecretNotFound", `Secret "jira" does not exist`)
		Expect(condition.Get(i, v1alpha1.ConditionReconciling)).NotTo(BeNil())
		d := defect(v1alpha1.SeverityCritical)
		w.create(d)
		eventually(d, v1alpha1.ConditionTicketed, "False/SecretNotFound", `Secret "jira" does not exist`)

		secret := w.secret("jira", map[string]string{"other": "x"})
		w.create(secret)
		eventually(i, v1alpha1.ConditionAuthenticated, "False/SecretKeyNotFound", `no value for key "token"`)
		secret.StringData = map[string]string{"token": "t-1"}
		Expect(kube.Update(ctx, secret)).To(Succeed())
		eventually(i, v1alpha1.ConditionReady, "True/Ready", "")
		eventually(d, v1alpha1.ConditionTicketed, "True/Filed", "VOICE-1")
		Expect(w.jira.Creates()).To(Equal(1))
	})
})
