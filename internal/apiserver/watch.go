package apiserver

import (
	"cmp"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
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
	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/identity"
)

const (
	watchPath  = "/api/v1/watch"
	accessPath = "/api/v1/access"
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
	resource action.Resource
}{
	{v1alpha1.KindSlackIntegration, action.SlackIntegrations},
	{v1alpha1.KindJiraIntegration, action.JiraIntegrations},
	{v1alpha1.KindNotificationRule, action.Rules},
	{v1alpha1.KindDefect, action.Defects},
	{v1alpha1.KindNotification, action.Notifications},
	{"CronJob", action.CronJobs},
	{"Job", action.Jobs},
}

// hub tells its watchers that something changed.
type hub struct {
	// positions are read by this process alone. Who could read one would learn how much happens in namespaces that are not theirs.
	positions cipher.AEAD

	mu       sync.Mutex
	watchers map[*watcher]struct{}
	// changes counts them, and last has the number of the last one at each place.
	changes uint64
	last    map[changedAt]uint64
}

// changedAt is where something changed; every namespace has its place too, which is empty.
type changedAt struct{ kind, namespace string }

func newHub() *hub {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the key has the wrong length
	}
	positions, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // it is AES
	}
	return &hub{positions: positions, watchers: map[*watcher]struct{}{}, last: map[changedAt]uint64{}}
}

// position is where the stream of changes is. Whoever reads something afterwards, and then follows from there, misses no change to it.
func (h *hub) position() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.here()
}

func (h *hub) here() string {
	return base64.RawURLEncoding.EncodeToString(h.positions.Seal(nil, nil, binary.BigEndian.AppendUint64(nil, h.changes), nil))
}

// read is how many changes there were at a position. ok is false when it is none of this process.
func (h *hub) read(position string) (changes uint64, ok bool) {
	sealed, err := base64.RawURLEncoding.DecodeString(position)
	if err != nil {
		return 0, false
	}
	plain, err := h.positions.Open(nil, nil, sealed, nil)
	if err != nil || len(plain) != 8 {
		return 0, false
	}
	return binary.BigEndian.Uint64(plain), true
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
	h.watchers[w] = struct{}{}
	return w, nil
}

// from has a watcher told of what changed after a position, which is all that it follows when the position is not one of this process.
func (h *hub) from(w *watcher, position string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	seen, ok := h.read(position)
	for _, kind := range w.kinds {
		if !ok || h.last[changedAt{kind, w.namespace}] > seen {
			w.note(kind)
		}
	}
}

// note has the watcher told of a kind. The hub is locked.
func (w *watcher) note(kind string) {
	w.changed[kind] = struct{}{}
	select {
	case w.wake <- struct{}{}:
	default:
	}
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
	h.changes++
	h.last[changedAt{kind, namespace}], h.last[changedAt{kind: kind}] = h.changes, h.changes
	for w := range h.watchers {
		if (w.namespace == "" || w.namespace == namespace) && slices.Contains(w.kinds, kind) {
			w.note(kind)
		}
	}
}

// news are the kinds that changed since the last call, in the order of watched, and the position by which all of that is told.
func (h *hub) news(w *watcher) (kinds []string, position string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, kind := range w.kinds {
		if _, ok := w.changed[kind]; ok {
			kinds = append(kinds, kind)
		}
	}
	clear(w.changed)
	return kinds, h.here()
}

type positionKey struct{}

// tellPosition has answers say from where on changes to what they say are to be followed. Whoever has no right to anything is not told that
// anything changes.
func tellPosition(ctx huma.Context, status string, answer any) (any, error) {
	if position, ok := ctx.Context().Value(positionKey{}).(string); ok && strings.HasPrefix(status, "2") && ctx.Operation().Path != accessPath {
		ctx.SetHeader("Last-Event-ID", position)
	}
	return answer, nil
}

type watchInput struct {
	Across
	Kinds []string `query:"kinds,explode" maxItems:"7" doc:"The kinds to follow; all that you may watch when empty." enum:"SlackIntegration,JiraIntegration,NotificationRule,Defect,Notification,CronJob,Job"`
	Since string   `query:"since" maxLength:"64" doc:"The Last-Event-ID of the answer that was read before: what changed since then is told at once. Only changes to come when empty."`
	Last  string   `header:"Last-Event-ID" maxLength:"64" doc:"The last event that was received, which browsers send when they connect again; it comes before since."`
}

func (s *Server) routeWatch(api huma.API) {
	stream := huma.Operation{
		OperationID: "watch", Method: http.MethodGet, Path: watchPath, Tags: []string{"Changes"}, Summary: "Follow changes",
		Description: "Server-sent events. Each event `change` has the data {\"kind\": …}: objects of that kind changed, or were added or removed; read them again. " +
			"Much that changes at once is told once. A comment is sent every 15 s. Answers of the other calls carry the header Last-Event-ID: with it as since, " +
			"nothing is missed between reading and following.",
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
		if position := cmp.Or(i.Last, i.Since); position != "" {
			s.hub.from(w, position)
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
			kinds, position := s.hub.news(w)
			for n, kind := range kinds {
				if n == len(kinds)-1 { // who loses the stream before that has not been told all
					fmt.Fprintf(&text, "id: %s\n", position)
				}
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
	caller, err := s.o.Identity.Authenticate(r.Context(), identity.BearerToken(r))
	if err != nil || caller.GetName() != w.caller {
		return false
	}
	kinds, err := s.watchable(context.WithValue(r.Context(), callerKey{}, identity.Caller{Info: caller.Info}), w.namespace, i.Kinds)
	return err == nil && slices.Equal(kinds, w.kinds)
}
