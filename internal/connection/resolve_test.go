// SPDX-License-Identifier: Apache-2.0

package connection_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
)

// resolver resolves a reference of namespace voice to one kind of integration, and returns the name of the result.
type resolver struct {
	kind    string
	object  func(namespace, name string, allowed *v1alpha1.AllowedNamespaces, isDefault bool) client.Object
	resolve func(context.Context, client.Reader, *v1alpha1.IntegrationReference) (string, error)
}

var resolvers = []resolver{
	{
		kind: v1alpha1.KindSlackIntegration,
		object: func(namespace, name string, allowed *v1alpha1.AllowedNamespaces, isDefault bool) client.Object {
			return &v1alpha1.SlackIntegration{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
				Spec:       v1alpha1.SlackIntegrationSpec{AllowedNamespaces: allowed, Default: isDefault},
			}
		},
		resolve: func(ctx context.Context, c client.Reader, ref *v1alpha1.IntegrationReference) (string, error) {
			i, err := connection.ResolveSlack(ctx, c, "voice", ref)
			if err != nil {
				return "", err
			}
			return i.Namespace + "/" + i.Name, nil
		},
	},
	{
		kind: v1alpha1.KindJiraIntegration,
		object: func(namespace, name string, allowed *v1alpha1.AllowedNamespaces, isDefault bool) client.Object {
			return &v1alpha1.JiraIntegration{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
				Spec:       v1alpha1.JiraIntegrationSpec{AllowedNamespaces: allowed, Default: isDefault},
			}
		},
		resolve: func(ctx context.Context, c client.Reader, ref *v1alpha1.IntegrationReference) (string, error) {
			i, err := connection.ResolveJira(ctx, c, "voice", ref)
			if err != nil {
				return "", err
			}
			return i.Namespace + "/" + i.Name, nil
		},
	},
}

// newReader returns a client with objects, whose Get or List of a kind of object fails if it is named by failing.
func newReader(t *testing.T, failing string, objects ...client.Object) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	isDefault := func(o client.Object) []string {
		switch o := o.(type) {
		case *v1alpha1.SlackIntegration:
			return []string{fmt.Sprint(o.Spec.Default)}
		case *v1alpha1.JiraIntegration:
			return []string{fmt.Sprint(o.Spec.Default)}
		}
		return nil
	}
	fails := func(o any) bool { return failing != "" && strings.Contains(fmt.Sprintf("%T", o), failing) }
	return fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).
		WithIndex(&v1alpha1.SlackIntegration{}, connection.DefaultIndex, isDefault).
		WithIndex(&v1alpha1.JiraIntegration{}, connection.DefaultIndex, isDefault).
		WithInterceptorFuncs(interceptor.Funcs{
			Get: func(ctx context.Context, c client.WithWatch, k client.ObjectKey, o client.Object, opts ...client.GetOption) error {
				if fails(o) {
					return errBroken
				}
				return c.Get(ctx, k, o, opts...)
			},
			List: func(ctx context.Context, c client.WithWatch, l client.ObjectList, opts ...client.ListOption) error {
				if fails(l) {
					return errBroken
				}
				return c.List(ctx, l, opts...)
			},
		}).Build()
}

var errBroken = errors.New("connection lost")

