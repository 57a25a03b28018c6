package main

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
)

// alertBody is what Alertmanager sends of one alert.
const alertBody = `{"version":"4","groupKey":"{}:{alertname=\"Down\"}","status":"STATUS","receiver":"voice",
"externalURL":"http://am.example.com",
"alerts":[{"status":"STATUS","labels":{"alertname":"Down","severity":"critical"},"annotations":{"summary":"The <!channel> agent is down"},
"startsAt":"START","endsAt":"END","generatorURL":"http://prom.example.com/graph","fingerprint":"c1c1"}]}`

var _ = Describe("Alerts and events from outside", func() {
	var namespace, token string

	// post sends a body to the API and returns the status of the answer.
	post := func(path, contentType, body, token string) int {
		GinkgoHelper()
		req, err := http.NewRequest(http.MethodPost, apiURL+path+"?namespace="+namespace, bytes.NewReader([]byte(body)))
		Expect(err).NotTo(HaveOccurred())
		req.Header.Set("Content-Type", contentType)
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultClient.Do(req)
		Expect(err).NotTo(HaveOccurred())
		text, err := io.ReadAll(res.Body)
		Expect(err).NotTo(HaveOccurred())
		Expect(res.Body.Close()).To(Succeed())
		GinkgoWriter.Println(path, res.StatusCode, string(text))
		return res.StatusCode
	}
	alert := func(status string, start time.Time) string {
		return strings.NewReplacer(
			"STATUS", status, "START", start.UTC().Format(time.RFC3339), "END", start.Add(time.Second).UTC().Format(time.RFC3339),
		).
			Replace(alertBody)
	}

	BeforeEach(func() {
		box.Reset()
		count++
		namespace = "inbound-" + time.Now().Format("150405")
		Expect(kube.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})).To(Succeed())
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "alertmanager"}}
		Expect(kube.Create(ctx, account)).To(Succeed())
		Expect(
			kube.Create(
				ctx,
				&corev1.Secret{
					ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "s"},
					StringData: map[string]string{"slack": slack.BotToken},
				},
			),
		).To(Succeed())
		integration := &v1alpha1.SlackIntegration{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "slack"},
			Spec: v1alpha1.SlackIntegrationSpec{
				Default: true, DefaultChannel: "#voice-ai-alerts", APIURL: v1alpha1.HTTPURL(address + "/api/"),
				Bot: &v1alpha1.SlackBot{TokenSecretRef: v1alpha1.SecretKeyReference{Name: "s", Key: "slack"}},
			},
		}
		rule := &v1alpha1.NotificationRule{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "alerts"},
			Spec: v1alpha1.NotificationRuleSpec{
				EventTypes: []v1alpha1.EventType{v1alpha1.EventSystemAlertFiring, v1alpha1.EventSystemAlertResolved}},
		}
		Expect(kube.Create(ctx, integration)).To(Succeed())
		Expect(kube.Create(ctx, rule)).To(Succeed())
		shows(integration, v1alpha1.ConditionReady, "True/Ready", "")
		shows(rule, v1alpha1.ConditionReady, "True/Ready", "")
		request := &authenticationv1.TokenRequest{}
		Expect(kube.SubResource("token").Create(ctx, account, request)).To(Succeed())
		token = request.Status.Token
	})

	It("tells of an alert once, when the sender may, and when it is resolved", func() {
		begin := time.Now().Add(time.Second)
		Expect(post("/api/v1/webhooks/alertmanager", "application/json", alert("firing", begin), "nonsense")).To(Equal(http.StatusUnauthorized))
		Expect(post("/api/v1/webhooks/alertmanager", "application/json", alert("firing", begin), token)).To(Equal(http.StatusForbidden))

		By("granting what it amounts to")
		Expect(kube.Create(ctx, &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "tell"}, Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"notifications"}, Verbs: []string{"create"}}}})).To(Succeed())
		Expect(kube.Create(ctx, &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "tell"},
			RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "tell"},
			Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: namespace, Name: "alertmanager"}}})).To(Succeed())
		Eventually(func() int {
			return post("/api/v1/webhooks/alertmanager", "application/json", alert("firing", begin), token)
		}).Should(BeNumerically("<", 300))
		Eventually(func() int { return len(box.Slack().Messages(slack.AlertsChannel)) }).Should(Equal(1))

		Expect(
			post("/api/v1/webhooks/alertmanager", "application/json", alert("firing", begin), token),
		).To(BeNumerically("<", 300))
		// as after repeat_interval
		Expect(post("/api/v1/webhooks/alertmanager", "application/json", alert("resolved", begin), token)).To(BeNumerically("<", 300))
		Eventually(func() int { return len(box.Slack().Messages(slack.AlertsChannel)) }).Should(Equal(2))
		list := &v1alpha1.NotificationList{}
		Expect(kube.List(ctx, list, client.InNamespace(namespace))).To(Succeed())
		Expect(list.Items).To(HaveLen(2))
		for _, m := range box.Slack().Messages(slack.AlertsChannel) {
			Expect(m.Pings).To(BeEmpty())
		}

		By("taking a CloudEvent too")
		event := `{"specversion":"1.0","id":"1","source":"test","type":"dev.voiceai.system.alert.firing","time":"` + begin.UTC().
			Format(time.RFC3339) +
			`","data":{"title":"Latency"}}`
		Expect(post("/api/v1/events", "application/cloudevents+json", event, token)).To(BeNumerically("<", 300))
		Eventually(func() int { return len(box.Slack().Messages(slack.AlertsChannel)) }).Should(Equal(3))
	})
})
