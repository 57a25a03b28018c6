// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
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

// alertBody is a request body of Alertmanager with one alert. STATUS, START and END are placeholders.
const alertBody = `{"version":"4","groupKey":"{}:{alertname=\"Down\"}","status":"STATUS","receiver":"voice",
"externalURL":"http://am.example.com",
"alerts":[{"status":"STATUS","labels":{"alertname":"Down","severity":"critical"},"annotations":{"summary":"The <!channel> agent is down"},
"startsAt":"START","endsAt":"END","generatorURL":"http://prom.example.com/graph","fingerprint":"c1c1"}]}`

var _ = Describe("Inbound alerts and events", func() {
	var namespace, token string

	// post sends a request to the REST API and returns the status code of the response.
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
	postAlert := func(status string, start time.Time, token string) int {
		GinkgoHelper()
		body := strings.NewReplacer(
			"STATUS", status,
			"START", start.UTC().Format(time.RFC3339),
			"END", start.Add(time.Second).UTC().Format(time.RFC3339),
		).Replace(alertBody)
		return post("/api/v1/webhooks/alertmanager", "application/json", body, token)
	}
	expectMessages := func(n int) {
		GinkgoHelper()
		Eventually(func() int { return len(box.Slack().Messages(slack.AlertsChannel)) }).Should(Equal(n))
	}
	beAccepted := BeNumerically("<", 300)

	BeforeEach(func() {
		newSandbox()
		namespaces++
		namespace = fmt.Sprintf("inbound-%d", namespaces)
		Expect(kube.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})).To(Succeed())
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "alertmanager"}}
		Expect(kube.Create(ctx, account)).To(Succeed())
		Expect(kube.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "s"},
			StringData: map[string]string{"slack": slack.BotToken},
		})).To(Succeed())
		integration := &v1alpha1.SlackIntegration{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "slack"},
			Spec: v1alpha1.SlackIntegrationSpec{
				Default:        true,
				DefaultChannel: "#voice-ai-alerts",
				APIURL:         v1alpha1.HTTPURL(sandboxURL + "/api/"),
				Bot:            &v1alpha1.SlackBot{TokenSecretRef: v1alpha1.SecretKeyReference{Name: "s", Key: "slack"}},
			},
		}
		rule := &v1alpha1.NotificationRule{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "alerts"},
			Spec: v1alpha1.NotificationRuleSpec{
				EventTypes: []v1alpha1.EventType{v1alpha1.EventSystemAlertFiring, v1alpha1.EventSystemAlertResolved}},
		}
		Expect(kube.Create(ctx, integration)).To(Succeed())
		Expect(kube.Create(ctx, rule)).To(Succeed())
		expectCondition(integration, v1alpha1.ConditionReady, "True/Ready", "")
		expectCondition(rule, v1alpha1.ConditionReady, "True/Ready", "")
		request := &authenticationv1.TokenRequest{}
		Expect(kube.SubResource("token").Create(ctx, account, request)).To(Succeed())
		token = request.Status.Token
	})

	It("notifies once of a firing and of a resolved alert, if the sender is authorized", func() {
		start := time.Now().Add(time.Second)
		Expect(postAlert("firing", start, "nonsense")).To(Equal(http.StatusUnauthorized))
		Expect(postAlert("firing", start, token)).To(Equal(http.StatusForbidden))

		By("granting the permission to create events")
		meta := metav1.ObjectMeta{Namespace: namespace, Name: "alertmanager"}
		Expect(kube.Create(ctx, &rbacv1.Role{
			ObjectMeta: meta,
			Rules: []rbacv1.PolicyRule{{
				APIGroups: []string{v1alpha1.GroupVersion.Group},
				Resources: []string{"events"},
				Verbs:     []string{"create"},
			}},
		})).To(Succeed())
		Expect(kube.Create(ctx, &rbacv1.RoleBinding{
			ObjectMeta: meta,
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: meta.Name}},
		})).To(Succeed())
		Eventually(func() int { return postAlert("firing", start, token) }).Should(beAccepted)
		expectMessages(1)

		By("sending the alert again, as Alertmanager does after its repeat_interval")
		Expect(postAlert("firing", start, token)).To(beAccepted)
		Expect(postAlert("resolved", start, token)).To(beAccepted)
		expectMessages(2)
		list := &v1alpha1.NotificationList{}
		Expect(kube.List(ctx, list, client.InNamespace(namespace))).To(Succeed())
		Expect(list.Items).To(HaveLen(2))
		for _, m := range box.Slack().Messages(slack.AlertsChannel) {
			Expect(m.Pings).To(BeEmpty())
		}

		By("sending a CloudEvent")
		event := `{"specversion":"1.0","id":"1","source":"test","type":"dev.voiceai.system.alert.firing","time":"` +
			start.UTC().Format(time.RFC3339) + `","data":{"title":"Latency"}}`
		Expect(post("/api/v1/events", "application/cloudevents+json", event, token)).To(beAccepted)
		expectMessages(3)
	})
})
