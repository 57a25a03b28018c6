// SPDX-License-Identifier: Apache-2.0

//go:build browser

// Package browser_test drives the dashboard in a real Chromium, with a real operator that has the rights of an
// installed one, a real API server with RBAC, and the sandbox for Slack and Jira. Elements are found by role and
// accessible name, as a screen reader finds them.
package browser_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/hack/stage"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
)

var (
	kube      client.Client
	here      *stage.Stage
	dashboard string // its address
	edge      string // the address of the listener for signed webhooks
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	path, err := chromium()
	if err != nil {
		fmt.Println(err)
		return 1
	}
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		fmt.Println("KUBEBUILDER_ASSETS is not set: run make test-browser")
		return 1
	}
	dir, err := os.MkdirTemp("", "browser")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	here = &stage.Stage{Dir: dir, Root: filepath.Join("..", ".."), Bin: dir}
	defer func() {
		if err := here.Stop(); err != nil {
			fmt.Println(err)
		}
	}()
	if err := begin(dir); err != nil {
		fmt.Println(err)
		return 1
	}
	end, err := startBrowser(path)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer end()
	code := m.Run()
	if code != 0 {
		log, _ := os.ReadFile(filepath.Join(dir, "operator.log"))
		for line := range strings.Lines(string(log)) {
			if strings.Contains(line, `"level":"error"`) || strings.Contains(line, "panic") {
				fmt.Print("operator: ", line)
			}
		}
	}
	return code
}

// begin starts the control plane and the operator.
func begin(dir string) error {
	build := exec.Command("go", "build", "-o", dir, "./cmd/operator")
	build.Dir = here.Root
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building the operator: %w: %s", err, out)
	}
	config, err := here.ControlPlane()
	if err != nil {
		return err
	}
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return err
	}
	if kube, err = client.New(config, client.Options{Scheme: scheme}); err != nil {
		return err
	}
	ctx := context.Background()
	if err := grantRights(ctx, config); err != nil {
		return fmt.Errorf("granting the operator its rights: %w", err)
	}
	port, err := stage.FreePort(ctx)
	if err != nil {
		return err
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	dashboard = "http://" + address
	if port, err = stage.FreePort(ctx); err != nil {
		return err
	}
	edge = fmt.Sprintf("127.0.0.1:%d", port)
	if _, err := here.Operator(ctx, "operator", nil,
		"--api-bind-address="+address, "--dashboard-url="+dashboard, "--edge-bind-address="+edge); err != nil {
		return err
	}
	return here.Poll(ctx, "the dashboard to answer", func() (bool, error) {
		res, err := http.Get(dashboard + "/api/v1/integrations/health")
		if err != nil {
			return false, nil //nolint:nilerr // the operator is not listening yet
		}
		return true, res.Body.Close()
	})
}

// grantRights gives the operator the rights that config/default and config/slack grant and no others, so that a missing
// right fails a test.
func grantRights(ctx context.Context, admin *rest.Config) error {
	root, err := filepath.Abs(here.Root)
	if err != nil {
		return err
	}
	relative, err := filepath.Rel(here.Dir, filepath.Join(root, "config"))
	if err != nil {
		return err
	}
	overlay := fmt.Sprintf(`namespace: voiceai-integrations-system
namePrefix: voiceai-integrations-
resources: [%[1]s/namespace, %[1]s/operator]
components: [%[1]s/api, %[1]s/metrics, %[1]s/slack]
`, relative)
	if err := os.WriteFile(filepath.Join(here.Dir, "kustomization.yaml"), []byte(overlay), 0o600); err != nil {
		return err
	}
	kubectl := filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl")
	out, err := exec.CommandContext(ctx, kubectl, "kustomize", here.Dir).Output()
	if err != nil {
		return fmt.Errorf("building the operator's roles: %w", err)
	}
	account := client.ObjectKey{}
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(out)))
	for {
		raw, err := documents.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		o := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(raw, o); err != nil {
			return err
		}
		switch kind := o.GetKind(); {
		case kind == "ServiceAccount":
			account = client.ObjectKeyFromObject(o)
		case kind != "Namespace" && o.GroupVersionKind().Group != rbacv1.GroupName:
			continue
		}
		if err := kube.Create(ctx, o); err != nil {
			return err
		}
	}
	token, err := stage.CreateAccount(ctx, kube, account.Namespace, account.Name)
	if err != nil {
		return err
	}
	here.Kubeconfig = filepath.Join(here.Dir, "operator.kubeconfig")
	return clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters:  map[string]*clientcmdapi.Cluster{"stage": {Server: admin.Host, CertificateAuthorityData: admin.CAData}},
		AuthInfos: map[string]*clientcmdapi.AuthInfo{"stage": {Token: token}},
		Contexts:  map[string]*clientcmdapi.Context{"stage": {Cluster: "stage", AuthInfo: "stage"}}, CurrentContext: "stage",
	}, here.Kubeconfig)
}

