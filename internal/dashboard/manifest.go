// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"fmt"

	"sigs.k8s.io/yaml"

	"github.com/voiceai-dev/integrations-operator/internal/dashboard/client"
)

// manifest returns the YAML of an object, to be kept in Git.
func manifest(kind string, key client.Key, spec client.Spec) (string, error) {
	raw, err := yaml.Marshal(map[string]any{
		"apiVersion": "integrations.voiceai.dev/v1alpha1",
		"kind":       kind,
		"metadata":   map[string]string{"namespace": key.Namespace, "name": key.Name},
		"spec":       spec,
	})
	if err != nil {
		return "", fmt.Errorf("writing the manifest of %s %s/%s: %w", kind, key.Namespace, key.Name, err)
	}
	return string(raw), nil
}
