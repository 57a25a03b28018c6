// SPDX-License-Identifier: Apache-2.0

package client

import (
	"fmt"

	"sigs.k8s.io/yaml"
)

// Manifest returns the YAML of an object, to be kept in Git.
func Manifest(kind string, key Key, spec Spec) (string, error) {
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
