// SPDX-License-Identifier: Apache-2.0

package crd_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// table returns what kubectl get prints of one object.
func table(t *testing.T, resource, name string) map[string]any {
	t.Helper()
	of := rest.CopyConfig(config)
	of.GroupVersion = &schema.GroupVersion{Group: "integrations.voiceai.dev", Version: "v1alpha1"}
	of.APIPath = "/apis"
	of.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	api, err := rest.RESTClientFor(of)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := api.Get().Namespace("default").Resource(resource).Name(name).
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
	for name, c := range map[string]struct{ kind, resource, spec, status, column, want string }{
		"a defect's title":                 {defect, "defects", defectSpec, "", "Title", "It is broken"},
		"where a healed notification went": {notification, "notifications", lines(notificationSpec, `channel: "#old"`), "#new", "Channel", "#new"},
	} {
		t.Run(name, func(t *testing.T) {
			o := object(t, c.kind, c.spec)
			if err := create(t, o); err != nil {
				t.Fatal(err)
			}
			if c.status != "" {
				status := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"status":{"channel":%q}}`, c.status))
				if err := kube.Status().Patch(t.Context(), o, status); err != nil {
					t.Fatal(err)
				}
			}
			if got := table(t, c.resource, o.GetName())[c.column]; got != c.want {
				t.Errorf("%s is %v, want %s", c.column, got, c.want)
			}
		})
	}
}
