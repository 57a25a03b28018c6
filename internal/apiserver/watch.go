package apiserver

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/problem"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/watch"
	"github.com/voiceai-dev/integrations-operator/internal/identity"
)

const (
	watchPath = "/api/v1/watch"
	// positionHeader has the position in the stream of changes.
	positionHeader = "Last-Event-ID"
	// heartbeat keeps proxies from closing a quiet stream. At each, the permissions of the caller are checked again.
	heartbeat = 15 * time.Second
	// batchDelay is how long changes are collected into one message.
	batchDelay = 200 * time.Millisecond
	// sendTimeout is how long a client may take to read a message.
	sendTimeout = 10 * time.Second
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

type positionKey struct{}

// addPosition adds to an answer the position from which later changes can be watched. Callers without any permission do
// not learn that anything changes.
func addPosition(ctx huma.Context, status string, answer any) (any, error) {
	position, ok := ctx.Context().Value(positionKey{}).(string)
	if ok && strings.HasPrefix(status, "2") && ctx.Operation().Path != accessPath {
		ctx.SetHeader(positionHeader, position)
	}
	return answer, nil
}

type watchInput struct {
	Across
	Kinds []string `query:"kinds,explode" maxItems:"7" doc:"The kinds to watch; all that you may watch when empty." enum:"SlackIntegration,JiraIntegration,NotificationRule,Defect,Notification,CronJob,Job"`
	Since string   `query:"since" maxLength:"64" doc:"The Last-Event-ID of an earlier answer: what changed since then is sent at once. Only later changes when empty."`
	Last  string   `header:"Last-Event-ID" maxLength:"64" doc:"The last event that was received. Browsers send it when they reconnect; it takes precedence over since."`
}

func (s *Server) routeWatch(api huma.API) {
	stream := map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}}
	route(api, huma.Operation{
		OperationID: "watch", Method: http.MethodGet, Path: watchPath, Tags: []string{"Changes"}, Summary: "Watch changes",
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
	w, err := s.hub.Join(callerOf(ctx).GetName(), namespace, kinds...)
	if err != nil {
		return nil, err
	}
	if position := cmp.Or(i.Last, i.Since); position != "" {
		s.hub.Resume(w, position)
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		defer s.hub.Leave(w)
		r, out := humago.Unwrap(c)
		s.stream(r, newEventWriter(out), w, i)
	}}, nil
}

// watchable returns the wanted kinds that the caller may watch, at least one.
func (s *Server) watchable(ctx context.Context, namespace string, wanted []string) ([]string, error) {
	var out []string
	for _, k := range watched {
		if len(wanted) > 0 && !slices.Contains(wanted, k.kind) {
			continue
		}
		ok, err := s.may(ctx, "watch", k.resource, in(namespace))
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, k.kind)
		}
	}
	if len(out) == 0 {
		return nil, problem.New(http.StatusForbidden, "%s may not watch any of these here: bind a Role that allows it",
			callerOf(ctx).GetName())
	}
	return out, nil
}

// stream writes until the client disconnects, the server stops, or the caller's permissions change.
func (s *Server) stream(r *http.Request, out *eventWriter, w *watch.Watcher, i *watchInput) {
	if !out.send("retry: 2000\n\n") {
		return
	}
	beat := s.o.Clock.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case <-s.stopping:
			return
		case <-beat.C():
			if !s.mayStillWatch(r, w, i) || !out.send(": still here\n\n") {
				return
			}
		case <-w.Wake():
			if text := changeEvents(s.hub.Pending(w)); text != "" && !out.send(text) {
				return
			}
			select { // what changes meanwhile is sent together
			case <-s.o.Clock.After(batchDelay):
			case <-r.Context().Done():
				return
			case <-s.stopping:
				return
			}
		}
	}
}

// changeEvents returns the events that tell a client which kinds changed. Only the last has the position: a client that
// loses the stream before it has not received all.
func changeEvents(kinds []string, position string) string {
	var text strings.Builder
	for n, kind := range kinds {
		if n == len(kinds)-1 {
			fmt.Fprintf(&text, "id: %s\n", position)
		}
		data, _ := json.Marshal(map[string]string{"kind": kind})
		fmt.Fprintf(&text, "event: change\ndata: %s\n\n", data)
	}
	return text.String()
}

// mayStillWatch reports whether the caller's token is valid and its permissions are the same as when the stream began.
func (s *Server) mayStillWatch(r *http.Request, w *watch.Watcher, i *watchInput) bool {
	caller, err := s.o.Identity.Authenticate(r.Context(), identity.BearerToken(r))
	if err != nil || caller.GetName() != w.Caller {
		return false
	}
	ctx := context.WithValue(r.Context(), callerKey{}, identity.Caller{Info: caller.Info})
	kinds, err := s.watchable(ctx, w.Namespace, i.Kinds)
	return err == nil && slices.Equal(kinds, w.Kinds)
}

// eventWriter writes server-sent events.
type eventWriter struct {
	out     http.ResponseWriter
	control *http.ResponseController
}

// newEventWriter begins an answer of server-sent events.
func newEventWriter(out http.ResponseWriter) *eventWriter {
	w := &eventWriter{out: out, control: http.NewResponseController(out)}
	_ = w.control.SetReadDeadline(time.Time{})
	out.Header().Set("Content-Type", "text/event-stream")
	out.Header().Set("X-Accel-Buffering", "no")
	out.WriteHeader(http.StatusOK)
	return w
}

// send writes events, and reports whether the client is still there.
func (w *eventWriter) send(text string) bool {
	_ = w.control.SetWriteDeadline(time.Now().Add(sendTimeout))
	_, err := fmt.Fprint(w.out, text)
	return err == nil && w.control.Flush() == nil
}
