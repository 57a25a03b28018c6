// SPDX-License-Identifier: Apache-2.0

//go:build e2e

// Package e2e_test deploys the operator from config/default into the cluster of KUBECONFIG, and checks that it creates
// a ticket and sends a message. IMG and SANDBOX_IMG are the images of the operator and the sandbox. The cluster's nodes
// must have them or be able to pull them.
package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
)

const (
	system    = "voiceai-integrations-system"
	operator  = "voiceai-integrations-operator"
	namespace = "voiceai-e2e"
	port      = 8080
)

func TestEndToEnd(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(3 * time.Minute)
	SetDefaultEventuallyPollingInterval(200 * time.Millisecond)
	RunSpecs(t, "end to end")
}

var (
	ctx  = context.Background()
	kube client.Client
	core kubernetes.Interface
)

// run runs a command in the root directory of the project.
func run(name string, args ...string) {
	GinkgoHelper()
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = "../.."
	out, err := c.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(out))
}

var _ = BeforeSuite(func() {
	log.SetLogger(GinkgoLogr)
	Expect(os.Getenv("KUBECONFIG")).NotTo(BeEmpty(), "set KUBECONFIG to the cluster to deploy to")
	Expect(os.Getenv("IMG")).NotTo(BeEmpty(), "set IMG to the operator's image")
	Expect(os.Getenv("SANDBOX_IMG")).NotTo(BeEmpty(), "set SANDBOX_IMG to the sandbox's image")
	config, err := ctrl.GetConfig()
	Expect(err).NotTo(HaveOccurred())
	scheme := runtime.NewScheme()
	Expect(clientgoscheme.AddToScheme(scheme)).To(Succeed())
	Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	kube, err = client.New(config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	core, err = kubernetes.NewForConfig(config)
	Expect(err).NotTo(HaveOccurred())

	run("make", "deploy", "IMG="+os.Getenv("IMG"))
	DeferCleanup(func() { run("make", "undeploy") })
	Expect(kube.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})).To(Succeed())
	DeferCleanup(func() {
		Expect(kube.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})).To(Succeed())
	})
})

