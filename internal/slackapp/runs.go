// SPDX-License-Identifier: Apache-2.0

package slackapp

import (
	"context"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/render"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/answer"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/button"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/inbound"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/result"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/scope"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// maxRuns is how many runs are listed.
const maxRuns = 10

// startRun starts a run of a suite. A repeated request of Slack starts it once.
func (s *session) startRun(ctx context.Context, words []string) (chat.Response, error) {
	namespace, suite := scope.Cut(words[0])
	n, err := s.scope.SuiteNamespace(ctx, namespace, suite)
	if err != nil {
		return chat.Response{}, err
	}
	var promised promise
	job, created, err := s.actions.StartRun(ctx, action.Start{
		Caller: s.caller, Namespace: n, Suite: suite, IdempotencyKey: "slack/" + s.ID(),
		Before: func(ctx context.Context, job *batchv1.Job) (err error) {
			promised, err = s.owesResult(ctx, job)
			return err
		},
	})
	if err != nil {
		s.breakPromise(ctx, promised, err)
		return chat.Response{}, err
	}
	verb := "was started"
	if !created {
		verb = "was started before"
	}
	return answer.Paragraphs(fmt.Sprintf(":checkered_flag: Run %s of suite %s %s.%s",
		render.Line(nameOf(job), 300), render.Line(suite, 100), verb, promised.words())), nil
}

// listRuns lists the last runs.
func (s *session) listRuns(ctx context.Context, words []string) (chat.Response, error) {
	var namespace, suite string
	if len(words) > 0 {
		namespace, suite = scope.Cut(words[0])
	}
	runs, suites, err := s.scope.Runs(ctx, namespace, suite)
	if err != nil {
		return chat.Response{}, err
	}
	if len(runs) == 0 {
		near := text.Nearest(suite, suites)
		switch {
		case suite == "":
			return answer.Sentence("There is no run."), nil
		case near == "":
			return answer.Sentence("Suite %s has no run.", suite), nil
		}
		return answer.Sentence("Suite %s has no run. Did you mean %s?", suite, near), nil
	}
	var lines []string
	for _, j := range runs[:min(len(runs), maxRuns)] {
		line, err := s.runLine(ctx, j)
		if err != nil {
			return chat.Response{}, err
		}
		lines = append(lines, line)
	}
	return answer.Paragraphs(answer.Section("Last runs", lines)), nil
}

// runLine returns a run and how it ended.
func (s *session) runLine(ctx context.Context, j *batchv1.Job) (string, error) {
	if finished, _, _, _ := event.RunFinished(j); !finished {
		return ":hourglass_flowing_sand: *" + render.Line(j.Labels[v1alpha1.SuiteLabel], 100) + "* is running\n" +
			render.Line(nameOf(j), 300), nil
	}
	e, err := result.Of(ctx, s.Live, j)
	if err != nil {
		return "", err
	}
	return render.RunLine(&e), nil
}

// clickRun starts the suite of a run again. All clicks on one run start one.
func (s *session) clickRun(ctx context.Context, a inbound.Action) (chat.Response, error) {
	about, ok := button.Decode[button.Object](a.Value)
	if !ok {
		return chat.Response{}, errOtherButton
	}
	if err := s.choose(about.Integration); err != nil {
		return chat.Response{}, err
	}
	if r := s.suspended(); r != nil {
		return *r, nil
	}
	if _, err := s.scope.Where(ctx, "create", action.Jobs, about.Namespace); err != nil {
		return chat.Response{}, err
	}
	cronJob, err := s.cronJobOf(ctx, about)
	if err != nil {
		return chat.Response{}, err
	}
	job, created, err := s.actions.StartRun(ctx, action.Start{
		Caller: s.caller, Namespace: about.Namespace, Suite: about.Suite, CronJob: cronJob, RerunOf: types.UID(about.UID),
	})
	if err != nil {
		return chat.Response{}, err
	}
	name := render.Line(nameOf(job), 300)
	if !created {
		return answer.Paragraphs("This run was started again before, as run " + name + ". To start another one, use the button of that run " +
			"or the command run."), nil
	}
	return answer.Paragraphs(":checkered_flag: Run " + name + " was started."), nil
}

// cronJobOf returns the name of the CronJob that a run is of; empty when it is of none, or was deleted.
func (s *session) cronJobOf(ctx context.Context, about button.Object) (string, error) {
	job := &batchv1.Job{}
	err := s.Client.Get(ctx, client.ObjectKey{Namespace: about.Namespace, Name: about.Name}, job)
	if client.IgnoreNotFound(err) != nil {
		return "", fmt.Errorf("reading Job %s/%s: %w", about.Namespace, about.Name, err)
	}
	if err != nil || string(job.UID) != about.UID {
		return "", nil
	}
	return action.CronJobOf(job), nil
}
