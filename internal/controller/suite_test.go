// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	crcontroller "sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/hack/stage"
	"github.com/voiceai-dev/integrations-operator/internal/chat/chattest"
	"github.com/voiceai-dev/integrations-operator/internal/controller"
	"github.com/voiceai-dev/integrations-operator/internal/leadership"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
	"github.com/voiceai-dev/integrations-operator/internal/ticket/tickettest"
)

var (
	environment *envtest.Environment
	config      *rest.Config
	scheme      = runtime.NewScheme()
	kube        client.Client
)

func TestControllers(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(stage.Timeout)
	SetDefaultEventuallyPollingInterval(20 * time.Millisecond)
	RunSpecs(t, "controllers")
}

var _ = BeforeSuite(func() {
	ctrl.SetLogger(zap.New(zap.WriteTo(GinkgoWriter), zap.UseDevMode(true)))
	Expect(clientgoscheme.AddToScheme(scheme)).To(Succeed())
	Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	var err error
	environment, config, err = stage.StartEnvironment(stage.WithCRDs(filepath.Join("..", "..", "config", "crd", "bases")))
	Expect(err).NotTo(HaveOccurred())
	kube, err = client.New(config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
})

var _ = AfterSuite(func() { Expect(environment.Stop()).To(Succeed()) })

// world is an operator in a namespace of its own, between a fake Slack and a fake Jira.
type world struct {
	namespace string
	slack     *chattest.Fake
	jira      *tickettest.Fake
	// outbox is that of the operator that runs.
	outbox *outbox.Outbox
	stop   func()
}

var worlds int

// newWorld returns a world with a namespace; run starts the operator.
func newWorld() *world {
	worlds++
	w := &world{namespace: fmt.Sprintf("world-%d", worlds), slack: &chattest.Fake{}, jira: &tickettest.Fake{}}
	Expect(kube.Create(context.Background(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}})).To(Succeed())
	return w
}

// run starts the operator, which has led since a time.
func (w *world) run(leaderSince time.Time) {
	ctx, cancel := context.WithCancel(context.Background())
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme: scheme, Metrics: metricsserver.Options{BindAddress: "0"},
		Cache: cache.Options{DefaultNamespaces: map[string]cache.Config{w.namespace: {}}},
	})
	Expect(err).NotTo(HaveOccurred())
	skipNames := true
	options := controller.Options{
		DialSlack:             w.slack.Dial,
		DialJira:              w.jira.Dial,
		LeaderSince:           func() leadership.Start { return leadership.Start{Local: leaderSince, Server: leaderSince} },
		MaxEventAge:           time.Hour,
		NotificationExpiry:    time.Hour,
		NotificationRetention: 2 * time.Hour,
		DashboardURL:          "https://voice.example.com/",
		AuditEvery:            2,
		Controller: func(int, time.Duration) crcontroller.Options {
			return crcontroller.Options{
				MaxConcurrentReconciles: 4, SkipNameValidation: &skipNames,
				RateLimiter: workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](50*time.Millisecond, time.Second),
			}
		},
	}
	w.outbox = controller.NewOutbox(mgr, options)
	Expect(controller.Setup(ctx, mgr, w.outbox, options)).To(Succeed())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	w.stop = func() {
		if cancel != nil {
			cancel()
			Expect(<-ended).To(Succeed())
			cancel = nil
		}
	}
	DeferCleanup(func() { w.stop() })
}

func (w *world) create(objects ...client.Object) {
	GinkgoHelper()
	for _, o := range objects {
		o.SetNamespace(w.namespace)
		Expect(kube.Create(context.Background(), o)).To(Succeed())
	}
}

func (w *world) secret(name string, data map[string]string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, StringData: data}
}

func slackBot() *v1alpha1.SlackIntegration {
	return &v1alpha1.SlackIntegration{ObjectMeta: metav1.ObjectMeta{Name: "slack"}, Spec: v1alpha1.SlackIntegrationSpec{
		Default: true, DefaultChannel: "#alerts",
		Bot:       &v1alpha1.SlackBot{TokenSecretRef: v1alpha1.SecretKeyReference{Name: "slack", Key: "token"}},
		RateLimit: &v1alpha1.SlackRateLimit{ChannelMessagesPerMinute: 60000, WorkspaceMessagesPerMinute: 60000},
	}}
}

func jiraCloud() *v1alpha1.JiraIntegration {
	return &v1alpha1.JiraIntegration{ObjectMeta: metav1.ObjectMeta{Name: "jira"}, Spec: v1alpha1.JiraIntegrationSpec{
		Default:       true,
		APIURL:        "https://jira.example.com",
		ProjectKey:    "VOICE",
		SettleSeconds: 1,
		Basic: &v1alpha1.JiraBasicAuth{
			Username:       "bot@example.com",
			TokenSecretRef: v1alpha1.SecretKeyReference{Name: "jira", Key: "token"},
		},
		AutoCreate: &v1alpha1.JiraAutoCreate{Enabled: true, MinSeverity: v1alpha1.SeverityHigh},
	}}
}

func ruleFor(types ...v1alpha1.EventType) *v1alpha1.NotificationRule {
	return &v1alpha1.NotificationRule{ObjectMeta: metav1.ObjectMeta{Name: "rule"}, Spec: v1alpha1.NotificationRuleSpec{EventTypes: types}}
}

func defect(severity v1alpha1.Severity) *v1alpha1.Defect {
	return &v1alpha1.Defect{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "defect-"},
		Spec:       v1alpha1.DefectSpec{Title: "It is broken", Severity: severity},
	}
}

// furnish creates all that an operator needs to work, and nothing for it to do.
func (w *world) furnish() {
	GinkgoHelper()
	w.create(w.secret("slack", map[string]string{"token": "xoxb-1"}), w.secret("jira", map[string]string{"token": "t-1"}),
		slackBot(), jiraCloud(), ruleFor(v1alpha1.EventDefectCreated))
}

// amend changes an object as people do, whatever the operator writes to its status meanwhile.
func amend[T client.Object](o T, change func(T)) {
	GinkgoHelper()
	ctx := context.Background()
	Expect(kube.Get(ctx, client.ObjectKeyFromObject(o), o)).To(Succeed())
	before := o.DeepCopyObject().(client.Object)
	change(o)
	Expect(kube.Patch(ctx, o, client.MergeFrom(before))).To(Succeed())
}