var _ = Describe("The operator as a Pod", func() {
	It("becomes available, creates one ticket and sends one message", func() {
		By("waiting for the Deployment")
		Eventually(func(g Gomega) {
			d := &appsv1.Deployment{}
			g.Expect(kube.Get(ctx, types.NamespacedName{Namespace: system, Name: operator}, d)).To(Succeed())
			g.Expect(d.Status.AvailableReplicas).To(Equal(int32(1)), "%+v", d.Status.Conditions)
		}).Should(Succeed())

		By("starting the sandbox as a Pod")
		sandboxURL := startSandbox()
		DeferCleanup(func() {
			if CurrentSpecReport().Failed() {
				run("sh", "-c", "kubectl -n "+system+" logs deploy/"+operator+" >&2")
			}
		})

		By("creating the integrations and a rule")
		meta := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: name, Namespace: namespace} }
		secret := func(name, token string) *corev1.Secret {
			return &corev1.Secret{ObjectMeta: meta(name), StringData: map[string]string{"token": token}}
		}
		slack := &v1alpha1.SlackIntegration{ObjectMeta: meta("slack"), Spec: v1alpha1.SlackIntegrationSpec{
			Default: true, DefaultChannel: "#voice-ai-alerts", APIURL: v1alpha1.HTTPURL(sandboxURL + "/api/"),
			Bot: &v1alpha1.SlackBot{TokenSecretRef: v1alpha1.SecretKeyReference{Name: "slack", Key: "token"}},
		}}
		jira := &v1alpha1.JiraIntegration{ObjectMeta: meta("jira"), Spec: v1alpha1.JiraIntegrationSpec{
			Default:       true,
			APIURL:        v1alpha1.HTTPURL(sandboxURL + "/jira"),
			ProjectKey:    "VOICE",
			SettleSeconds: 1,
			Basic: &v1alpha1.JiraBasicAuth{
				Username:       "bot@example.com",
				TokenSecretRef: v1alpha1.SecretKeyReference{Name: "jira", Key: "token"},
			},
			AutoCreate: &v1alpha1.JiraAutoCreate{Enabled: true},
		}}
		rule := &v1alpha1.NotificationRule{
			ObjectMeta: meta("rule"),
			Spec:       v1alpha1.NotificationRuleSpec{EventTypes: []v1alpha1.EventType{v1alpha1.EventDefectCreated}},
		}
		for _, o := range []client.Object{secret("slack", "xoxb-sandbox"), secret("jira", "jira-sandbox"), slack, jira, rule} {
			Expect(kube.Create(ctx, o)).To(Succeed())
		}
		for _, o := range []object{slack, jira, rule} {
			expectReady(o)
		}

		By("creating a Defect")
		defect := &v1alpha1.Defect{
			ObjectMeta: meta("defect"),
			Spec:       v1alpha1.DefectSpec{Title: "It is broken", Severity: v1alpha1.SeverityCritical},
		}
		Expect(kube.Create(ctx, defect)).To(Succeed())
		expectReady(defect)
		Expect(defect.Status.Jira.Key).To(HavePrefix("VOICE-"))
		Expect(defect.Status.Jira.URL).To(Equal(sandboxURL + "/jira/browse/" + defect.Status.Jira.Key))
		Expect(condition.Is(defect, v1alpha1.ConditionTicketed, metav1.ConditionTrue, v1alpha1.ReasonFiled)).To(BeTrue())

		By("checking what the sandbox received")
		raw, err := core.CoreV1().RESTClient().Get().Namespace(namespace).Resource("pods").
			Name(fmt.Sprintf("sandbox:%d", port)).SubResource("proxy").Suffix("_sandbox/state").DoRaw(ctx)
		Expect(err).NotTo(HaveOccurred())
		var got struct {
			Slack struct{ Counts struct{ Posts int } }
			Jira  struct{ Counts struct{ Creates int } }
		}
		Expect(json.Unmarshal(raw, &got)).To(Succeed())
		Expect(got.Jira.Counts.Creates).To(Equal(1))
		Expect(got.Slack.Counts.Posts).To(Equal(1))

		By("calling the REST API and the dashboard through the Service")
		token := createToken("edit")
		baseURL := forwardPort("service/voiceai-integrations-api", 443)
		defects := baseURL + "/api/v1/defects?namespace=" + namespace
		thisDefect := baseURL + "/api/v1/defects/defect?namespace=" + namespace
		Expect(statusOf(http.MethodGet, defects, "", nil)).To(Equal(http.StatusUnauthorized))
		Eventually(func() int { // until ClusterRole edit aggregates the permissions for the kinds
			return statusOf(http.MethodGet, thisDefect, token, nil)
		}).Should(Equal(http.StatusOK))
		Expect(statusOf(http.MethodPatch, thisDefect, token, []byte(`{"state":"Resolved"}`))).To(Equal(http.StatusOK))
		jar, err := cookiejar.New(nil)
		Expect(err).NotTo(HaveOccurred())
		browser := &http.Client{Jar: jar, Transport: selfSigned}
		page, err := browser.PostForm(baseURL+"/signin", url.Values{"token": {token}, "to": {"/defects?namespace=" + namespace}})
		Expect(err).NotTo(HaveOccurred())
		Expect(page.StatusCode).To(Equal(http.StatusOK))
		Expect(io.ReadAll(page.Body)).To(ContainSubstring("It is broken"))
		Expect(page.Body.Close()).To(Succeed())

		By("inspecting the Pod")
		pods := &corev1.PodList{}
		Expect(
			kube.List(ctx, pods, client.InNamespace(system), client.MatchingLabels{"app.kubernetes.io/name": "integrations-operator"}),
		).To(Succeed())
		Expect(pods.Items).To(HaveLen(1))
		pod := pods.Items[0]
		Expect(pod.Spec.ServiceAccountName).To(Equal(operator))
		Expect(*pod.Spec.SecurityContext.RunAsNonRoot).To(BeTrue())
		Expect(*pod.Spec.Containers[0].SecurityContext.ReadOnlyRootFilesystem).To(BeTrue())
		Expect(pod.Status.ContainerStatuses[0].RestartCount).To(BeZero())
		logs, err := core.CoreV1().Pods(system).GetLogs(pod.Name, &corev1.PodLogOptions{}).DoRaw(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(logs)).NotTo(ContainSubstring("forbidden"), "the ServiceAccount lacks a permission")
		Expect(string(logs)).NotTo(ContainSubstring("xoxb-sandbox"))
	})
})

