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

// samples are the objects that kubectl apply -k config/samples applies.
func samples(t *testing.T) []*unstructured.Unstructured {
	t.Helper()
	dir := filepath.Join("..", "..", "config", "samples")
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
	for _, o := range samples(t) {
		kinds[o.GetKind()]++
		if o.GetNamespace() != "" {
			t.Errorf("%s %s sets a namespace: that is for whoever applies it", o.GetKind(), o.GetName())
		}
		given := o.DeepCopy()
		o.SetNamespace("default")
		if err := create(t, o, client.DryRunAll); err != nil {
			t.Errorf("%s %s: %v", o.GetKind(), o.GetName(), err)
			continue
		}
		if spec, ok := given.Object["spec"]; ok {
			kept(t, o.GetKind()+" "+o.GetName()+": spec", spec, o.Object["spec"])
		}
	}
	for _, kind := range []string{slack, jira, rule, defect} {
		if kinds[kind] == 0 {
			t.Errorf("there is no sample of a %s", kind)
		}
	}
	if kinds[notif] != 0 {
		t.Error("there is a sample of a Notification: the operator makes those")
	}
}

// What the samples refer to is among them, so that only credentials are left to be filled in.
func TestSamplesFitTogether(t *testing.T) {
	have := map[string]bool{}
	var refs []string
	for _, o := range samples(t) {
		have[o.GetKind()+" "+o.GetName()] = true
		data, _, _ := unstructured.NestedStringMap(o.Object, "stringData")
		for key, value := range data {
			have["Secret "+o.GetName()+" "+key] = true
			if !strings.Contains(value, "put") {
				t.Errorf("key %s of Secret %s does not say that it is to be put in", key, o.GetName())
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
			t.Errorf("no sample is %s, to which another refers", ref)
		}
	}
}

// references are the Secret keys and integrations that a part of a spec names.
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
