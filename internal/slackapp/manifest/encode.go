// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// JSON returns the manifest of an app as JSON.
func JSON(o Options) ([]byte, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	raw, err := json.MarshalIndent(o.document(), "", "  ")
	return append(raw, '\n'), err
}

// YAML returns the manifest of an app as YAML, with comments that explain its scopes.
func YAML(o Options) ([]byte, error) {
	raw, err := JSON(o)
	if err != nil {
		return nil, err
	}
	var root yaml.Node
	if err := yaml.Unmarshal(raw, &root); err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	explain(&root, comments())
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(&root); err != nil {
		return nil, fmt.Errorf("writing the manifest: %w", err)
	}
	return out.Bytes(), e.Close()
}

// comments returns what is said about keys and values.
func comments() map[string]string {
	out := map[string]string{
		"bot_events":             "Slack sends some of these only with the scopes above.",
		"socket_mode_enabled":    "With Socket Mode, Slack sends to connections that the app opens, and to no URL.",
		"token_rotation_enabled": "Tokens that rotate need config/rotation. Slack does not let you turn rotation off again.",
	}
	for _, s := range allScopes() {
		out[s.Name] = s.Reason
	}
	return out
}

// explain adds comments to a node and those in it, and has them written in the style of YAML.
func explain(n *yaml.Node, comments map[string]string) {
	n.Style = 0
	if n.Kind == yaml.ScalarNode {
		n.HeadComment = comments[n.Value]
	}
	for _, child := range n.Content {
		explain(child, comments)
	}
}
