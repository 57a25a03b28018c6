// SPDX-License-Identifier: Apache-2.0

package install_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	// chart is the directory of the chart, from the root of the project.
	chart = "charts/voiceai-integrations"
	// release and namespace are those for which the chart has the names of config/default.
	release   = "voiceai-integrations"
	namespace = "voiceai-integrations-system"
	// helm3 and helm4 are the programs of the versions of Helm.
	helm3 = "helm3"
	helm4 = "helm"
)

// helmProgram returns the path of a Helm.
func helmProgram(t *testing.T, name string) string {
	t.Helper()
	program, err := filepath.Abs(filepath.Join("..", "..", "bin", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("there is no bin/%s: run make bin/%[1]s", name)
	}
	return program
}

// helm runs Helm 4 at the root of the project, and returns what it prints.
func helm(t *testing.T, args ...string) ([]byte, error) {
	t.Helper()
	return runHelm(t, helm4, args...)
}

// runHelm runs a Helm at the root of the project, and returns what it prints.
func runHelm(t *testing.T, name string, args ...string) ([]byte, error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), helmProgram(t, name), args...)
	command.Dir = filepath.Join("..", "..")
	out, err := command.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil, errors.New(string(exit.Stderr))
	}
	return out, err
}

// template returns the objects of a release of the chart.
func template(t *testing.T, name, in string, values ...string) manifests {
	t.Helper()
	args := []string{"template", name, chart, "--namespace", in, "--kube-version", "1.37.2"}
	for _, value := range values {
		args = append(args, "--set", value)
	}
	out, err := helm(t, args...)
	if err != nil {
		t.Fatalf("helm %v: %v", args, err)
	}
	return parse(t, out)
}

// releaseLabels are labels that Helm's objects have, and those of kustomize do not all have.
var releaseLabels = []string{
	"app.kubernetes.io/managed-by", "app.kubernetes.io/name", "app.kubernetes.io/version", "helm.sh/chart",
}

// comparable returns objects by kind, namespace and name, without what differs between Helm and kustomize: the labels
// of a release, and the image.
func (m manifests) comparable(t *testing.T, leaveOut ...string) map[string]any {
	t.Helper()
	out := map[string]any{}
	for kind, objects := range m {
		if slices.Contains(leaveOut, kind) {
			continue
		}
		for _, o := range objects {
			o = *o.DeepCopy()
			labels := o.GetLabels()
			for _, label := range releaseLabels {
				delete(labels, label)
			}
			if len(labels) == 0 {
				labels = nil
			}
			o.SetLabels(labels)
			if slices.Contains(policyKinds, kind) {
				o.SetNamespace("") // kustomize gives one to objects of no namespace that an overlay renames
			}
			if kind == "Deployment" {
				dropImage(t, o)
			}
			// Numbers of YAML and those of JSON compare equal once both are JSON.
			raw, err := json.Marshal(o.Object)
			if err != nil {
				t.Fatal(err)
			}
			var content any
			if err := json.Unmarshal(raw, &content); err != nil {
				t.Fatal(err)
			}
			out[kind+" "+o.GetNamespace()+"/"+o.GetName()] = content
		}
	}
	return out
}

// dropImage removes the image of a Deployment.
func dropImage(t *testing.T, o unstructured.Unstructured) {
	t.Helper()
	containers, _, err := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "containers")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range containers {
		if container, ok := c.(map[string]any); ok {
			delete(container, "image")
		}
	}
	if err := unstructured.SetNestedSlice(o.Object, containers, "spec", "template", "spec", "containers"); err != nil {
		t.Fatal(err)
	}
}

// TestChartEqualsKustomize compares what the chart renders with what kustomize builds, for the defaults and for each way
// in which both can be changed.
func TestChartEqualsKustomize(t *testing.T) {
	alone := []string{"crds.enabled=false", "policy.enabled=false"}
	for _, tt := range []struct {
		dir, release, namespace string
		values                  []string
		// leaveOut are kinds that one of the two does not have: namespaces belong to helm --create-namespace, and
		// bindings in namespaces to the users of config/watch.
		leaveOut []string
	}{
		{"config/default", release, namespace, nil, []string{"Namespace"}},
		{"test/install/testdata/second", "second-voiceai-integrations", "second", nil, []string{"Namespace"}},
		{
			"test/install/testdata/networkpolicy", "fenced-voiceai-integrations", "fenced",
			[]string{"networkPolicy.enabled=true"}, []string{"Namespace", "NetworkPolicy", "ServiceMonitor", "PrometheusRule", "ConfigMap"},
		},
		{
			"test/install/testdata/team-a", "team-a", "shared",
			append(alone, "metrics.enabled=false", "watchNamespaces={a1,a2}"), []string{"RoleBinding"},
		},
		{
			"test/install/testdata/team-b", "team-b", "shared",
			append(alone, "metrics.enabled=false", "api.enabled=false", "watchNamespaces={b}"), []string{"RoleBinding"},
		},
		{
			"test/install/testdata/namespaced", "team-c", "c",
			[]string{"namespaced=true", "metrics.enabled=false", "api.enabled=false"}, nil,
		},
		{
			"test/install/testdata/slack", "slack", "shared",
			append(alone, "metrics.enabled=false", "api.enabled=false", "slack.actions=true"), nil,
		},
	} {
		want := build(t, tt.dir).comparable(t, tt.leaveOut...)
		got := template(t, tt.release, tt.namespace, tt.values...).comparable(t, tt.leaveOut...)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-kustomize +chart):\n%s", tt.dir, diff)
		}
	}
}

