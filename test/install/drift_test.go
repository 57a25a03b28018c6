// SPDX-License-Identifier: Apache-2.0

package install_test

import (
	"os"
	"path/filepath"
	"testing"
)

// TestNoDrift applies the CRDs, the policies and the samples as kubectl does by default and as GitOps tools do, and checks
// that nothing differs afterwards: the API server changes and defaults nothing that a manifest has.
func TestNoDrift(t *testing.T) {
	kubectl := filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl")
	for name, flags := range map[string][]string{"client-side": nil, "server-side": {"--server-side"}} {
		t.Run(name, func(t *testing.T) {
			_, kubeconfig := cluster(t)
			for _, dir := range []string{"config/crd", "config/policy", "config/samples"} {
				run(t, kubeconfig, kubectl, append([]string{"apply", "-k", dir}, flags...)...)
				if dir == "config/crd" {
					run(t, kubeconfig, kubectl, "wait", "--for=condition=Established", "crd", "--all", "--timeout=1m")
				}
				if diff := run(t, kubeconfig, kubectl, append([]string{"diff", "-k", dir}, flags...)...); diff != "" {
					t.Errorf("%s differs from what was applied:\n%s", dir, diff)
				}
			}
		})
	}
}
