// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	kstatus "sigs.k8s.io/cli-utils/pkg/kstatus/status"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/hack/stage"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/leadership"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox"
)

// TestOperator runs the operator as main sets it up, with the real adapters, a real API server and the sandbox.
func TestOperator(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(stage.Timeout)
	SetDefaultEventuallyPollingInterval(20 * time.Millisecond)
	RunSpecs(t, "operator")
}

var (
	ctx        = context.Background()
	kube       client.Client
	box        *sandbox.Sandbox
	sandboxURL string
	edgeURL    string
	apiURL     string
	// namespaces is the number of namespaces that the specs have created.
	namespaces int
)

var _ = BeforeSuite(func() {
	ctrl.SetLogger(zap.New(zap.WriteTo(GinkgoWriter)))
	scheme := runtime.NewScheme()
	Expect(clientgoscheme.AddToScheme(scheme)).To(Succeed())
	Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	environment, config, err := stage.StartEnvironment(stage.WithCRDs(crds))
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(environment.Stop)
	kube, err = client.New(config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	freeAddress := func() string {
		port, err := stage.FreePort(ctx)
		Expect(err).NotTo(HaveOccurred())
		return fmt.Sprintf("127.0.0.1:%d", port)
	}
	probeAddress := freeAddress()
	edgeAddress := freeAddress()
	apiAddress := freeAddress()
	edgeURL = "http://" + edgeAddress
	apiURL = "http://" + apiAddress
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:                 scheme,
		Metrics:                metricsserver.Options{BindAddress: "0"},
		HealthProbeBindAddress: probeAddress,
	})
	Expect(err).NotTo(HaveOccurred())
	running, stop := context.WithCancel(ctx)
	Expect(setup(running, mgr, flags{
		outgoing:    outgoingFlags{allowLoopback: true},
		api:         apiFlags{listenerFlags: listenerFlags{address: apiAddress}},
		edge:        listenerFlags{address: edgeAddress},
		maxEventAge: time.Hour,
		expiry:      time.Hour,
		retention:   2 * time.Hour,
	}, leader{fence: func() error { return nil }, since: func() leadership.Start { return leadership.Start{} }})).To(Succeed())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(running) }()
	DeferCleanup(func() {
		stop()
		Expect(<-ended).To(Succeed())
	})
	Eventually(func(g Gomega) {
		res, err := http.Get("http://" + probeAddress + "/readyz")
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(res.Body.Close()).To(Succeed())
		g.Expect(res.StatusCode).To(Equal(http.StatusOK))
	}).Should(Succeed())
})

// newSandbox starts a sandbox for a spec. Calls that the operator still makes for a former spec do not arrive there.
func newSandbox() {
	GinkgoHelper()
	box = sandbox.New(sandbox.Options{})
	server := httptest.NewServer(box)
	DeferCleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	sandboxURL = server.URL
}

type object interface {
	client.Object
	condition.Object
}

// expectCondition waits until a condition of an object has the given status/reason, and a message that contains the
// given text.
func expectCondition(o object, conditionType, want, message string) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		g.Expect(kube.Get(ctx, client.ObjectKeyFromObject(o), o)).To(Succeed())
		c := condition.Get(o, conditionType)
		g.Expect(c).NotTo(BeNil())
		g.Expect(string(c.Status)+"/"+c.Reason).To(Equal(want), c.Message)
		g.Expect(c.Message).To(ContainSubstring(message))
	}).Should(Succeed())
}

// kstatusOf returns the status that kstatus computes for an object, as Argo CD and Flux do.
func kstatusOf(o object) kstatus.Status {
	GinkgoHelper()
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	Expect(err).NotTo(HaveOccurred())
	result, err := kstatus.Compute(&unstructured.Unstructured{Object: content})
	Expect(err).NotTo(HaveOccurred())
	return result.Status
}

