// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/yaml"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/hack/stage"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox"
)

// leaseDuration is so long that a replica keeps its lease on a machine that stands still for ten seconds.
const leaseDuration = 30 * time.Second

var crds = filepath.Join("..", "..", "config", "crd", "bases")

// cluster is a control plane in which several installations run, with the rights that config grants them.
type cluster struct {
	*WithT
	t      *testing.T
	admin  *rest.Config
	kube   client.Client
	box    *sandbox.Sandbox
	boxURL string
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	ctrl.SetLogger(zap.New(zap.WriteTo(io.Discard)))
	scheme := runtime.NewScheme()
	g := NewWithT(t)
	g.SetDefaultEventuallyTimeout(stage.Timeout)
	g.SetDefaultEventuallyPollingInterval(20 * time.Millisecond)
	g.Expect(clientgoscheme.AddToScheme(scheme)).To(Succeed())
	g.Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	environment, admin, err := stage.StartEnvironment(stage.WithCRDs(crds))
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() {
		if err := environment.Stop(); err != nil {
			t.Error(err)
		}
	})
	kube, err := client.New(admin, client.Options{Scheme: scheme})
	g.Expect(err).NotTo(HaveOccurred())
	box := sandbox.New(sandbox.Options{Latency: 20 * time.Millisecond}) // a call that was given up has no effect
	server := httptest.NewServer(box)
	t.Cleanup(server.Close)
	c := &cluster{WithT: g, t: t, admin: admin, kube: kube, box: box, boxURL: server.URL}
	c.createRole("rbac")
	c.createRole("api")
	c.createRoleIn("rbac", "lease_reader.yaml")
	c.create(&rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "lease-reader"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "lease-reader"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "system:serviceaccounts"}},
	})
	return c
}

// createRole creates the ClusterRole of a directory in config.
func (c *cluster) createRole(dir string) {
	c.t.Helper()
	c.createRoleIn(dir, "role.yaml")
}

// createRoleIn creates the ClusterRole in a file of a directory in config.
func (c *cluster) createRoleIn(dir, file string) {
	c.t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "config", dir, file))
	c.Expect(err).NotTo(HaveOccurred())
	role := &rbacv1.ClusterRole{}
	c.Expect(yaml.UnmarshalStrict(raw, role)).To(Succeed())
	c.create(role)
}

// create creates objects.
func (c *cluster) create(objects ...client.Object) {
	c.t.Helper()
	for _, o := range objects {
		c.Expect(c.kube.Create(c.t.Context(), o)).To(Succeed())
	}
}

// createNamespace creates a namespace with integrations and a rule.
func (c *cluster) createNamespace(name string) {
	c.t.Helper()
	meta := func(o string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: name, Name: o} }
	secretMeta := meta("s")
	secretMeta.Annotations = map[string]string{v1alpha1.ExpiresAnnotation: "2126-01-01"}
	c.create(
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}},
		&corev1.Secret{ObjectMeta: secretMeta, StringData: map[string]string{"slack": "xoxb-sandbox", "jira": "jira-sandbox"}},
		&v1alpha1.SlackIntegration{ObjectMeta: meta("slack"), Spec: v1alpha1.SlackIntegrationSpec{
			Default:        true,
			DefaultChannel: "#voice-ai-alerts",
			APIURL:         v1alpha1.HTTPURL(c.boxURL + "/api/"),
			Bot:            &v1alpha1.SlackBot{TokenSecretRef: v1alpha1.SecretKeyReference{Name: "s", Key: "slack"}},
		}},
		&v1alpha1.JiraIntegration{ObjectMeta: meta("jira"), Spec: v1alpha1.JiraIntegrationSpec{
			Default:       true,
			APIURL:        v1alpha1.HTTPURL(c.boxURL + "/jira"),
			ProjectKey:    "VOICE",
			SettleSeconds: 1,
			Basic: &v1alpha1.JiraBasicAuth{
				Username:       "bot@example.com",
				TokenSecretRef: v1alpha1.SecretKeyReference{Name: "s", Key: "jira"},
			},
			AutoCreate: &v1alpha1.JiraAutoCreate{Enabled: true},
		}},
		&v1alpha1.NotificationRule{ObjectMeta: meta("rule"),
			Spec: v1alpha1.NotificationRuleSpec{EventTypes: []v1alpha1.EventType{v1alpha1.EventDefectCreated}}},
	)
}

