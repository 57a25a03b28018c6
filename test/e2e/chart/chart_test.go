// SPDX-License-Identifier: Apache-2.0

//go:build e2e

// Package chart_test installs the Helm chart in the cluster of KUBECONFIG, upgrades, removes and installs it again while
// Defects are created, and checks that no object and no ticket is lost or doubled. IMG and SANDBOX_IMG are the images of
// the operator and the sandbox. The cluster's nodes must have them or be able to pull them.
package chart_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	release   = "voiceai-integrations"
	system    = "voiceai-integrations-system"
	namespace = "voiceai-chart"
	// batch is how many Defects are created at each step.
	batch = 25
	// patience bounds one program of the test.
	patience = 3 * time.Minute
)

// runWith runs a program at the root of the project with an input, and returns what it prints.
func runWith(t *testing.T, input, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, program, args...)
	command.Dir = filepath.Join("..", "..", "..")
	command.Stdin = strings.NewReader(input)
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", program, args, err, out)
	}
	return string(out)
}

// kubectl runs kubectl in the namespace of the test.
func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	return runWith(t, "", "kubectl", append([]string{"-n", namespace}, args...)...)
}

// helm3 and helm4 are the programs of the versions of Helm.
const (
	helm3 = "bin/helm3"
	helm4 = "bin/helm"
)

// helm runs a Helm, waits until what it changed is ready, and logs how long that took.
func helm(t *testing.T, program string, args ...string) {
	t.Helper()
	started := time.Now()
	runWith(t, "", program, append(args, "--namespace", system, "--wait", "--timeout", patience.String())...)
	t.Logf("%s %s: %.1f s", program, args[0], time.Since(started).Seconds())
}

// apply applies a file of testdata with a text replaced.
func apply(t *testing.T, name, placeholder, value string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	runWith(t, strings.ReplaceAll(string(text), placeholder, value), "kubectl", "-n", namespace, "apply", "-f", "-")
}

// createDefects creates a batch of Defects, with names of a step.
func createDefects(t *testing.T, step string) {
	t.Helper()
	var out strings.Builder
	for i := range batch {
		fmt.Fprintf(&out, "---\napiVersion: integrations.voiceai.dev/v1alpha1\nkind: Defect\n"+
			"metadata: {name: %s-%d}\nspec: {title: %s %d is broken, severity: High}\n", step, i, step, i)
	}
	runWith(t, out.String(), "kubectl", "-n", namespace, "create", "-f", "-")
}

// checkCalls checks how many tickets the sandbox has, and that each event was stored once and delivered.
func checkCalls(t *testing.T, want int) {
	t.Helper()
	raw := kubectl(t, "get", "--raw", "/api/v1/namespaces/"+namespace+"/pods/sandbox:8080/proxy/_sandbox/state")
	var got struct {
		Jira struct{ Counts struct{ Creates int } }
	}
	if err := json.Unmarshal([]byte(raw), &got); err != nil {
		t.Fatal(err)
	}
	if got.Jira.Counts.Creates != want {
		t.Errorf("there are %d tickets, want %d", got.Jira.Counts.Creates, want)
	}
	stored := strings.Fields(kubectl(t, "get", "notifications", "-o", "name", "-l", "integrations.voiceai.dev/digest!=true"))
	if len(stored) != want {
		t.Errorf("there are %d Notifications, want %d", len(stored), want)
	}
}

// image returns the values of the chart that name the image IMG.
func image(t *testing.T) []string {
	t.Helper()
	name := os.Getenv("IMG")
	at := strings.LastIndex(name, ":")
	if at < 0 || os.Getenv("SANDBOX_IMG") == "" {
		t.Fatal("set IMG to the operator's image with its tag, and SANDBOX_IMG to the sandbox's")
	}
	return []string{"--set", "image.repository=" + name[:at], "--set-string", "image.tag=" + name[at+1:]}
}

// TestChart installs the chart with Helm 3, upgrades with Helm 4, removes it and installs it again, in a namespace that enforces
// the restricted Pod Security Standard. Defects are created at each step.
func TestChart(t *testing.T) {
	const chart = "charts/voiceai-integrations"
	values := image(t)
	runWith(t, "", "kubectl", "create", "namespace", namespace)
	runWith(t, "", "kubectl", "create", "namespace", system)
	runWith(t, "", "kubectl", "label", "namespace", system, "pod-security.kubernetes.io/enforce=restricted")
	t.Cleanup(func() {
		helm(t, helm4, "uninstall", release, "--ignore-not-found")
		runWith(t, "", "kubectl", "delete", "namespace", namespace, system, "--ignore-not-found", "--timeout=2m")
		for _, shared := range []string{"config/crd", "config/policy"} {
			runWith(t, "", "kubectl", "delete", "-k", shared, "--ignore-not-found")
		}
	})
	kubectl(t, "wait", "--for=create", "serviceaccount/default", "--timeout=1m") // Pods need it, and a new cluster is slow
	apply(t, "sandbox.yaml", "IMAGE", os.Getenv("SANDBOX_IMG"))
	helm(t, helm3, append([]string{"install", release, chart}, values...)...)
	kubectl(t, "wait", "--for=condition=Ready", "pod/sandbox", "--timeout=1m")
	apply(t, "objects.yaml", "SANDBOX", "http://"+kubectl(t, "get", "pod/sandbox", "-o", "jsonpath={.status.podIP}")+":8080")
	kubectl(t, "wait", "--for=condition=Ready", "--timeout=1m", "slackintegration/slack", "jiraintegration/jira")

	createDefects(t, "installed")
	helm(t, helm4, append([]string{"upgrade", release, chart, "--set", "replicas=2", "--set", "podAnnotations.version=two"}, values...)...)
	createDefects(t, "upgraded")
	helm(t, helm4, "uninstall", release)
	createDefects(t, "removed")
	if got := len(strings.Fields(kubectl(t, "get", "defects", "-o", "name"))); got != 3*batch {
		t.Errorf("without the release there are %d Defects, want %d", got, 3*batch)
	}
	helm(t, helm4, append([]string{"install", release, chart}, values...)...)
	createDefects(t, "reinstalled")
	kubectl(t, "wait", "--for=condition=Ready", "--timeout=2m", "defects", "--all")
	kubectl(t, "wait", "--for=condition=Delivered", "--timeout=2m", "notifications", "--all")
	checkCalls(t, 4*batch)
}
