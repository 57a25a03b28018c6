package apiserver

import (
	"cmp"
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/caller"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/openapi"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/paths"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/problem"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
)

type alertmanagerInput struct {
	Within
	RawBody []byte `contentType:"application/json"`
}

type eventsInput struct {
	Within
	ContentType string `header:"Content-Type" required:"true" maxLength:"255" doc:"application/cloudevents+json for one event, application/cloudevents-batch+json for several, or the data's own with the attributes in ce- headers."`
	RawBody     []byte `contentType:"application/cloudevents+json"`

	header http.Header
}

// Resolve keeps the headers, which have the attributes of binary CloudEvents.
func (i *eventsInput) Resolve(c huma.Context) []error {
	r, _ := humago.Unwrap(c)
	i.header = r.Header
	return nil
}

type inboundOutput struct {
	Body struct {
		Events        int `json:"events" doc:"How many events were read."`
		Notifications int `json:"notifications" doc:"How many Notifications were created; none when all events were known."`
	}
}

func (s *Server) routeInbound(api huma.API) {
	tags := []string{"Events"}
	const safe = " It is answered once all Notifications are stored, and is safe to repeat. " +
		"You must be allowed to create Notifications."
	openapi.Register(api, huma.Operation{
		OperationID: "alertmanager-webhook", Method: http.MethodPost, Path: paths.Alertmanager, Tags: tags,
		Summary: "Alertmanager's webhook, version 4", RequestBody: bodyOf("application/json"),
		Description: "Each alert is an event SystemAlertFiring or SystemAlertResolved." + safe, MaxBodyBytes: maxEventsBody,
	}, func(ctx context.Context, i *alertmanagerInput) (*inboundOutput, error) {
		return s.receive(ctx, i.Within, func() ([]event.Event, error) {
			return event.DecodeAlertmanager(i.RawBody, s.o.Clock.Now())
		})
	})
	openapi.Register(api, huma.Operation{
		OperationID: "post-events", Method: http.MethodPost, Path: paths.Events, Tags: tags,
		Summary:     "CloudEvents 1.0: structured, binary or a batch",
		RequestBody: bodyOf("application/cloudevents+json", "application/cloudevents-batch+json", "application/json"),
		Description: "Each is an event of the type that it names." + safe, MaxBodyBytes: maxEventsBody,
	}, func(ctx context.Context, i *eventsInput) (*inboundOutput, error) {
		return s.receive(ctx, i.Within, func() ([]event.Event, error) {
			return event.DecodeCloudEvents(i.ContentType, i.header, i.RawBody, s.o.Clock.Now())
		})
	})
}

// bodyOf returns the documentation of a body whose schema another specification has.
func bodyOf(contentTypes ...string) *huma.RequestBody {
	out := &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{}}
	for _, t := range contentTypes {
		out.Content[t] = &huma.MediaType{Schema: &huma.Schema{}}
	}
	return out
}

// receive announces events to the rules of a namespace.
func (s *Server) receive(ctx context.Context, w Within, decode func() ([]event.Event, error)) (*inboundOutput, error) {
	namespace := s.namespace(w)
	if err := s.permissions.Require(ctx, "create", action.Notifications, caller.In(namespace)); err != nil {
		return nil, err
	}
	events, err := decode()
	switch {
	case errors.Is(err, event.ErrContentType):
		return nil, problem.New(http.StatusUnsupportedMediaType, "%v", err)
	case err != nil:
		return nil, problem.Invalid("body", "%v", err)
	}
	out := &inboundOutput{}
	out.Body.Events = len(events)
	var refused error
	for at := range events {
		created, evalErrs, err := s.o.Outbox.Announce(ctx, namespace, &events[at])
		if evalErrs != nil { // the caller can do nothing about a rule
			ctrl.LoggerFrom(ctx).Error(evalErrs, "Evaluating rules", "Event", events[at].ID, "Namespace", namespace)
		}
		if err != nil {
			p := problem.From(ctx, err, "storing the Notifications of event "+events[at].ID)
			if !outbox.IsRejected(err) {
				return nil, p // the other events would fail too
			}
			refused = cmp.Or(refused, p)
		}
		out.Body.Notifications += len(created)
	}
	if refused != nil {
		return nil, refused
	}
	return out, nil
}
