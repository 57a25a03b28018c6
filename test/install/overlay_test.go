// SPDX-License-Identifier: Apache-2.0

// Package install_test checks what kustomize builds from config, and from overlays as users write them.
package install_test

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// manifests are the objects of one build, by kind.
type manifests map[string][]unstructured.Unstructured

// built are the builds of the tests so far.
var built = map[string]manifests{}

// build runs kubectl kustomize on a directory below the root of the project, once.
func build(t *testing.T, dir string) manifests {
	t.Helper()
	if known, ok := built[dir]; ok {
		return known
	}
	kubectl := filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl")
	out, err := exec.CommandContext(t.Context(), kubectl, "kustomize", filepath.Join("..", "..", dir)).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Fatalf("%s: %s", dir, exit.Stderr)
	}
	if err != nil {
		t.Fatal(err)
	}
	built[dir] = parse(t, out)
	return built[dir]
}

// parse returns the objects in a stream of YAML.
func parse(t *testing.T, text []byte) manifests {
	t.Helper()
	found := manifests{}
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		var o unstructured.Unstructured
		if err := decoder.Decode(&o.Object); errors.Is(err, io.EOF) {
			return found
		} else if err != nil {
			t.Fatal(err)
		}
		if len(o.Object) > 0 {
			found[o.GetKind()] = append(found[o.GetKind()], o)
		}
	}
}

// decode converts an object to its type.
func decode[T any](t *testing.T, o unstructured.Unstructured) T {
	t.Helper()
	var out T
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// deployment returns the only Deployment.
func (m manifests) deployment(t *testing.T) appsv1.Deployment {
	t.Helper()
	if len(m["Deployment"]) != 1 {
		t.Fatalf("%d Deployments", len(m["Deployment"]))
	}
	return decode[appsv1.Deployment](t, m["Deployment"][0])
}

// installations are overlays, and config/default itself.
var installations = []string{
	"config/default", "test/install/testdata/team-a", "test/install/testdata/team-b", "test/install/testdata/second",
	"test/install/testdata/renamed",
}

// TestSelectors checks that the selectors of an installation match its own Pods, and not those of another, also in the
// same namespace.
func TestSelectors(t *testing.T) {
	for _, one := range installations {
		built := build(t, one)
		for _, other := range installations {
			pod := labels.Set(build(t, other).deployment(t).Spec.Template.Labels)
			want := one == other
			selector := built.deployment(t).Spec.Selector.MatchLabels
			if got := labels.SelectorFromSet(selector).Matches(pod); got != want {
				t.Errorf("the Deployment of %s matches Pods of %s: %t", one, other, got)
			}
			for _, o := range built["Service"] {
				service := decode[corev1.Service](t, o)
				if got := labels.SelectorFromSet(service.Spec.Selector).Matches(pod); got != want {
					t.Errorf("Service %s of %s matches Pods of %s: %t", service.Name, one, other, got)
				}
			}
		}
	}
}

// TestWhatIsShared checks that removing an installation removes nothing that it shares with others, and that applying
// it changes no labels of a namespace.
func TestWhatIsShared(t *testing.T) {
	keep := map[string]string{
		"argocd.argoproj.io/sync-options":   "Prune=false,Delete=false",
		"helm.sh/resource-policy":           "keep",
		"kustomize.toolkit.fluxcd.io/prune": "disabled",
	}
	for _, dir := range installations {
		built := build(t, dir)
		for _, o := range slices.Concat(built["CustomResourceDefinition"], built["Namespace"],
			built["ValidatingAdmissionPolicy"], built["ValidatingAdmissionPolicyBinding"]) {
			annotations := o.GetAnnotations()
			for key, value := range keep {
				if annotations[key] != value {
					t.Errorf("%s: %s %s has no annotation %s: %s", dir, o.GetKind(), o.GetName(), key, value)
				}
			}
		}
		for _, o := range built["Namespace"] {
			if o.GetAnnotations()["kustomize.toolkit.fluxcd.io/ssa"] != "IfNotPresent" {
				t.Errorf("%s: Flux takes Namespace %s over", dir, o.GetName())
			}
			if len(o.GetLabels()) > 0 {
				t.Errorf("%s labels Namespace %s", dir, o.GetName())
			}
		}
	}
	for _, dir := range []string{"config/operator", "test/install/testdata/team-a"} {
		for _, kind := range []string{"CustomResourceDefinition", "Namespace"} {
			if built := build(t, dir); len(built[kind]) > 0 {
				t.Errorf("%s has a %s", dir, kind)
			}
		}
	}
	if built := build(t, "config/crd"); len(built) != 1 || len(built["CustomResourceDefinition"]) != 6 {
		t.Errorf("config/crd has %v", slices.Collect(maps.Keys(built)))
	}
}

// granted returns what a ServiceAccount of a build may do in all namespaces, as "verb resource".
func granted(t *testing.T, built manifests) []string {
	t.Helper()
	roles := map[string]rbacv1.ClusterRole{}
	for _, o := range built["ClusterRole"] {
		roles[o.GetName()] = decode[rbacv1.ClusterRole](t, o)
	}
	var out []string
	for _, o := range built["ClusterRoleBinding"] {
		for _, rule := range roles[decode[rbacv1.ClusterRoleBinding](t, o).RoleRef.Name].Rules {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					out = append(out, strings.TrimSpace(verb+" "+resource+" "+strings.Join(rule.ResourceNames, ",")))
				}
			}
		}
	}
	return out
}

