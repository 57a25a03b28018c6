// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
)

type accessAnswer struct {
	Caller, Namespace string
	Rights            map[string][]string
	Everywhere        bool
	Namespaces        []string
}

func TestAccess(t *testing.T) {
	w := newFilledWorld(t)
	for _, c := range []struct {
		name   string
		rights []string
		want   map[string][]string
	}{
		{"nothing", nil, map[string][]string{}},
		{"some", []string{"list defects", "update defects", "create secrets"},
			map[string][]string{"defects": {"list", "update"}, "secrets": {"create"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got accessAnswer
			a := w.callerWith(c.rights...).ask("GET", "/api/v1/access", "").into(w, &got)
			w.Expect(a.status).To(gomega.Equal(http.StatusOK))
			w.Expect(got.Rights).To(gomega.Equal(c.want))
			w.Expect(got.Namespace).To(gomega.Equal(w.namespace))
			w.Expect(got.Caller).To(gomega.HavePrefix("system:serviceaccount:" + w.namespace + ":"))
			w.Expect(got.Everywhere).To(gomega.BeFalse())
			w.Expect(got.Namespaces).To(gomega.BeEmpty())
		})
	}
	var got accessAnswer
	w.admin().ask("GET", "/api/v1/access?namespace=*", "").into(w, &got)
	w.Expect(got.Namespace).To(gomega.Equal("*"))
	w.Expect(got.Rights).To(gomega.BeEmpty()) // a Role is about one namespace
	w.Expect((&caller{w: w, base: base}).ask("GET", "/api/v1/access", "").status).To(gomega.Equal(http.StatusUnauthorized))
}

func TestNotificationWithMessage(t *testing.T) {
	w := newFilledWorld(t)
	n := w.notification("sent")
	w.create(n, w.notification("sent-one"))
	setStatus(w, n, func(n *v1alpha1.Notification) {
		n.Status.Attempts = 2
		n.Status.Message = &v1alpha1.PostedMessage{Integration: w.namespace + "/slack", Channel: "C1", TS: "1.2",
			Permalink: "https://example.slack.com/x"}
		condition.True(n, v1alpha1.ConditionDelivered, v1alpha1.ReasonSent, "Slack accepted the message")
	})
	var got struct {
		Outcome, Permalink, TS string
		Attempts               int
		Event                  struct{ ID string }
		Conditions             []struct{ Type, Reason string }
		Message                struct {
			Text   string
			Blocks []struct{ Section string }
		}
	}
	w.callerWith("get notifications").ask("GET", "/api/v1/notifications/sent", "").into(w, &got)
	w.Expect(got.Outcome).To(gomega.Equal("Succeeded"))
	w.Expect(got.Attempts).To(gomega.Equal(2))
	w.Expect(got.TS).To(gomega.Equal("1.2"))
	w.Expect(got.Permalink).To(gomega.Equal("https://example.slack.com/x"))
	w.Expect(got.Event.ID).To(gomega.Equal("e-1"))
	w.Expect(got.Conditions).NotTo(gomega.BeEmpty())
	w.Expect(got.Message.Text).To(gomega.ContainSubstring("Latency is high"))
	w.Expect(got.Message.Blocks).NotTo(gomega.BeEmpty())

	digest := w.notification("digest")
	digest.Spec.Members = []v1alpha1.NotificationName{"sent-one", "sent", "gone"}
	w.create(digest)
	var together struct {
		Members []string
		Message struct{ Text string }
	}
	w.callerWith("get notifications").ask("GET", "/api/v1/notifications/digest", "").into(w, &together)
	w.Expect(together.Members).To(gomega.Equal([]string{w.namespace + "/sent-one", w.namespace + "/sent", w.namespace + "/gone"}))
	w.Expect(together.Message.Text).To(gomega.ContainSubstring("1 event")) // both are of the same event
}

type summaryAnswer struct {
	Integrations []struct {
		Name, Status string
		Hours        []struct{ Succeeded, Failed int }
	}
	Defects *struct {
		Open, Unticketed int
		BySeverity       map[string]int
	}
	Attention []struct {
		Object, Reason, Message string
		Count                   int
	}
	Needs  int
	Suites []struct {
		Suite string
		Runs  []struct{ Name, State string }
	}
}

func TestSummary(t *testing.T) {
	w := newFilledWorld(t)
	sent := w.notification("sent")
	w.create(sent)
	setStatus(w, sent, func(n *v1alpha1.Notification) {
		n.Status.Message = &v1alpha1.PostedMessage{Integration: w.namespace + "/slack", Time: &metav1.Time{Time: time.Now()}}
		condition.True(n, v1alpha1.ConditionDelivered, v1alpha1.ReasonSent, "Slack accepted the message")
	})
	for _, name := range []string{"refused-1", "refused-2"} {
		n := w.notification(name)
		w.create(n)
		setStatus(w, n, func(n *v1alpha1.Notification) {
			condition.False(n, v1alpha1.ConditionDelivered, v1alpha1.ReasonRejected, "channel_not_found: invite the bot")
		})
	}
	d := w.defect("refused")
	d.Spec.Severity = v1alpha1.SeverityCritical
	w.create(d)
	setStatus(w, d, func(d *v1alpha1.Defect) {
		condition.False(d, v1alpha1.ConditionTicketed, v1alpha1.ReasonUnauthorized, "401: renew the token")
		condition.NotReady(d, condition.Stalled, v1alpha1.ReasonUnauthorized, "401: renew the token")
	})
	filed := w.defect("filed")
	w.create(filed)
	setStatus(w, filed, func(d *v1alpha1.Defect) {
		d.Status.State = v1alpha1.StateResolved
		d.Status.Jira = &v1alpha1.DefectTicket{Integration: w.namespace + "/jira", Key: "VOICE-1",
			CreatedTime: &metav1.Time{Time: time.Now()}}
	})

	var got summaryAnswer
	all := w.admin()
	w.Eventually(func() int {
		got = summaryAnswer{}
		all.ask("GET", "/api/v1/summary", "").into(w, &got)
		return got.Needs
	}).Should(gomega.Equal(3))
	w.Expect(got.Defects.Open).To(gomega.Equal(2))
	w.Expect(got.Defects.Unticketed).To(gomega.Equal(2))
	w.Expect(got.Defects.BySeverity).To(gomega.Equal(map[string]int{"Critical": 1, "High": 1, "Medium": 0, "Low": 0}))
	w.Expect(got.Attention).To(gomega.HaveLen(2))
	for _, n := range got.Attention {
		if strings.HasPrefix(n.Object, "Defect/") {
			w.Expect(n.Count).To(gomega.Equal(1))
			w.Expect(n.Message).To(gomega.Equal("401: renew the token"))
			continue
		}
		w.Expect(n.Object).To(gomega.HavePrefix("Notification/" + w.namespace + "/refused-"))
		w.Expect(n.Count).To(gomega.Equal(2))
	}
	succeeded := map[string]int{}
	failed := map[string]int{}
	for _, i := range got.Integrations {
		w.Expect(i.Hours).To(gomega.HaveLen(24))
		for _, h := range i.Hours {
			succeeded[i.Name] += h.Succeeded
			failed[i.Name] += h.Failed
		}
	}
	w.Expect(succeeded).To(gomega.Equal(map[string]int{"slack": 1, "jira": 1, "asleep": 0}))
	w.Expect(failed).To(gomega.Equal(map[string]int{"slack": 2, "jira": 0, "asleep": 0}))
	w.Expect(got.Suites).To(gomega.HaveLen(1))
	w.Expect(got.Suites[0].Suite).To(gomega.Equal("booking"))
	w.Expect(got.Suites[0].Runs).To(gomega.HaveLen(1))

	// Callers see what they may list.
	got = summaryAnswer{}
	w.callerWith("list slackintegrations").ask("GET", "/api/v1/summary", "").into(w, &got)
	w.Expect(got.Defects).To(gomega.BeNil())
	w.Expect(got.Attention).To(gomega.BeEmpty())
	w.Expect(got.Suites).To(gomega.BeEmpty())
	w.Expect(got.Integrations).To(gomega.HaveLen(2))
	for _, i := range got.Integrations {
		w.Expect(i.Hours).To(gomega.BeEmpty())
	}
}
