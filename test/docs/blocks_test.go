// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/voiceai-dev/integrations-operator/hack/stage"
	"github.com/voiceai-dev/integrations-operator/test/docs/block"
)

// parse returns the object in a text, which has no field twice.
func parse(text string) (unstructured.Unstructured, error) {
	var o unstructured.Unstructured
	raw, err := yaml.YAMLToJSONStrict([]byte(text))
	if err != nil {
		return o, err
	}
	return o, json.Unmarshal(raw, &o.Object)
}

// applied are the groups whose objects an API server with the CRDs accepts.
var applied = []string{
	"", "integrations.voiceai.dev", "batch", "apps", "rbac.authorization.k8s.io", "networking.k8s.io",
}

// TestObjects applies each object in the documentation with --dry-run=server.
func TestObjects(t *testing.T) {
	environment, config, err := stage.StartEnvironment(stage.WithCRDs(filepath.Join(root, "config/crd/bases")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := environment.Stop(); err != nil {
			t.Error(err)
		}
	})
	c, err := client.New(config, client.Options{Scheme: scheme.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "qa"}}); err != nil {
		t.Fatal(err) // the namespace that the pages name
	}
	checked := map[string]int{}
	all := pages(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, code := range block.All(all[name]) {
			for _, text := range block.Objects(code) {
				o, err := parse(text)
				if err != nil {
					t.Errorf("%s: %v\n%s", name, err, text)
					continue
				}
				if !slices.Contains(applied, o.GroupVersionKind().Group) {
					continue
				}
				if o.GetNamespace() == "" {
					o.SetNamespace("default")
				}
				checked[o.GetKind()]++
				if err := c.Create(t.Context(), &o, client.DryRunAll, client.FieldValidation("Strict")); err != nil {
					t.Errorf("%s: %s %s: %v", name, o.GetKind(), o.GetName(), err)
				}
			}
		}
	}
	for _, kind := range []string{"SlackIntegration", "JiraIntegration", "NotificationRule", "Defect"} {
		if checked[kind] == 0 {
			t.Errorf("no page has a %s", kind)
		}
	}
}

// TestGitOpsSamples checks that the samples of Flux and Argo CD name what the project has.
func TestGitOpsSamples(t *testing.T) {
	kinds := map[string]int{}
	for _, tool := range []string{"flux", "argocd"} {
		text, err := os.ReadFile(filepath.Join(root, "config/samples", tool, "integrations.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		for _, document := range strings.Split(string(text), "\n---\n") {
			o, err := parse(document)
			if err != nil {
				t.Fatal(err)
			}
			kinds[o.GetKind()]++
			checkPath(t, o)
			checks, _, err := unstructured.NestedSlice(o.Object, "spec", "healthChecks")
			if err != nil {
				t.Fatal(err)
			}
			for _, check := range checks {
				named, ok := check.(map[string]any)
				if !ok || named["apiVersion"] != "integrations.voiceai.dev/v1alpha1" {
					t.Errorf("%s %s checks %v", o.GetKind(), o.GetName(), check)
				}
			}
		}
	}
	if kinds["GitRepository"] != 2 || kinds["Kustomization"] != 2 || kinds["Application"] != 2 {
		t.Errorf("the samples have %v", kinds)
	}
}

// checkPath checks that an object which applies a directory of this project names one that exists.
func checkPath(t *testing.T, o unstructured.Unstructured) {
	t.Helper()
	if !strings.HasPrefix(o.GetName(), "voiceai-operator") {
		return
	}
	for _, at := range [][]string{{"spec", "path"}, {"spec", "source", "path"}} {
		path, found, err := unstructured.NestedString(o.Object, at...)
		if err != nil {
			t.Fatal(err)
		}
		if !found {
			continue
		}
		if _, err := os.Stat(filepath.Join(root, path, "kustomization.yaml")); err != nil {
			t.Errorf("%s %s: %v", o.GetKind(), o.GetName(), err)
		}
	}
}
