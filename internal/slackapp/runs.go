// SPDX-License-Identifier: Apache-2.0

package slackapp

import (
	"context"
	"fmt"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/render"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/button"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/inbound"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/result"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// maxRuns is how many runs are listed.
const maxRuns = 10

// ofSuites selects suites and their runs.
var ofSuites = client.HasLabels{v1alpha1.SuiteLabel}

// startRun starts a run of a suite. A repeated request of Slack starts it once.
func (s *session) startRun(ctx context.Context, words []string) (chat.Response, error) {
	namespace, suite := cutName(words[0])
	n, err := s.suiteNamespace(ctx, namespace, suite)
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
	return paragraphs(fmt.Sprintf(":checkered_flag: Run %s of suite %s %s.%s",
		render.Line(nameOf(job), 300), render.Line(suite, 100), verb, promised.words())), nil
}

// suiteNamespace returns the namespace in which a suite is that the person may start. The error for a mistyped suite has
// the nearest one.
func (s *session) suiteNamespace(ctx context.Context, namespace, suite string) (string, error) {
	namespaces, err := s.where(ctx, "create", action.Jobs, namespace)
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

// listRuns lists the last runs.
func (s *session) listRuns(ctx context.Context, words []string) (chat.Response, error) {
	var namespace, suite string
	if len(words) > 0 {
		namespace, suite = cutName(words[0])
	}
	runs, suites, err := s.runs(ctx, namespace, suite)
	if err != nil {
		return chat.Response{}, err
	}
	if len(runs) == 0 {
		near := text.Nearest(suite, suites)
		switch {
		case suite == "":
			return sentence("There is no run."), nil
		case near == "":
			return sentence("Suite %s has no run.", suite), nil
		}
		return sentence("Suite %s has no run. Did you mean %s?", suite, near), nil
	}
	var lines []string
	for _, j := range runs[:min(len(runs), maxRuns)] {
		line, err := s.runLine(ctx, j)
		if err != nil {
			return chat.Response{}, err
		}
		lines = append(lines, line)
	}
	return paragraphs(section("Last runs", lines)), nil
}

// runs returns the runs that the person may see, of one suite or of all; the newest first. suites are all suites that
// have runs.
func (s *session) runs(ctx context.Context, namespace, suite string) (runs []*batchv1.Job, suites []string, err error) {
	namespaces, err := s.where(ctx, "list", action.Jobs, namespace)
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
		return chat.Response{}, &action.InvalidError{Field: "button", Message: "its value is not of this operator"}
	}
	if err := s.choose(about.Integration); err != nil {
		return chat.Response{}, err
	}
	if r := s.suspended(); r != nil {
		return *r, nil
	}
	if _, err := s.where(ctx, "create", action.Jobs, about.Namespace); err != nil {
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
		return paragraphs("This run was started again before, as run " + name + ". To start another one, use the button of that run " +
			"or the command run."), nil
	}
	return paragraphs(":checkered_flag: Run " + name + " was started."), nil
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
