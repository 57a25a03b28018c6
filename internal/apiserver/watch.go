package apiserver

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/identity"
)

const (
	watchPath = "/api/v1/watch"
	// maxWatchers follow changes at once, and maxWatchersPerCaller of them for one caller.
	maxWatchers, maxWatchersPerCaller = 512, 16
	// heartbeat keeps proxies from closing a quiet stream, and is when the watcher's rights are looked at again.
	heartbeat = 15 * time.Second
	// calm is what is collected into one message when much changes at once.
	calm = 200 * time.Millisecond
	// sendWithin is how long a watcher may take to read a message.
	sendWithin = 10 * time.Second
)

// watched are the kinds that can be watched, with the resource that a watcher must be allowed to watch.
var watched = []struct {
	kind     string
	resource resource
}{
	{v1alpha1.KindSlackIntegration, slackIntegrations},
	{v1alpha1.KindJiraIntegration, jiraIntegrations},
	{v1alpha1.KindNotificationRule, rules},
	{v1alpha1.KindDefect, defects},
	{v1alpha1.KindNotification, notifications},
	{"CronJob", cronJobs},
	{"Job", jobs},
}

// hub tells its watchers that something changed.
type hub struct {
	mu       sync.Mutex
	watchers map[*watcher]struct{}
}

// watcher is somebody who wants to know of changes of some kinds in a namespace.
type watcher struct {
	caller, namespace string
	kinds             []string

	// wake has an entry when changed is not empty.
	wake    chan struct{}
	changed map[string]struct{} // guarded by the hub
}

// join adds a watcher, unless there are too many.
func (h *hub) join(caller, namespace string, kinds ...string) (*watcher, error) {
	w := &watcher{caller: caller, namespace: namespace, kinds: kinds, wake: make(chan struct{}, 1), changed: map[string]struct{}{}}
	h.mu.Lock()
	defer h.mu.Unlock()
	own := 0
	for other := range h.watchers {
		if other.caller == caller {
			own++
		}
	}
	if own >= maxWatchersPerCaller {
		return nil, later(http.StatusTooManyRequests, 5, "you follow changes %d times already; close one", own)
	}
	if len(h.watchers) >= maxWatchers {
		return nil, later(http.StatusServiceUnavailable, 30, "too many follow changes here; try again later")
	}
	if h.watchers == nil {
		h.watchers = map[*watcher]struct{}{}
	}
	h.watchers[w] = struct{}{}
	return w, nil
}

func (h *hub) leave(w *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.watchers, w)
}

// tell says that an object of a kind changed. It never waits.
func (h *hub) tell(kind, namespace string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.watchers {
		if w.namespace != "" && w.namespace != namespace || !slices.Contains(w.kinds, kind) {
			continue
		}
		w.changed[kind] = struct{}{}
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

// news are the kinds that changed since the last call, in the order of watched.
func (h *hub) news(w *watcher) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []string
	for _, kind := range w.kinds {
		if _, ok := w.changed[kind]; ok {
			out = append(out, kind)
		}
	}
	clear(w.changed)
	return out
}

type watchInput struct {
	Across
	Kinds []string `query:"kinds" maxItems:"7" doc:"The kinds to follow; all that you may watch when empty." enum:"SlackIntegration,JiraIntegration,NotificationRule,Defect,Notification,CronJob,Job"`
}

func (s *Server) routeWatch(api huma.API) {
	stream := huma.Operation{
		OperationID: "watch", Method: http.MethodGet, Path: watchPath, Tags: []string{"Changes"}, Summary: "Follow changes",
		Description: "Server-sent events. Each event `change` has the data {\"kind\": …}: objects of that kind changed, or were added or removed; read them again. " +
			"Much that changes at once is told once. A comment is sent every 15 s.",
		Responses: map[string]*huma.Response{"200": {Description: "The stream.", Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}}}},
	}
	route(api, stream, func(ctx context.Context, i *watchInput) (*huma.StreamResponse, error) {
		namespace := s.namespaces(i.Across)
		kinds, err := s.watchable(ctx, namespace, i.Kinds)
		if err != nil {
			return nil, err
		}
		w, err := s.hub.join(callerOf(ctx).GetName(), namespace, kinds...)
		if err != nil {
			return nil, err
		}
		return &huma.StreamResponse{Body: func(c huma.Context) {
			defer s.hub.leave(w)
			r, out := humago.Unwrap(c)
			s.stream(r, out, w, i)
		}}, nil
	})
}

// watchable are the wanted kinds that the caller may watch, at least one.
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
		return nil, mistake(http.StatusForbidden, "%s may not watch any of these here: bind a Role that allows it", callerOf(ctx).GetName())
	}
	return out, nil
}

// stream writes until the watcher goes, the server stops, or the watcher may not watch any more.
func (s *Server) stream(r *http.Request, out http.ResponseWriter, w *watcher, i *watchInput) {
	control := http.NewResponseController(out)
	send := func(text string) bool {
		_ = control.SetWriteDeadline(time.Now().Add(sendWithin))
		_, err := fmt.Fprint(out, text)
		return err == nil && control.Flush() == nil
	}
	_ = control.SetReadDeadline(time.Time{})
	out.Header().Set("Content-Type", "text/event-stream")
	out.Header().Set("X-Accel-Buffering", "no")
	out.WriteHeader(http.StatusOK)
	if !send("retry: 2000\n\n") {
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
			if !s.stillMay(r, w, i) || !send(": still here\n\n") {
				return
			}
		case <-w.wake:
			var text strings.Builder
			for _, kind := range s.hub.news(w) {
				data, _ := json.Marshal(map[string]string{"kind": kind})
				fmt.Fprintf(&text, "event: change\ndata: %s\n\n", data)
			}
			if text.Len() > 0 && !send(text.String()) {
				return
			}
			select { // what changes meanwhile is told together
			case <-s.o.Clock.After(calm):
			case <-r.Context().Done():
				return
			case <-s.stopping:
				return
			}
		}
	}
}

// stillMay says whether the watcher's token is good and its rights are the same as when it began.
func (s *Server) stillMay(r *http.Request, w *watcher, i *watchInput) bool {
	caller, err := s.o.Identity.Caller(r.Context(), identity.BearerToken(r))
	if err != nil || caller.GetName() != w.caller {
		return false
	}
	kinds, err := s.watchable(context.WithValue(r.Context(), callerKey{}, identity.Caller{Info: caller.Info}), w.namespace, i.Kinds)
	return err == nil && slices.Equal(kinds, w.kinds)
}