func TestResolve(t *testing.T) {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "voice", Labels: map[string]string{"team": "voice"}}}
	from := func(f v1alpha1.NamespacesFrom, team v1alpha1.LabelValue) *v1alpha1.AllowedNamespaces {
		a := &v1alpha1.AllowedNamespaces{From: f}
		if team != "" {
			a.Selector = &v1alpha1.LabelSelector{MatchLabels: map[string]v1alpha1.LabelValue{"team": team}}
		}
		return a
	}
	for _, r := range resolvers {
		objects := []client.Object{
			namespace,
			r.object("voice", "local", nil, false),
			r.object("other", "unset", nil, true),
			r.object("other", "same", from(v1alpha1.NamespacesFromSame, ""), false),
			r.object("other", "all", from(v1alpha1.NamespacesFromAll, ""), false),
			r.object("other", "ours", from(v1alpha1.NamespacesFromSelector, "voice"), false),
			r.object("other", "theirs", from(v1alpha1.NamespacesFromSelector, "chat"), false),
			r.object("other", "invalid", from(v1alpha1.NamespacesFromSelector, "no label value"), false),
		}
		for ref, want := range map[string]string{
			"local":         "voice/local",
			"voice/local":   "voice/local",
			"missing":       "!" + v1alpha1.ReasonIntegrationNotFound,
			"other/missing": "!" + v1alpha1.ReasonIntegrationNotAllowed,
			"other/unset":   "!" + v1alpha1.ReasonIntegrationNotAllowed,
			"other/same":    "!" + v1alpha1.ReasonIntegrationNotAllowed,
			"other/all":     "other/all",
			"other/ours":    "other/ours",
			"other/theirs":  "!" + v1alpha1.ReasonIntegrationNotAllowed,
			"other/invalid": "!" + v1alpha1.ReasonIntegrationNotAllowed,
		} {
			got, err := r.resolve(t.Context(), newReader(t, "", objects...), reference(ref))
			var refusal *connection.Refusal
			if errors.As(err, &refusal) {
				got = "!" + refusal.Reason
				if !strings.Contains(err.Error(), r.kind) && ref != "other/invalid" {
					t.Errorf("%s: the message %q does not name the kind", r.kind, err)
				}
			}
			if got != want {
				t.Errorf("%s %s: got %s (%v), want %s", r.kind, ref, got, err, want)
			}
		}
		for ref, failing := range map[string]string{"local": "v1alpha1", "other/all": "v1alpha1", "other/ours": "PartialObject", "": "List"} {
			var refusal *connection.Refusal
			_, err := r.resolve(t.Context(), newReader(t, failing, objects...), reference(ref))
			if !errors.Is(err, errBroken) || errors.As(err, &refusal) {
				t.Errorf("%s %q that cannot be read: %v", r.kind, ref, err)
			}
		}
	}
}

// TestHiddenIntegration makes sure that a user cannot learn whether an integration exists that they may not use.
func TestHiddenIntegration(t *testing.T) {
	for _, r := range resolvers {
		_, missing := r.resolve(t.Context(), newReader(t, ""), reference("other/x"))
		_, refused := r.resolve(t.Context(), newReader(t, "", r.object("other", "x", nil, false)), reference("other/x"))
		if missing == nil || refused == nil || missing.Error() != refused.Error() {
			t.Errorf("%s: a missing one: %v; a refused one: %v", r.kind, missing, refused)
		}
	}
}

func TestResolveDefault(t *testing.T) {
	for _, r := range resolvers {
		var objects []client.Object
		for i, want := range []string{
			r.kind + `!IntegrationNotFound`,
			"voice/z",
			r.kind + `!IntegrationAmbiguous: 2 (y, z)`,
			r.kind + `!IntegrationAmbiguous: 3 (x, y, z)`,
			r.kind + `!IntegrationAmbiguous: 4 (w, x, y, z)`,
			r.kind + `!IntegrationAmbiguous: 5 (v, w, x, y, z)`,
			r.kind + `!IntegrationAmbiguous: 6 (u, v, w, x, y)`,
		} {
			all := append(slices.Clone(objects), r.object("voice", "another", nil, false), r.object("other", "default", nil, true))
			got, err := r.resolve(t.Context(), newReader(t, "", all...), nil)
			var refusal *connection.Refusal
			if errors.As(err, &refusal) {
				got = r.kind + "!" + refusal.Reason
				if _, names, ok := strings.Cut(refusal.Message, "("); ok {
					names, _, _ = strings.Cut(names, ")")
					got += fmt.Sprintf(": %d (%s)", i, names)
					if !strings.Contains(refusal.Message, fmt.Sprint(i, " default")) {
						t.Errorf("%d: the message is %q", i, refusal.Message)
					}
				}
			}
			if got != want {
				t.Errorf("%d: got %s (%v), want %s", i, got, err, want)
			}
			objects = append(objects, r.object("voice", string(rune('z'-i)), nil, true))
		}
	}
}

// reference parses "name" or "namespace/name". It returns nil for an empty string.
func reference(s string) *v1alpha1.IntegrationReference {
	if s == "" {
		return nil
	}
	namespace, name, ok := strings.Cut(s, "/")
	if !ok {
		return &v1alpha1.IntegrationReference{Name: s}
	}
	return &v1alpha1.IntegrationReference{Namespace: namespace, Name: name}
}
