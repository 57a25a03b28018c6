// SPDX-License-Identifier: Apache-2.0

// Command chart generates what the Helm chart has from elsewhere: CRDs, policies and roles from config, and its README and
// schema from the comments in values.yaml.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	root := flag.String("root", ".", "The directory of the project.")
	chart := flag.String("chart", "charts/voiceai-integrations", "The directory of the chart.")
	flag.Parse()
	if err := run(*root, *chart); err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
}

// run writes the files of a chart.
func run(root, chart string) error {
	if err := copyFiles(filepath.Join(root, "config"), filepath.Join(chart, "files")); err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(chart, "values.yaml"))
	if err != nil {
		return err
	}
	values, err := parseValues(text)
	if err != nil {
		return fmt.Errorf("values.yaml: %w", err)
	}
	schema, err := schemaOf(values)
	if err != nil {
		return err
	}
	if err := write(filepath.Join(chart, "values.schema.json"), schema); err != nil {
		return err
	}
	return write(filepath.Join(chart, "README.md"), []byte(readmeOf(values)))
}

// write writes a file that everyone may read.
func write(name string, content []byte) error {
	return os.WriteFile(name, content, 0o644) //nolint:gosec // it is a source file
}

// sources are the files in config that the chart has, by their directory in the chart.
var sources = map[string][]string{
	"crds":    {"crd/bases/*.yaml"},
	"policy":  {"policy/*_policy.yaml", "policy/*_binding.yaml"},
	"rbac":    {"rbac/role.yaml", "rbac/*_role.yaml"},
	"api":     {"api/role.yaml"},
	"slack":   {"slack/role.yaml"},
	"metrics": {"metrics/role.yaml", "metrics/*_role.yaml"},
	"lease":   {"rbac/lease_reader.yaml"},
	// The rights in one namespace.
	"namespaced": {"namespaced/role.yaml"},
	".":          {"networkpolicy/networkpolicy.yaml", "prometheus/alerts.yaml", "grafana/dashboard.json"},
}

// copyFiles replaces what the chart has from config.
func copyFiles(config, files string) error {
	if err := os.RemoveAll(files); err != nil {
		return err
	}
	for dir, patterns := range sources {
		if err := os.MkdirAll(filepath.Join(files, dir), 0o755); err != nil { //nolint:gosec // sources are for everyone
			return err
		}
		for _, pattern := range patterns {
			names, err := filepath.Glob(filepath.Join(config, pattern))
			if err != nil || len(names) == 0 {
				return fmt.Errorf("no file matches %s: %w", pattern, err)
			}
			for _, name := range names {
				content, err := os.ReadFile(name)
				if err != nil {
					return err
				}
				if err := write(filepath.Join(files, dir, filepath.Base(name)), content); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
