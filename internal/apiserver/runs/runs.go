// SPDX-License-Identifier: Apache-2.0

// Package runs has the routes of suites and their runs.
package runs

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"k8s.io/utils/clock"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/caller"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/openapi"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/page"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/params"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/problem"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/runview"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view"
)

// Routes are the routes of suites and runs.
type Routes struct {
	View        *runview.Model
	Actions     *action.Actions
	Permissions caller.Permissions
	Params      params.Defaults
	Clock       clock.PassiveClock
}

type runsInput struct {
	params.Across
	page.Params
	runview.Filter
}

type runList struct {
	Body struct{ page.List[view.RunRecord] }
}

type runOutput struct {
	Body runview.Run
}

// Register adds the routes.
func (r Routes) Register(api huma.API) {
	tags := []string{"Suites and runs"}
	r.registerSuites(api, tags)
	openapi.Register(api, huma.Operation{
		OperationID: "list-runs", Method: http.MethodGet, Path: "/api/v1/runs", Tags: tags,
		Summary: "Runs: Jobs with the suite label",
		Description: "Also runs whose Jobs were deleted, and runs that are no Jobs and sent a CloudEvent, as a Notification has them, " +
			"if you may list Notifications. The history limits of a CronJob delete Jobs.",
	}, r.listRuns)
	openapi.Register(api, huma.Operation{
		OperationID: "get-run", Method: http.MethodGet, Path: "/api/v1/runs/{name}", Tags: tags, Summary: "One run",
		Description: "With its Defects, as far as you may list them. /api/v1/integrations/logs?object=Job/namespace/name lists " +
			"the messages about it.",
	}, r.getRun)
	openapi.Register(api, huma.Operation{
		OperationID: "rerun", Method: http.MethodPost, Path: "/api/v1/runs/{name}/rerun", Tags: tags,
		Summary: "Run the suite of a run again", DefaultStatus: http.StatusCreated,
		Description: "Creates a Job from the CronJob's template. All reruns of a run are one run: 200 instead of 201 when it was " +
			"started before.",
		Responses: map[string]*huma.Response{"200": {Description: "It was started before."}},
	}, r.rerun)
}

// visible returns which kinds that belong to suites the caller may list in a namespace.
func (r Routes) visible(ctx context.Context, namespace string) (view.Visibility, error) {
	return r.Permissions.Visibility(ctx, namespace, action.Jobs, action.Notifications, action.Defects, action.CronJobs)
}

func (r Routes) listRuns(ctx context.Context, i *runsInput) (*runList, error) {
	namespace := r.Params.Of(i.Across)
	if err := r.Permissions.Require(ctx, "list", action.Jobs, caller.In(namespace)); err != nil {
		return nil, err
	}
	see, err := r.visible(ctx, namespace)
	if err != nil {
		return nil, err
	}
	out := &runList{}
	if out.Body.List, err = r.View.List(ctx, runview.Scope{Namespace: namespace, See: see}, i.Filter, i.Params); err != nil {
		return nil, problem.From(ctx, err, "listing runs")
	}
	return out, nil
}

func (r Routes) getRun(ctx context.Context, i *params.ByName) (*runOutput, error) {
	found, err := r.find(ctx, *i)
	if err != nil {
		return nil, err
	}
	return &runOutput{Body: found}, nil
}

// find returns a run that the caller may get.
func (r Routes) find(ctx context.Context, i params.ByName) (runview.Run, error) {
	key := r.Params.Key(i)
	if err := r.Permissions.Require(ctx, "get", action.Jobs, key); err != nil {
		return runview.Run{}, err
	}
	see, err := r.visible(ctx, key.Namespace)
	if err != nil {
		return runview.Run{}, err
	}
	found, ok, err := r.View.Find(ctx, key, see)
	switch {
	case err != nil:
		return runview.Run{}, problem.From(ctx, err, "reading Job "+key.String())
	case !ok:
		return runview.Run{}, problem.New(http.StatusNotFound, "Job %s is no run of a suite: it has no label %s", key, v1alpha1.SuiteLabel)
	}
	return found, nil
}
