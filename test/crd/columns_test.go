// SPDX-License-Identifier: Apache-2.0

package crd_test

import (
	"context"
	"encoding/json"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
)

// table returns what kubectl get prints of one object.
func table(t *testing.T, resource, name string) map[string]any {
	t.Helper()
	of := rest.CopyConfig(config)
	of.GroupVersion = &schema.GroupVersion{Group: "integrations.voiceai.dev", Version: "v1alpha1"}
	of.APIPath = "/apis"
	of.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	client, err := rest.RESTClientFor(of)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := client.Get().Namespace("default").Resource(resource).Name(name).
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").Do(context.Background()).Raw()
	if err != nil {
		t.Fatal(err)
	}
	answer := &metav1.Table{}
	if err := json.Unmarshal(raw, answer); err != nil {
		t.Fatal(err)
	}
	out := map[string]any{}
	for i, c := range answer.ColumnDefinitions {
		if c.Priority == 0 {
			out[c.Name] = answer.Rows[0].Cells[i]
		}
	}
	return out
}

// TestColumns checks what kubectl get prints of what people look for first.
func TestColumns(t *testing.T) {
	for name, c := range map[string]struct{ kind, resource, spec, column, want string }{
		"a defect's title": {defect, "defects", defectSpec, "Title", "It is broken"},
	} {
		t.Run(name, func(t *testing.T) {
			o := object(t, c.kind, c.spec)
			if err := create(t, o); err != nil {
				t.Fatal(err)
			}
			if got := table(t, c.resource, o.GetName())[c.column]; got != c.want {
				t.Errorf("%s is %v, want %s", c.column, got, c.want)
			}
		})
	}
}
