// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

func TestWatchNamespacesFlag(t *testing.T) {
	for text, want := range map[string]string{
		"":           "",
		"a":          "a",
		" b, a,b ,":  "a,b",
		"A":          `"A" is not the name of a namespace`,
		"a,b.c":      `"b.c" is not the name of a namespace`,
		"kube-*":     `"kube-*" is not the name of a namespace`,
		"a;b":        `"a;b" is not the name of a namespace`,
		" , ":        "",
		"team-a,all": "all,team-a",
	} {
		var l namespaceList
		got := ""
		if err := l.Set(text); err != nil {
			got = err.Error()
		} else {
			got = l.String()
		}
		if got != want && (want == "" || !strings.HasPrefix(got, want+":")) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestDefaultNamespace(t *testing.T) {
	for name, c := range map[string]struct {
		watched namespaceList
		want    string
	}{
		"all":              {nil, "default"},
		"with the default": {namespaceList{"a", "default"}, "default"},
		"without":          {namespaceList{"a", "b"}, "a"},
	} {
		f := flags{leader: leaderFlags{watch: c.watched}, api: apiFlags{namespace: "default"}}
		if got := f.defaultNamespace(); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

// failing is a cache that has no namespace but one.
type failing struct {
	client.Reader
	t *testing.T
}

func (r failing) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	if key.Namespace != "a" && key.Namespace != "" {
		r.t.Errorf("reads %s, of which the cache knows nothing", key)
	}
	return r.Reader.Get(ctx, key, o, opts...)
}

func (r failing) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	o := client.ListOptions{}
	o.ApplyOptions(opts)
	if o.Namespace != "a" && o.Namespace != "" {
		r.t.Errorf("lists namespace %s, of which the cache knows nothing", o.Namespace)
	}
	return r.Reader.List(ctx, list, opts...)
}

// TestUnwatchedNamespaces checks that objects of namespaces that are not watched count as not existing.
func TestUnwatchedNamespaces(t *testing.T) {
	secret := func(namespace string) *corev1.Secret {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "s"}}
	}
	c := fake.NewClientBuilder().WithObjects(
		secret("a"), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "b"}},
	).Build()
	r := watchedReader{Reader: failing{c, t}, watched: []string{"a"}}
	get := func(namespace string) error {
		return r.Get(t.Context(), types.NamespacedName{Namespace: namespace, Name: "s"}, &corev1.Secret{})
	}
	if err := get("a"); err != nil {
		t.Error(err)
	}
	if err := get("b"); !apierrors.IsNotFound(err) {
		t.Errorf("got %v, want not found", err)
	}
	if err := r.Get(t.Context(), types.NamespacedName{Name: "b"}, &corev1.Namespace{}); err != nil {
		t.Errorf("an object without namespace: %v", err)
	}
	for namespace, want := range map[string]int{"a": 1, "b": 0, "": 1} {
		list := &corev1.SecretList{}
		if err := r.List(t.Context(), list, client.InNamespace(namespace)); err != nil || len(list.Items) != want {
			t.Errorf("in %q: %d, %v", namespace, len(list.Items), err)
		}
	}
}
