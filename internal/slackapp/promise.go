// SPDX-License-Identifier: Apache-2.0

package slackapp

import (
	"cmp"
	"context"
	"errors"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/owed"
)

// promise is the answer with the result of a run that an integration owes.
type promise struct {
	by  *v1alpha1.SlackIntegration
	job *batchv1.Job
}

// words returns what the person reads about the promise.
func (p promise) words() string {
	if p.by == nil {
		return ""
	}
	return " Its result comes here when it has ended."
}

// owesResult records that the result of a run is to be answered where the person asked for the run, before the run is
// created. Without an integration that can do so, it promises nothing.
func (s *session) owesResult(ctx context.Context, job *batchv1.Job) (promise, error) {
	by, err := s.reaching(ctx, job.Namespace)
	if by == nil || err != nil {
		return promise{}, err
	}
	a := s.owedAnswer()
	a.At = s.Clock.Now()
	a.Due = a.At
	a.Asked = "the command run"
	a.Namespace = job.Namespace
	a.Run = job.Name
	if s.Event != nil {
		a.ThreadTS = cmp.Or(s.Event.ThreadTS, s.Event.TS)
	}
	err = s.book.Record(ctx, by, owed.RunID(client.ObjectKeyFromObject(job)), a)
	if errors.Is(err, owed.ErrFull) {
		return promise{}, nil
	}
	return promise{by, job}, err
}

// reaching returns the first bot of the session that reaches a namespace; nil if there is none.
func (s *session) reaching(ctx context.Context, namespace string) (*v1alpha1.SlackIntegration, error) {
	for _, i := range s.Integrations {
		if i.Spec.Bot == nil || i.Spec.Suspend {
			continue
		}
		reach, err := connection.Reach(ctx, s.Client, []*v1alpha1.SlackIntegration{i})
		if err != nil {
			return nil, err
		}
		if slices.Contains(reach, namespace) {
			return i, nil
		}
	}
	return nil, nil
}

// breakPromise removes the record of a run that was not created. After a failure that leaves a doubt it stays: then the
// leader says what has become of the run.
func (s *session) breakPromise(ctx context.Context, p promise, failure error) {
	if p.by == nil || isUnanswered(failure) {
		return
	}
	if err := s.book.Remove(ctx, p.by, owed.RunID(client.ObjectKeyFromObject(p.job))); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "The record of a result could not be removed", "Job", nameOf(p.job))
	}
}
