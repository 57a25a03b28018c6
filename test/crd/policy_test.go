// SPDX-License-Identifier: Apache-2.0

package crd_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/hack/stage"
)

// policies returns the objects of config/policy.
func policies(t *testing.T) []*unstructured.Unstructured {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "config", "policy", "*integration_*.yaml"))
	if err != nil || len(files) != 4 {
		t.Fatalf("%d files of config/policy: %v", len(files), err)
	}
	var out []*unstructured.Unstructured
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, decode(t, string(text)))
	}
	return out
}

// secretReferences returns the paths of a type's references to Secrets.
func secretReferences(typ reflect.Type, path string) (out []string) {
	switch {
	case typ == reflect.TypeFor[v1alpha1.SecretKeyReference]():
		return []string{path}
	case typ.Kind() == reflect.Pointer:
		return secretReferences(typ.Elem(), path)
	case typ.Kind() == reflect.Slice, typ.Kind() == reflect.Map:
		return secretReferences(typ.Elem(), path+"[]") // the policy would need another expression
	case typ.Kind() != reflect.Struct || typ.PkgPath() != reflect.TypeFor[v1alpha1.SecretKeyReference]().PkgPath():
		return nil
	}
	for field := range typ.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		out = append(out, secretReferences(field.Type, path+"."+name)...)
	}
	return out
}

// TestPolicyKnowsEverySecret checks that the policies have an expression for each reference to a Secret.
func TestPolicyKnowsEverySecret(t *testing.T) {
	for name, typ := range map[string]reflect.Type{
		"voiceai-integrations-slackintegration-secrets": reflect.TypeFor[v1alpha1.SlackIntegrationSpec](),
		"voiceai-integrations-jiraintegration-secrets":  reflect.TypeFor[v1alpha1.JiraIntegrationSpec](),
	} {
		var got []string
		for _, o := range policies(t) {
			validations, _, _ := unstructured.NestedSlice(o.Object, "spec", "validations")
			for _, v := range validations {
				if o.GetName() == name {
					field, _, _ := strings.Cut(v.(map[string]any)["messageExpression"].(string), " names ")
					field = strings.TrimPrefix(field, "'")
					got = append(got, field)
					value := "object." + strings.ReplaceAll(field, ".", ".?") + ".?name"
					want := "!" + value + ".hasValue() || variables.secrets.name(" + value + ".value()).check('get').allowed()"
					if expression := v.(map[string]any)["expression"]; expression != want {
						t.Errorf("%s: %s, want %s", field, expression, want)
					}
				}
			}
		}
		want := secretReferences(typ, "spec")
		slices.Sort(got)
		slices.Sort(want)
		if len(want) == 0 || !slices.Equal(got, want) {
			t.Errorf("%s has %v, want %v", name, got, want)
		}
	}
}

