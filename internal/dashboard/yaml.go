package dashboard

import (
	"fmt"

	"sigs.k8s.io/yaml"
)

// manifest is an object as it is kept in Git.
func manifest(kind, namespace, name string, spec any) (string, error) {
	raw, err := yaml.Marshal(map[string]any{
		"apiVersion": "integrations.voiceai.dev/v1alpha1", "kind": kind,
		"metadata": map[string]string{"namespace": namespace, "name": name}, "spec": spec,
	})
	if err != nil {
		return "", fmt.Errorf("writing the manifest of %s %s/%s: %w", kind, namespace, name, err)
	}
	return string(raw), nil
}