// world is a namespace with its own Slack and Jira, and three users.
type world struct {
	t         *testing.T
	namespace string
	box       *sandbox.Sandbox
	server    *httptest.Server
	// Tokens: admin may do everything in the namespace, viewer may read, noRights may do nothing.
	admin, viewer, noRights string
}

const (
	slackName = "slack"
	jiraName  = "jira"
	ruleName  = "findings"
	channel   = "#voice-ai-alerts"
)

// newWorld creates a world and waits until its integrations are Ready.
func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldIn(t, strings.ToLower(strings.TrimPrefix(t.Name(), "Test")))
}

func newWorldIn(t *testing.T, namespace string) *world {
	t.Helper()
	w := &world{t: t, namespace: namespace, box: sandbox.New(sandbox.Options{})}
	w.server = httptest.NewServer(w.box)
	t.Cleanup(func() {
		w.server.CloseClientConnections()
		w.server.Close()
	})
	w.must(kube.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}}))
	own := []string{v1alpha1.GroupVersion.Group}
	batch := []string{"batch"}
	everything := []string{"*"}
	read := []string{"get", "list", "watch"}
	w.admin = w.account("admin",
		rbacv1.PolicyRule{APIGroups: own, Resources: everything, Verbs: everything},
		rbacv1.PolicyRule{APIGroups: batch, Resources: []string{"jobs", "cronjobs"}, Verbs: everything},
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: everything})
	w.viewer = w.account("viewer",
		rbacv1.PolicyRule{APIGroups: own, Resources: everything, Verbs: read},
		rbacv1.PolicyRule{APIGroups: batch, Resources: []string{"jobs", "cronjobs"}, Verbs: read})
	w.noRights = w.account("no-rights")

	w.create(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "tokens"},
		StringData: map[string]string{"slack": slack.BotToken, "signing-secret": slack.SigningSecret, "jira": jira.BotToken},
	})
	s := w.slack()
	j := w.jira()
	w.create(s)
	w.create(j)
	w.create(&v1alpha1.NotificationRule{ObjectMeta: metav1.ObjectMeta{Name: ruleName}, Spec: v1alpha1.NotificationRuleSpec{
		EventTypes: []v1alpha1.EventType{v1alpha1.EventDefectCreated}}})
	w.ready(s)
	w.ready(j)
	t.Cleanup(w.disconnect) // so that the operator does not call a server that has stopped
	return w
}

// disconnect deletes every integration.
func (w *world) disconnect() {
	w.t.Helper()
	for _, o := range []client.Object{&v1alpha1.SlackIntegration{}, &v1alpha1.JiraIntegration{}} {
		if err := kube.DeleteAllOf(context.Background(), o, client.InNamespace(w.namespace)); err != nil {
			w.t.Error(err)
		}
	}
}