// TestComponentsOfTheChart checks that the chart's options have the specs of kustomize's components.
func TestComponentsOfTheChart(t *testing.T) {
	for kind, value := range map[string]string{
		"NetworkPolicy": "networkPolicy.enabled=true", "ServiceMonitor": "metrics.serviceMonitor.enabled=true",
		"PrometheusRule": "metrics.prometheusRule.enabled=true", "ConfigMap": "metrics.dashboard.enabled=true",
	} {
		want := build(t, "test/install/testdata/networkpolicy")[kind][0]
		got := template(t, "fenced-voiceai-integrations", "fenced", value)[kind]
		if len(got) != 1 || got[0].GetNamespace() != want.GetNamespace() {
			t.Fatalf("the chart has %v, kustomize %v", got, want)
		}
		for _, part := range []string{"spec", "data"} {
			if diff := cmp.Diff(want.Object[part], got[0].Object[part]); diff != "" {
				t.Errorf("%s (-kustomize +chart):\n%s", kind, diff)
			}
		}
	}
}

// TestRotationOfTheChart checks that the chart grants what config/rotation does, and nothing more.
func TestRotationOfTheChart(t *testing.T) {
	before := template(t, release, namespace).comparable(t)
	got := template(t, release, namespace, "slack.rotation[0].namespace=qa", "slack.rotation[0].secret=slack-app").comparable(t)
	for name, object := range before {
		if diff := cmp.Diff(object, got[name]); diff != "" {
			t.Errorf("%s changes: %s", name, diff)
		}
		delete(got, name)
	}
	if diff := cmp.Diff(build(t, "test/install/testdata/rotation").comparable(t), got); diff != "" {
		t.Errorf("(-kustomize +chart):\n%s", diff)
	}
}

// TestInstaller checks that make build-installer writes what kustomize builds, with the image.
func TestInstaller(t *testing.T) {
	run(t, "", "make", "build-installer", "IMG=example.com/operator@sha256:0123")
	text, err := os.ReadFile("../../dist/install.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got := parse(t, text)
	if diff := cmp.Diff(build(t, "config/default").comparable(t), got.comparable(t)); diff != "" {
		t.Errorf("dist/install.yaml (-kustomize +installer):\n%s", diff)
	}
	if image := got.deployment(t).Spec.Template.Spec.Containers[0].Image; image != "example.com/operator@sha256:0123" {
		t.Errorf("the image is %s", image)
	}
	if secrets := got["Secret"]; len(secrets) > 0 {
		t.Errorf("dist/install.yaml has Secrets: %v", secrets)
	}
}

// TestRefusedValues checks that the chart refuses values that do not exist, or cannot be, and says which.
func TestRefusedValues(t *testing.T) {
	for value, want := range map[string]string{
		"replica=2":                           "replica",
		"image.tags=v1":                       "tags",
		"api.tls.certManager.issuer=x":        "issuer",
		"metrics.serviceMonitor.enable=true":  "enable",
		"replicas=many":                       "replicas",
		"image.pullPolicy=Sometimes":          "pullPolicy",
		"edge.service.port=0":                 "port",
		"edge.ingress.enabled=true":           "edge.ingress.host is empty",
		"edge.httpRoute.enabled=true":         "edge.httpRoute.parentRefs is empty",
		"api.tls.certManager.enabled=true":    "api.tls.certManager.issuerRef is empty",
		"api.httpRoute.enabled=true":          "api.httpRoute.parentRefs is empty",
		"namespaced=true":                     "set api.enabled=false",
		"slack.rotation[0].secret=s":          "an item of slack.rotation has no namespace",
		"serviceAccount.create=false":         "serviceAccount.name is empty",
		"networkPolicy.egressPorts=443":       "egressPorts",
		"podDisruptionBudget.minAvailable2=1": "minAvailable2",
		"image.digest=sha256:0123":            "/image/digest",

		"metrics.enabled=false,metrics.serviceMonitor.enabled=true":     "set metrics.enabled=true",
		"metrics.enabled=false,metrics.podMonitor.enabled=true":         "set metrics.enabled=true",
		"metrics.enabled=false,metrics.prometheusRule.enabled=true":     "set metrics.enabled=true",
		"api.enabled=false,api.ingress.enabled=true,api.ingress.host=x": "set api.enabled=true",
		"api.enabled=false,api.tls.certManager.enabled=true":            "set api.enabled=true",
		"edge.enabled=false,edge.httpRoute.enabled=true":                "set edge.enabled=true",
	} {
		_, err := helm(t, "template", release, chart, "--set", value)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("--set %s: %v, want an error about %s", value, err, want)
		}
	}
}
