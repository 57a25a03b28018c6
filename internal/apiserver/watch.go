package apiserver

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/caller"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/openapi"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/paths"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/problem"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/watch"
	"github.com/voiceai-dev/integrations-operator/internal/identity"
)

// watched are the kinds that can be watched, with the resource that a caller must be allowed to watch.
var watched = []struct {
	kind     string
	resource action.Resource
}{
	{v1alpha1.KindSlackIntegration, action.SlackIntegrations},
	{v1alpha1.KindJiraIntegration, action.JiraIntegrations},
	{v1alpha1.KindNotificationRule, action.Rules},
	{v1alpha1.KindDefect, action.Defects},
	{v1alpha1.KindNotification, action.Notifications},
	{view.KindCronJob, action.CronJobs},
	{view.KindJob, action.Jobs},
}

type watchInput struct {
	Across
	Kinds []string `query:"kinds,explode" maxItems:"7" doc:"The kinds to watch; all that you may watch when empty." enum:"SlackIntegration,JiraIntegration,NotificationRule,Defect,Notification,CronJob,Job"`
	Since string   `query:"since" maxLength:"64" doc:"The Last-Event-ID of an earlier answer: what changed since then is sent at once. Only later changes when empty."`
	Last  string   `header:"Last-Event-ID" maxLength:"64" doc:"The last event that was received. Browsers send it when they reconnect; it takes precedence over since."`
}

func (s *Server) routeWatch(api huma.API) {
	stream := map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}}
	openapi.Register(api, huma.Operation{
		OperationID: "watch", Method: http.MethodGet, Path: paths.Watch, Tags: []string{"Changes"}, Summary: "Watch changes",
		Description: "Server-sent events. Each event `change` has the data {\"kind\": …}: objects of that kind were changed, " +
			"added or removed; read them again. Changes at the same time are sent together. A comment is sent every 15 s. " +
			"Answers of the other calls have the header Last-Event-ID: with it as since, nothing is missed between " +
			"reading and watching.",
		Responses: map[string]*huma.Response{"200": {Description: "The stream.", Content: stream}},
	}, s.watch)
}

func (s *Server) watch(ctx context.Context, i *watchInput) (*huma.StreamResponse, error) {
	namespace := s.namespaces(i.Across)
	kinds, err := s.watchable(ctx, namespace, i.Kinds)
	if err != nil {
		return nil, err
	}
	w, err := s.hub.Join(caller.Of(ctx).GetName(), namespace, kinds...)
	if err != nil {
		return nil, err
	}
	if position := cmp.Or(i.Last, i.Since); position != "" {
		s.hub.Resume(w, position)
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		defer s.hub.Leave(w)
		r, out := humago.Unwrap(c)
		stream := &watch.Stream{
			Hub: s.hub, Watcher: w, Clock: s.o.Clock, Stopping: s.stopping,
			MayContinue: func(ctx context.Context) bool { return s.mayStillWatch(ctx, identity.BearerToken(r), w, i) },
		}
		stream.Serve(r.Context(), out)
	}}, nil
}

// watchable returns the wanted kinds that the caller may watch, at least one.
func (s *Server) watchable(ctx context.Context, namespace string, wanted []string) ([]string, error) {
	var out []string
	for _, k := range watched {
		if len(wanted) > 0 && !slices.Contains(wanted, k.kind) {
			continue
		}
		ok, err := s.permissions.May(ctx, "watch", k.resource, caller.In(namespace))
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, k.kind)
		}
	}
	if len(out) == 0 {
		return nil, problem.New(http.StatusForbidden, "%s may not watch any of these here: bind a Role that allows it",
			caller.Of(ctx).GetName())
	}
	return out, nil
}

// mayStillWatch reports whether a token is valid and its caller may watch the same kinds as when the stream began.
func (s *Server) mayStillWatch(ctx context.Context, token string, w *watch.Watcher, i *watchInput) bool {
	who, err := s.o.Identity.Authenticate(ctx, token)
	if err != nil || who.GetName() != w.Caller {
		return false
	}
	kinds, err := s.watchable(caller.With(ctx, who), w.Namespace, i.Kinds)
	return err == nil && slices.Equal(kinds, w.Kinds)
}
