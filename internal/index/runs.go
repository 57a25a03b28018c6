// SPDX-License-Identifier: Apache-2.0

package index

import (
	"context"
	"iter"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// maxHours bounds how many hours of a suite's runs are looked at one by one.
const maxHours = 96

// RunsBack returns the keys by which the runs of a suite are found that ended between two times, the newest first: each
// hour, and at last all hours. So the run before each of ten thousand is found without reading all of them for each.
func RunsBack(suite string, before, after time.Time) iter.Seq[string] {
	return func(yield func(string) bool) {
		for range maxHours {
			if !yield(hourOf(suite, before)) {
				return
			}
			if before = before.UTC().Truncate(time.Hour).Add(-time.Nanosecond); before.Before(after) {
				return
			}
		}
		yield(suite)
	}
}

// hourOf returns the key of the runs of a suite that ended in the hour of a time. No suite has a "/".
func hourOf(suite string, at time.Time) string { return suite + "/" + at.UTC().Format("2006010215") }

// runsOf returns the keys of a run that ended, or of a Notification about one.
func runsOf(o client.Object) []string {
	var at time.Time
	switch o := o.(type) {
	case *batchv1.Job:
		finished, _, _, ended := event.RunFinished(o)
		if !finished {
			return nil
		}
		at = ended
	case *v1alpha1.Notification:
		if o.Labels[v1alpha1.EventTypeLabel] != string(v1alpha1.EventTestRunCompleted) {
			return nil
		}
		at = o.Spec.Event.Time.Time
	}
	suite := o.GetLabels()[v1alpha1.SuiteLabel]
	return []string{suite, hourOf(suite, at)}
}

// EndedRuns returns the runs of a namespace by a key of RunsBack. The cache owns them: callers must not change them.
func EndedRuns(ctx context.Context, c client.Reader, namespace, key string) ([]batchv1.Job, error) {
	list := &batchv1.JobList{}
	err := c.List(ctx, list, client.InNamespace(namespace), client.MatchingFields{RunsOf: key}, client.UnsafeDisableDeepCopy)
	return list.Items, err
}

// NotificationsOfRuns returns the Notifications of a namespace about runs by a key of RunsBack. The cache owns them:
// callers must not change them.
func NotificationsOfRuns(ctx context.Context, c client.Reader, namespace, key string) ([]*v1alpha1.Notification, error) {
	return notifications(
		ctx,
		c,
		namespace,
		client.MatchingFields{RunsOf: key},
		func(n *v1alpha1.Notification) bool { return slices.Contains(runsOf(n), key) },
	)
}
