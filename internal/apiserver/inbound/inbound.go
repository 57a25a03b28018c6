// SPDX-License-Identifier: Apache-2.0

// Package inbound has the routes of the REST API for events from outside, and announces these to the rules of a
// namespace.
package inbound

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/caller"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/openapi"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/params"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/paths"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/problem"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/listener"
)

// alertmanagerInput is a call of Alertmanager's webhook.
type alertmanagerInput struct {
	params.Within
	inboundBody
}

// eventsInput is a request with CloudEvents.
type eventsInput struct {
	params.Within
	inboundBody
	ContentType string `header:"Content-Type" maxLength:"255" doc:"application/cloudevents+json for one event, application/cloudevents-batch+json for several, or the data's own with the attributes in ce- headers."`
}

// inboundBody is the body of a request with events, which is read as a stream, and its headers, which have the
// attributes of binary CloudEvents.
type inboundBody struct {
	header http.Header
	body   io.Reader
}

// Resolve keeps the request's body and headers.
func (i *inboundBody) Resolve(c huma.Context) []error {
	r, _ := humago.Unwrap(c)
	_ = c.SetReadDeadline(time.Now().Add(listener.ReadTimeout)) // the request may have waited; not every connection has a deadline
	i.header = r.Header
	i.body = r.Body
	return nil
}

type inboundOutput struct {
	Body struct {
		Events        int      `json:"events" doc:"How many events were read."`
		Notifications int      `json:"notifications" doc:"How many Notifications were created; none when all events were known."`
		Omitted       int      `json:"omitted,omitempty" doc:"How many alerts or events were left out because the body has more than 1,000, or more than 4 MiB of them."`
		Malformed     int      `json:"malformed,omitempty" doc:"How many alerts or events were left out because something is wrong with them."`
		Problems      []string `json:"problems,omitempty" maxItems:"20" doc:"What is wrong with the first of these."`
	}
}

// Outbox stores the Notifications of events.
type Outbox interface {
	// Announce stores a Notification for each rule in a namespace that matches an event. All are stored when err is
	// nil. evalErrs joins the errors of rules that could not be evaluated.
	Announce(ctx context.Context, namespace string, e *event.Event) (created []string, evalErrs, err error)
}

// Routes are the routes for events.
type Routes struct {
	Outbox      Outbox
	Clock       clock.PassiveClock
	Permissions caller.Permissions
	Params      params.Defaults
}

// Register adds the routes to an API.
func (r Routes) Register(api huma.API) {
	tags := []string{"Events"}
	const common = " Of a body with more than 1,000, or more than 4 MiB of them, those that fit are taken. " +
		"One that is malformed does not keep the others from being taken. The answer has the number of both. " +
		"A body of more than 32 MiB is answered 413. " +
		"It is answered once all Notifications are stored, and is safe to repeat. " +
		"When a quota or a policy of the cluster refuses a Notification, the answer is 503. " +
		"You must be allowed to create events.integrations.voiceai.dev, as the role event-sender is."
	openapi.Register(api, huma.Operation{
		OperationID: "alertmanager-webhook", Method: http.MethodPost, Path: paths.Alertmanager, Tags: tags,
		Summary: "Alertmanager's webhook, version 4, or Grafana's", RequestBody: bodyOf(true, "application/json"),
		Description: "Each alert is an event SystemAlertFiring or SystemAlertResolved." + common,
	}, func(ctx context.Context, i *alertmanagerInput) (*inboundOutput, error) {
		return r.receive(ctx, i.Within, func() (event.Batch, error) {
			return event.DecodeAlertmanager(i.body, r.Clock.Now())
		})
	})
	openapi.Register(api, huma.Operation{
		OperationID: "post-events", Method: http.MethodPost, Path: paths.Events, Tags: tags,
		Summary:     "CloudEvents 1.0: structured, binary or a batch",
		RequestBody: bodyOf(false, "application/cloudevents+json", "application/cloudevents-batch+json", "application/json"),
		Description: "Each is an event of the type that it names." + common,
	}, func(ctx context.Context, i *eventsInput) (*inboundOutput, error) {
		return r.receive(ctx, i.Within, func() (event.Batch, error) {
			return event.DecodeCloudEvents(i.ContentType, i.header, i.body, r.Clock.Now())
		})
	})
}

// bodyOf returns the documentation of a body whose schema another specification has.
func bodyOf(required bool, contentTypes ...string) *huma.RequestBody {
	out := &huma.RequestBody{Required: required, Content: map[string]*huma.MediaType{}}
	for _, t := range contentTypes {
		out.Content[t] = &huma.MediaType{Schema: &huma.Schema{}}
	}
	return out
}

// receive announces the events of a request to the rules of a namespace.
func (r Routes) receive(ctx context.Context, w params.Within, decode func() (event.Batch, error)) (*inboundOutput, error) {
	namespace := r.Params.In(w)
	if err := r.Permissions.Require(ctx, "create", action.Events, caller.In(namespace)); err != nil {
		return nil, err
	}
	batch, err := decode()
	if err != nil {
		return nil, unreadable(err)
	}
	out := &inboundOutput{}
	out.Body.Events = len(batch.Events)
	created, err := r.announceAll(ctx, namespace, &batch)
	if batch.Omitted+batch.Malformed > 0 {
		ctrl.LoggerFrom(ctx).Info("Left out a part of what arrived", "Namespace", namespace,
			"Events", len(batch.Events), "Omitted", batch.Omitted, "Malformed", batch.Malformed, "Problems", batch.Problems)
	}
	if err != nil {
		return nil, err
	}
	out.Body.Notifications = created
	out.Body.Omitted = batch.Omitted
	out.Body.Malformed = batch.Malformed
	out.Body.Problems = batch.Problems
	return out, nil
}

// unreadable returns the problem of a body of which nothing can be taken.
func unreadable(err error) error {
	var read *event.ReadError
	switch {
	case errors.Is(err, event.ErrContentType):
		return problem.New(http.StatusUnsupportedMediaType, "%v", err)
	case errors.Is(err, event.ErrTooLarge):
		return problem.New(http.StatusRequestEntityTooLarge, "%v: send less at once", err)
	case errors.As(err, &read): // clients drop what is answered 4xx
		return problem.Temporary(http.StatusServiceUnavailable, 1, "the body did not arrive as a whole: send it again")
	}
	return problem.Invalid("body", "%v", err)
}
