// SPDX-License-Identifier: Apache-2.0

package scope

import (
	"context"
	"fmt"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// ofSuites selects suites and their runs.
var ofSuites = client.HasLabels{v1alpha1.SuiteLabel}

// SuiteNamespace returns the namespace in which a suite is that the person may start. The error for a mistyped suite has
// the nearest one.
func (s *Scope) SuiteNamespace(ctx context.Context, namespace, suite string) (string, error) {
	namespaces, err := s.Where(ctx, "create", action.Jobs, namespace)
	if err != nil {
		return "", err
	}
	var found, others []string
	for _, n := range namespaces {
		list := &batchv1.CronJobList{} // shared with the cache: it is only read
		if err := s.Client.List(ctx, list, client.InNamespace(n), ofSuites, client.UnsafeDisableDeepCopy); err != nil {
			return "", fmt.Errorf("listing the CronJobs of namespace %s: %w", n, err)
		}
		for i := range list.Items {
			if other := list.Items[i].Labels[v1alpha1.SuiteLabel]; other != suite {
				others = append(others, other)
			} else if !slices.Contains(found, n) {
				found = append(found, n)
			}
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		message := fmt.Sprintf("there is no suite %s in %s: ", suite, strings.Join(namespaces, ", "))
		if near := text.Nearest(suite, others); near != "" {
			return "", &action.NotFoundError{Message: message + "did you mean " + near + "?"}
		}
		return "", &action.NotFoundError{Message: message + "label a CronJob " + v1alpha1.SuiteLabel + "=" + suite}
	}
	return "", &action.ConflictError{Message: fmt.Sprintf("several namespaces have suite %s: write %s/%s, or another of %v",
		suite, found[0], suite, found)}
}

// Runs returns the runs that the person may see, of one suite or of all; the newest first. suites are all suites that
// have runs.
func (s *Scope) Runs(ctx context.Context, namespace, suite string) (runs []*batchv1.Job, suites []string, err error) {
	namespaces, err := s.Where(ctx, "list", action.Jobs, namespace)
	if err != nil {
		return nil, nil, err
	}
	for _, n := range namespaces {
		list := &batchv1.JobList{} // shared with the cache: it is only read
		if err := s.Client.List(ctx, list, client.InNamespace(n), ofSuites, client.UnsafeDisableDeepCopy); err != nil {
			return nil, nil, fmt.Errorf("listing the Jobs of namespace %s: %w", n, err)
		}
		for i := range list.Items {
			j := &list.Items[i]
			suites = append(suites, j.Labels[v1alpha1.SuiteLabel])
			if suite == "" || j.Labels[v1alpha1.SuiteLabel] == suite {
				runs = append(runs, j)
			}
		}
	}
	slices.SortStableFunc(runs, func(a, b *batchv1.Job) int { return b.CreationTimestamp.Compare(a.CreationTimestamp.Time) })
	return runs, suites, nil
}
