// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/caller"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/openapi"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/page"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/params"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/problem"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view"
)

type suitesInput struct{ params.Across }

type suitesOutput struct {
	Body struct {
		Items []view.Suite `json:"items" doc:"Every suite."`
	}
}

type runsInput struct {
	params.Across
	page.Params
	view.RunFilter
}

type runList struct {
	Body struct{ page.List[view.RunRecord] }
}

type startRun struct {
	params.Within
	Suite string `path:"suite" maxLength:"63" doc:"The suite's id."`
	Name  string `query:"name" maxLength:"253" doc:"The CronJob, when several have that suite's id."`
	Key   string `header:"Idempotency-Key" maxLength:"255" doc:"Starts one run however often it is sent. Repeat it when there was no answer."`
}

type runOutput struct {
	Status   int
	Location string `header:"Location"`
	ETag     string `header:"ETag"`
	Body     view.RunRecord
}

func (s *Server) routeRuns(api huma.API) {
	tags := []string{"Suites and runs"}
	openapi.Register(api, huma.Operation{
		OperationID: "list-suites", Method: http.MethodGet, Path: "/api/v1/suites", Tags: tags,
		Summary: "Suites: CronJobs with the suite label",
	}, s.listSuites)
	openapi.Register(api, huma.Operation{
		OperationID: "start-run", Method: http.MethodPost, Path: "/api/v1/suites/{suite}/runs", Tags: tags,
		Summary: "Start a run", DefaultStatus: http.StatusCreated,
		Description: "Creates a Job from the CronJob's template. 200 instead of 201 when the Idempotency-Key was used before.",
		Responses:   map[string]*huma.Response{"200": {Description: "It was started before."}},
	}, s.startRun)
	openapi.Register(api, huma.Operation{
		OperationID: "list-runs", Method: http.MethodGet, Path: "/api/v1/runs", Tags: tags,
		Summary: "Runs: Jobs with the suite label",
	}, s.listRuns)
	openapi.Register(api, huma.Operation{
		OperationID: "get-run", Method: http.MethodGet, Path: "/api/v1/runs/{name}", Tags: tags, Summary: "One run",
	}, s.getRun)
}

func (s *Server) listSuites(ctx context.Context, i *suitesInput) (*suitesOutput, error) {
	namespace := s.params.Of(i.Across)
	if err := s.permissions.Require(ctx, "list", action.CronJobs, caller.In(namespace)); err != nil {
		return nil, err
	}
	see, err := s.permissions.Visibility(ctx, namespace, action.Jobs)
	if err != nil {
		return nil, err
	}
	out := &suitesOutput{}
	out.Body.Items = s.view.ListSuites(ctx, namespace, see)
	return out, nil
}

func (s *Server) listRuns(ctx context.Context, i *runsInput) (*runList, error) {
	namespace := s.params.Of(i.Across)
	err := s.permissions.Require(ctx, "list", action.Jobs, caller.In(namespace))
	if err != nil {
		return nil, err
	}
	out := &runList{}
	if out.Body.List, err = s.view.ListRuns(ctx, namespace, i.RunFilter, i.Params); err != nil {
		return nil, problem.From(ctx, err, "listing runs")
	}
	return out, nil
}

func (s *Server) getRun(ctx context.Context, i *params.ByName) (*runOutput, error) {
	key := s.params.Key(*i)
	if err := s.permissions.Require(ctx, "get", action.Jobs, key); err != nil {
		return nil, err
	}
	j, ok, err := s.view.Run(ctx, key)
	switch {
	case err != nil:
		return nil, problem.From(ctx, err, "reading Job "+key.String())
	case !ok:
		return nil, problem.New(http.StatusNotFound, "Job %s is no run of a suite: it has no label %s", key, v1alpha1.SuiteLabel)
	}
	return &runOutput{Status: http.StatusOK, ETag: wholeTag(j), Body: s.view.RunRecord(j)}, nil
}

func (s *Server) startRun(ctx context.Context, i *startRun) (*runOutput, error) {
	j, created, err := s.actions.StartRun(ctx, action.Start{
		Caller: caller.Of(ctx), Namespace: s.params.In(i.Within), Suite: i.Suite, CronJob: i.Name, IdempotencyKey: i.Key,
	})
	if err != nil {
		return nil, problem.From(ctx, err, "starting a run of suite "+i.Suite)
	}
	out := &runOutput{
		Status: http.StatusOK, Location: linkTo("runs", client.ObjectKeyFromObject(j)), ETag: wholeTag(j),
		Body: s.view.RunRecord(j),
	}
	if created {
		out.Status = http.StatusCreated
	}
	return out, nil
}
