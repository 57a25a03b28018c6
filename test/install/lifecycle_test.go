// SPDX-License-Identifier: Apache-2.0

package install_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/voiceai-dev/integrations-operator/hack/stage"
)

// installed is a cluster into which Helm installs the chart.
type installed struct {
	kubeconfig string
	// program is the Helm that is used.
	program string
}

// helm runs Helm on the cluster.
func (i installed) helm(t *testing.T, args ...string) {
	t.Helper()
	run(t, i.kubeconfig, helmProgram(t, i.program), append(args, "--namespace", namespace)...)
}

// kubectl runs kubectl on the cluster, and returns what it prints.
func (i installed) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	return run(t, i.kubeconfig, filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl"), args...)
}

// awaitCRDs waits until the API server serves the kinds of the CRDs that were applied.
func (i installed) awaitCRDs(t *testing.T) {
	t.Helper()
	i.kubectl(t, "wait", "--for=condition=Established", "crd", "--all", "--timeout=4m")
	if err := stage.Poll(t.Context(), "the kinds of the CRDs", nil, func() (bool, error) {
		served := i.kubectl(t, "api-resources", "--api-group=integrations.voiceai.dev", "-o", "name")
		return len(strings.Fields(served)) == 6, nil
	}); err != nil {
		t.Fatal(err)
	}
}

// count checks how many objects of some kinds there are.
func (i installed) count(t *testing.T, after, kinds string, want int) {
	t.Helper()
	if got := strings.Fields(i.kubectl(t, "get", "-A", "-o", "name", "--ignore-not-found", kinds)); len(got) != want {
		t.Errorf("after %s there are %v, want %d", after, got, want)
	}
}

// kinds are the kinds of the project, as kubectl names them.
const kinds = "slackintegrations,jiraintegrations,notificationrules,defects"

// newField is a field that a CRD of the older chart lacks.
const newField = " muteWindows:"

// olderChart returns the directory of a chart as an earlier version may have been: a CRD lacks a field.
func olderChart(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "chart")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "..", chart))); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "files/crds/integrations.voiceai.dev_notificationrules.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(text), newField, " older:")), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestHelmLifecycle installs the chart, upgrades, removes and installs it again: CRDs are upgraded, and no object is lost.
func TestHelmLifecycle(t *testing.T) {
	for _, program := range []string{helm3, helm4} {
		t.Run(program, func(t *testing.T) { checkLifecycle(t, program) })
	}
}

// checkLifecycle is TestHelmLifecycle with one version of Helm.
func checkLifecycle(t *testing.T, program string) {
	t.Helper()
	_, kubeconfig := cluster(t)
	i := installed{kubeconfig, program}
	i.helm(t, "install", release, olderChart(t), "--create-namespace")
	i.count(t, "install", "deployments", 1)
	i.awaitCRDs(t)
	i.kubectl(t, "apply", "-k", "config/samples")
	objects := len(strings.Fields(i.kubectl(t, "get", "-o", "name", kinds)))
	if objects < 4 {
		t.Fatalf("config/samples has %d objects", objects)
	}

	i.helm(t, "upgrade", release, chart, "--set", "replicas=2")
	if crd := i.kubectl(t, "get", "crd", "notificationrules.integrations.voiceai.dev", "-o", "yaml"); !strings.Contains(crd, newField) {
		t.Error("an upgrade did not bring a field of a CRD")
	}
	if replicas := i.kubectl(t, "-n", namespace, "get", "deployments", "-o", "jsonpath={.items[0].spec.replicas}"); replicas != "2" {
		t.Errorf("after an upgrade there are %s replicas", replicas)
	}
	i.count(t, "upgrade", kinds, objects)

	// A second release shares what the first one has, and leaves it there.
	i.helm(t, "install", "other", chart, "--set", "crds.enabled=false,policy.enabled=false,watchNamespaces={default}")
	i.count(t, "a second install", "deployments", 2)
	i.helm(t, "uninstall", "other")
	i.count(t, "a second uninstall", "deployments", 1)

	for _, step := range []string{"uninstall", "install"} {
		if step == "uninstall" {
			i.helm(t, "uninstall", release)
			i.count(t, step, "deployments", 0)
		} else {
			i.helm(t, "install", release, chart)
			i.count(t, step, "deployments", 1)
		}
		i.count(t, step, kinds, objects)
		i.count(t, step, "crds", 6)
		i.count(t, step, strings.Join(policyKinds, ","), 4)
	}
	i.helm(t, "uninstall", release)
	i.helm(t, "install", "renamed", chart, "--take-ownership")
	i.count(t, "an install of another name", kinds, objects)
	i.count(t, "an install of another name", "crds", 6)
}
