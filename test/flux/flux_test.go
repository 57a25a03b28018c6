// SPDX-License-Identifier: Apache-2.0

//go:build flux

// Package flux_test runs Flux's kustomize-controller beside the operator: what Flux says of our objects, and when.
package flux_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/hack/stage"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
)

const fluxNamespace = "flux-system"

// world is a cluster with the operator, Flux's kustomize-controller, and a server of artifacts, which stands for Flux's
// source-controller.
type world struct {
	*testing.T
	client    client.Client
	stage     *stage.Stage
	sandbox   *httptest.Server
	artifacts *httptest.Server
	files     map[string][]byte
}

// newWorld starts all of it. It needs bin/k8s, bin/operator and bin/kustomize-controller.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, files: map[string][]byte{}, stage: &stage.Stage{Dir: t.TempDir(), Root: filepath.Join("..", "..")}}
	t.Cleanup(func() { w.must(w.stage.Stop()) })
	config, err := w.stage.ControlPlane()
	w.must(err)
	scheme := runtime.NewScheme()
	w.must(clientgoscheme.AddToScheme(scheme))
	w.must(apiextensionsv1.AddToScheme(scheme))
	w.must(v1alpha1.AddToScheme(scheme))
	w.client, err = client.New(config, client.Options{Scheme: scheme})
	w.must(err)
	w.sandbox = httptest.NewServer(sandbox.New(sandbox.Options{}))
	t.Cleanup(w.sandbox.Close)
	w.artifacts = httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		_, _ = out.Write(w.files[r.URL.Path])
	}))
	t.Cleanup(w.artifacts.Close)
	w.installFlux()
	_, err = w.stage.Operator(t.Context(), "operator", nil)
	w.must(err)
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// installFlux installs the CRDs that kustomize-controller uses, and starts it.
func (w *world) installFlux() {
	w.Helper()
	raw, err := os.ReadFile(filepath.Join(w.stage.Root, "bin", "kustomizations.yaml"))
	w.must(err)
	crd := &apiextensionsv1.CustomResourceDefinition{}
	w.must(yaml.Unmarshal(raw, crd))
	w.must(w.client.Create(w.Context(), crd))
	sources := map[string]string{
		"GitRepository": "gitrepositories", "OCIRepository": "ocirepositories", "Bucket": "buckets", "ExternalArtifact": "externalartifacts",
	}
	for kind, plural := range sources {
		w.must(w.client.Create(w.Context(), sourceCRD(kind, plural)))
	}
	w.must(w.client.Create(w.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: fluxNamespace}}))
	w.must(w.stage.Poll(w.Context(), "the CRDs of Flux", func() (bool, error) {
		list := &unstructured.UnstructuredList{}
		list.SetAPIVersion("source.toolkit.fluxcd.io/v1")
		list.SetKind("GitRepositoryList")
		return w.client.List(w.Context(), list) == nil, nil
	}))
	port, err := stage.FreePort(w.Context())
	w.must(err)
	_, err = w.stage.Start(w.Context(), "kustomize-controller",
		[]string{"KUBECONFIG=" + w.stage.Kubeconfig, "RUNTIME_NAMESPACE=" + fluxNamespace},
		filepath.Join(w.stage.Root, "bin", "kustomize-controller"), fmt.Sprintf("--health-addr=127.0.0.1:%d", port), "--metrics-addr=0",
		"--concurrent=10", "--requeue-dependency=1s")
	w.must(err)
}

// sourceCRD returns a CRD for a kind of source-controller that accepts anything.
func sourceCRD(kind, plural string) *apiextensionsv1.CustomResourceDefinition {
	return &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: plural + ".source.toolkit.fluxcd.io"},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "source.toolkit.fluxcd.io", Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Kind: kind, ListKind: kind + "List", Plural: plural},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: "v1", Served: true, Storage: true, Subresources: &apiextensionsv1.CustomResourceSubresources{
					Status: &apiextensionsv1.CustomResourceSubresourceStatus{},
				},
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
					Type: "object", XPreserveUnknownFields: new(true),
				}},
			}},
		},
	}
}