var _ = Describe("The operator", func() {
	var (
		namespace   string
		slack       *v1alpha1.SlackIntegration
		jira        *v1alpha1.JiraIntegration
		defect      *v1alpha1.Defect
		credentials *corev1.Secret
	)
	create := func(objects ...client.Object) {
		GinkgoHelper()
		for _, o := range objects {
			o.SetNamespace(namespace)
			Expect(kube.Create(ctx, o)).To(Succeed())
		}
	}
	notification := func() *v1alpha1.Notification {
		GinkgoHelper()
		list := &v1alpha1.NotificationList{}
		Eventually(func(g Gomega) {
			g.Expect(kube.List(ctx, list, client.InNamespace(namespace))).To(Succeed())
			g.Expect(list.Items).To(HaveLen(1))
		}).Should(Succeed())
		return &list.Items[0]
	}
	setFault := func(f sandbox.Fault) {
		GinkgoHelper()
		Expect(box.Faults().Set(f)).To(Succeed())
	}
	clearFaults := func() {
		GinkgoHelper()
		Expect(box.Faults().Set()).To(Succeed())
	}

	BeforeEach(func() {
		newSandbox()
		namespaces++
		namespace = fmt.Sprintf("operator-%d", namespaces)
		Expect(kube.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})).To(Succeed())
		credentials = &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: "s"},
			StringData: map[string]string{"slack": "xoxb-sandbox", "jira": "jira-sandbox"},
		}
		slack = &v1alpha1.SlackIntegration{ObjectMeta: metav1.ObjectMeta{Name: "slack"}, Spec: v1alpha1.SlackIntegrationSpec{
			Default:        true,
			DefaultChannel: "#voice-ai-alerts",
			APIURL:         v1alpha1.HTTPURL(sandboxURL + "/api/"),
			Bot:            &v1alpha1.SlackBot{TokenSecretRef: v1alpha1.SecretKeyReference{Name: "s", Key: "slack"}},
		}}
		jira = &v1alpha1.JiraIntegration{ObjectMeta: metav1.ObjectMeta{Name: "jira"}, Spec: v1alpha1.JiraIntegrationSpec{
			Default:       true,
			APIURL:        v1alpha1.HTTPURL(sandboxURL + "/jira"),
			ProjectKey:    "VOICE",
			SettleSeconds: 1, PollIntervalSeconds: 86400, // a poll is a search, which a spec counts
			Basic: &v1alpha1.JiraBasicAuth{
				Username:       "bot@example.com",
				TokenSecretRef: v1alpha1.SecretKeyReference{Name: "s", Key: "jira"},
			},
			AutoCreate: &v1alpha1.JiraAutoCreate{Enabled: true},
		}}
		defect = &v1alpha1.Defect{
			ObjectMeta: metav1.ObjectMeta{Name: "defect"},
			Spec:       v1alpha1.DefectSpec{Title: "It is <!channel> broken", Severity: v1alpha1.SeverityHigh},
		}
		create(credentials, &v1alpha1.NotificationRule{ObjectMeta: metav1.ObjectMeta{Name: "rule"},
			Spec: v1alpha1.NotificationRuleSpec{EventTypes: []v1alpha1.EventType{v1alpha1.EventDefectCreated}}})
	})
	AfterEach(func() { // the operator must make no more calls to the sandbox, which ends
		for _, o := range []client.Object{slack, jira} {
			o.SetNamespace(namespace)
			Expect(client.IgnoreNotFound(kube.Delete(ctx, o))).To(Succeed())
		}
	})

	It("creates one ticket and sends one message for a Defect", func() {
		create(slack, jira)
		expectCondition(slack, v1alpha1.ConditionReady, "True/Ready", "")
		Expect(slack.Status.TeamID).To(Equal("T0SANDBOX"))
		expectCondition(jira, v1alpha1.ConditionReady, "True/Ready", "")
		Expect(jira.Status.Deployment).To(Equal(v1alpha1.JiraCloud))
		create(defect)
		expectCondition(defect, v1alpha1.ConditionReady, "True/Ready", "VOICE-1")
		rule := &v1alpha1.NotificationRule{ObjectMeta: metav1.ObjectMeta{Name: "rule", Namespace: namespace}}
		expectCondition(rule, v1alpha1.ConditionReady, "True/Ready", "")
		for _, o := range []object{slack, jira, rule, defect, notification()} {
			Expect(kstatusOf(o)).To(Equal(kstatus.CurrentStatus), "%T", o)
		}
		Expect(box.State().Jira.Counts.Creates).To(Equal(1))
		Expect(box.State().Jira.Counts.Searches).To(Equal(2)) // the open tickets and the recent ones, once, at first use
		Expect(box.State().Slack.Counts.Posts).To(Equal(1))
		for _, c := range box.State().Slack.Channels {
			for _, m := range c.Messages {
				Expect(m.Pings).To(BeEmpty())
			}
		}
	})

	It("posts through an incoming webhook", func() {
		slack.Spec.Bot = nil
		slack.Spec.APIURL = ""
		slack.Spec.DefaultChannel = ""
		slack.Spec.Webhook = &v1alpha1.SlackWebhook{URLSecretRef: v1alpha1.SecretKeyReference{Name: "hook", Key: "url"}}
		create(
			&corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Name: "hook"},
				StringData: map[string]string{"url": sandboxURL + "/services/T0SANDBOX/B0SANDBOX/sandbox"},
			},
			slack,
			defect,
		)
		expectCondition(slack, v1alpha1.ConditionAuthenticated, "True/Unverified", "first message shows whether it works")
		expectCondition(notification(), v1alpha1.ConditionDelivered, "True/Sent", "")
		Expect(slack.Status.Delivery).To(Equal(v1alpha1.DeliveryAtLeastOnce))
		Expect(box.State().Slack.Counts.WebhookPosts).To(Equal(1))
	})

	It("reports a revoked bot token, and resumes with a new one", func() {
		create(slack, jira)
		expectCondition(slack, v1alpha1.ConditionReady, "True/Ready", "")
		Expect(box.PutCredential(sandbox.Credential{Service: sandbox.Slack, Token: "xoxb-sandbox", State: "revoked"})).To(Succeed())
		create(defect)
		expectCondition(slack, v1alpha1.ConditionAuthenticated, "False/Unauthorized", "token_revoked")
		expectCondition(notification(), v1alpha1.ConditionDelivered, "False/IntegrationPaused", "put its new token into the Secret")
		expectCondition(defect, v1alpha1.ConditionTicketed, "True/Filed", "VOICE-1")
		Expect(
			box.PutCredential(sandbox.Credential{Service: sandbox.Slack, Token: "xoxb-new", State: "valid", Scopes: []string{"chat:write"}}),
		).To(Succeed())
		credentials.StringData = map[string]string{"slack": "xoxb-new"}
		Expect(kube.Update(ctx, credentials)).To(Succeed())
		expectCondition(defect, v1alpha1.ConditionNotified, "True/Notified", "")
		Expect(box.State().Slack.Counts.Posts).To(Equal(1))
	})

	DescribeTable("reports a channel that cannot be posted to, and posts to another once it is configured",
		func(channel, message string) {
			slack.Spec.DefaultChannel = v1alpha1.SlackChannel(channel)
			create(slack, defect)
			expectCondition(notification(), v1alpha1.ConditionDelivered, "False/Rejected", message)
			expectCondition(defect, v1alpha1.ConditionNotified, "False/NotDelivered", message)
			Eventually(func() error {
				if err := kube.Get(ctx, client.ObjectKeyFromObject(slack), slack); err != nil {
					return err
				}
				slack.Spec.DefaultChannel = "#general"
				return kube.Update(ctx, slack)
			}).Should(Succeed())
			expectCondition(defect, v1alpha1.ConditionNotified, "True/Notified", "")
		},
		Entry("not found", "#nowhere", "Channel #nowhere does not exist"),
		Entry("not a member", "#secret-room", "The bot is not in channel #secret-room (not_in_channel). Invite it"),
		Entry("archived", "#old-stuff", "Channel #old-stuff is archived"),
	)

	DescribeTable(
		"reports an outage of Jira on the integration and the Defect, and creates one ticket afterwards",
		func(f sandbox.Fault, reason, message string) {
			f.Service = sandbox.Jira
			setFault(f)
			create(slack, jira, defect)
			expectCondition(jira, v1alpha1.ConditionHealthy, "False/"+reason, message)
			expectCondition(defect, v1alpha1.ConditionTicketed, "False/IntegrationPaused", message)
			expectCondition(defect, v1alpha1.ConditionNotified, "True/Notified", "")
			clearFaults()
			expectCondition(defect, v1alpha1.ConditionTicketed, "True/Filed", "VOICE-1")
			expectCondition(jira, v1alpha1.ConditionReady, "True/Ready", "")
			Expect(box.State().Jira.Counts.Creates).To(Equal(1))
		},
		Entry("unavailable", sandbox.Fault{Status: 503, Body: "x"}, "Unavailable", "(503)"),
		Entry(
			"a page instead of JSON",
			sandbox.Fault{Status: 200, Body: "<html>sign in</html>", ContentType: "text/html"},
			"Unavailable",
			"a proxy is in between",
		),
		Entry("closes connections", sandbox.Fault{Drop: sandbox.DropBefore}, "Unavailable", "did not answer"),
	)

	DescribeTable("creates one ticket when only the create fails",
		func(f sandbox.Fault) {
			create(slack, jira)
			expectCondition(jira, v1alpha1.ConditionReady, "True/Ready", "")
			f.Service = sandbox.Jira
			f.Route = "POST /issue"
			f.Times = 1
			setFault(f)
			create(defect)
			expectCondition(defect, v1alpha1.ConditionTicketed, "True/Filed", "VOICE-1")
			Expect(box.State().Jira.Counts.Creates).To(Equal(1))
		},
		Entry("an error before it is created", sandbox.Fault{Status: 500, Body: "x"}),
		Entry("an error after it is created", sandbox.Fault{Status: 500, Body: "x", Accept: true}),
		Entry("no answer before it is created", sandbox.Fault{Drop: sandbox.DropBefore}),
		Entry("no answer after it is created", sandbox.Fault{Drop: sandbox.DropAfter}),
		Entry("too many requests", sandbox.Fault{Status: 429, Headers: map[string]string{"Retry-After": "1"}}),
	)

	It("reports that it waits for a slow Jira", func() {
		create(slack, jira)
		expectCondition(jira, v1alpha1.ConditionReady, "True/Ready", "")
		setFault(sandbox.Fault{Service: sandbox.Jira, Route: "POST /issue", Times: 1, DelayMS: 600_000})
		create(defect)
		expectCondition(defect, v1alpha1.ConditionTicketed, "False/Filing", "Waiting for Jira")
		clearFaults()
		expectCondition(defect, v1alpha1.ConditionTicketed, "True/Filed", "VOICE-1")
		Expect(box.State().Jira.Counts.Creates).To(Equal(1))
	})

	It("creates a ticket without priority in a project that has no priorities", func() {
		jira.Spec.ProjectKey = "OPS"
		create(jira, defect)
		expectCondition(jira, v1alpha1.ConditionHealthy, "True/Degraded", "no such field")
		expectCondition(defect, v1alpha1.ConditionTicketed, "True/FiledWithoutPriority", "without the priority")
	})

	DescribeTable(
		"reports what is wrong with the Jira configuration, and creates the ticket once it is fixed",
		func(breakSpec, fixSpec func(*v1alpha1.JiraIntegrationSpec), conditionType, want, message string) {
			breakSpec(&jira.Spec)
			create(jira, defect)
			expectCondition(jira, conditionType, want, message)
			if strings.HasSuffix(want, v1alpha1.ReasonSecretKeyNotFound) { // it may still arrive
				Expect(kstatusOf(jira)).To(Equal(kstatus.InProgressStatus))
			} else {
				Expect(kstatusOf(jira)).To(Equal(kstatus.FailedStatus))
			}
			Eventually(func() error {
				if err := kube.Get(ctx, client.ObjectKeyFromObject(jira), jira); err != nil {
					return err
				}
				fixSpec(&jira.Spec)
				return kube.Update(ctx, jira)
			}).Should(Succeed())
			expectCondition(defect, v1alpha1.ConditionTicketed, "True/Filed", "VOICE-1")
		},
		Entry(
			"project",
			func(s *v1alpha1.JiraIntegrationSpec) { s.ProjectKey = "NOPE" },
			func(s *v1alpha1.JiraIntegrationSpec) { s.ProjectKey = "VOICE" },
			v1alpha1.ConditionHealthy,
			"False/NotFound",
			`Project "NOPE" does not exist`,
		),
		Entry(
			"issue type",
			func(s *v1alpha1.JiraIntegrationSpec) { s.IssueType = "Saga" },
			func(s *v1alpha1.JiraIntegrationSpec) { s.IssueType = "Task" },
			v1alpha1.ConditionHealthy,
			"False/NotFound",
			`no issue type "Saga"`,
		),
		Entry(
			"user",
			func(s *v1alpha1.JiraIntegrationSpec) { s.Basic.Username = "someone" },
			func(s *v1alpha1.JiraIntegrationSpec) { s.Basic.Username = "bot@example.com" },
			v1alpha1.ConditionAuthenticated,
			"False/Unauthorized",
			"rejected the credentials",
		),
		Entry(
			"key of the Secret",
			func(s *v1alpha1.JiraIntegrationSpec) { s.Basic.TokenSecretRef.Key = "x" },
			func(s *v1alpha1.JiraIntegrationSpec) { s.Basic.TokenSecretRef.Key = "jira" },
			v1alpha1.ConditionAuthenticated,
			"False/SecretKeyNotFound",
			`no value for key "x"`,
		),
	)
})