// createDefects creates n Defects in a namespace.
func (c *cluster) createDefects(namespace, name string, n int) []*v1alpha1.Defect {
	c.t.Helper()
	var out []*v1alpha1.Defect
	for i := range n {
		d := &v1alpha1.Defect{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("%s-%d", name, i)},
			Spec:       v1alpha1.DefectSpec{Title: fmt.Sprintf("%s %d is broken", name, i), Severity: v1alpha1.SeverityHigh},
		}
		c.create(d)
		out = append(out, d)
	}
	return out
}

// expectReady waits until Defects are Ready.
func (c *cluster) expectReady(defects []*v1alpha1.Defect) {
	c.t.Helper()
	for _, d := range defects {
		c.Eventually(func(g Gomega) {
			g.Expect(c.kube.Get(c.t.Context(), client.ObjectKeyFromObject(d), d)).To(Succeed())
			g.Expect(condition.Is(d, v1alpha1.ConditionReady, metav1.ConditionTrue, "")).To(BeTrue(), "%s: %+v", d.Name, d.Status.Conditions)
		}).Should(Succeed())
	}
}

// expectCalls checks how many tickets and messages there are.
func (c *cluster) expectCalls(tickets, messages int) {
	c.t.Helper()
	c.Expect(c.box.State().Jira.Counts.Creates).To(Equal(tickets))
	c.Expect(c.box.State().Slack.Counts.Posts).To(Equal(messages))
}

// installation is an operator that runs under a ServiceAccount of its own.
type installation struct {
	*cluster
	probes  string
	metrics string
	stop    func()
}

// bind grants the operator of a namespace what config grants: in all namespaces if it watches all, else what it needs
// outside of its own.
func (c *cluster) bind(namespace string, watched []string) {
	c.t.Helper()
	accounts := []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: "operator"}}
	role := func(name string) rbacv1.RoleRef {
		return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name}
	}
	own := []string{"manager-role", "api-role"}
	everywhere := own
	if len(watched) > 0 {
		everywhere = []string{"system:auth-delegator"}
	}
	for _, name := range everywhere {
		c.create(&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: namespace + ":" + name}, RoleRef: role(name), Subjects: accounts,
		})
	}
	for _, in := range watched {
		for _, name := range own {
			c.create(&rbacv1.RoleBinding{
				ObjectMeta: metav1.ObjectMeta{Namespace: in, Name: namespace + ":" + name}, RoleRef: role(name), Subjects: accounts,
			})
		}
	}
}

// freeAddress returns a local address to listen on.
func (c *cluster) freeAddress() string {
	c.t.Helper()
	port, err := stage.FreePort(c.t.Context())
	c.Expect(err).NotTo(HaveOccurred())
	return fmt.Sprintf("127.0.0.1:%d", port)
}

// install runs an operator in a namespace that watches others; all when there are none.
func (c *cluster) install(namespace string, watched ...string) installation {
	c.t.Helper()
	c.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	c.bind(namespace, watched)
	config := rest.CopyConfig(c.admin)
	config.Impersonate = rest.ImpersonationConfig{
		UserName: "system:serviceaccount:" + namespace + ":operator",
		Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"},
	}
	i := installation{cluster: c, probes: c.freeAddress(), metrics: c.freeAddress()}
	running, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- operate(running, config, flags{
			edge:    listenerFlags{address: c.freeAddress()},
			metrics: metricsFlags{address: i.metrics},
			probes:  i.probes, pprof: "0", callTimeout: 2 * time.Second, outgoing: outgoingFlags{allowLoopback: true},
			api:         apiFlags{listenerFlags: listenerFlags{address: c.freeAddress()}, namespace: "default", requestsPerSecond: 100},
			maxEventAge: time.Hour, expiry: time.Hour, retention: 2 * time.Hour,
			leader: leaderFlags{elect: true, watch: watched, namespace: "default", leaseDuration: leaseDuration},
		}, ctrl.Options{Controller: ctrlconfig.Controller{SkipNameValidation: ptr.To(true)}})
	}()
	stopped := false
	i.stop = func() {
		if stopped {
			return
		}
		stopped = true
		stop()
		if err := <-ended; err != nil {
			c.t.Errorf("the operator of %s ended: %v", namespace, err)
		}
	}
	c.t.Cleanup(i.stop)
	return i
}

