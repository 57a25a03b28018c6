// SPDX-License-Identifier: Apache-2.0

package runs

import (
	"context"
	"net/http"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/caller"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/params"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/paths"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/problem"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view"
)

type startRun struct {
	params.Within
	Suite string `path:"suite" maxLength:"63" doc:"The suite's id."`
	Name  string `query:"name" maxLength:"253" doc:"The CronJob, when several have that suite's id."`
	Key   string `header:"Idempotency-Key" maxLength:"255" doc:"Starts one run however often it is sent. Repeat it when there was no answer."`
}

type startOutput struct {
	Status   int
	Location string `header:"Location"`
	Body     view.RunRecord
}

func (r Routes) startRun(ctx context.Context, i *startRun) (*startOutput, error) {
	return r.start(ctx, action.Start{
		Caller: caller.Of(ctx), Namespace: r.Params.In(i.Within), Suite: i.Suite, CronJob: i.Name, IdempotencyKey: i.Key,
	})
}

// rerun starts the suite of a run again, from the same CronJob.
func (r Routes) rerun(ctx context.Context, i *params.ByName) (*startOutput, error) {
	of, err := r.find(ctx, *i)
	if err != nil {
		return nil, err
	}
	if of.Outside {
		return nil, problem.New(http.StatusConflict, "run %s is no Job: start it again where it ran", of.Name)
	}
	return r.start(ctx, action.Start{
		Caller: caller.Of(ctx), Namespace: of.Namespace, Suite: of.Suite, CronJob: of.CronJob, RerunOf: types.UID(of.UID),
	})
}

func (r Routes) start(ctx context.Context, s action.Start) (*startOutput, error) {
	j, created, err := r.Actions.StartRun(ctx, s)
	if err != nil {
		return nil, problem.From(ctx, err, "starting a run of suite "+s.Suite)
	}
	out := &startOutput{
		Status: http.StatusOK, Location: paths.Of("runs", client.ObjectKeyFromObject(j)), Body: r.View.RunRecord(j),
	}
	if created {
		out.Status = http.StatusCreated
	}
	return out, nil
}
