// SPDX-License-Identifier: Apache-2.0

package install_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/voiceai-dev/integrations-operator/hack/stage"
)

// policyKinds are the kinds of config/policy.
var policyKinds = []string{"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}

// TestOnePairOfPolicies checks that all overlays have the policies under the same names, and that a binding names its
// own policy.
func TestOnePairOfPolicies(t *testing.T) {
	want := []string{"voiceai-integrations-jiraintegration-secrets", "voiceai-integrations-slackintegration-secrets"}
	for _, dir := range []string{
		"config/policy", "config/default", "test/install/testdata/second", "test/install/testdata/renamed",
	} {
		for _, kind := range policyKinds {
			var got []string
			for _, o := range build(t, dir)[kind] {
				got = append(got, o.GetName())
				if o.GroupVersionKind().String() != "admissionregistration.k8s.io/v1, Kind="+kind {
					t.Errorf("%s: %s is a %s", dir, o.GetName(), o.GroupVersionKind())
				}
				if strings.HasPrefix(dir, "config/") && o.GetNamespace() != "" {
					t.Errorf("%s: %s %s has namespace %s", dir, kind, o.GetName(), o.GetNamespace())
				}
				spec, _ := o.Object["spec"].(map[string]any)
				if policy, ok := spec["policyName"]; ok && policy != o.GetName() {
					t.Errorf("%s: the binding %s names the policy %s", dir, o.GetName(), policy)
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s has %s %v, want %v", dir, kind, got, want)
			}
		}
	}
	if built := build(t, "config/policy"); len(built) != len(policyKinds) {
		t.Errorf("config/policy has kinds %d", len(built))
	}
}

// cluster starts a control plane, and returns its client and the path of an administrator's kubeconfig.
func cluster(t *testing.T) (client.Client, string) {
	t.Helper()
	environment, config, err := stage.StartEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := environment.Stop(); err != nil {
			t.Error(err)
		}
	})
	admin, err := environment.AddUser(envtest.User{Name: "admin", Groups: []string{"system:masters"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := admin.KubeConfig()
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(kubeconfig, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(config, client.Options{Scheme: scheme.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	return c, kubeconfig
}

// patience bounds one program of a test: a program that hangs fails the test that runs it, by its name.
const patience = 5 * time.Minute

// run runs a program at the root of the project, with a kubeconfig, and returns what it prints.
func run(t *testing.T, kubeconfig, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, program, args...)
	command.WaitDelay = time.Second
	command.Dir = filepath.Join("..", "..")
	kubectl := filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl")
	command.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "KUBECTL="+kubectl, "MAKEFLAGS=",
		"KUBECACHEDIR="+kubeconfig+".cache") // that of another cluster at the same port is wrong
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", program, args, err, out)
	}
	return string(out)
}

// TestApplyAgain applies installations as people and GitOps tools do, and checks that applying again makes no
// difference, also to what an installation with other names shares.
func TestApplyAgain(t *testing.T) {
	c, kubeconfig := cluster(t)
	second := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "second"}}
	if err := c.Create(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	kubectl := filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl")
	for _, dir := range []string{"config/default", "test/install/testdata/second", "config/default"} {
		run(t, kubeconfig, kubectl, "apply", "--server-side", "-k", dir)
		run(t, kubeconfig, kubectl, "apply", "--server-side", "-k", dir)
		if diff := run(t, kubeconfig, kubectl, "diff", "--server-side", "-k", dir); diff != "" {
			t.Errorf("%s differs from what was applied:\n%s", dir, diff)
		}
	}
	if got := strings.Fields(run(t, kubeconfig, kubectl, "get", "-o", "name", strings.Join(policyKinds, ","))); len(got) != 4 {
		t.Errorf("the cluster has %v", got)
	}
}

// TestMakeTargets checks what each target of the Makefile that changes a cluster leaves there.
func TestMakeTargets(t *testing.T) {
	_, kubeconfig := cluster(t)
	kubectl := filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl")
	for _, step := range []struct {
		target                      string
		policies, crds, deployments int
	}{
		{"install", 4, 6, 0},
		{"deploy", 4, 6, 1},
		{"undeploy", 4, 6, 0},
		{"uninstall", 0, 0, 0},
	} {
		run(t, kubeconfig, "make", step.target, "YES=1", "IMG=operator:test")
		for kinds, want := range map[string]int{
			strings.Join(policyKinds, ","): step.policies,
			"customresourcedefinitions":    step.crds,
			"deployments":                  step.deployments,
		} {
			got := strings.Fields(run(t, kubeconfig, kubectl, "get", "-A", "-o", "name", kinds))
			if len(got) != want {
				t.Errorf("make %s leaves %v, want %d", step.target, got, want)
			}
		}
	}
}
