// SPDX-License-Identifier: Apache-2.0

package install_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// maximal has objects with every field.
const maximal = "test/install/testdata/maximal.yaml"

// TestNoDrift applies the CRDs, the policies, the samples and objects with every field as kubectl does by default and as
// GitOps tools do, and checks that nothing differs afterwards, neither for kubectl nor for Argo CD: the API server changes and
// defaults nothing that a manifest has.
func TestNoDrift(t *testing.T) {
	kubectl := filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl")
	for name, flags := range map[string][]string{"client-side": nil, "server-side": {"--server-side"}} {
		t.Run(name, func(t *testing.T) {
			_, kubeconfig := cluster(t)
			for _, what := range [][]string{
				{"-k", "config/crd"}, {"-k", "config/policy"}, {"-k", "config/samples"}, {"-f", maximal},
			} {
				run(t, kubeconfig, kubectl, append(append([]string{"apply"}, what...), flags...)...)
				if what[1] == "config/crd" {
					run(t, kubeconfig, kubectl, "wait", "--for=condition=Established", "crd", "--all", "--timeout=4m")
				}
				if diff := run(t, kubeconfig, kubectl, append(append([]string{"diff"}, what...), flags...)...); diff != "" {
					t.Errorf("%s differs from what was applied:\n%s", what[1], diff)
				}
				if diff := argoDiff(t, kubeconfig, what...); diff != "" {
					t.Errorf("Argo CD says that %s is out of sync:\n%s", what[1], diff)
				}
			}
		})
	}
}

// desired returns the objects of a kustomization (-k) or file (-f).
func desired(t *testing.T, what ...string) []unstructured.Unstructured {
	t.Helper()
	var found manifests
	if what[0] == "-k" {
		found = build(t, what[1])
	} else {
		raw, err := os.ReadFile(filepath.Join("..", "..", what[1]))
		if err != nil {
			t.Fatal(err)
		}
		found = parse(t, raw)
	}
	var out []unstructured.Unstructured
	for _, objects := range found {
		out = append(out, objects...)
	}
	if len(out) == 0 {
		t.Fatalf("%s has no objects", what[1])
	}
	return out
}

// argoDiff returns what Argo CD's own code finds of the objects in a cluster to differ from git.
func argoDiff(t *testing.T, kubeconfig string, what ...string) string {
	t.Helper()
	kubectl := filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl")
	type pair struct {
		Desired map[string]any  `json:"desired"`
		Live    json.RawMessage `json:"live"`
	}
	var pairs []pair
	for _, o := range desired(t, what...) {
		args := []string{"get", o.GetKind() + "." + o.GroupVersionKind().Version + "." + o.GroupVersionKind().Group, o.GetName(), "-o", "json"}
		if o.GroupVersionKind().Group == "" {
			args[1] = o.GetKind()
		}
		if o.GetNamespace() != "" {
			args = append(args, "-n", o.GetNamespace())
		}
		pairs = append(pairs, pair{o.Object, json.RawMessage(run(t, kubeconfig, kubectl, args...))})
	}
	return compare(t, pairs)
}

// compare passes pairs of objects to Argo CD's code, and returns what it prints.
func compare(t *testing.T, pairs any) string {
	t.Helper()
	input, err := json.Marshal(pairs)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join("..", "..", "bin", "argodiff")
	if _, err := os.Stat(program); err != nil {
		t.Fatal("there is no bin/argodiff: run make bin/argodiff")
	}
	command := exec.CommandContext(t.Context(), program)
	command.Stdin = bytes.NewReader(input)
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("argodiff: %v\n%s", err, out)
	}
	return string(out)
}

// TestDriftIsFound checks that Argo CD's code finds what differs.
func TestDriftIsFound(t *testing.T) {
	for _, o := range desired(t, "-f", maximal) {
		live := o.DeepCopy()
		live.Object["spec"] = map[string]any{}
		if out := compare(t, []any{map[string]any{"desired": o.Object, "live": live.Object}}); !strings.Contains(out, o.GetName()) {
			t.Errorf("%s %s was changed, and Argo CD's code prints %q", o.GetKind(), o.GetName(), out)
		}
		if out := compare(t, []any{map[string]any{"desired": o.Object, "live": o.Object}}); out != "" {
			t.Errorf("%s %s was not changed, and Argo CD's code prints %q", o.GetKind(), o.GetName(), out)
		}
	}
}

// TestMaximalObjects checks that the objects have every field of each spec. Notifications and Evidence are not applied from git.
func TestMaximalObjects(t *testing.T) {
	set := map[string]bool{}
	for _, o := range desired(t, "-f", maximal) {
		collect(o.GetKind(), o.Object["spec"], set)
	}
	for _, crd := range build(t, "config/crd")["CustomResourceDefinition"] {
		kind, _, _ := unstructured.NestedString(crd.Object, "spec", "names", "kind")
		if kind == "Notification" || kind == "Evidence" {
			continue
		}
		versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
		version, _ := versions[0].(map[string]any)
		spec, _, _ := unstructured.NestedMap(version, "schema", "openAPIV3Schema", "properties", "spec")
		for _, path := range fields(kind, spec) {
			if !set[path] {
				t.Errorf("%s has no %s", maximal, path)
			}
		}
	}
}

// collect adds the paths of all fields of a value.
func collect(path string, value any, into map[string]bool) {
	switch value := value.(type) {
	case map[string]any:
		for name, field := range value {
			into[path+"."+name] = true
			collect(path+"."+name, field, into)
		}
	case []any:
		for _, item := range value {
			collect(path, item, into)
		}
	}
}

// fields returns the paths of all fields of a schema.
func fields(path string, schema map[string]any) (out []string) {
	properties, _ := schema["properties"].(map[string]any)
	for name, field := range properties {
		out = append(out, path+"."+name)
		out = append(out, fields(path+"."+name, field.(map[string]any))...)
	}
	if items, ok := schema["items"].(map[string]any); ok {
		out = append(out, fields(path, items)...)
	}
	return out
}
