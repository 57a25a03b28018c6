// SPDX-License-Identifier: Apache-2.0

// Package result reads how a run ended, for those who ask in Slack.
package result

import (
	"context"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// maxPods bounds how many Pods of a run are read for its result.
const maxPods = 100

// Of returns the event that a run ended, with what it reported: in an annotation, or in the Pods that live reads.
func Of(ctx context.Context, live client.Reader, j *batchv1.Job) (event.Event, error) {
	pods := &corev1.PodList{}
	if j.Annotations[v1alpha1.ResultsAnnotation] == "" {
		of := client.MatchingLabels{batchv1.ControllerUidLabel: string(j.UID)}
		if err := live.List(ctx, pods, client.InNamespace(j.Namespace), of, client.Limit(maxPods)); err != nil {
			return event.Event{}, fmt.Errorf("listing the Pods of Job %s/%s: %w", j.Namespace, j.Name, err)
		}
	}
	reported, malformed := event.ReportOf(j, pods.Items)
	return event.RunCompleted(j, reported, malformed), nil
}
