// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/manifest"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/owed"
)

// scopesOfManifest returns the scopes of an app that has the manifest of the command slack-manifest.
func scopesOfManifest() []string {
	var names []string
	for _, s := range manifest.Scopes(manifest.Features()) {
		names = append(names, s.Name)
	}
	return names
}

// The app in Slack with the real adapter, edge, dispatcher and RBAC: the sandbox signs what Ann does.
var _ = Describe("The app in Slack", func() {
	var (
		namespace   string
		integration *v1alpha1.SlackIntegration
		defect      *v1alpha1.Defect
	)
	ann := func() slack.Person {
		return slack.Person{User: slack.Ann, Channel: slack.AlertsChannel, Base: sandboxURL}
	}
	// find returns a message in a channel, or for Ann alone, that has a text.
	find := func(channel, text string) (slack.Message, bool) {
		all := box.Slack().Messages(channel)
		for _, p := range box.Slack().Privates(channel) {
			all = append(all, p.Message)
		}
		for _, m := range all {
			words := strings.ReplaceAll(m.Text+string(m.Blocks)+string(m.Attachments), "\u2060", "")
			if strings.Contains(words, text) {
				return m, true
			}
		}
		return slack.Message{}, false
	}
	// read waits until there is such a message.
	read := func(channel, text string) (found slack.Message) {
		GinkgoHelper()
		Eventually(func() (ok bool) {
			found, ok = find(channel, text)
			return ok
		}).Should(BeTrue(), "no message has %q", text)
		return found
	}
	// succeed repeats what a person does until the app acknowledges it, which it has three seconds for.
	succeed := func(do func() error) {
		GinkgoHelper()
		Eventually(do).WithPolling(500 * time.Millisecond).Should(Succeed())
	}
	grant := func(who, kind string, rules ...rbacv1.PolicyRule) {
		GinkgoHelper()
		meta := metav1.ObjectMeta{Namespace: namespace, Name: "slack"}
		Expect(kube.Create(ctx, &rbacv1.Role{ObjectMeta: meta, Rules: rules})).To(Succeed())
		Expect(kube.Create(ctx, &rbacv1.RoleBinding{
			ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "slack"},
			Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: kind, Name: who}},
		})).To(Succeed())
	}

	BeforeEach(func() {
		newSandbox()
		Expect(box.Slack().PutToken(slack.BotToken, slack.Token{State: slack.Valid, Scopes: scopesOfManifest()})).To(Succeed())
		namespaces++
		namespace = fmt.Sprintf("operator-%d", namespaces)
		meta := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: namespace, Name: name} }
		integration = &v1alpha1.SlackIntegration{ObjectMeta: meta("slack"), Spec: v1alpha1.SlackIntegrationSpec{
			Default: true, DefaultChannel: "#voice-ai-alerts", AdminChannel: "#general", APIURL: v1alpha1.HTTPURL(sandboxURL + "/api/"),
			Bot:              &v1alpha1.SlackBot{TokenSecretRef: v1alpha1.SecretKeyReference{Name: "s", Key: "token"}},
			SigningSecretRef: &v1alpha1.SecretKeyReference{Name: "s", Key: "signing"},
		}}
		defect = &v1alpha1.Defect{ObjectMeta: meta("hangs-up"), Spec: v1alpha1.DefectSpec{Title: "It hangs up", Severity: v1alpha1.SeverityHigh}}
		for _, o := range []client.Object{
			&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}},
			&corev1.Secret{ObjectMeta: meta("s"), StringData: map[string]string{"token": slack.BotToken, "signing": slack.SigningSecret}},
			integration,
			&v1alpha1.NotificationRule{ObjectMeta: meta("all"), Spec: v1alpha1.NotificationRuleSpec{
				EventTypes: []v1alpha1.EventType{v1alpha1.EventDefectCreated, v1alpha1.EventDefectStateChanged},
			}},
		} {
			Expect(kube.Create(ctx, o)).To(Succeed())
		}
		expectCondition(integration, v1alpha1.ConditionReady, "True/Ready", "")
		Expect(kube.Create(ctx, defect)).To(Succeed())
		Expect(box.Slack().SetApp(slack.App{URL: edgeURL + "/api/v1/webhooks/slack"})).To(Succeed())
	})
	AfterEach(func() { Expect(kube.Delete(ctx, integration)).To(Succeed()) })

	It("gives the answers that are owed when they are due, and when a run ends", func() {
		labels := map[string]string{v1alpha1.SuiteLabel: "booking"}
		template := corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "tests", Image: "tests"}},
		}}
		Expect(kube.Create(ctx, &batchv1.CronJob{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "booking", Labels: labels},
			Spec: batchv1.CronJobSpec{Schedule: "0 3 1 1 *", JobTemplate: batchv1.JobTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: batchv1.JobSpec{Template: template},
			}},
		})).To(Succeed())
		grant("slack:T0SANDBOX:U0ANN", rbacv1.UserKind, rbacv1.PolicyRule{
			APIGroups: []string{batchv1.GroupName}, Resources: []string{"jobs"}, Verbs: []string{"create"},
		})
		jobs := &batchv1.JobList{}
		Eventually(func(g Gomega) { // a denial is cached for a moment
			g.Expect(kube.List(ctx, jobs, client.InNamespace(namespace))).To(Succeed())
			if len(jobs.Items) == 0 {
				g.Expect(box.Slack().Run(ctx, ann(), "run "+namespace+"/booking")).To(Succeed())
			}
			g.Expect(jobs.Items).NotTo(BeEmpty())
		}).WithPolling(500 * time.Millisecond).Should(Succeed())
		read(slack.AlertsChannel, "Its result comes here when it has ended.")
		job := &jobs.Items[0]
		job.Status.StartTime = &metav1.Time{Time: time.Now()}
		job.Status.CompletionTime = job.Status.StartTime
		for _, t := range []batchv1.JobConditionType{batchv1.JobSuccessCriteriaMet, batchv1.JobComplete} {
			job.Status.Conditions = append(job.Status.Conditions, batchv1.JobCondition{
				Type: t, Status: corev1.ConditionTrue, LastTransitionTime: *job.Status.StartTime,
			})
		}
		Expect(kube.Status().Update(ctx, job)).To(Succeed())
		read(slack.AlertsChannel, "Test run passed")

		By("answering an act whose replica is gone")
		Expect(owed.NewBook(kube).Record(ctx, integration, "act", owed.Answer{
			User: slack.Ann, Channel: slack.AlertsChannel, Asked: "the button Resolve", At: time.Now(), Due: time.Now().Add(time.Second),
		})).To(Succeed())
		read(slack.AlertsChannel, "There is no answer to the button Resolve")
		Eventually(func(g Gomega) {
			g.Expect(kube.Get(ctx, client.ObjectKeyFromObject(integration), integration)).To(Succeed())
			g.Expect(integration.Annotations).NotTo(HaveKey(HavePrefix(v1alpha1.SlackAnswerAnnotationPrefix)))
		}).Should(Succeed())
	})

	It("does what RBAC allows, and answers everything else", func() {
		message := read(slack.AlertsChannel, "It hangs up")
		By("refusing a click without a permission, and requesting it from the admins")
		succeed(func() error { return box.Slack().Click(ctx, ann(), message.TS, "voiceai_resolve") })
		refusal := read(slack.AlertsChannel, "You may not update defects.integrations.voiceai.dev in namespace "+namespace)
		succeed(func() error { return box.Slack().Click(ctx, ann(), refusal.TS, "voiceai_ask_admin") })
		read(slack.GeneralChannel, "name: slack:T0SANDBOX:U0ANN")

		By("resolving the Defect once a RoleBinding of a user group allows it")
		all := []string{"get", "list", "create", "update"}
		grant("slack:T0SANDBOX:S0ONCALL", rbacv1.GroupKind, rbacv1.PolicyRule{
			APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"defects"}, Verbs: all,
		})
		Eventually(func(g Gomega) { // a denial is cached for a moment
			g.Expect(box.Slack().Click(ctx, ann(), message.TS, "voiceai_resolve")).To(Succeed())
			g.Expect(kube.Get(ctx, client.ObjectKeyFromObject(defect), defect)).To(Succeed())
			g.Expect(defect.Spec.State).To(Equal(v1alpha1.StateResolved))
		}).WithPolling(500 * time.Millisecond).Should(Succeed())
		Expect(defect.ChangedBy()).To(Equal("slack:T0SANDBOX:U0ANN"))
		read(slack.AlertsChannel, "You moved the Defect: it is resolved.")
		read(slack.AlertsChannel, "voiceai_reopen")

		By("answering a command and a mention")
		Eventually(func(g Gomega) { // the command reads the state that the operator records a moment later
			g.Expect(box.Slack().Run(ctx, ann(), "defects")).To(Succeed())
			_, ok := find(slack.AlertsChannel, "There is no open defect.")
			g.Expect(ok).To(BeTrue())
		}).WithPolling(500 * time.Millisecond).Should(Succeed())
		succeed(func() error {
			return box.Slack().Send(ctx, map[string]any{
				"type": "app_mention", "user": slack.Ann, "channel": slack.AlertsChannel, "ts": message.TS, "thread_ts": message.TS,
				"text": "<@U0BOT> whoami",
			})
		})
		read(slack.AlertsChannel, "You are the user `slack:T0SANDBOX:U0ANN`")

		By("filing a Defect by the shortcut")
		Eventually(func(g Gomega) {
			g.Expect(box.Slack().Use(ctx, ann(), message.TS)).To(Succeed())
			g.Eventually(func() string {
				f, _ := box.Slack().OpenForm(slack.Ann)
				return f.Submit
			}).WithTimeout(4 * time.Second).Should(Equal("File")) // a form can be opened for three seconds
		}).Should(Succeed())
		succeed(func() error { return box.Slack().Submit(ctx, ann(), map[string]string{"title": "It whispers"}) })
		Eventually(func() string {
			f, _ := box.Slack().OpenForm(slack.Ann)
			return string(f.Text)
		}).Should(ContainSubstring("was filed."))
		list := &v1alpha1.DefectList{}
		Expect(kube.List(ctx, list, client.InNamespace(namespace))).To(Succeed())
		Expect(list.Items).To(ContainElement(HaveField("Spec.Title", "It whispers")))

		By("showing within five seconds that the token was revoked")
		Expect(box.Slack().PutToken(slack.BotToken, slack.Token{State: slack.Revoked})).To(Succeed())
		succeed(func() error { return box.Slack().Send(ctx, map[string]any{"type": "tokens_revoked"}) })
		expectCondition(integration, v1alpha1.ConditionAuthenticated, "False/Unauthorized", "rejected the bot token")
	})

	It("receives by Socket Mode what the edge receives", func() {
		receiving := func(want, message string) {
			GinkgoHelper()
			expectCondition(integration, v1alpha1.ConditionReceiving, want, message)
		}
		secret := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "app"}, StringData: map[string]string{"token": "xapp-1-wrong"},
		}
		Expect(kube.Create(ctx, secret)).To(Succeed())
		By("showing that the app-level token is wrong, and connecting once it is right")
		Expect(box.Slack().SetApp(slack.App{SocketMode: true, RefreshMillis: 1500})).To(Succeed())
		Eventually(func() error {
			if err := kube.Get(ctx, client.ObjectKeyFromObject(integration), integration); err != nil {
				return err
			}
			integration.Spec.SigningSecretRef = nil
			integration.Spec.AppTokenSecretRef = &v1alpha1.SecretKeyReference{Name: "app", Key: "token"}
			return kube.Update(ctx, integration)
		}).Should(Succeed())
		receiving("False/Unauthorized", "scope connections:write")
		expectCondition(integration, v1alpha1.ConditionHealthy, "True/Degraded", "Commands and clicks in Slack do not arrive.")
		secret.StringData = map[string]string{"token": slack.AppToken}
		Expect(kube.Update(ctx, secret)).To(Succeed())
		receiving("True/Connected", "")

		By("answering a command, a click and a mention while connections are replaced")
		message := read(slack.AlertsChannel, "It hangs up")
		grant("slack:T0SANDBOX", rbacv1.GroupKind, rbacv1.PolicyRule{
			APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"defects"}, Verbs: []string{"get", "list", "update"},
		})
		Eventually(func(g Gomega) {
			g.Expect(box.Slack().Click(ctx, ann(), message.TS, "voiceai_resolve")).To(Succeed())
			g.Expect(kube.Get(ctx, client.ObjectKeyFromObject(defect), defect)).To(Succeed())
			g.Expect(defect.Spec.State).To(Equal(v1alpha1.StateResolved))
		}).WithPolling(500 * time.Millisecond).Should(Succeed())
		replaced := 0
		Eventually(func(g Gomega) { // four connections in a row, during which nothing is lost
			now := box.Slack().Sockets().Counts().Replaced
			err := errors.Join(
				box.Slack().Run(ctx, ann(), "whoami"),
				box.Slack().Send(ctx, map[string]any{
					"type": "app_mention", "user": slack.Ann, "channel": slack.AlertsChannel, "ts": message.TS, "text": "<@U0BOT> help",
				}),
			)
			if err != nil { // a machine that stood still answers too late
				replaced = now
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(now - replaced).To(BeNumerically(">=", 4))
		}).WithPolling(300 * time.Millisecond).Should(Succeed())
		read(slack.AlertsChannel, "You are the user `slack:T0SANDBOX:U0ANN`")

		By("showing that Socket Mode was turned off")
		Expect(box.Slack().SetApp(slack.App{URL: edgeURL + "/api/v1/webhooks/slack"})).To(Succeed())
		receiving("False/SocketModeOff", "Turn it on")
	})
})
