// SPDX-License-Identifier: Apache-2.0

//go:build e2e

// Package start_test runs every command of docs/getting-started.md in the cluster of KUBECONFIG, with the sandbox for Slack
// and Jira, and checks that there is a ticket and a message in the end. IMG and SANDBOX_IMG are the images of the operator
// and the sandbox. The cluster's nodes must have them or be able to pull them.
package start_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/test/docs/block"
)

const (
	root      = "../../.."
	namespace = "voiceai-start"
	// patience bounds one block of commands.
	patience = 3 * time.Minute
	// imageOfKind is the block that builds the image and brings it to kind. IMG is there already.
	imageOfKind = "make docker-build IMG=voiceai/operator:dev\nkind load docker-image voiceai/operator:dev"
)

// shell runs commands at the root of the project as a reader does, and returns what they print.
func shell(t *testing.T, kubeconfig, commands string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	bin, err := filepath.Abs(filepath.Join(root, "bin"))
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", commands)
	c.Dir = root
	c.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "PATH="+bin+":"+os.Getenv("PATH"))
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, commands, out)
	}
	return string(out)
}

// TestGettingStarted runs the page from its beginning to its end.
func TestGettingStarted(t *testing.T) {
	image := os.Getenv("IMG")
	at := strings.LastIndex(image, ":")
	if at < 0 || os.Getenv("SANDBOX_IMG") == "" {
		t.Fatal("set IMG to the operator's image with its tag, and SANDBOX_IMG to the sandbox's")
	}
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	run := func(commands string) string { t.Helper(); return shell(t, kubeconfig, commands) }
	if err := os.WriteFile(kubeconfig, []byte(shell(t, os.Getenv("KUBECONFIG"), "kubectl config view --raw")), 0o600); err != nil {
		t.Fatal(err)
	}
	run("kubectl create namespace " + namespace + "\nkubectl config set-context --current --namespace=" + namespace)
	t.Cleanup(func() {
		run("helm uninstall voiceai-integrations --namespace voiceai-integrations-system --ignore-not-found --wait")
		run("kubectl delete namespace voiceai-integrations-system " + namespace + " --ignore-not-found --timeout=2m")
		run("kubectl delete -k config/crd --ignore-not-found\nkubectl delete -k config/policy --ignore-not-found")
	})
	run("kubectl wait --for=create serviceaccount/default --timeout=1m")
	run("sed s,IMAGE," + os.Getenv("SANDBOX_IMG") + ", test/e2e/chart/testdata/sandbox.yaml | kubectl apply -f -")
	run("kubectl wait --for=condition=Ready pod/sandbox --timeout=1m")
	sandbox := "http://" + run("kubectl get pod/sandbox -o jsonpath={.status.podIP}") + ":8080"

	replaced := []string{ // what a reader replaces, and where Slack and Jira are
		"image.repository=voiceai/operator,image.tag=dev", "image.repository=" + image[:at] + ",image.tag=" + image[at+1:],
		"xoxb-...", "xoxb-sandbox", "api-token=...", "api-token=jira-sandbox",
		"https://example.atlassian.net", sandbox + "/jira",
		"  default: true\n  bot:\n", "  default: true\n  apiURL: " + sandbox + "/api/\n  bot:\n",
	}
	page, err := os.ReadFile(filepath.Join(root, "docs", "getting-started.md"))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(replaced); i += 2 {
		if !strings.Contains(strings.Join(block.All(string(page)), "\n"), replaced[i]) {
			t.Errorf("the page has no %q to replace", replaced[i])
		}
	}
	ran := 0
	last := ""
	for _, commands := range block.All(string(page)) {
		if commands == imageOfKind {
			continue
		}
		ran++
		last = run(strings.NewReplacer(replaced...).Replace(commands))
	}
	if ran < 7 || !strings.Contains(last, "defect.integrations.voiceai.dev/first") || !strings.Contains(last, "VOICE-1") {
		t.Errorf("%d blocks ran, and the last printed\n%s", ran, last)
	}
	var got struct {
		Slack struct{ Counts struct{ Posts int } }
		Jira  struct{ Counts struct{ Creates int } }
	}
	state := run("kubectl get --raw /api/v1/namespaces/" + namespace + "/pods/sandbox:8080/proxy/_sandbox/state")
	if err := json.Unmarshal([]byte(state), &got); err != nil {
		t.Fatal(err)
	}
	if got.Slack.Counts.Posts != 1 || got.Jira.Counts.Creates != 1 {
		t.Errorf("there are %d messages and %d tickets", got.Slack.Counts.Posts, got.Jira.Counts.Creates)
	}
}