type object interface {
	client.Object
	condition.Object
}

// expectReady waits until an object is Ready.
func expectReady(o object) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		g.Expect(kube.Get(ctx, client.ObjectKeyFromObject(o), o)).To(Succeed())
		g.Expect(condition.Is(o, v1alpha1.ConditionReady, metav1.ConditionTrue, "")).To(BeTrue(), "%T: %+v", o, *o.GetConditions())
	}).Should(Succeed())
}

// createToken creates a ServiceAccount with a ClusterRole in the namespace, and returns a token of it.
func createToken(role string) string {
	GinkgoHelper()
	meta := metav1.ObjectMeta{Name: "user", Namespace: namespace}
	Expect(kube.Create(ctx, &corev1.ServiceAccount{ObjectMeta: meta})).To(Succeed())
	Expect(kube.Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: meta.Name}},
	})).To(Succeed())
	raw, err := core.CoreV1().RESTClient().Get().AbsPath("/.well-known/openid-configuration").DoRaw(ctx)
	Expect(err).NotTo(HaveOccurred())
	var server struct{ Issuer string }
	Expect(json.Unmarshal(raw, &server)).To(Succeed())
	request, err := core.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, meta.Name, &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{Audiences: []string{"voiceai-integrations", server.Issuer}},
	}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	return request.Status.Token
}

// selfSigned accepts the certificate that the operator makes.
var selfSigned = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}

// forwardPort forwards a local port to a port of a resource in the operator's namespace until the spec ends, and returns
// the base URL.
func forwardPort(resource string, port int) string {
	GinkgoHelper()
	c := exec.CommandContext(ctx, "kubectl", "-n", system, "port-forward", resource, fmt.Sprintf(":%d", port))
	c.Stderr = GinkgoWriter
	out, err := c.StdoutPipe()
	Expect(err).NotTo(HaveOccurred())
	Expect(c.Start()).To(Succeed())
	DeferCleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	Expect(err).NotTo(HaveOccurred())
	address := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(line)
	Expect(address).NotTo(BeEmpty(), line)
	return "https://" + address
}

// statusOf sends a request and returns the status code of the response.
func statusOf(method, address, token string, body []byte) int {
	GinkgoHelper()
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	Expect(err).NotTo(HaveOccurred())
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := (&http.Client{Transport: selfSigned}).Do(r)
	Expect(err).NotTo(HaveOccurred())
	Expect(response.Body.Close()).To(Succeed())
	return response.StatusCode
}

// startSandbox starts the sandbox as a Pod and returns its URL, which has the Pod's address: a small cluster may have no
// DNS.
func startSandbox() string {
	GinkgoHelper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "sandbox", Namespace: namespace}, Spec: corev1.PodSpec{
		Containers: []corev1.Container{{
			Name:            "sandbox",
			Image:           os.Getenv("SANDBOX_IMG"),
			ImagePullPolicy: corev1.PullIfNotPresent,
			Args:            []string{fmt.Sprintf("--listen=0.0.0.0:%d", port)},
			SecurityContext: &corev1.SecurityContext{
				RunAsNonRoot:             ptr.To(true),
				AllowPrivilegeEscalation: ptr.To(false),
				ReadOnlyRootFilesystem:   ptr.To(true),
				Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				SeccompProfile:           &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
		}},
	}}
	Expect(kube.Create(ctx, pod)).To(Succeed())
	Eventually(func(g Gomega) {
		g.Expect(kube.Get(ctx, client.ObjectKeyFromObject(pod), pod)).To(Succeed())
		g.Expect(pod.Status.Phase).To(Equal(corev1.PodRunning), "%+v", pod.Status.ContainerStatuses)
		g.Expect(pod.Status.PodIP).NotTo(BeEmpty())
	}).Should(Succeed())
	return fmt.Sprintf("http://%s:%d", pod.Status.PodIP, port)
}
