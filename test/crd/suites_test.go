// SPDX-License-Identifier: Apache-2.0

package crd_test

import (
	"path/filepath"
	"slices"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// TestSuitesApply checks the sample suites: a scheduled one, and one on demand, whose Pods may apply Defects and nothing else.
func TestSuitesApply(t *testing.T) {
	suspended := map[bool]int{}
	var rules []rbacv1.PolicyRule
	accounts := map[string]bool{}
	for _, o := range samples(t, filepath.Join("samples", "suites")) {
		if o.GetNamespace() != "" {
			t.Errorf("%s %s sets a namespace, which the user should choose", o.GetKind(), o.GetName())
		}
		o.SetNamespace("default")
		if err := create(t, o, client.DryRunAll); err != nil {
			t.Errorf("%s %s: %v", o.GetKind(), o.GetName(), err)
		}
		switch o.GetKind() {
		case "ServiceAccount":
			accounts[o.GetName()] = true
		case "Role":
			var role rbacv1.Role
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &role); err != nil {
				t.Fatal(err)
			}
			rules = append(rules, role.Rules...)
		case "CronJob":
			var suite batchv1.CronJob
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &suite); err != nil {
				t.Fatal(err)
			}
			suspended[suite.Spec.Suspend != nil && *suite.Spec.Suspend]++
			expectSuite(t, &suite, accounts)
		}
	}
	if suspended[false] == 0 || suspended[true] == 0 {
		t.Errorf("there are %d scheduled suites and %d on demand", suspended[false], suspended[true])
	}
	if len(rules) != 2 || !slices.Equal(rules[0].Resources, []string{"defects"}) ||
		!slices.Equal(rules[0].Verbs, []string{"create", "patch", "list"}) ||
		!slices.Equal(rules[1].Resources, []string{"evidence"}) || !slices.Equal(rules[1].Verbs, []string{"create"}) {
		t.Errorf("the Pods of suites may %+v", rules)
	}
}

// expectSuite checks that the suite's ID is on the CronJob, its Jobs and their Pods, and that the latter have the rights they need.
func expectSuite(t *testing.T, suite *batchv1.CronJob, accounts map[string]bool) {
	t.Helper()
	job := suite.Spec.JobTemplate
	for _, labels := range []map[string]string{suite.Labels, job.Labels, job.Spec.Template.Labels} {
		if labels[v1alpha1.SuiteLabel] != suite.Name {
			t.Errorf("CronJob %s and its templates have not all the label of the suite", suite.Name)
		}
	}
	pod := job.Spec.Template.Spec
	if !accounts[pod.ServiceAccountName] {
		t.Errorf("the ServiceAccount %q of %s is not a sample", pod.ServiceAccountName, suite.Name)
	}
	if job.Spec.BackoffLimit == nil || *job.Spec.BackoffLimit != 0 {
		t.Errorf("Jobs of %s run their tests again when these fail", suite.Name)
	}
}
