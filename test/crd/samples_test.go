// SPDX-License-Identifier: Apache-2.0

package crd_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// samples returns the objects that kubectl apply -k applies in a directory below config.
func samples(t *testing.T, directory string) []*unstructured.Unstructured {
	t.Helper()
	dir := filepath.Join("..", "..", "config", directory)
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	names, _, err := unstructured.NestedStringSlice(decode(t, read("kustomization.yaml")).Object, "resources")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if name := filepath.Base(file); name != "kustomization.yaml" && !slices.Contains(names, name) {
			t.Errorf("%s is not in kustomization.yaml", name)
		}
	}
	var out []*unstructured.Unstructured
	for _, name := range names {
		for _, document := range strings.Split(read(name), "\n---\n") {
			out = append(out, decode(t, document))
		}
	}
	return out
}

func TestSamplesApply(t *testing.T) {
	kinds := map[string]int{}
	for _, o := range samples(t, "samples") {
		kinds[o.GetKind()]++
		if o.GetNamespace() != "" {
			t.Errorf("%s %s sets a namespace, which the user should choose", o.GetKind(), o.GetName())
		}
		given := o.DeepCopy()
		o.SetNamespace("default")
		if err := create(t, o, client.DryRunAll); err != nil {
			t.Errorf("%s %s: %v", o.GetKind(), o.GetName(), err)
			continue
		}
		if spec, ok := given.Object["spec"]; ok {
			expectKept(t, o.GetKind()+" "+o.GetName()+": spec", spec, o.Object["spec"])
		}
	}
	for _, kind := range []string{slack, jira, rule, defect} {
		if kinds[kind] == 0 {
			t.Errorf("there is no sample of a %s", kind)
		}
	}
	if kinds[notification] != 0 {
		t.Error("there is a sample of a Notification, which only the operator creates")
	}
}

// TestSamplesFitTogether checks that each integration and Secret that a sample refers to is a sample too, so that users
// need to fill in only credentials.
func TestSamplesFitTogether(t *testing.T) {
	have := map[string]bool{}
	var refs []string
	for _, o := range samples(t, "samples") {
		have[o.GetKind()+" "+o.GetName()] = true
		data, _, _ := unstructured.NestedStringMap(o.Object, "stringData")
		for key, value := range data {
			have["Secret "+o.GetName()+" "+key] = true
			if !strings.Contains(value, "put") {
				t.Errorf("the value of key %s of Secret %s does not ask to put in a credential", key, o.GetName())
			}
		}
		integration := slack
		if o.GetKind() == defect {
			integration = jira
		}
		refs = append(refs, references(o.Object["spec"], integration)...)
	}
	if len(refs) == 0 {
		t.Error("the samples refer to no Secret")
	}
	for _, ref := range refs {
		if !have[ref] {
			t.Errorf("a sample refers to %s, which is not a sample", ref)
		}
	}
}

// references returns the Secret keys and integrations that a part of a spec refers to.
func references(part any, integration string) (out []string) {
	switch part := part.(type) {
	case map[string]any:
		for field, value := range part {
			ref, _ := value.(map[string]any)
			switch {
			case strings.HasSuffix(field, "SecretRef"):
				out = append(out, "Secret "+ref["name"].(string)+" "+ref["key"].(string))
			case field == "integrationRef":
				out = append(out, integration+" "+ref["name"].(string))
			default:
				out = append(out, references(value, integration)...)
			}
		}
	case []any:
		for _, item := range part {
			out = append(out, references(item, integration)...)
		}
	}
	return out
}
