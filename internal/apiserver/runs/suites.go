// SPDX-License-Identifier: Apache-2.0

package runs

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/caller"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/openapi"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/params"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/problem"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/runview"
)

type suitesInput struct{ params.Across }

type suitesOutput struct {
	Body struct {
		Items []runview.Suite `json:"items" doc:"Every suite."`
	}
}

type suiteInput struct {
	params.Within
	Suite string `path:"suite" maxLength:"63" doc:"The suite's id."`
}

type suiteOutput struct {
	Body runview.SuiteHistory
}

func (r Routes) registerSuites(api huma.API, tags []string) {
	openapi.Register(api, huma.Operation{
		OperationID: "list-suites", Method: http.MethodGet, Path: "/api/v1/suites", Tags: tags,
		Summary: "Suites: CronJobs with the suite label",
	}, r.listSuites)
	openapi.Register(api, huma.Operation{
		OperationID: "get-suite", Method: http.MethodGet, Path: "/api/v1/suites/{suite}", Tags: tags,
		Summary: "One suite with its last runs", Description: "/api/v1/defects?suite= lists its Defects.",
	}, r.getSuite)
	openapi.Register(api, huma.Operation{
		OperationID: "start-run", Method: http.MethodPost, Path: "/api/v1/suites/{suite}/runs", Tags: tags,
		Summary: "Start a run", DefaultStatus: http.StatusCreated,
		Description: "Creates a Job from the CronJob's template. 200 instead of 201 when the Idempotency-Key was used before.",
		Responses:   map[string]*huma.Response{"200": {Description: "It was started before."}},
	}, r.startRun)
}

func (r Routes) listSuites(ctx context.Context, i *suitesInput) (*suitesOutput, error) {
	namespace := r.Params.Of(i.Across)
	if err := r.Permissions.Require(ctx, "list", action.CronJobs, caller.In(namespace)); err != nil {
		return nil, err
	}
	see, err := r.visible(ctx, namespace)
	if err != nil {
		return nil, err
	}
	out := &suitesOutput{}
	out.Body.Items = r.View.ListSuites(ctx, runview.Scope{Namespace: namespace, See: see}, r.Clock.Now())
	return out, nil
}

func (r Routes) getSuite(ctx context.Context, i *suiteInput) (*suiteOutput, error) {
	id := types.NamespacedName{Namespace: r.Params.In(i.Within), Name: i.Suite}
	if err := r.Permissions.Require(ctx, "list", action.Jobs, caller.In(id.Namespace)); err != nil {
		return nil, err
	}
	see, err := r.visible(ctx, id.Namespace)
	if err != nil {
		return nil, err
	}
	found, ok := r.View.History(ctx, id, see, r.Clock.Now())
	if !ok {
		return nil, problem.New(http.StatusNotFound, "namespace %s has no run, CronJob or Defect of suite %q that you may list: "+
			"label a CronJob %s=%s", id.Namespace, id.Name, v1alpha1.SuiteLabel, id.Name)
	}
	return &suiteOutput{Body: found}, nil
}
