package crd_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// TestEveryFieldIsBoundedAndExplained walks the schemas: what people send can only be so large, and kubectl explain says what everything is.
func TestEveryFieldIsBoundedAndExplained(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(bases, "*.yaml"))
	if err != nil || len(files) != 5 {
		t.Fatalf("%d CRDs, want 5 (%v)", len(files), err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(raw, crd); err != nil {
			t.Fatal(err)
		}
		kind := crd.Spec.Names.Kind
		if !slices.Contains(crd.Spec.Names.Categories, "voiceai") {
			t.Errorf("%s is not in the category voiceai", kind)
		}
		version := crd.Spec.Versions[0]
		var columns []string
		for _, c := range version.AdditionalPrinterColumns {
			columns = append(columns, c.Name)
		}
		for _, want := range []string{"Reason", "Age", "Message"} {
			if !slices.Contains(columns, want) {
				t.Errorf("%s has the columns %v, without %s", kind, columns, want)
			}
		}
		for _, part := range []string{"spec", "status"} {
			walk(t, kind+"."+part, version.Schema.OpenAPIV3Schema.Properties[part])
		}
	}
}

func walk(t *testing.T, path string, s apiextensionsv1.JSONSchemaProps) {
	t.Helper()
	switch s.Type {
	case "string":
		if s.MaxLength == nil && len(s.Enum) == 0 && s.Format == "" {
			t.Errorf("%s: a string of any length", path)
		}
	case "integer":
		counts := strings.HasSuffix(path, "Total") || strings.HasPrefix(path, "Defect.status.") || strings.HasSuffix(path, "observedGeneration") || strings.HasSuffix(path, ".attempts")
		if !counts && s.Maximum == nil {
			t.Errorf("%s: a number of any size", path)
		}
	case "array":
		if s.MaxItems == nil {
			t.Errorf("%s: a list of any length", path)
		}
		walk(t, path+"[]", *s.Items.Schema)
	case "object":
		if s.AdditionalProperties != nil {
			if s.MaxProperties == nil {
				t.Errorf("%s: a map of any size", path)
			}
			walk(t, path+"{}", *s.AdditionalProperties.Schema)
		}
		if s.XPreserveUnknownFields != nil && s.MaxProperties == nil {
			t.Errorf("%s: anything of any size", path)
		}
	}
	for name, p := range s.Properties {
		if name == "conditions" { // Kubernetes' own
			continue
		}
		if p.Description == "" {
			t.Errorf("%s.%s: not explained", path, name)
		}
		walk(t, path+"."+name, p)
	}
}
