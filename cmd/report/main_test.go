// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/hack/stage"
	"github.com/voiceai-dev/integrations-operator/internal/evidence"
	"github.com/voiceai-dev/integrations-operator/internal/report"
)

// TestAgainstAPIServer reports a failure three times to a real API server, with the rights that docs/runs.md gives to a Job. In
// between a person edits the Defect and the operator writes its status.
func TestAgainstAPIServer(t *testing.T) {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		t.Skip("there is no control plane: set KUBEBUILDER_ASSETS")
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	env, config, err := stage.StartEnvironment(stage.WithCRDs("../../config/crd/bases"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = env.Stop() })
	admin, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	user, err := env.AddUser(envtest.User{Name: "job"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "qa"}},
		&rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: "qa", Name: "report"}, Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"defects"}, Verbs: []string{"list", "create", "patch"},
		}, {
			APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"evidence"}, Verbs: []string{"create"},
		}}},
		&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: "qa", Name: "report"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "report"},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: "job"}},
		},
	} {
		if err := admin.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	kubeconfig, err := user.KubeConfig()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("KUBECONFIG", write("kubeconfig", kubeconfig))
	t.Setenv("REPORT_SUITE", "smoke")
	t.Setenv("REPORT_RESULTS", write("a.xml", []byte(`<testsuite><testcase name="greets"/>`+
		`<testcase name="books"><failure message="late"/></testcase></testsuite>`)))
	t.Setenv("REPORT_TERMINATION_LOG", filepath.Join(dir, "termination"))
	t.Setenv("REPORT_SPOOL", filepath.Join(dir, "spool"))
	defect := func() *v1alpha1.Defect {
		t.Helper()
		all := &v1alpha1.DefectList{}
		if err := admin.List(t.Context(), all, client.InNamespace("qa")); err != nil || len(all.Items) != 1 {
			t.Fatalf("%d Defects, %v", len(all.Items), err)
		}
		return &all.Items[0]
	}
	call := func(name string) {
		t.Helper()
		if code := run(t.Context(), []string{"--run", name, "-n", "qa"}); code != report.ExitFailed {
			t.Errorf("exit code %d", code)
		}
	}

	if err := os.Mkdir(filepath.Join(dir, "files"), 0o700); err != nil {
		t.Fatal(err)
	}
	content := bytes.Repeat([]byte("0123456789abcdef"), v1alpha1.EvidencePartBytes/10)
	write("files/out.log", content)
	t.Setenv("REPORT_EVIDENCE", filepath.Join(dir, "files"))
	call("r1")
	d := defect()
	listed := d.Spec.Evidence
	if listed == nil || len(listed.Files) != 1 {
		t.Fatalf("the evidence is %+v", listed)
	}
	got, err := io.ReadAll(evidence.NewReader(listed.Files[0], func(n int) ([]byte, error) {
		part := &v1alpha1.Evidence{}
		err := admin.Get(t.Context(), client.ObjectKey{Namespace: "qa", Name: v1alpha1.EvidenceName(d.UID, listed.Files[0], n)}, part)
		return part.Data, err
	}))
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	d.Spec.Title = "A better title"
	d.Spec.Severity = v1alpha1.SeverityCritical
	d.Spec.State = v1alpha1.StateInProgress
	if err := admin.Update(t.Context(), d, client.FieldOwner("kubectl-edit")); err != nil {
		t.Fatal(err)
	}
	call("r2")
	call("r2")
	d = defect()
	if s := d.Spec; s.Title != "A better title" || s.Severity != v1alpha1.SeverityCritical || s.State != v1alpha1.StateInProgress ||
		len(s.Outcomes) != 2 || s.Occurrence.Run != "r2" || s.Run != "r1" {
		t.Errorf("after it was edited and occurred again: %+v", s)
	}
	d.Status.History = &v1alpha1.DefectHistory{Outcomes: d.Spec.Outcomes}
	if err := admin.Status().Update(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	call("r3")
	if d = defect(); len(d.Spec.Outcomes) != 1 || d.Spec.Outcomes[0].Run != "r3" || d.Status.History == nil ||
		d.Spec.Evidence == nil || !d.Spec.Evidence.Time.Equal(&listed.Time) {
		t.Errorf("after the operator had merged the outcomes: %+v", d.Spec.Outcomes)
	}
	if code := run(t.Context(), []string{"history", "-n", "qa"}); code != 0 {
		t.Errorf("history: exit code %d", code)
	}

	role := &rbacv1.Role{}
	if err := admin.Get(t.Context(), client.ObjectKey{Namespace: "qa", Name: "report"}, role); err != nil {
		t.Fatal(err)
	}
	role.Rules[0].Verbs = []string{"create", "patch"}
	if err := admin.Update(t.Context(), role); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the API server may know the role as it was
		call("r4")
	}
	if d = defect(); d.Spec.Title != "A better title" || d.Spec.Severity != v1alpha1.SeverityCritical {
		t.Errorf("without the right to list, what people changed was taken back: %+v", d.Spec)
	}
}

// TestUsage checks the exit code of what is no command line.
func TestUsage(t *testing.T) {
	t.Setenv("KUBECONFIG", "/none")
	for _, args := range [][]string{{"--no-such-flag"}, {"validate"}, {"install"}, {"--results", "x"}, {"history"},
		{"--suite", "a b", "--run", "r", "--results", "x"}, {"--suite", "s", "--run", strings.Repeat("r", 254), "--results", "x"},
		{"--suite", "s", "--run", "r", "--results", "x", "--severity", "Huge"},
	} {
		if code := run(t.Context(), args); code != report.ExitUsage {
			t.Errorf("%v: exit code %d, want %d", args, code, report.ExitUsage)
		}
	}
	t.Setenv("REPORT_DRY_RUN", "maybe")
	if code := run(t.Context(), []string{"--results", "x"}); code != report.ExitUsage {
		t.Errorf("exit code %d with a broken variable", code)
	}
}

// TestInstall copies the program to a directory.
func TestInstall(t *testing.T) {
	dir := t.TempDir()
	if code := run(t.Context(), []string{"install", dir}); code != 0 {
		t.Errorf("exit code %d", code)
	}
	info, err := os.Stat(filepath.Join(dir, "report"))
	if err != nil || info.Mode().Perm()&0o111 == 0 || info.Size() == 0 {
		t.Errorf("%v, %v", info, err)
	}
	if code := run(t.Context(), []string{"install", "/proc/none"}); code != report.ExitUsage {
		t.Errorf("exit code %d", code)
	}
}
