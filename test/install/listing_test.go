// SPDX-License-Identifier: Apache-2.0

package install_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// TestListedKinds compares the kinds that Artifact Hub lists with the CRDs.
func TestListedKinds(t *testing.T) {
	root := filepath.Join("..", "..")
	var about struct {
		Annotations map[string]string `json:"annotations"`
	}
	unmarshalFile(t, filepath.Join(root, chart, "Chart.yaml"), &about)
	var kinds []struct{ Kind, Version, Name string }
	if err := yaml.Unmarshal([]byte(about.Annotations["artifacthub.io/crds"]), &kinds); err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{}
	for _, k := range kinds {
		listed[k.Name] = k.Kind + " " + k.Version
	}
	files, err := filepath.Glob(filepath.Join(root, "config", "crd", "bases", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d CRDs, %v", len(files), err)
	}
	defined := map[string]string{}
	for _, file := range files {
		var crd apiextensionsv1.CustomResourceDefinition
		unmarshalFile(t, file, &crd)
		defined[crd.Name] = crd.Spec.Names.Kind + " " + crd.Spec.Versions[0].Name
	}
	if !maps.Equal(listed, defined) {
		t.Errorf("Chart.yaml lists %q, the CRDs are %q", slices.Sorted(maps.Keys(listed)), slices.Sorted(maps.Keys(defined)))
	}
}

func unmarshalFile(t *testing.T, file string, into any) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(content, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}
