package apiserver

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

func hasSuite[T client.Object](o T) bool { return o.GetLabels()[v1alpha1.SuiteLabel] != "" }

type suite struct {
	Suite     string     `json:"suite" doc:"The suite's id: the label integrations.voiceai.dev/suite."`
	Namespace string     `json:"namespace" doc:"The namespace of its CronJob."`
	Name      string     `json:"name" doc:"The name of its CronJob."`
	Schedule  string     `json:"schedule" doc:"When it runs by itself, as cron has it."`
	TimeZone  string     `json:"timeZone,omitempty" doc:"The time zone of the schedule."`
	OnDemand  bool       `json:"onDemand" doc:"Whether it runs only when it is started: its CronJob is suspended."`
	LastRun   *runRecord `json:"lastRun,omitempty" doc:"The newest run; left out when you may not list Jobs."`
}

type runRecord struct {
	Namespace    string      `json:"namespace" doc:"The namespace of the Job."`
	Name         string      `json:"name" doc:"The name of the Job."`
	Suite        string      `json:"suite" doc:"The suite's id."`
	State        string      `json:"state" enum:"Pending,Running,Passed,Failed" doc:"How far it is, and how it ended: failed too when a test did."`
	Reason       string      `json:"reason,omitempty" doc:"Why it failed, in a word, such as DeadlineExceeded."`
	Message      string      `json:"message,omitempty" doc:"Why it failed."`
	CreatedTime  time.Time   `json:"createdTime" doc:"When it was started."`
	StartedTime  *time.Time  `json:"startedTime,omitempty" doc:"When its Pod was."`
	FinishedTime *time.Time  `json:"finishedTime,omitempty" doc:"When it ended."`
	Results      *runResults `json:"results,omitempty" doc:"What it reported in the annotation integrations.voiceai.dev/results, or else in the termination message of a Pod."`
}

type runResults struct {
	Passed          int64   `json:"passed" doc:"Tests that passed."`
	Failed          int64   `json:"failed" doc:"Tests that failed."`
	Skipped         int64   `json:"skipped" doc:"Tests that were left out."`
	Total           int64   `json:"total" doc:"All of them."`
	DurationSeconds float64 `json:"durationSeconds" doc:"How long they took, in seconds."`
	ReportURL       string  `json:"reportURL,omitempty" doc:"Opens the report."`
}

type suitesOutput struct {
	Body struct {
		Items []suite `json:"items" doc:"Every suite."`
	}
}

type suitesInput struct{ Across }

type runsInput struct {
	Across
	Paging
	Suite string `query:"suite" maxLength:"63" doc:"Only runs of this suite."`
	State string `query:"state" enum:"Pending,Running,Passed,Failed" doc:"Only runs in this state."`
}

type runList struct {
	Body struct {
		Items      []runRecord `json:"items" doc:"This page, newest first."`
		Total      int         `json:"total" doc:"How many there are on all pages."`
		NextCursor string      `json:"nextCursor,omitempty" doc:"Where the next page begins; none when this is the last."`
	}
}

type startRun struct {
	Within
	Suite string `path:"suite" maxLength:"63" doc:"The suite's id."`
	Name  string `query:"name" maxLength:"253" doc:"The CronJob, when several have that suite's id."`
	Key   string `header:"Idempotency-Key" maxLength:"255" doc:"Starts one run however often it is sent: repeat it when there was no answer."`
}

type runOutput struct {
	Status   int
	Location string `header:"Location"`
	ETag     string `header:"ETag"`
	Body     runRecord
}

func (s *Server) routeRuns(api huma.API) {
	tags := []string{"Suites and runs"}
	route(api, huma.Operation{OperationID: "list-suites", Method: http.MethodGet, Path: "/api/v1/suites", Tags: tags, Summary: "Suites: CronJobs with the suite label"}, s.listSuites)
	route(api, huma.Operation{
		OperationID: "start-run", Method: http.MethodPost, Path: "/api/v1/suites/{suite}/runs", Tags: tags, Summary: "Start a run", DefaultStatus: http.StatusCreated,
		Description: "Makes a Job of the CronJob's template. 200 instead of 201 when the Idempotency-Key was used before.",
		Responses:   map[string]*huma.Response{"200": {Description: "It was started before."}},
	}, s.startRun)
	route(api, huma.Operation{OperationID: "list-runs", Method: http.MethodGet, Path: "/api/v1/runs", Tags: tags, Summary: "Runs: Jobs with the suite label"}, s.listRuns)
	route(api, huma.Operation{OperationID: "get-run", Method: http.MethodGet, Path: "/api/v1/runs/{name}", Tags: tags, Summary: "One run"}, s.getRun)
}

