// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/yaml"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/hack/stage"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/writer"
	"github.com/voiceai-dev/integrations-operator/internal/identity"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
)

// These tests have real callers, and a real API server with RBAC.

var (
	kube     client.Client
	mgr      ctrl.Manager
	options  apiserver.Options
	base     string
	document *apiDocument
	count    int
)

func TestMain(m *testing.M) {
	ctrl.SetLogger(zap.New(zap.WriteTo(io.Discard)))
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "the control plane is built by make controlplane:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "audit")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	flags, err := writeAuditPolicy(dir)
	if err != nil {
		return 0, err
	}
	audit := func(e *envtest.Environment) {
		for name, value := range flags {
			e.ControlPlane.GetAPIServer().Configure().Set(name, value)
		}
	}
	environment, config, err := stage.StartEnvironment(stage.WithCRDs(filepath.Join("..", "..", "config", "crd", "bases")), audit)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, environment.Stop()) }()
	if kube, err = client.New(config, client.Options{Scheme: scheme}); err != nil {
		return 0, err
	}
	if err := installPolicies(); err != nil {
		return 0, err
	}
	operator, err := operatorConfig(config)
	if err != nil {
		return 0, err
	}
	if mgr, err = ctrl.NewManager(operator, ctrl.Options{Scheme: scheme, Metrics: metricsserver.Options{BindAddress: "0"}}); err != nil {
		return 0, err
	}
	authenticator, err := identity.New(operator)
	if err != nil {
		return 0, err
	}
	asCaller, err := writer.New(operator, mgr.GetClient())
	if err != nil {
		return 0, err
	}
	options = apiserver.Options{
		Addr: "127.0.0.1:0", Identity: authenticator, Client: asCaller, Live: mgr.GetAPIReader(),
		Cache: mgr.GetCache(), Clock: clock.RealClock{}, Exchange: exchange, Revoke: revoke,
		Outbox: &outbox.Outbox{Client: mgr.GetClient(), Clock: clock.RealClock{}, MaxEventAge: time.Hour},
	}
	server, err := apiserver.New(options)
	if err != nil {
		return 0, err
	}
	if err := mgr.Add(server); err != nil {
		return 0, err
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	defer func() { stop(); err = errors.Join(err, <-ended) }()
	select {
	case <-server.Ready():
	case err := <-ended:
		ended <- nil
		return 0, err
	}
	base = "http://" + server.Addr().String()
	if document, err = readDocument(); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

// operatorConfig returns the configuration of a client that has the operator's ClusterRoles, which are generated from
// the markers in the code.
func operatorConfig(admin *rest.Config) (*rest.Config, error) {
	for _, dir := range []string{"rbac", "api"} {
		raw, err := os.ReadFile(filepath.Join("..", "..", "config", dir, "role.yaml"))
		if err != nil {
			return nil, err
		}
		role := &rbacv1.ClusterRole{}
		if err := yaml.UnmarshalStrict(raw, role); err != nil {
			return nil, err
		}
		if err := kube.Create(context.Background(), role); err != nil {
			return nil, err
		}
		if err := kube.Create(context.Background(), &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: role.Name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "default", Name: "operator"}},
		}); err != nil {
			return nil, err
		}
	}
	token, err := newToken("default", "operator")
	if err != nil {
		return nil, err
	}
	out := rest.AnonymousClientConfig(admin)
	out.BearerToken = token
	out.QPS = -1
	return out, nil
}

// newToken creates a service account, and returns a token of it.
func newToken(namespace, name string) (string, error) {
	ctx := context.Background()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	if err := kube.Create(ctx, account); err != nil {
		return "", err
	}
	request := &authenticationv1.TokenRequest{}
	if err := kube.SubResource("token").Create(ctx, account, request); err != nil {
		return "", err
	}
	return request.Status.Token, nil
}