// checkWrites checks that rights to write are exactly those that the operator needs for itself.
func checkWrites(t *testing.T, rights []string) {
	t.Helper()
	want := []string{
		"create events", "create leases voiceai-integrations", "create leases voiceai-integrations-cluster",
		"create notifications", "create subjectaccessreviews", "create tokenreviews", "delete notifications",
		"deletecollection evidence",
		"patch defects", "patch events", "patch notifications", "update defects/status", "update jiraintegrations/status",
		"update leases voiceai-integrations", "update leases voiceai-integrations-cluster",
		"update notificationrules/status", "update notifications/status", "update slackintegrations/status",
	}
	got := slices.DeleteFunc(slices.Clone(rights), func(right string) bool {
		verb, _, _ := strings.Cut(right, " ")
		return slices.Contains([]string{"get", "list", "watch"}, verb)
	})
	slices.Sort(got)
	if !slices.Equal(slices.Compact(got), want) {
		t.Errorf("an operator may write:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestRights checks that an operator without the API has no rights that only the API needs, one that watches some
// namespaces none in the others, and none may write for callers, whose own tokens do.
func TestRights(t *testing.T) {
	onlyAPI := []string{"list cronjobs", "create tokenreviews", "create subjectaccessreviews"}
	without := granted(t, build(t, "config/operator"))
	with := granted(t, build(t, "config/default"))
	checkWrites(t, with)
	for _, right := range onlyAPI {
		if slices.Contains(without, right) {
			t.Errorf("without the API an operator may %s", right)
		}
		if !slices.Contains(with, right) {
			t.Errorf("with the API an operator may not %s", right)
		}
	}
	for _, dir := range []string{"test/install/testdata/team-a", "test/install/testdata/team-b"} {
		if got := granted(t, build(t, dir)); len(got) > 0 {
			t.Errorf("%s grants in all namespaces: %v", dir, got)
		}
	}
	args := build(t, "config/operator").deployment(t).Spec.Template.Spec.Containers[0].Args
	if slices.ContainsFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "--api-bind-address") }) {
		t.Errorf("config/operator turns the API on: %v", args)
	}
}

// TestAPIIsEncrypted checks that an installation with the API serves HTTPS without any further object, for tokens of an
// audience of its own, and that its certificate has the name of its Service.
func TestAPIIsEncrypted(t *testing.T) {
	for dir, name := range map[string]string{
		"config/default": "voiceai-integrations-api", "test/install/testdata/team-a": "team-a-api",
		"test/install/testdata/renamed": "voiceai-integrations-api-renamed",
	} {
		pod := build(t, dir).deployment(t).Spec.Template.Spec
		for _, arg := range []string{
			"--api-audience=voiceai-integrations", "--api-tls-cert-file=/etc/api-tls/tls.crt", "--api-tls-key-file=/etc/api-tls/tls.key",
			"--api-tls-self-signed=$(API_SERVICE).$(POD_NAMESPACE).svc,$(API_SERVICE).$(POD_NAMESPACE).svc.cluster.local",
		} {
			if !slices.Contains(pod.Containers[0].Args, arg) {
				t.Errorf("%s does not have %s", dir, arg)
			}
		}
		if env := pod.Containers[0].Env; env[0].Value != name || env[1].ValueFrom.FieldRef.FieldPath != "metadata.namespace" {
			t.Errorf("%s: the environment is %v", dir, env)
		}
		if secret := pod.Volumes[0].Secret; secret.SecretName != name || !*secret.Optional {
			t.Errorf("%s: the certificate is in %v", dir, secret)
		}
		found := slices.IndexFunc(build(t, dir)["Service"], func(o unstructured.Unstructured) bool { return o.GetName() == name })
		if found < 0 {
			t.Fatalf("%s has no Service %s", dir, name)
		}
		port := decode[corev1.Service](t, build(t, dir)["Service"][found]).Spec.Ports[0]
		if port.Name != "https" || port.Port != 443 || port.TargetPort.StrVal != "api" {
			t.Errorf("%s: the port of Service %s is %v", dir, name, port)
		}
	}
	if pod := build(t, "config/operator").deployment(t).Spec.Template.Spec; len(pod.Volumes)+len(pod.Containers[0].Env) > 0 {
		t.Error("config/operator has what only the API needs")
	}
}
