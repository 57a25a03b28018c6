// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/caller"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/openapi"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/params"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/problem"
)

type testBody struct {
	Outcome   string                      `json:"outcome" enum:"Succeeded,Failed,Pending" doc:"How it ended; Pending when there is no answer yet."`
	Message   string                      `json:"message" doc:"What happened, and how to fix what is wrong."`
	Time      *time.Time                  `json:"time,omitempty" doc:"When it ended."`
	Channel   string                      `json:"channel,omitempty" doc:"Where the message went, for Slack."`
	Permalink string                      `json:"permalink,omitempty" doc:"Opens the message, for Slack."`
	Checks    []v1alpha1.IntegrationCheck `json:"checks,omitempty" doc:"The parts of the test, each with its result."`
}

type testOutput struct {
	Status   int
	Location string `header:"Location"`
	Body     testBody
}

type slackTestInput struct {
	params.Named
	Body *struct {
		Channel string `json:"channel,omitempty" maxLength:"81" example:"#voice-ai-alerts" doc:"Where to send the message; the integration's default channel when empty."`
	} `required:"false"`
}

type jiraTestInput struct{ params.Named }

func (s *Server) routeTests(api huma.API) {
	slack := testOperation("slack", "Sends a test message to a channel, waits up to 10 s and returns the result. "+
		"202 when there is no answer by then.")
	openapi.Register(api, slack, func(ctx context.Context, i *slackTestInput) (*testOutput, error) {
		channel := ""
		if i.Body != nil {
			channel = i.Body.Channel
		}
		return testIntegration(ctx, s, slackProvider, i.Named, channel)
	})
	jira := testOperation("jira", "Checks credentials, project, issue type, priorities and fields, and names what is wrong with each. "+
		"202 when there is no answer within 10 s.")
	openapi.Register(api, jira, func(ctx context.Context, i *jiraTestInput) (*testOutput, error) {
		return testIntegration(ctx, s, jiraProvider, i.Named, "")
	})
}

func testOperation(title, description string) huma.Operation {
	return huma.Operation{
		OperationID: "test-" + title, Method: http.MethodPost, Path: "/api/v1/integrations/" + title + "/test",
		Tags: []string{"Integrations"}, Summary: "Test " + title, Description: description,
		Responses: map[string]*huma.Response{"202": {Description: "No answer yet."}},
	}
}

// testIntegration requests a test and waits for its result.
func testIntegration[T client.Object, S any](
	ctx context.Context, s *Server, p provider[T, S], n params.Named, channel string,
) (*testOutput, error) {
	key := p.key(s, n)
	caller := caller.Of(ctx)
	// Changes are followed from before the request on, so that the result cannot be missed.
	w, err := s.hub.Join("test of "+caller.GetName(), key.Namespace, p.kind)
	if err != nil {
		return nil, err
	}
	defer s.hub.Leave(w)
	requestedAt, err := s.actions.RequestTest(ctx, action.Test{
		Target: action.Target{Caller: caller, NamespacedName: key}, Kind: p.kind, Channel: channel,
	})
	var missing *action.NotFoundError
	if errors.As(err, &missing) {
		return nil, p.notConfigured(key)
	}
	if err != nil {
		return nil, problem.From(ctx, err, "requesting a test of "+p.kind+" "+key.String())
	}
	timeout := s.o.Clock.NewTimer(s.o.TestTimeout)
	defer timeout.Stop()
	for {
		result, err := s.actions.TestResult(ctx, p.kind, key, requestedAt)
		if err != nil {
			return nil, problem.From(ctx, err, "reading "+p.kind+" "+key.String())
		}
		if result != nil {
			return testAnswer(result), nil
		}
		select {
		case <-w.Wake():
			_, _ = s.hub.Pending(w)
		case <-ctx.Done():
			return nil, problem.New(http.StatusServiceUnavailable, "the request was canceled; the test goes on")
		case <-s.stopping:
			return nil, problem.Temporary(http.StatusServiceUnavailable, 1, "this replica stops; the test goes on")
		case <-timeout.C():
			return pendingTest(key.Namespace), nil
		}
	}
}

func testAnswer(t *v1alpha1.IntegrationTest) *testOutput {
	return &testOutput{Status: http.StatusOK, Body: testBody{
		Outcome: string(t.Outcome), Message: t.Message, Time: &t.Time.Time, Channel: t.Channel, Permalink: t.Permalink, Checks: t.Checks,
	}}
}

func pendingTest(namespace string) *testOutput {
	return &testOutput{
		Status: http.StatusAccepted, Location: "/api/v1/integrations/status?namespace=" + namespace,
		Body: testBody{Outcome: "Pending", Message: "No answer yet. The other side is slow, or no operator leads: " +
			"see lastTest and the conditions in the status"},
	}
}
