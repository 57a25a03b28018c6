// SPDX-License-Identifier: Apache-2.0

package install_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
)

// lines returns the rights of a role, one a line: the group's resource, its names if it has any, and the verbs.
func lines(rules []rbacv1.PolicyRule) []string {
	var out []string
	for _, rule := range rules {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				resource, sub, _ := strings.Cut(resource, "/")
				name := strings.Trim(strings.TrimSuffix(resource+"."+group, ".")+"/"+sub, "/")
				if len(rule.ResourceNames) > 0 {
					name += " " + strings.Join(rule.ResourceNames, ",")
				}
				verbs := slices.Sorted(slices.Values(rule.Verbs))
				out = append(out, name+": "+strings.Join(verbs, " "))
			}
		}
		for _, url := range rule.NonResourceURLs {
			out = append(out, url+": "+strings.Join(slices.Sorted(slices.Values(rule.Verbs)), " "))
		}
	}
	slices.Sort(out)
	return out
}

// TestRoles compares every role and binding that is shipped with testdata/roles.txt, line by line, so that a review sees
// each new right. UPDATE=1 writes the file.
func TestRoles(t *testing.T) {
	var text strings.Builder
	for _, dir := range []string{
		"config/default", "test/install/testdata/team-a", "test/install/testdata/namespaced", "test/install/testdata/slack",
	} {
		built := build(t, dir)
		text.WriteString("# " + dir + "\n")
		for _, o := range built["ClusterRole"] {
			role := decode[rbacv1.ClusterRole](t, o)
			text.WriteString("\n" + role.Name)
			for _, label := range slices.Sorted(maps.Keys(role.Labels)) {
				if into, ok := strings.CutPrefix(label, "rbac.authorization.k8s.io/aggregate-to-"); ok {
					text.WriteString(", part of " + into)
				}
			}
			if role.AggregationRule != nil {
				t.Errorf("%s aggregates", role.Name)
			}
			text.WriteString("\n  " + strings.Join(lines(role.Rules), "\n  ") + "\n")
		}
		text.WriteString("\n")
		for _, o := range built["ClusterRoleBinding"] {
			binding := decode[rbacv1.ClusterRoleBinding](t, o)
			for _, s := range binding.Subjects {
				text.WriteString(s.Kind + " " + s.Namespace + "/" + s.Name + " has " + binding.RoleRef.Name + " in all namespaces\n")
			}
		}
		for _, o := range built["Role"] {
			role := decode[rbacv1.Role](t, o)
			text.WriteString(role.Name + " in namespace " + role.Namespace + "\n  " + strings.Join(lines(role.Rules), "\n  ") + "\n\n")
		}
		for _, o := range built["RoleBinding"] {
			binding := decode[rbacv1.RoleBinding](t, o)
			for _, s := range binding.Subjects {
				text.WriteString(s.Kind + " " + s.Namespace + "/" + s.Name + " has " + binding.RoleRef.Name + " in " + binding.Namespace + "\n")
			}
		}
		text.WriteString("\n")
	}
	file := filepath.Join("testdata", "roles.txt")
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if text.String() != string(want) {
		t.Errorf("the roles grant:\n%s\nwant what %s has", text.String(), file)
	}
}
