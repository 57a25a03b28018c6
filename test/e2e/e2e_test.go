//go:build e2e

// Package e2e_test deploys the operator from config/default into the cluster of KUBECONFIG and has it file a ticket and send a message. IMG
// and SANDBOX_IMG are the images of operator and sandbox, which the cluster's nodes must have or be able to pull.
package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
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
	It("becomes Ready, files one ticket and sends one message", func() {
		By("waiting for the Deployment")
		Eventually(func(g Gomega) {
			d := &appsv1.Deployment{}
			g.Expect(kube.Get(ctx, types.NamespacedName{Namespace: system, Name: operator}, d)).To(Succeed())
			g.Expect(d.Status.AvailableReplicas).To(Equal(int32(1)), "%+v", d.Status.Conditions)
		}).Should(Succeed())

		By("starting the sandbox as a Pod")
		url := sandbox()
		DeferCleanup(func() {
			if CurrentSpecReport().Failed() {
				run("sh", "-c", "kubectl -n "+system+" logs deploy/"+operator+" >&2")
			}
		})

		By("declaring the integrations and a rule")
		secret := func(name, key, value string) *corev1.Secret {
			return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace}, StringData: map[string]string{key: value}}
		}
		meta := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: name, Namespace: namespace} }
		slack := &v1alpha1.SlackIntegration{ObjectMeta: meta("slack"), Spec: v1alpha1.SlackIntegrationSpec{
			Default: true, DefaultChannel: "#voice-ai-alerts", APIURL: v1alpha1.HTTPURL(url + "/api/"),
			Bot: &v1alpha1.SlackBot{TokenSecretRef: v1alpha1.SecretKeyReference{Name: "slack", Key: "token"}},
		}}
		jira := &v1alpha1.JiraIntegration{ObjectMeta: meta("jira"), Spec: v1alpha1.JiraIntegrationSpec{
			Default: true, APIURL: v1alpha1.HTTPURL(url + "/jira"), ProjectKey: "VOICE", SettleSeconds: 1,
			Basic:      &v1alpha1.JiraBasicAuth{Username: "bot@example.com", TokenSecretRef: v1alpha1.SecretKeyReference{Name: "jira", Key: "token"}},
			AutoCreate: &v1alpha1.JiraAutoCreate{Enabled: true},
		}}
		rule := &v1alpha1.NotificationRule{ObjectMeta: meta("rule"), Spec: v1alpha1.NotificationRuleSpec{EventTypes: []v1alpha1.EventType{v1alpha1.EventDefectCreated}}}
		for _, o := range []client.Object{secret("slack", "token", "xoxb-sandbox"), secret("jira", "token", "jira-sandbox"), slack, jira, rule} {
			Expect(kube.Create(ctx, o)).To(Succeed())
		}
		for _, o := range []object{slack, jira, rule} {
			ready(o)
		}

		By("creating a Defect")
		defect := &v1alpha1.Defect{ObjectMeta: meta("defect"), Spec: v1alpha1.DefectSpec{Title: "It is broken", Severity: v1alpha1.SeverityCritical}}
		Expect(kube.Create(ctx, defect)).To(Succeed())
		ready(defect)
		Expect(defect.Status.Jira.Key).To(HavePrefix("VOICE-"))
		Expect(defect.Status.Jira.URL).To(Equal(url + "/jira/browse/" + defect.Status.Jira.Key))
		Expect(condition.Is(defect, v1alpha1.ConditionTicketed, metav1.ConditionTrue, v1alpha1.ReasonFiled)).To(BeTrue())

		By("asking the sandbox what it received")
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

		By("looking at the Pod itself")
		pods := &corev1.PodList{}
		Expect(kube.List(ctx, pods, client.InNamespace(system), client.MatchingLabels{"app.kubernetes.io/name": "integrations-operator"})).To(Succeed())
		Expect(pods.Items).To(HaveLen(1))
		pod := pods.Items[0]
		Expect(pod.Spec.ServiceAccountName).To(Equal(operator))
		Expect(*pod.Spec.SecurityContext.RunAsNonRoot).To(BeTrue())
		Expect(*pod.Spec.Containers[0].SecurityContext.ReadOnlyRootFilesystem).To(BeTrue())
		Expect(pod.Status.ContainerStatuses[0].RestartCount).To(BeZero())
		logs, err := core.CoreV1().Pods(system).GetLogs(pod.Name, &corev1.PodLogOptions{}).DoRaw(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(logs)).NotTo(ContainSubstring("forbidden"), "the ServiceAccount lacks a right")
		Expect(string(logs)).NotTo(ContainSubstring("xoxb-sandbox"))
	})
})

type object interface {
	client.Object
	condition.Object
}

func ready(o object) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		g.Expect(kube.Get(ctx, client.ObjectKeyFromObject(o), o)).To(Succeed())
		g.Expect(condition.Is(o, v1alpha1.ConditionReady, metav1.ConditionTrue, "")).To(BeTrue(), "%T: %+v", o, *o.GetConditions())
	}).Should(Succeed())
}

// sandbox starts the sandbox and returns its URL. It is reached by address: a small cluster may have no DNS.
func sandbox() string {
	GinkgoHelper()
	yes, no := true, false
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "sandbox", Namespace: namespace}, Spec: corev1.PodSpec{
		Containers: []corev1.Container{{
			Name: "sandbox", Image: os.Getenv("SANDBOX_IMG"), ImagePullPolicy: corev1.PullIfNotPresent,
			Args: []string{fmt.Sprintf("--listen=0.0.0.0:%d", port)},
			SecurityContext: &corev1.SecurityContext{
				RunAsNonRoot: &yes, AllowPrivilegeEscalation: &no, ReadOnlyRootFilesystem: &yes,
				Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}, SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
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
