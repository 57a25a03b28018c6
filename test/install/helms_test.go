// SPDX-License-Identifier: Apache-2.0

package install_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestHelmSwitch upgrades a release by Helm 3 and Helm 4 in turn. Helm 4 applies on the server if it installed the release, and
// Helm 3 merges: neither may conflict with what the other one left, nor leave there what the next version no longer has.
func TestHelmSwitch(t *testing.T) {
	for _, order := range [][]string{
		{helm3, helm4, helm3, helm4},
		{helm4, helm3, helm4, helm3},
	} {
		t.Run("installed by "+order[0], func(t *testing.T) {
			_, kubeconfig := cluster(t)
			i := installed{kubeconfig, order[0]}
			i.helm(t, "install", release, olderChart(t), "--create-namespace", "--set", "podAnnotations.by=install")
			i.awaitCRDs(t)
			i.kubectl(t, "apply", "-k", "config/samples")
			objects := len(strings.Fields(i.kubectl(t, "get", "-o", "name", kinds)))
			for step, program := range order[1:] {
				i.program = program
				args := []string{"upgrade", release, chart, "--set", "replicas=" + []string{"2", "3", "1"}[step]}
				if step == 1 { // the next step removes it
					args = append(args, "--set", "podAnnotations.by="+program)
				}
				i.helm(t, args...)
				i.checkDeployment(t, program, []string{"2 ", "3 " + program, "1 "}[step])
				if crd := i.kubectl(t, "get", "crd", "notificationrules.integrations.voiceai.dev", "-o", "yaml"); !strings.Contains(crd, newField) {
					t.Errorf("an upgrade by %s did not bring a field of a CRD", program)
				}
			}
			i.helm(t, "uninstall", release)
			i.count(t, "uninstall", "deployments", 0)
			i.count(t, "uninstall", kinds, objects)
			i.program = order[0]
			i.helm(t, "install", release, chart)
			i.count(t, "another install", "deployments", 1)
			i.count(t, "another install", kinds, objects)
			i.count(t, "another install", "crds", 6)
		})
	}
}

// checkDeployment checks the replicas and the annotation "by" of the Deployment.
func (i installed) checkDeployment(t *testing.T, program, want string) {
	t.Helper()
	got := i.kubectl(t, "-n", namespace, "get", "deployments", "-o",
		"jsonpath={.items[0].spec.replicas} {.items[0].spec.template.metadata.annotations.by}")
	if got != want {
		t.Errorf("after an upgrade by %s the replicas and the annotation are %q, want %q", program, got, want)
	}
}

// TestHelmsAgree checks that both versions render the same objects, and refuse what the schema refuses.
func TestHelmsAgree(t *testing.T) {
	for name, args := range map[string][]string{
		"defaults":      nil,
		"every option":  {"--values", "test/install/" + everything},
		"one namespace": {"--set", "namespaced=true,api.enabled=false,metrics.enabled=false"},
	} {
		t.Run(name, func(t *testing.T) {
			var out [2]manifests
			for i, program := range []string{helm3, helm4} {
				rendered, err := runHelm(t, program, append([]string{
					"template", release, chart, "--namespace", namespace, "--kube-version", "1.37.2",
				}, args...)...)
				if err != nil {
					t.Fatalf("%s: %v", program, err)
				}
				out[i] = parse(t, rendered)
			}
			if diff := cmp.Diff(out[0], out[1]); diff != "" {
				t.Error("Helm 3 (-) and Helm 4 (+) render different objects:", diff)
			}
		})
	}
	for _, program := range []string{helm3, helm4} {
		_, err := runHelm(t, program, "template", release, chart, "--set", "replica=2")
		if err == nil || !strings.Contains(err.Error(), "replica") {
			t.Errorf("%s accepts an unknown value: %v", program, err)
		}
	}
}

// TestHelmTakesOver installs the chart in a cluster where kubectl installed an earlier version and removed its operator. Helm
// takes the CRDs and the policies over, with all objects.
func TestHelmTakesOver(t *testing.T) {
	for program, args := range map[string][]string{
		helm3: {"--take-ownership"},
		helm4: {"--take-ownership", "--force-conflicts"}, // kubectl owns fields that the new CRDs change
	} {
		t.Run(program, func(t *testing.T) {
			_, kubeconfig := cluster(t)
			i := installed{kubeconfig, program}
			run(t, kubeconfig, "make", "deploy", "IMG=operator:test")
			older := filepath.Join(olderChart(t), "files/crds/integrations.voiceai.dev_notificationrules.yaml")
			i.kubectl(t, "apply", "--server-side", "-f", older)
			i.awaitCRDs(t)
			i.kubectl(t, "apply", "-k", "config/samples")
			objects := len(strings.Fields(i.kubectl(t, "get", "-o", "name", kinds)))
			run(t, kubeconfig, "make", "undeploy")
			i.helm(t, append([]string{"install", release, chart}, args...)...)
			i.count(t, "install", "deployments", 1)
			i.count(t, "install", kinds, objects)
			if crd := i.kubectl(t, "get", "crd", "notificationrules.integrations.voiceai.dev", "-o", "yaml"); !strings.Contains(crd, newField) {
				t.Error("the install did not bring a field of a CRD")
			}
			i.helm(t, "upgrade", release, chart, "--set", "replicas=2")
			i.helm(t, "uninstall", release)
			i.count(t, "uninstall", kinds, objects)
		})
	}
}