// slack returns an integration with a bot token.
func (w *world) slack() *v1alpha1.SlackIntegration {
	return &v1alpha1.SlackIntegration{ObjectMeta: metav1.ObjectMeta{Name: slackName}, Spec: v1alpha1.SlackIntegrationSpec{
		Default: true, APIURL: v1alpha1.HTTPURL(w.server.URL + sandbox.SlackAPIPath), DefaultChannel: channel,
		Bot: &v1alpha1.SlackBot{TokenSecretRef: v1alpha1.SecretKeyReference{Name: "tokens", Key: "slack"}},
	}}
}

// jira returns an integration that creates tickets only on request.
func (w *world) jira() *v1alpha1.JiraIntegration {
	return &v1alpha1.JiraIntegration{ObjectMeta: metav1.ObjectMeta{Name: jiraName}, Spec: v1alpha1.JiraIntegrationSpec{
		Default: true, APIURL: v1alpha1.HTTPURL(w.server.URL + sandbox.JiraPath), ProjectKey: jira.VoiceProject, SettleSeconds: 1,
		Basic: &v1alpha1.JiraBasicAuth{Username: jira.BotUser, TokenSecretRef: v1alpha1.SecretKeyReference{Name: "tokens", Key: "jira"}},
	}}
}

// defect creates a Defect.
func (w *world) defect(name, title string, severity v1alpha1.Severity) *v1alpha1.Defect {
	w.t.Helper()
	d := &v1alpha1.Defect{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.DefectSpec{
		Title: title, Severity: severity, Suite: "booking", Run: "booking-1", TestCase: "books_the_right_day",
		Description: "The caller asks for Tuesday.", StepsToReproduce: "Call and say: Tuesday.",
		ExpectedResult: "Tuesday", ActualResult: "Monday",
	}}
	w.create(d)
	return d
}

// run creates a run of a suite. Nothing executes it, as there is no kubelet.
func (w *world) run(suite string) {
	w.t.Helper()
	meta := w.meta(suite + "-1")
	meta.Labels = map[string]string{v1alpha1.SuiteLabel: suite}
	w.create(&batchv1.Job{ObjectMeta: meta, Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
		RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "run", Image: "tests"}},
	}}}})
}

func (w *world) create(o client.Object) {
	w.t.Helper()
	o.SetNamespace(w.namespace)
	w.must(kube.Create(w.t.Context(), o))
}

func (w *world) meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: w.namespace, Name: name}
}

// account creates a ServiceAccount with rights and returns its token.
func (w *world) account(name string, rules ...rbacv1.PolicyRule) string {
	w.t.Helper()
	token, err := stage.CreateAccount(w.t.Context(), kube, w.namespace, name, rules...)
	w.must(err)
	return token
}

// ready waits until an object is Ready.
func (w *world) ready(o interface {
	client.Object
	condition.Object
}) {
	w.t.Helper()
	w.until(fmt.Sprintf("%T %s to be Ready", o, o.GetName()), func() (bool, error) {
		err := kube.Get(w.t.Context(), client.ObjectKeyFromObject(o), o)
		return condition.Is(o, v1alpha1.ConditionReady, metav1.ConditionTrue, ""), err
	})
}

// until waits for a condition that no page shows.
func (w *world) until(what string, done func() (bool, error)) {
	w.t.Helper()
	w.must(here.Poll(w.t.Context(), what, done))
}

// control calls the sandbox's control API.
func (w *world) control(method, path string, body any) {
	w.t.Helper()
	raw, err := json.Marshal(body)
	w.must(err)
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.server.URL+path, strings.NewReader(string(raw)))
	w.must(err)
	res, err := http.DefaultClient.Do(r)
	w.must(err)
	w.must(res.Body.Close())
	if res.StatusCode >= 300 {
		w.t.Fatalf("%s %s: %s", method, path, res.Status)
	}
}

// credential sets the state of a token in the sandbox: valid or revoked.
func (w *world) credential(service sandbox.Service, token, state string) {
	w.t.Helper()
	w.control(http.MethodPut, "/_sandbox/credentials", sandbox.Credential{Service: service, Token: token, State: state})
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// patience is the longest time that a page may take to show a text.
const patience = stage.Timeout
