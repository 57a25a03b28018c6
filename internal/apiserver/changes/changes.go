// SPDX-License-Identifier: Apache-2.0

// Package changes has the route of the REST API that streams changes.
package changes

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"k8s.io/utils/clock"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/caller"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/openapi"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/params"
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

// Routes is the route of the stream of changes.
type Routes struct {
	Hub           *watch.Hub
	Clock         clock.WithTicker
	Permissions   caller.Permissions
	Params        params.Defaults
	Authenticator interface {
		Authenticate(ctx context.Context, token string) (identity.Caller, error)
	}
	// Stopping is closed when the server stops.
	Stopping <-chan struct{}
}

type watchInput struct {
	params.Across
	Kinds []string `query:"kinds,explode" maxItems:"7" doc:"The kinds to watch; all that you may watch when empty." enum:"SlackIntegration,JiraIntegration,NotificationRule,Defect,Notification,CronJob,Job"`
	Since string   `query:"since" maxLength:"64" doc:"The Last-Event-ID of an earlier answer: what changed since then is sent at once. Only later changes when empty."`
	Last  string   `header:"Last-Event-ID" maxLength:"64" doc:"The last event that was received. Browsers send it when they reconnect; it takes precedence over since."`
}

// Register adds the route to an API.
func (r Routes) Register(api huma.API) {
	stream := map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}}
	openapi.Register(api, huma.Operation{
		OperationID: "watch", Method: http.MethodGet, Path: paths.Watch, Tags: []string{"Changes"}, Summary: "Watch changes",
		Description: "Server-sent events. Each event `change` has the data {\"kind\": …}: objects of that kind were changed, " +
			"added or removed; read them again. Changes at the same time are sent together. A comment is sent every 15 s. " +
			"Answers of the other calls have the header Last-Event-ID: with it as since, nothing is missed between " +
			"reading and watching.",
		Responses: map[string]*huma.Response{"200": {Description: "The stream.", Content: stream}},
	}, r.watch)
}

func (r Routes) watch(ctx context.Context, i *watchInput) (*huma.StreamResponse, error) {
	namespace := r.Params.Of(i.Across)
	kinds, err := r.watchable(ctx, namespace, i.Kinds)
	if err != nil {
		return nil, err
	}
	w, err := r.Hub.Join(caller.Of(ctx).GetName(), namespace, kinds...)
	if err != nil {
		return nil, err
	}
	if position := cmp.Or(i.Last, i.Since); position != "" {
		r.Hub.Resume(w, position)
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		defer r.Hub.Leave(w)
		request, out := humago.Unwrap(c)
		stream := &watch.Stream{
			Hub: r.Hub, Watcher: w, Clock: r.Clock, Stopping: r.Stopping,
			MayContinue: func(ctx context.Context) bool { return r.mayStillWatch(ctx, identity.BearerToken(request), w, i) },
		}
		stream.Serve(request.Context(), out)
	}}, nil
}

// watchable returns the wanted kinds that the caller may watch, at least one.
func (r Routes) watchable(ctx context.Context, namespace string, wanted []string) ([]string, error) {
	var out []string
	for _, k := range watched {
		if len(wanted) > 0 && !slices.Contains(wanted, k.kind) {
			continue
		}
		ok, err := r.Permissions.May(ctx, "watch", k.resource, caller.In(namespace))
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
func (r Routes) mayStillWatch(ctx context.Context, token string, w *watch.Watcher, i *watchInput) bool {
	who, err := r.Authenticator.Authenticate(ctx, token)
	if err != nil || who.GetName() != w.Caller {
		return false
	}
	kinds, err := r.watchable(caller.With(ctx, who), w.Namespace, i.Kinds)
	return err == nil && slices.Equal(kinds, w.Kinds)
}
