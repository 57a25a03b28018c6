// SPDX-License-Identifier: Apache-2.0

package install_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/voiceai-dev/integrations-operator/hack/stage"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox"
)

// teams are namespaces, with the overlays that their teams apply there.
var teams = map[string]string{"c": "test/install/testdata/namespaced", "d": "test/install/testdata/namespaced-d"}

// objectsOfATeam are integrations and a Defect. Each %[1]s is the URL of the sandbox.
const objectsOfATeam = `
apiVersion: v1
kind: Secret
metadata: {name: credentials}
stringData: {slack: xoxb-sandbox, jira: jira-sandbox}
---
apiVersion: integrations.voiceai.dev/v1alpha1
kind: SlackIntegration
metadata: {name: slack}
spec:
  default: true
  defaultChannel: "#voice-ai-alerts"
  apiURL: %[1]s/api/
  bot: {tokenSecretRef: {name: credentials, key: slack}}
---
apiVersion: integrations.voiceai.dev/v1alpha1
kind: JiraIntegration
metadata: {name: jira}
spec:
  default: true
  apiURL: %[1]s/jira
  projectKey: VOICE
  settleSeconds: 1
  basic: {username: bot@example.com, tokenSecretRef: {name: credentials, key: jira}}
  autoCreate: {enabled: true}
---
apiVersion: integrations.voiceai.dev/v1alpha1
kind: NotificationRule
metadata: {name: created}
spec: {eventTypes: [DefectCreated]}
---
apiVersion: integrations.voiceai.dev/v1alpha1
kind: Defect
metadata: {name: broken}
spec: {title: The assistant interrupts the caller, severity: High}
`

// writeKubeconfig writes the kubeconfig of a user, who has a token, to a file and returns its name.
func writeKubeconfig(t *testing.T, admin, token string) string {
	t.Helper()
	config, err := clientcmd.LoadFromFile(admin)
	if err != nil {
		t.Fatal(err)
	}
	for name := range config.AuthInfos {
		config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: token}
	}
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		t.Fatal(err)
	}
	return file
}

// startOperator runs the operator of an overlay with the arguments and the token that its Pod would have.
func startOperator(t *testing.T, program, dir, namespace string, admin installed) {
	t.Helper()
	d := build(t, dir).deployment(t)
	args := append([]string{}, d.Spec.Template.Spec.Containers[0].Args...)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "$(POD_NAMESPACE)", namespace)
	}
	args = append(args, "--health-probe-bind-address=0", "--edge-bind-address=127.0.0.1:0", "--lease-duration=3s", "--allow-loopback")
	token := strings.TrimSpace(admin.kubectl(t, "-n", namespace, "create", "token", d.Spec.Template.Spec.ServiceAccountName))
	testbed := &stage.Stage{Dir: t.TempDir(), Exited: make(chan error, 1)}
	env := []string{"KUBECONFIG=" + writeKubeconfig(t, admin.kubeconfig, token)}
	p, err := testbed.Start(context.Background(), "operator", env, program, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(testbed.Dir, "operator.log"))
			t.Logf("the operator of namespace %s:\n%s", namespace, log)
		}
	})
}

// TestNamespaced has two teams with the role admin of their namespace, and that of installers, install the operator there.
// Each operator has Roles only, and files the ticket of its team.
func TestNamespaced(t *testing.T) {
	environment, _, err := stage.StartEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := environment.Stop(); err != nil {
			t.Error(err)
		}
	})
	kubeconfigOf := func(user envtest.User) installed {
		t.Helper()
		added, err := environment.AddUser(user, nil)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := added.KubeConfig()
		if err != nil {
			t.Fatal(err)
		}
		return installed{writeFile(t, raw), helm4}
	}
	admin := kubeconfigOf(envtest.User{Name: "admin", Groups: []string{"system:masters"}})
	for _, shared := range []string{"config/crd", "config/policy", "config/namespaced/installer"} {
		admin.kubectl(t, "apply", "--server-side", "-k", shared)
	}
	admin.awaitCRDs(t)
	// In a cluster, the controller manager gives the role admin the rights of the roles that aggregate into it.
	admin.kubectl(t, "create", "clusterrole", "team", "--verb=*", "--resource=secrets,services,serviceaccounts,deployments.apps,"+
		"roles.rbac.authorization.k8s.io,rolebindings.rbac.authorization.k8s.io,slackintegrations.integrations.voiceai.dev,"+
		"jiraintegrations.integrations.voiceai.dev,notificationrules.integrations.voiceai.dev,defects.integrations.voiceai.dev")
	program := filepath.Join(t.TempDir(), "operator")
	run(t, "", "go", "build", "-o", program, "./cmd/operator")
	for namespace, dir := range teams {
		admin.kubectl(t, "create", "namespace", namespace)
		for _, role := range []string{"team", "voiceai-integrations-installer"} {
			admin.kubectl(t, "-n", namespace, "create", "rolebinding", role, "--clusterrole="+role, "--user="+namespace)
		}
		team := kubeconfigOf(envtest.User{Name: namespace})
		team.kubectl(t, "apply", "--server-side", "-k", dir)
		server := httptest.NewServer(sandbox.New(sandbox.Options{}))
		t.Cleanup(server.Close)
		objects := writeFile(t, fmt.Appendf(nil, objectsOfATeam, server.URL))
		team.kubectl(t, "-n", namespace, "apply", "-f", objects)
		startOperator(t, program, dir, namespace, admin)
	}
	for namespace := range teams {
		admin.kubectl(t, "-n", namespace, "wait", "--for=condition=Ready", "--timeout=4m", "defect/broken", "slackintegration/slack")
		if issue := admin.kubectl(t, "-n", namespace, "get", "defect/broken", "-o", "jsonpath={.status.jira.key}"); issue == "" {
			t.Errorf("the Defect of namespace %s has no ticket", namespace)
		}
	}
	checkRights(t, admin)
}

// writeFile writes a file and returns its name.
func writeFile(t *testing.T, content []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// checkRights checks that docs/security.md shows what an operator of one namespace may do, and that it may do no more
// elsewhere than any ServiceAccount.
func checkRights(t *testing.T, admin installed) {
	t.Helper()
	text, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	list := func(namespace, account string) map[string]bool {
		out := map[string]bool{}
		for line := range strings.Lines(admin.kubectl(t, "auth", "can-i", "--list", "-n", namespace,
			"--as=system:serviceaccount:c:"+account, "--as-group=system:serviceaccounts", "--as-group=system:authenticated")) {
			out[strings.Join(strings.Fields(line), " ")] = true
		}
		return out
	}
	anyone := list("c", "default")
	shown := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		shown[strings.Join(strings.Fields(line), " ")] = true
	}
	for right := range list("c", "team-c-operator") {
		if !anyone[right] && !shown[right] {
			t.Errorf("docs/security.md does not have the line %q of an operator of one namespace", right)
		}
	}
	for right := range list("d", "team-c-operator") {
		if !anyone[right] {
			t.Errorf("the operator of namespace c may in namespace d: %s", right)
		}
	}
}
