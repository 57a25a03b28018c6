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
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
)

const (
	eventsPath       = "/api/v1/events"
	alertmanagerPath = "/api/v1/webhooks/alertmanager"
)

// inbound says whether a request brings events.
func inbound(r *http.Request) bool {
	return r.URL.Path == eventsPath || r.URL.Path == alertmanagerPath
}

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

// Resolve keeps the headers, in which binary CloudEvents have their attributes.
func (i *eventsInput) Resolve(c huma.Context) []error {
	r, _ := humago.Unwrap(c)
	i.header = r.Header
	return nil
}

type inboundOutput struct {
	Body struct {
		Events        int `json:"events" doc:"How many events were read."`
		Notifications int `json:"notifications" doc:"How many Notifications are new by them; none when all were told before."`
	}
}

func (s *Server) routeInbound(api huma.API) {
	tags := []string{"Events"}
	const safe = " It is answered once everything that it leads to is stored, and safe to repeat. You must be allowed to create Notifications."
	route(api, huma.Operation{
		OperationID: "alertmanager-webhook", Method: http.MethodPost, Path: alertmanagerPath, Tags: tags, Summary: "Alertmanager's webhook, version 4",
		RequestBody: anyOf("application/json"),
		Description: "Each alert is an event SystemAlertFiring or SystemAlertResolved." + safe, MaxBodyBytes: maxEventsBody,
	}, func(ctx context.Context, i *alertmanagerInput) (*inboundOutput, error) {
		return s.takeIn(ctx, i.Within, func() ([]event.Event, error) { return event.DecodeAlertmanager(i.RawBody, s.o.Clock.Now()) })
	})
	route(api, huma.Operation{
		OperationID: "post-events", Method: http.MethodPost, Path: eventsPath, Tags: tags, Summary: "CloudEvents 1.0: structured, binary or a batch",
		RequestBody: anyOf("application/cloudevents+json", "application/cloudevents-batch+json", "application/json"),
		Description: "Each is an event of the type that it names." + safe, MaxBodyBytes: maxEventsBody,
	}, func(ctx context.Context, i *eventsInput) (*inboundOutput, error) {
		return s.takeIn(ctx, i.Within, func() ([]event.Event, error) {
			return event.DecodeCloudEvents(i.ContentType, i.header, i.RawBody, s.o.Clock.Now())
		})
	})
}

// anyOf is a body whose form is another's to say.
func anyOf(kinds ...string) *huma.RequestBody {
	out := &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{}}
	for _, kind := range kinds {
		out.Content[kind] = &huma.MediaType{Schema: &huma.Schema{}}
	}
	return out
}

// takeIn stores what events lead to.
func (s *Server) takeIn(ctx context.Context, w Within, decode func() ([]event.Event, error)) (*inboundOutput, error) {
	namespace := s.namespace(w)
	if err := s.require(ctx, "create", action.Notifications, in(namespace)); err != nil {
		return nil, err
	}
	events, err := decode()
	switch {
	case errors.Is(err, event.ErrContentType):
		return nil, mistake(http.StatusUnsupportedMediaType, "%v", err)
	case err != nil:
		return nil, wrong("body", "%v", err)
	}
	out := &inboundOutput{}
	out.Body.Events = len(events)
	var refused error
	for at := range events {
		created, mistakes, err := s.o.Outbox.Announce(ctx, namespace, &events[at])
		if mistakes != nil { // the caller can do nothing about a rule
			ctrl.LoggerFrom(ctx).Error(mistakes, "Rules could not be worked out", "Event", events[at].ID, "Namespace", namespace)
		}
		if err != nil {
			problem := cluster(ctx, err, "storing what event "+events[at].ID+" leads to")
			if !outbox.IsRejected(err) {
				return nil, problem // which the others would have too
			}
			refused = cmp.Or(refused, problem)
		}
		out.Body.Notifications += len(created)
	}
	if refused != nil {
		return nil, refused
	}
	return out, nil
}