// as returns a client of a user that may do everything with integrations, and get some Secrets.
func as(t *testing.T, user string, secrets ...string) client.Client {
	t.Helper()
	meta := metav1.ObjectMeta{Namespace: "default", Name: user}
	role := &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"*"}, Verbs: []string{"*"},
	}}}
	if len(secrets) > 0 {
		role.Rules = append(role.Rules, rbacv1.PolicyRule{
			APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: secrets, Verbs: []string{"get"},
		})
	}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: user},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: user}},
	}
	for _, o := range []client.Object{role, binding} {
		if err := kube.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	impersonating := rest.CopyConfig(config)
	impersonating.Impersonate.UserName = user
	c, err := client.New(impersonating, client.Options{Scheme: scheme.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// until repeats a step until the API server, which takes a moment to see policies and roles, does as it should.
func until(t *testing.T, what string, done func() (bool, error)) {
	t.Helper()
	timeout := time.After(stage.Timeout)
	for {
		ok, err := done()
		if ok {
			return
		}
		select {
		case <-timeout:
			t.Fatalf("%s: %v", what, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// cloud is the spec of a JiraIntegration.
const cloud = "apiURL: https://a.example\n  projectKey: VOICE\n  basic: {username: u, tokenSecretRef: {name: s, key: k}}"

// installPolicies creates the policies for the duration of a test.
func installPolicies(t *testing.T) {
	t.Helper()
	for _, o := range policies(t) {
		if err := kube.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := kube.Delete(context.Background(), o); client.IgnoreNotFound(err) != nil {
				t.Error(err)
			}
		})
	}
}

// untilRefused waits until the API server refuses what a user without rights to Secrets creates.
func untilRefused(t *testing.T, none client.Client) {
	t.Helper()
	for _, kind := range []string{slack, jira} {
		spec := map[string]string{slack: bot, jira: cloud}[kind]
		until(t, "refusing", func() (bool, error) {
			err := none.Create(t.Context(), object(t, kind, spec), client.DryRunAll)
			return err != nil && strings.Contains(err.Error(), "may not get in namespace default"), err
		})
	}
}

func TestSecretPolicy(t *testing.T) {
	installPolicies(t)
	none := as(t, "none")
	one := as(t, "one", "s")
	both := as(t, "both", "s", "other")
	const (
		moved  = "apiURL: https://b.example\n  projectKey: VOICE\n  basic: {username: u, tokenSecretRef: {name: s, key: k}}"
		signed = bot + "\n  signingSecretRef: {name: other, key: k}"
		hooked = cloud + "\n  webhookSecretRef: {name: other, key: k}"
	)
	untilRefused(t, none)
	for user, c := range map[string]client.Client{"one": one, "both": both} {
		until(t, user, func() (bool, error) {
			err := c.Create(t.Context(), object(t, slack, bot), client.DryRunAll)
			return err == nil, err
		})
	}
	for name, c := range map[string]struct {
		by          client.Client
		kind        string
		before      string // "" when the object is created
		after, want string
	}{
		"created, no right":                 {none, slack, "", bot, `spec.bot.tokenSecretRef names Secret "s", which none may not get`},
		"created, right":                    {one, slack, "", bot, ""},
		"created, one right of two":         {one, slack, "", signed, `spec.signingSecretRef names Secret "other", which one may not get`},
		"created, both rights":              {both, slack, "", signed, ""},
		"created by an admin":               {kube, slack, "", signed, ""},
		"created, a Jira's, no right":       {none, jira, "", cloud, `spec.basic.tokenSecretRef names Secret "s"`},
		"created, a Jira's, one right":      {one, jira, "", hooked, `spec.webhookSecretRef names Secret "other"`},
		"created, a Jira's, right":          {one, jira, "", cloud, ""},
		"created, a webhook's, no right":    {none, slack, "", webhook, "spec.webhook.urlSecretRef names Secret"},
		"another address, no right":         {none, jira, cloud, moved, `spec.basic.tokenSecretRef names Secret "s"`},
		"another address, right":            {one, jira, cloud, moved, ""},
		"another reference, no right to it": {one, jira, cloud, hooked, `spec.webhookSecretRef names Secret "other"`},
		"only a label, no right":            {none, jira, cloud, cloud, ""},
		"a reference is removed":            {one, jira, hooked, cloud, ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := object(t, c.kind, c.after)
			if c.before == "" {
				wantRefusal(t, c.by.Create(t.Context(), o), c.want)
				return
			}
			o = object(t, c.kind, c.before)
			if err := kube.Create(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			o.Object["spec"] = object(t, c.kind, c.after).Object["spec"]
			o.SetLabels(map[string]string{"changed": "true"})
			current := o.DeepCopy()
			if err := kube.Get(t.Context(), client.ObjectKeyFromObject(o), current); err != nil {
				t.Fatal(err)
			}
			for field, value := range current.Object["spec"].(map[string]any) { // as defaulted
				if _, ok := o.Object["spec"].(map[string]any)[field]; !ok && !strings.HasSuffix(field, "SecretRef") {
					o.Object["spec"].(map[string]any)[field] = value
				}
			}
			wantRefusal(t, c.by.Update(t.Context(), o), c.want)
		})
	}
}

// wantRefusal checks the answer to a write; it is accepted when text is empty.
func wantRefusal(t *testing.T, err error, text string) {
	t.Helper()
	if (err == nil) != (text == "") || err != nil && !strings.Contains(err.Error(), text) {
		t.Error(fmt.Errorf("got %w, want %q", err, text))
	}
}

// TestSecretPolicyLeavesTheRestAlone checks that the policy refuses only who changes a spec: the operator writes status
// without a right to the Secret, and people label and delete what they may not create.
func TestSecretPolicyLeavesTheRestAlone(t *testing.T) {
	installPolicies(t)
	c := as(t, "outsider")
	untilRefused(t, c)
	created := func(t *testing.T, kind string) *unstructured.Unstructured {
		t.Helper()
		o := object(t, kind, map[string]string{slack: bot, jira: cloud}[kind])
		if err := kube.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		return o
	}
	setSuspend := func(o *unstructured.Unstructured) {
		if err := unstructured.SetNestedField(o.Object, true, "spec", "suspend"); err != nil {
			t.Fatal(err)
		}
	}
	for name, step := range map[string]struct {
		do   func(ctx context.Context, o *unstructured.Unstructured) error
		want string
	}{
		"status": {func(ctx context.Context, o *unstructured.Unstructured) error {
			o.Object["status"] = map[string]any{"observedGeneration": int64(1)}
			return c.Status().Update(ctx, o)
		}, ""},
		"status with another spec, which is ignored": {func(ctx context.Context, o *unstructured.Unstructured) error {
			setSuspend(o)
			return c.Status().Update(ctx, o)
		}, ""},
		"labels, annotations and finalizers": {func(ctx context.Context, o *unstructured.Unstructured) error {
			patch := `{"metadata":{"labels":{"a":"b"},"annotations":{"a":"b"},"finalizers":["example.com/a"]}}`
			if err := c.Patch(ctx, o, client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
				return err
			}
			return c.Patch(ctx, o, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`)))
		}, ""},
		"the same spec applied": {func(ctx context.Context, o *unstructured.Unstructured) error {
			return c.Update(ctx, o)
		}, ""},
		"deletion": {func(ctx context.Context, o *unstructured.Unstructured) error {
			return c.Delete(ctx, o)
		}, ""},
		"dry-run of a label": {func(ctx context.Context, o *unstructured.Unstructured) error {
			o.SetLabels(map[string]string{"a": "b"})
			return c.Update(ctx, o, client.DryRunAll)
		}, ""},
		"dry-run of a spec": {func(ctx context.Context, o *unstructured.Unstructured) error {
			setSuspend(o)
			return c.Update(ctx, o, client.DryRunAll)
		}, "may not get in namespace default"},
		"a patch of the spec": {func(ctx context.Context, o *unstructured.Unstructured) error {
			return c.Patch(ctx, o, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"suspend":true}}`)))
		}, "may not get in namespace default"},
	} {
		for _, kind := range []string{slack, jira} {
			t.Run(name+", "+kind, func(t *testing.T) {
				wantRefusal(t, step.do(t.Context(), created(t, kind)), step.want)
			})
		}
	}
}