// expectReadiness waits until the installation is ready, or is not and says a text.
func (i installation) expectReadiness(status int, text string) {
	i.t.Helper()
	i.Eventually(func(g Gomega) {
		for _, path := range []string{"/readyz", "/readyz/leader"} {
			res, err := http.Get("http://" + i.probes + path)
			g.Expect(err).NotTo(HaveOccurred())
			body, err := io.ReadAll(res.Body)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(res.Body.Close()).To(Succeed())
			g.Expect(res.StatusCode).To(Equal(status), string(body))
			if path != "/readyz" {
				g.Expect(string(body)).To(ContainSubstring(text))
			}
		}
	}).Should(Succeed())
}

// expectLease waits until the installation of a namespace holds a Lease.
func (c *cluster) expectLease(namespace, name, holder string) {
	c.t.Helper()
	c.Eventually(func(g Gomega) {
		lease := &coordinationv1.Lease{}
		g.Expect(c.kube.Get(c.t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, lease)).To(Succeed())
		g.Expect(ptr.Deref(lease.Spec.HolderIdentity, "")).To(HavePrefix(holder + "/operator/"))
	}).Should(Succeed())
}

// TestSecondInstallation checks that of two installations one acts, and the other one is not ready and says why. It
// acts once the first is removed.
func TestSecondInstallation(t *testing.T) {
	c := newCluster(t)
	c.createNamespace("a")
	first := c.install("first")
	c.expectLease("default", "voiceai-integrations-cluster", "first")
	first.expectReadiness(http.StatusOK, "")
	second := c.install("second")
	second.expectReadiness(http.StatusInternalServerError, "all namespaces: first/operator/")
	third := c.install("third", "a")
	third.expectReadiness(http.StatusInternalServerError, "all namespaces: first/operator/")
	c.expectReady(c.createDefects("a", "with-the-first", 6))
	c.expectCalls(6, 6)
	first.stop()
	third.stop()
	c.expectLease("default", "voiceai-integrations-cluster", "second")
	second.expectReadiness(http.StatusOK, "")
	c.expectReady(c.createDefects("a", "with-the-second", 2))
	c.expectCalls(8, 8)
}

// TestInstallationsByNamespace checks that two installations that watch different namespaces both act, each on its own
// objects, and that a third that watches all does not.
func TestInstallationsByNamespace(t *testing.T) {
	c := newCluster(t)
	for _, name := range []string{"a", "b", "unwatched"} {
		c.createNamespace(name)
	}
	c.install("first", "a").expectReadiness(http.StatusOK, "")
	c.install("second", "b").expectReadiness(http.StatusOK, "")
	c.expectLease("a", "voiceai-integrations", "first")
	c.expectLease("b", "voiceai-integrations", "second")
	third := c.install("third")
	third.expectReadiness(http.StatusInternalServerError, "another installation acts on the objects of namespace")
	ignored := c.createDefects("unwatched", "d", 1)
	c.expectReady(append(c.createDefects("a", "d", 3), c.createDefects("b", "d", 3)...))
	c.expectCalls(6, 6)
	c.Expect(c.kube.Get(t.Context(), client.ObjectKeyFromObject(ignored[0]), ignored[0])).To(Succeed())
	c.Expect(ignored[0].Status.Jira).To(BeNil())
}

// TestRestore deletes all Defects and Notifications and creates the Defects again without status, as a restore from a
// backup does. They get other UIDs, and no second ticket.
func TestRestore(t *testing.T) {
	c := newCluster(t)
	c.createNamespace("a")
	before := c.install("before", "a")
	defects := c.createDefects("a", "d", 4)
	c.expectReady(defects)
	before.stop()
	c.Expect(c.kube.DeleteAllOf(t.Context(), &v1alpha1.Notification{}, client.InNamespace("a"))).To(Succeed())
	c.Expect(c.kube.DeleteAllOf(t.Context(), &v1alpha1.Defect{}, client.InNamespace("a"))).To(Succeed())
	var restored []*v1alpha1.Defect
	for _, d := range defects {
		again := &v1alpha1.Defect{ObjectMeta: metav1.ObjectMeta{Namespace: d.Namespace, Name: d.Name}, Spec: d.Spec}
		c.Eventually(func() error { return c.kube.Create(t.Context(), again) }).Should(Succeed())
		c.Expect(again.UID).NotTo(Equal(d.UID))
		restored = append(restored, again)
	}
	c.install("after", "a")
	c.expectReady(restored)
	c.Expect(c.box.State().Jira.Counts.Creates).To(Equal(len(defects)))
	for i, d := range restored {
		c.Expect(d.Status.Jira.Key).To(Equal(defects[i].Status.Jira.Key))
	}
}