// commit makes files the newest revision of a GitRepository, as source-controller does.
func (w *world) commit(name string, files map[string]string) {
	w.Helper()
	archive := pack(w.T, files)
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256(archive))
	path := "/" + name + ".tar.gz"
	w.files[path] = archive
	o := object("source.toolkit.fluxcd.io/v1", "GitRepository", name)
	o.Object["spec"] = map[string]any{"interval": "10m", "url": "https://git.example.com/" + name}
	w.must(w.client.Create(w.Context(), o))
	now := time.Now().UTC().Format(time.RFC3339)
	o.Object["status"] = map[string]any{
		"observedGeneration": int64(1),
		"artifact": map[string]any{
			"digest": digest, "lastUpdateTime": now, "path": path, "revision": "main@" + digest, "url": w.artifacts.URL + path,
			"size": int64(len(archive)),
		},
		"conditions": []any{map[string]any{
			"type": "Ready", "status": "True", "reason": "Succeeded", "message": "stored", "lastTransitionTime": now, "observedGeneration": int64(1),
		}},
	}
	w.must(w.client.Status().Update(w.Context(), o))
}

// pack returns files as a compressed archive.
func pack(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	archive := tar.NewWriter(zipped)
	for name, text := range files {
		if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func object(apiVersion, kind, name string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{}}
	o.SetAPIVersion(apiVersion)
	o.SetKind(kind)
	o.SetName(name)
	o.SetNamespace(fluxNamespace)
	return o
}

// kustomize creates a Kustomization that waits for the objects of a GitRepository of the same name.
func (w *world) kustomize(name, retryInterval, timeout string) {
	w.Helper()
	o := object("kustomize.toolkit.fluxcd.io/v1", "Kustomization", name)
	o.Object["spec"] = map[string]any{
		"sourceRef": map[string]any{"kind": "GitRepository", "name": name}, "path": "./", "interval": "1h", "retryInterval": retryInterval,
		"timeout": timeout, "prune": true, "wait": true,
	}
	w.must(w.client.Create(w.Context(), o))
}

// ready returns the condition Ready of a Kustomization; nil while there is none.
func (w *world) ready(name string) *metav1.Condition {
	w.Helper()
	o := object("kustomize.toolkit.fluxcd.io/v1", "Kustomization", name)
	w.must(w.client.Get(w.Context(), client.ObjectKeyFromObject(o), o))
	raw, _, err := unstructured.NestedSlice(o.Object, "status", "conditions")
	w.must(err)
	for _, c := range raw {
		var out metav1.Condition
		w.must(runtime.DefaultUnstructuredConverter.FromUnstructured(c.(map[string]any), &out))
		if out.Type == "Ready" {
			return &out
		}
	}
	return nil
}

// manifests returns everything of a namespace: it, a Secret, the integrations, a rule and a Defect.
func (w *world) manifests(namespace, jiraToken string) map[string]string {
	text := strings.NewReplacer("NAMESPACE", namespace, "SANDBOX", w.sandbox.URL, "JIRA_PATH", sandbox.JiraPath, "JIRA_USER", jira.BotUser,
		"JIRA_TOKEN", jiraToken, "PROJECT", jira.VoiceProject, "SLACK_TOKEN", slack.BotToken).Replace(everything)
	files := map[string]string{}
	for at, document := range strings.Split(text, "---\n") {
		files[fmt.Sprintf("%d.yaml", at)] = document
	}
	return files
}

const everything = `apiVersion: v1
kind: Namespace
metadata: {name: NAMESPACE}
---
apiVersion: v1
kind: Secret
metadata: {name: tokens, namespace: NAMESPACE}
stringData: {slack: SLACK_TOKEN, jira: JIRA_TOKEN}
---
apiVersion: integrations.voiceai.dev/v1alpha1
kind: SlackIntegration
metadata: {name: slack, namespace: NAMESPACE}
spec:
  default: true
  apiURL: SANDBOX/api/
  bot:
    tokenSecretRef: {name: tokens, key: slack}
  defaultChannel: "#voice-ai-alerts"
---
apiVersion: integrations.voiceai.dev/v1alpha1
kind: JiraIntegration
metadata: {name: jira, namespace: NAMESPACE}
spec:
  default: true
  apiURL: SANDBOXJIRA_PATH
  projectKey: PROJECT
  basic:
    username: JIRA_USER
    tokenSecretRef: {name: tokens, key: jira}
  autoCreate: {enabled: true}
---
apiVersion: integrations.voiceai.dev/v1alpha1
kind: NotificationRule
metadata: {name: defects, namespace: NAMESPACE}
spec:
  eventTypes: [DefectCreated, DefectTicketed]
---
apiVersion: integrations.voiceai.dev/v1alpha1
kind: Defect
metadata: {name: hangs-up, namespace: NAMESPACE}
spec:
  title: The agent hangs up
  severity: High
  suite: booking
`

// TestFirstInstalls checks that ten installations of everything in one Kustomization each are Ready at the first attempt.
// Flux makes no second one within the hour.
func TestFirstInstalls(t *testing.T) {
	w := newWorld(t)
	var names []string
	for k := range 10 {
		name := fmt.Sprint("first-", k)
		names = append(names, name)
		w.commit(name, w.manifests(name, jira.BotToken))
		w.kustomize(name, "1h", "10m")
	}
	for _, name := range names {
		w.must(w.stage.Poll(t.Context(), name+" to be Ready", func() (bool, error) {
			c := w.ready(name)
			if c != nil && c.Status == metav1.ConditionFalse {
				return false, fmt.Errorf("Kustomization %s is not Ready: %s: %s", name, c.Reason, c.Message)
			}
			return c != nil && c.Status == metav1.ConditionTrue, nil
		}))
		d := &v1alpha1.Defect{}
		w.must(w.client.Get(t.Context(), client.ObjectKey{Namespace: name, Name: "hangs-up"}, d))
		if d.Status.Jira == nil || d.Status.Jira.Key == "" {
			t.Errorf("%s is Ready, and its Defect has no ticket", name)
		}
	}
}

// TestASecretThatIsPutRight checks that a wrong token makes a Kustomization fail, with what is wrong, and that the right
// Secret alone makes it Ready.
func TestASecretThatIsPutRight(t *testing.T) {
	w := newWorld(t)
	files := w.manifests("qa", "")
	delete(files, "1.yaml") // the Secret is not in Git
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "qa", Name: "tokens"},
		StringData: map[string]string{"slack": slack.BotToken, "jira": "wrong-token"},
	}
	w.must(w.client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "qa"}}))
	w.must(w.client.Create(t.Context(), secret))
	w.commit("qa", files)
	w.kustomize("qa", "2s", "5s")
	w.must(w.stage.Poll(t.Context(), "the Kustomization to fail", func() (bool, error) {
		c := w.ready("qa")
		return c != nil && c.Status == metav1.ConditionFalse && strings.Contains(c.Message, "JiraIntegration"), nil
	}))
	i := &v1alpha1.JiraIntegration{}
	w.must(w.stage.Poll(t.Context(), "the integration to be Stalled", func() (bool, error) {
		err := w.client.Get(t.Context(), client.ObjectKey{Namespace: "qa", Name: "jira"}, i)
		return condition.Is(i, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonUnauthorized), err
	}))
	secret.StringData = map[string]string{"jira": jira.BotToken}
	w.must(w.client.Update(t.Context(), secret))
	w.must(w.stage.Poll(t.Context(), "the Kustomization to be Ready", func() (bool, error) {
		c := w.ready("qa")
		return c != nil && c.Status == metav1.ConditionTrue, nil
	}))
}
