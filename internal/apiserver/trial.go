package apiserver

import (
	"context"
	"maps"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// A test is asked for by an annotation, made by the leader, which alone talks to Slack and Jira, and answered in the integration's status.

type testBody struct {
	Outcome   string                      `json:"outcome" enum:"Succeeded,Failed,Pending" doc:"How it ended; Pending when there is no answer yet."`
	Message   string                      `json:"message" doc:"What happened, and what to do where something is wrong."`
	Time      *time.Time                  `json:"time,omitempty" doc:"When it ended."`
	Channel   string                      `json:"channel,omitempty" doc:"Where the message went, for Slack."`
	Permalink string                      `json:"permalink,omitempty" doc:"Opens the message, for Slack."`
	Checks    []v1alpha1.IntegrationCheck `json:"checks,omitempty" doc:"The parts of the test, each with what was found."`
}

type testOutput struct {
	Status   int
	Location string `header:"Location"`
	Body     testBody
}

type slackTestInput struct {
	Named
	Body *struct {
		Channel string `json:"channel,omitempty" maxLength:"81" example:"#voice-ai-alerts" doc:"Where to send the message; the integration's default channel when empty."`
	} `required:"false"`
}

type jiraTestInput struct{ Named }

func (s *Server) routeTests(api huma.API) {
	route(api, testOperation("slack", "Sends a test message to a channel, waits up to 10 s and says what happened. 202 when there is no answer by then."),
		func(ctx context.Context, i *slackTestInput) (*testOutput, error) {
			channel := ""
			if i.Body != nil {
				channel = i.Body.Channel
			}
			return try(ctx, s, slackProvider, i.Named, channel, func(o *v1alpha1.SlackIntegration) (bool, *v1alpha1.IntegrationTest) {
				return o.Spec.Suspend, o.Status.LastTest
			})
		})
	route(api, testOperation("jira", "Checks credentials, project, issue type, priorities and fields, and says what is wrong with each. 202 when there is no answer within 10 s."),
		func(ctx context.Context, i *jiraTestInput) (*testOutput, error) {
			return try(ctx, s, jiraProvider, i.Named, "", func(o *v1alpha1.JiraIntegration) (bool, *v1alpha1.IntegrationTest) {
				return o.Spec.Suspend, o.Status.LastTest
			})
		})
}

func testOperation(title, description string) huma.Operation {
	return huma.Operation{
		OperationID: "test-" + title, Method: http.MethodPost, Path: "/api/v1/integrations/" + title + "/test", Tags: []string{"Integrations"},
		Summary: "Try " + title + " out", Description: description, Responses: map[string]*huma.Response{"202": {Description: "No answer yet."}},
	}
}

// try asks for a test and waits for its answer.
func try[T client.Object, S any](ctx context.Context, s *Server, p provider[T, S], n Named, channel string, look func(T) (suspended bool, last *v1alpha1.IntegrationTest)) (*testOutput, error) {
	key := p.key(s, n)
	if err := s.require(ctx, "update", p.resource, key); err != nil {
		return nil, err
	}
	// Whoever waits hears of every change from here on, so that the answer cannot slip by.
	w, err := s.hub.join("test of "+callerOf(ctx).GetName(), key.Namespace, p.kind)
	if err != nil {
		return nil, err
	}
	defer s.hub.leave(w)
	asked := s.o.Clock.Now().UTC()
	if err := p.request(ctx, s, key, asked, channel, look); err != nil {
		return nil, err
	}
	timeout := s.o.Clock.NewTimer(s.o.TestTimeout)
	defer timeout.Stop()
	for {
		o := p.fresh()
		if err := s.o.Client.Get(ctx, key, o); client.IgnoreNotFound(err) != nil {
			return nil, cluster(ctx, err, "reading "+p.kind+" "+key.String())
		}
		if _, last := look(o); last != nil {
			if at, err := time.Parse(time.RFC3339Nano, last.RequestedAt); err == nil && !at.Before(asked) {
				return &testOutput{Status: http.StatusOK, Body: testBody{
					Outcome: string(last.Outcome), Message: last.Message, Time: &last.Time.Time, Channel: last.Channel, Permalink: last.Permalink, Checks: last.Checks,
				}}, nil
			}
		}
		select {
		case <-w.wake:
			_, _ = s.hub.news(w)
		case <-ctx.Done():
			return nil, mistake(http.StatusServiceUnavailable, "the request was given up; the test goes on")
		case <-s.stopping:
			return nil, later(http.StatusServiceUnavailable, 1, "this replica stops; the test goes on")
		case <-timeout.C():
			return &testOutput{
				Status: http.StatusAccepted, Location: "/api/v1/integrations/status?namespace=" + key.Namespace,
				Body: testBody{Outcome: "Pending", Message: "No answer yet. The other side is slow, or no operator leads: look at lastTest and at the conditions in the status"},
			}, nil
		}
	}
}

// request notes on the integration that a test is wanted.
func (p provider[T, S]) request(ctx context.Context, s *Server, key types.NamespacedName, at time.Time, channel string, look func(T) (bool, *v1alpha1.IntegrationTest)) error {
	var err error
	for range attempts {
		o := p.fresh()
		if err := p.get(ctx, s, key, o); err != nil {
			return err
		}
		if suspended, _ := look(o); suspended {
			return mistake(http.StatusConflict, "%s %s is suspended, and calls nobody: set spec.suspend to false first", p.kind, key)
		}
		annotate(o, v1alpha1.TestRequestedAtAnnotation, at.Format(time.RFC3339Nano))
		annotate(o, v1alpha1.TestChannelAnnotation, channel)
		if err = s.o.Client.Update(ctx, o, manager); !apierrors.IsConflict(err) {
			break
		}
	}
	return cluster(ctx, err, "asking for a test of "+p.kind+" "+key.String())
}

// annotate sets an annotation, or removes it when it is to be empty.
func annotate(o client.Object, name, value string) {
	all := map[string]string{}
	maps.Copy(all, o.GetAnnotations())
	if all[name] = value; value == "" {
		delete(all, name)
	}
	o.SetAnnotations(all)
}