// alerts returns what Alertmanager sends for alerts that fire now.
func alerts(names ...string) string {
	var all []map[string]any
	for _, name := range names {
		all = append(all, map[string]any{"status": "firing", "startsAt": time.Now(), "fingerprint": name,
			"labels": map[string]string{"alertname": name, "severity": "high"}})
	}
	body, _ := json.Marshal(map[string]any{"version": "4", "groupKey": "g", "alerts": all})
	return string(body)
}

// cloudEvent returns an alert as a CloudEvent.
func cloudEvent(id string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"tests","type":"dev.voiceai.system.alert.firing",`+
		`"data":{"title":%q,"severity":"high"}}`, id, id)
}

// world is a namespace of a test.
type world struct {
	*gomega.WithT
	t         *testing.T
	namespace string
	accounts  int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	count++
	w := &world{WithT: gomega.NewWithT(t), t: t, namespace: fmt.Sprintf("api-%d", count)}
	w.SetDefaultEventuallyTimeout(stage.Timeout)
	w.SetDefaultEventuallyPollingInterval(10 * time.Millisecond)
	w.Expect(kube.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}})).To(gomega.Succeed())
	return w
}

func (w *world) create(objects ...client.Object) {
	w.t.Helper()
	for _, o := range objects {
		o.SetNamespace(w.namespace)
		w.Expect(kube.Create(w.t.Context(), o, client.FieldOwner("a-user"))).To(gomega.Succeed())
		live, _ := o.DeepCopyObject().(client.Object)
		w.Eventually(func() error {
			return mgr.GetClient().Get(w.t.Context(), client.ObjectKeyFromObject(o),
				live)
		}).Should(gomega.Succeed())
	}
}

func (w *world) slack() *v1alpha1.SlackIntegration {
	return &v1alpha1.SlackIntegration{ObjectMeta: metav1.ObjectMeta{Name: "slack"}, Spec: v1alpha1.SlackIntegrationSpec{
		Default: true, DefaultChannel: "#voice-ai-alerts",
		Bot: &v1alpha1.SlackBot{TokenSecretRef: v1alpha1.SecretKeyReference{Name: "own", Key: "token"}},
	}}
}

func (w *world) jira() *v1alpha1.JiraIntegration {
	return &v1alpha1.JiraIntegration{ObjectMeta: metav1.ObjectMeta{Name: "jira"}, Spec: v1alpha1.JiraIntegrationSpec{
		Default: true, APIURL: "https://example.atlassian.net", ProjectKey: "VOICE",
		Basic: &v1alpha1.JiraBasicAuth{Username: "qa@example.com", TokenSecretRef: v1alpha1.SecretKeyReference{Name: "own", Key: "jira"}},
	}}
}

func (w *world) rule() *v1alpha1.NotificationRule {
	return &v1alpha1.NotificationRule{ObjectMeta: metav1.ObjectMeta{Name: "alerts"}, Spec: v1alpha1.NotificationRuleSpec{
		EventTypes: []v1alpha1.EventType{v1alpha1.EventSystemAlertFiring}, MinSeverity: v1alpha1.SeverityMedium,
	}}
}

func (w *world) defect(name string) *v1alpha1.Defect {
	return &v1alpha1.Defect{ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.DefectSpec{Title: "Books the wrong day", Severity: v1alpha1.SeverityHigh, Suite: "booking"}}
}

func (w *world) notification(name string) *v1alpha1.Notification {
	return &v1alpha1.Notification{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.NotificationSpec{
		Rule: v1alpha1.RuleReference{Name: "alerts", UID: "1"}, Channel: "#voice-ai-alerts",
		Event: v1alpha1.NotificationEvent{ID: "e-1", Type: v1alpha1.EventSystemAlertFiring, Time: metav1.Now(),
			Severity: v1alpha1.SeverityHigh,
			Data:     &runtime.RawExtension{Raw: []byte(`{"title":"Latency is high"}`)}},
	}}
}

func (w *world) suite(name string) *batchv1.CronJob {
	pod := corev1.PodTemplateSpec{Spec: corev1.PodSpec{RestartPolicy: corev1.RestartPolicyNever,
		Containers: []corev1.Container{{Name: "run", Image: "tests"}}}}
	suspended := true
	return &batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Name: name,
		Labels: map[string]string{v1alpha1.SuiteLabel: "booking"}}, Spec: batchv1.CronJobSpec{
		Schedule: "0 3 * * *", Suspend: &suspended, JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: pod}},
	}}
}

func (w *world) job(name string) *batchv1.Job {
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{v1alpha1.SuiteLabel: "booking"},
			Annotations: map[string]string{v1alpha1.ResultsAnnotation: `{"passed":3,"total":3}`}},
		Spec: w.suite("").Spec.JobTemplate.Spec,
	}
}

// caller is a client with a token.
type caller struct {
	w     *world
	token string
	base  string
}

// callerWith returns a caller with just the given permissions in the namespace, each as "verb resource".
func (w *world) callerWith(rights ...string) *caller {
	w.t.Helper()
	w.accounts++
	name := fmt.Sprintf("caller-%d", w.accounts)
	token, err := newToken(w.namespace, name)
	w.Expect(err).NotTo(gomega.HaveOccurred())
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name}}
	for _, right := range rights {
		verb, resource, _ := strings.Cut(right, " ")
		group := v1alpha1.GroupVersion.Group
		switch resource {
		case "jobs", "cronjobs":
			group = "batch"
		case "secrets":
			group = ""
		}
		role.Rules = append(role.Rules, rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, Verbs: []string{verb}})
	}
	w.Expect(kube.Create(w.t.Context(), role)).To(gomega.Succeed())
	w.Expect(kube.Create(w.t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace,
			Name: name}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: w.namespace, Name: name}},
	})).To(gomega.Succeed())
	for _, rule := range role.Rules { // the API server takes a moment to see them
		w.Eventually(func() (bool, error) {
			review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
				User: "system:serviceaccount:" + w.namespace + ":" + name, ResourceAttributes: &authorizationv1.ResourceAttributes{
					Namespace: w.namespace, Group: rule.APIGroups[0], Resource: rule.Resources[0], Verb: rule.Verbs[0],
				}}}
			err := kube.Create(w.t.Context(), review)
			return review.Status.Allowed, err
		}).Should(gomega.BeTrue())
	}
	return &caller{w: w, token: token, base: base}
}

// admin returns a caller that may do everything in the namespace.
func (w *world) admin() *caller { return w.callerWith("* *", "* jobs", "* cronjobs", "* secrets") }

type answer struct {
	status int
	header http.Header
	body   string
}

// into decodes the answer.
func (a answer) into(w *world, v any) answer {
	w.t.Helper()
	w.Expect(json.Unmarshal([]byte(a.body), v)).To(gomega.Succeed(), a.body)
	return a
}

// secretValue is part of every secret that these tests send. No answer may have it.
const secretValue = "s3cr3t"

// ask sends a request about the namespace, and checks that the answer conforms to the document. headers are names and
// values.
func (c *caller) ask(method, path, body string, headers ...string) answer {
	c.w.t.Helper()
	if !strings.Contains(path, "namespace=") && path != completeInstallPath {
		sep := "?"
		if strings.Contains(path, "?") {
			sep = "&"
		}
		path += sep + "namespace=" + c.w.namespace
	}
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(c.w.t.Context(), method, c.base+path, reader)
	c.w.Expect(err).NotTo(gomega.HaveOccurred())
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	c.w.Expect(err).NotTo(gomega.HaveOccurred())
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	c.w.Expect(err).NotTo(gomega.HaveOccurred())
	a := answer{response.StatusCode, response.Header, string(raw)}
	c.w.Expect(a.body).NotTo(gomega.ContainSubstring(secretValue))
	c.w.Expect(document.check(method, r.URL.Path, a)).To(gomega.Succeed(), "%s %s: %s", method, path, a.body)
	return a
}