func (s *Server) listSuites(ctx context.Context, i *suitesInput) (*suitesOutput, error) {
	namespace := s.namespaces(i.Across)
	if err := s.require(ctx, "list", action.CronJobs, in(namespace)); err != nil {
		return nil, err
	}
	seesRuns, err := s.may(ctx, "list", action.Jobs, in(namespace))
	if err != nil {
		return nil, err
	}
	last := map[types.NamespacedName]*batchv1.Job{}
	if seesRuns {
		for _, j := range s.runs.in(namespace) {
			if last[suiteOf(j)] == nil {
				last[suiteOf(j)] = j
			}
		}
		s.learn(ctx, slices.Collect(maps.Values(last)))
	}
	out := &suitesOutput{}
	out.Body.Items = []suite{}
	for _, c := range s.suites.in(namespace) {
		id := c.Labels[v1alpha1.SuiteLabel]
		one := suite{
			Suite: id, Namespace: c.Namespace, Name: c.Name, Schedule: c.Spec.Schedule, TimeZone: ptr.Deref(c.Spec.TimeZone, ""), OnDemand: ptr.Deref(c.Spec.Suspend, false),
		}
		if j := last[types.NamespacedName{Namespace: c.Namespace, Name: id}]; j != nil {
			one.LastRun = ptr.To(s.runOf(j))
		}
		out.Body.Items = append(out.Body.Items, one)
	}
	return out, nil
}

func (s *Server) listRuns(ctx context.Context, i *runsInput) (*runList, error) {
	namespace := s.namespaces(i.Across)
	if err := s.require(ctx, "list", action.Jobs, in(namespace)); err != nil {
		return nil, err
	}
	found, err := newPage[*batchv1.Job]("", i.Paging)
	if err != nil {
		return nil, err
	}
	all := s.runs.in(namespace)
	if i.State != "" { // which depends on what each of them reported
		s.learn(ctx, all[:min(len(all), maxReports/2)])
	}
	for _, j := range all {
		if i.Suite != "" && j.Labels[v1alpha1.SuiteLabel] != i.Suite || i.State != "" && s.runOf(j).State != i.State {
			continue
		}
		found.add(place{Time: j.CreationTimestamp.UnixNano(), Namespace: j.Namespace, Name: j.Name}, j)
	}
	out := &runList{}
	out.Body.Total, out.Body.NextCursor, out.Body.Items = found.total, found.next(), []runRecord{}
	s.learn(ctx, found.items())
	for _, j := range found.items() {
		out.Body.Items = append(out.Body.Items, s.runOf(j))
	}
	return out, nil
}

func (s *Server) getRun(ctx context.Context, i *ByName) (*runOutput, error) {
	key := s.key(*i)
	if err := s.require(ctx, "get", action.Jobs, key); err != nil {
		return nil, err
	}
	j, ok := s.runs.get(key)
	if !ok {
		j = &batchv1.Job{}
		if err := s.o.Live.Get(ctx, key, j); err != nil {
			return nil, cluster(ctx, err, "reading Job "+key.String())
		}
		if !hasSuite(j) {
			return nil, mistake(http.StatusNotFound, "Job %s is no run of a suite: it has no label %s", key, v1alpha1.SuiteLabel)
		}
	}
	s.learn(ctx, []*batchv1.Job{j})
	return &runOutput{Status: http.StatusOK, ETag: wholeTag(j), Body: s.runOf(j)}, nil
}

func (s *Server) startRun(ctx context.Context, i *startRun) (*runOutput, error) {
	j, created, err := s.actions.StartRun(ctx, action.Start{
		Caller: callerOf(ctx), Namespace: s.namespace(i.Within), Suite: i.Suite, CronJob: i.Name, IdempotencyKey: i.Key,
	})
	if err != nil {
		return nil, cluster(ctx, err, "starting a run of suite "+i.Suite)
	}
	out := &runOutput{Status: http.StatusOK, Location: linkTo("runs", client.ObjectKeyFromObject(j)), ETag: wholeTag(j), Body: s.runOf(j)}
	if created {
		out.Status = http.StatusCreated
	}
	return out, nil
}

// runOf is a Job as a run.
func (s *Server) runOf(j *batchv1.Job) runRecord {
	out := runRecord{
		Namespace: j.Namespace, Name: j.Name, Suite: j.Labels[v1alpha1.SuiteLabel], State: "Pending", CreatedTime: j.CreationTimestamp.UTC(),
		StartedTime: timeOf(j.Status.StartTime), FinishedTime: timeOf(j.Status.CompletionTime),
	}
	if j.Status.StartTime != nil && j.Status.Active > 0 {
		out.State = "Running"
	}
	if text := s.reports.of(j); text != "" {
		if r, err := event.ParseResult(text); err == nil {
			out.Results = &runResults{
				Passed: ptr.Deref(r.Passed, 0), Failed: ptr.Deref(r.Failed, 0), Skipped: ptr.Deref(r.Skipped, 0), Total: ptr.Deref(r.All(), 0),
				DurationSeconds: ptr.Deref(r.DurationSeconds, 0), ReportURL: r.ReportURL,
			}
		}
	}
	for _, c := range j.Status.Conditions {
		switch {
		case c.Status != corev1.ConditionTrue:
		case c.Type == batchv1.JobComplete:
			out.State = "Passed"
			if out.Results != nil && out.Results.Failed > 0 {
				out.State, out.Reason = "Failed", "TestsFailed"
			}
		case c.Type == batchv1.JobFailed:
			out.State, out.Reason, out.Message = "Failed", c.Reason, c.Message
			out.FinishedTime = cmp.Or(out.FinishedTime, timeOf(&c.LastTransitionTime))
		}
	}
	return out
}
