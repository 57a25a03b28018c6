package slack_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/chat/slack"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	sandbox "github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
)

const secret = "xoxb-very-secret"

var message = chat.Message{DeliveryID: "d1", Channel: "#alerts", Text: "Hello", Color: "#d32f2f", Blocks: []chat.Block{{Section: "*Hello*"}}}

type answer struct {
	status int
	header map[string]string
	body   string
}

func serve(t *testing.T, a answer) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for k, v := range a.header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(a.status)
		_, _ = w.Write([]byte(a.body))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func dial(t *testing.T, c chat.Config) chat.Poster {
	t.Helper()
	p, err := slack.Dialer{}.Dial(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

type want struct {
	kind  fault.Kind
	scope fault.Scope
	after time.Duration
	says  string
}

func check(t *testing.T, err error, w want) {
	t.Helper()
	f := fault.From(err)
	if f == nil {
		t.Fatal("it succeeded")
	}
	if f.Kind != w.kind || f.Scope != w.scope || f.RetryAfter != w.after || !strings.Contains(f.Error(), w.says) {
		t.Errorf("%v, scope %d, after %s: %q; want %v, scope %d, after %s, with %q", f.Kind, f.Scope, f.RetryAfter, f.Error(), w.kind, w.scope, w.after, w.says)
	}
	if strings.Contains(f.Error(), secret) || strings.Contains(f.Error(), "SECRETPATH") {
		t.Errorf("the error holds the secret: %q", f.Error())
	}
}

func TestBotFaults(t *testing.T) {
	api := func(code string) answer { return answer{200, nil, `{"ok":false,"error":"` + code + `"}`} }
	for name, c := range map[string]struct {
		answer answer
		want   want
	}{
		"channel not found":      {api("channel_not_found"), want{fault.NotFound, fault.Endpoint, 0, "channel #alerts does not exist"}},
		"bot not in channel":     {api("not_in_channel"), want{fault.NotFound, fault.Endpoint, 0, "invite it there"}},
		"archived":               {api("is_archived"), want{fault.NotFound, fault.Endpoint, 0, "archived"}},
		"wrong token":            {api("invalid_auth"), want{fault.Unauthorized, fault.Connection, 0, "put its new token into the Secret"}},
		"revoked token":          {api("token_revoked"), want{fault.Unauthorized, fault.Connection, 0, "token_revoked"}},
		"missing scope":          {answer{200, nil, `{"ok":false,"error":"missing_scope","needed":"chat:write","provided":"users:read"}`}, want{fault.Unauthorized, fault.Connection, 0, "it needs chat:write and has users:read"}},
		"bad blocks":             {answer{200, nil, `{"ok":false,"error":"invalid_blocks","response_metadata":{"messages":["must be shorter"]}}`}, want{fault.Invalid, fault.Item, 0, "must be shorter"}},
		"an error of the future": {api("something_new"), want{fault.Invalid, fault.Item, 0, "something_new"}},
		"limited, by word":       {api("ratelimited"), want{fault.RateLimited, fault.Endpoint, 0, "asks to wait"}},
		"limited, in seconds":    {answer{429, map[string]string{"Retry-After": "7"}, ""}, want{fault.RateLimited, fault.Endpoint, 7 * time.Second, "asks to wait"}},
		"limited, no header":     {answer{429, nil, ""}, want{fault.RateLimited, fault.Endpoint, 0, "asks to wait"}},
		"limited, by date":       {answer{429, map[string]string{"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}, ""}, want{fault.RateLimited, fault.Endpoint, 0, "asks to wait"}},
		"workspace is full":      {api("message_limit_exceeded"), want{fault.RateLimited, fault.Connection, 10 * time.Minute, "limit of messages"}},
		"down, and it says so":   {api("service_unavailable"), want{fault.Unavailable, fault.Item, 0, "cannot take"}},
		"perhaps posted":         {api("internal_error"), want{fault.Ambiguous, fault.Item, 0, "may have posted"}},
		"perhaps posted before":  {api("duplicate_message_not_found"), want{fault.Ambiguous, fault.Item, 0, "may have posted"}},
		"perhaps elsewhere":      {api("duplicate_channel_not_found"), want{fault.Ambiguous, fault.Item, 0, "may have posted"}},
		"503":                    {answer{503, nil, "x"}, want{fault.Ambiguous, fault.Item, 0, "status 503"}},
		"a page":                 {answer{200, nil, "<html>proxy</html>"}, want{fault.Ambiguous, fault.Item, 0, "not understood"}},
		"nothing":                {answer{200, nil, "{}"}, want{fault.Ambiguous, fault.Item, 0, "without saying where"}},
		"not ok, no reason":      {answer{200, nil, `{"ok":false}`}, want{fault.Ambiguous, fault.Item, 0, "without saying where"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := dial(t, chat.Config{Token: secret, APIURL: serve(t, c.answer)})
			_, err := p.Post(t.Context(), message)
			check(t, err, c.want)
		})
	}
}

func TestWebhookFaults(t *testing.T) {
	for name, c := range map[string]struct {
		answer answer
		want   want
	}{
		"no service":       {answer{404, nil, "no_service"}, want{fault.Unauthorized, fault.Connection, 0, "put its URL into the Secret"}},
		"invalid token":    {answer{403, nil, "invalid_token"}, want{fault.Unauthorized, fault.Connection, 0, "invalid_token"}},
		"archived":         {answer{410, nil, "channel_is_archived"}, want{fault.NotFound, fault.Endpoint, 0, "archived"}},
		"bad payload":      {answer{400, nil, "invalid_payload"}, want{fault.Invalid, fault.Item, 0, "invalid_payload"}},
		"404 without word": {answer{404, nil, ""}, want{fault.Unauthorized, fault.Connection, 0, "status 404"}},
		"limited":          {answer{429, map[string]string{"Retry-After": "30"}, "rate_limited"}, want{fault.RateLimited, fault.Endpoint, 30 * time.Second, "asks to wait"}},
		"limited for long": {answer{429, nil, "message_limit_exceeded"}, want{fault.RateLimited, fault.Connection, 10 * time.Minute, "limit of messages"}},
		"down":             {answer{502, nil, "<html>"}, want{fault.Ambiguous, fault.Item, 0, "status 502"}},
		"timed out there":  {answer{408, nil, ""}, want{fault.Ambiguous, fault.Item, 0, "status 408"}},
		"a page":           {answer{200, nil, "<html>sign in</html>"}, want{fault.Ambiguous, fault.Item, 0, "did not answer the webhook with ok"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := dial(t, chat.Config{WebhookURL: serve(t, c.answer) + "/services/SECRETPATH"})
			_, err := p.Post(t.Context(), message)
			check(t, err, c.want)
		})
	}
}

// Calls that change nothing, or the same each time, leave nothing in doubt.
func TestHarmlessFaults(t *testing.T) {
	probe := func(p chat.Poster) error { _, err := p.Probe(t.Context()); return err }
	update := func(p chat.Poster) error {
		_, err := p.Update(t.Context(), chat.Posted{Channel: "C1", TS: "1.1"}, message)
		return err
	}
	find := func(p chat.Poster) error {
		_, err := p.Find(t.Context(), "C1", "", time.Unix(1, 0))
		return err
	}
	thread := func(p chat.Poster) error {
		_, err := p.Find(t.Context(), "C1", "1.1", time.Unix(1, 0))
		return err
	}
	for name, c := range map[string]struct {
		call   func(chat.Poster) error
		answer answer
		want   want
	}{
		"probe, nothing":          {probe, answer{200, nil, "{}"}, want{fault.Unavailable, fault.Item, 0, "is apiURL right?"}},
		"probe, internal error":   {probe, answer{200, nil, `{"ok":false,"error":"internal_error"}`}, want{fault.Unavailable, fault.Item, 0, "internal_error"}},
		"probe, down":             {probe, answer{503, nil, ""}, want{fault.Unavailable, fault.Item, 0, "status 503"}},
		"probe, a page":           {probe, answer{200, nil, "<html>"}, want{fault.Unavailable, fault.Item, 0, "not understood"}},
		"update, nothing":         {update, answer{200, nil, "{}"}, want{fault.Unavailable, fault.Item, 0, "without saying where"}},
		"update, gone":            {update, answer{200, nil, `{"ok":false,"error":"message_not_found"}`}, want{fault.NotFound, fault.Item, 0, "not there any more"}},
		"find, nothing":           {find, answer{200, nil, "{}"}, want{fault.Unavailable, fault.Item, 0, "without saying that it worked"}},
		"thread, nothing":         {thread, answer{200, nil, "{}"}, want{fault.Unavailable, fault.Item, 0, "without saying that it worked"}},
		"thread, cut off":         {thread, answer{200, nil, `{"ok":true,"has_more":true,"messages":[{"ts":"1.1"}]}`}, want{fault.Unavailable, fault.Item, 0, "where it goes on"}},
		"find, endless":           {find, answer{200, nil, `{"ok":true,"has_more":true,"response_metadata":{"next_cursor":"x"}}`}, want{fault.Unavailable, fault.Item, 0, "more than 10000 messages"}},
		"find, longer than it is": {find, answer{200, nil, `{"ok":true,"messages":[{"text":"` + strings.Repeat("x", 9<<20) + `"}]}`}, want{fault.Unavailable, fault.Item, 0, "longer than 8 MiB"}},
	} {
		t.Run(name, func(t *testing.T) {
			check(t, c.call(dial(t, chat.Config{Token: secret, APIURL: serve(t, c.answer)})), c.want)
		})
	}
	refused := func(code string) answer { return answer{200, nil, `{"ok":false,"error":"` + code + `"}`} }
	for name, c := range map[string]struct {
		call   func(chat.Poster) error
		answer answer
	}{
		"find, no scope":             {find, refused("missing_scope")},
		"find, not in the channel":   {find, refused("not_in_channel")},
		"find, no channel":           {find, refused("channel_not_found")},
		"find, for a reason unknown": {find, refused("something_new")},
		"find, no method":            {find, refused("unknown_method")},
		"find, no path":              {find, answer{404, nil, "404 page not found"}},
		"thread, not allowed":        {thread, answer{405, nil, ""}},
		"thread, nor the channel":    {thread, refused("thread_not_found")},
		"update, no method":          {update, refused("unknown_method")},
		"update, no path":            {update, answer{404, nil, "404 page not found"}},
		"update, not allowed":        {update, answer{405, nil, ""}},
	} {
		if err := c.call(dial(t, chat.Config{Token: secret, APIURL: serve(t, c.answer)})); !errors.Is(err, chat.ErrUnsupported) {
			t.Errorf("%s: %v, want that it is not supported", name, err)
		}
	}
	if err := find(dial(t, chat.Config{Token: secret, APIURL: serve(t, refused("invalid_auth"))})); !fault.Is(err, fault.Unauthorized) {
		t.Errorf("a token that is not taken: %v", err)
	}
}

// A reply is found however much younger than its thread it is, and in the channel when there is no such thread.
func TestFindInAThread(t *testing.T) {
	oldest := ""
	api := sandbox.New(sandbox.Options{}).API()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/conversations.replies") {
			raw, _ := io.ReadAll(r.Body)
			form, _ := url.ParseQuery(string(raw))
			oldest, r.Body = form.Get("oldest"), io.NopCloser(bytes.NewReader(raw))
		}
		api.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	p := dial(t, chat.Config{Token: sandbox.BotToken, APIURL: s.URL + "/api"})
	post := func(id, thread string) chat.Posted {
		t.Helper()
		posted, err := p.Post(t.Context(), chat.Message{DeliveryID: id, Channel: sandbox.AlertsChannel, ThreadTS: thread, Text: id})
		if err != nil {
			t.Fatal(err)
		}
		return posted
	}
	parent := post("parent", "")
	reply := post("reply", parent.TS)
	find := func(thread string) map[string]chat.Posted {
		t.Helper()
		found, err := p.Find(t.Context(), sandbox.AlertsChannel, thread, time.Now().Add(-time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if found := find(parent.TS); found["reply"] != reply {
		t.Errorf("in the thread: found %v, want the reply at %v", found, reply)
	}
	if found := find("1.1"); found["parent"] != parent {
		t.Errorf("in a thread that is gone: found %v, want what is in the channel, at %v", found, parent)
	}
	if oldest != "" {
		t.Errorf("replies were asked for from %s on, before which the thread may have begun", oldest)
	}
}

func TestWithoutAnAnswer(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	hang := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	t.Cleanup(func() { close(hang); silent.Close() })
	dropping := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	t.Cleanup(dropping.Close)
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	t.Cleanup(other.Close)
	redirecting := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	t.Cleanup(redirecting.Close)

	for name, c := range map[string]struct {
		url  string
		want want
	}{
		"refused":              {gone.URL, want{fault.Unavailable, fault.Item, 0, "could not be reached"}},
		"silent":               {silent.URL, want{fault.Ambiguous, fault.Item, 0, "did not answer: no answer in time"}},
		"dropped":              {dropping.URL, want{fault.Ambiguous, fault.Item, 0, "did not answer"}},
		"sent to another host": {redirecting.URL, want{fault.Ambiguous, fault.Item, 0, "redirected to another host"}},
	} {
		for way, config := range map[string]chat.Config{"bot": {Token: secret, APIURL: c.url}, "webhook": {WebhookURL: c.url + "/SECRETPATH"}} {
			t.Run(name+" by "+way, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				_, err := dial(t, config).Post(ctx, message)
				check(t, err, c.want)
			})
		}
	}
	if elsewhere.Load() != 0 {
		t.Error("the request went to the other host")
	}
}

func TestWebhookHasNoPlaces(t *testing.T) {
	p := dial(t, chat.Config{WebhookURL: "https://hooks.example.com/x"})
	if w, err := p.Probe(t.Context()); err != nil || w.Verified || w.CanFind {
		t.Errorf("%+v, %v", w, err)
	}
	if _, err := p.Update(t.Context(), chat.Posted{}, message); !errors.Is(err, chat.ErrUnsupported) {
		t.Error(err)
	}
	if _, err := p.Find(t.Context(), "C1", "", time.Time{}); !errors.Is(err, chat.ErrUnsupported) {
		t.Error(err)
	}
	if _, err := (slack.Dialer{}).Dial(chat.Config{WebhookURL: "nonsense"}); !fault.Is(err, fault.Unauthorized) {
		t.Error(err)
	}
}

// A channel's history is asked by its ID, which its name is looked up for once. What the token may not list is left out.
func TestFindByName(t *testing.T) {
	var lists atomic.Int32
	asked := func(t *testing.T, private string) (chat.Poster, *string) {
		read := ""
		mux := http.NewServeMux()
		mux.HandleFunc("/conversations.list", func(w http.ResponseWriter, r *http.Request) {
			lists.Add(1)
			w.Header().Set("Content-Type", "application/json")
			switch r.FormValue("types") + r.FormValue("cursor") {
			case "public_channel":
				_, _ = w.Write([]byte(`{"ok":true,"channels":[{"id":"C1","name":"general"}],"response_metadata":{"next_cursor":"two"}}`))
			case "public_channeltwo":
				_, _ = w.Write([]byte(`{"ok":true,"channels":[{"id":"C2","name":"alerts"}]}`))
			default:
				_, _ = w.Write([]byte(private))
			}
		})
		mux.HandleFunc("/conversations.history", func(w http.ResponseWriter, r *http.Request) {
			read = r.FormValue("channel")
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"ok":true,"messages":[{"ts":"1.1","metadata":{"event_type":"voiceai_notification","event_payload":{"delivery_id":"d1"}}}]}`))
		})
		s := httptest.NewServer(mux)
		t.Cleanup(s.Close)
		return dial(t, chat.Config{Token: secret, APIURL: s.URL}), &read
	}
	for name, c := range map[string]struct{ channel, private, want string }{
		"on the second page": {"#alerts", `{"ok":true,"channels":[]}`, "C2"},
		"private":            {"#secret", `{"ok":true,"channels":[{"id":"G1","name":"secret"}]}`, "G1"},
		"by ID":              {"C9", `{"ok":false,"error":"missing_scope"}`, "C9"},
	} {
		t.Run(name, func(t *testing.T) {
			p, read := asked(t, c.private)
			found, err := p.Find(t.Context(), c.channel, "", time.Unix(1, 0))
			if err != nil || *read != c.want || found["d1"].Channel != c.want {
				t.Errorf("asked %s and found %v, %v; want %s", *read, found, err, c.want)
			}
			before := lists.Load()
			if _, err := p.Find(t.Context(), c.channel, "", time.Unix(1, 0)); err != nil || lists.Load() != before {
				t.Errorf("the second time: %d lists, %v; want none", lists.Load()-before, err)
			}
		})
	}
	p, read := asked(t, `{"ok":false,"error":"missing_scope"}`)
	if _, err := p.Find(t.Context(), "#secret", "", time.Unix(1, 0)); !errors.Is(err, chat.ErrUnsupported) || *read != "" {
		t.Errorf("a channel that may not be seen: asked %q, %v", *read, err)
	}
	down := dial(t, chat.Config{Token: secret, APIURL: serve(t, answer{503, nil, ""})})
	if _, err := down.Find(t.Context(), "#alerts", "", time.Unix(1, 0)); !fault.Is(err, fault.Unavailable) {
		t.Errorf("when Slack is down: %v", err)
	}
}

// Whoever the token is, it is somebody: not every service that speaks like Slack has teams.
func TestAnyIdentityWillDo(t *testing.T) {
	for _, member := range []string{"team_id", "team", "user_id", "bot_id"} {
		p := dial(t, chat.Config{Token: secret, APIURL: serve(t, answer{200, nil, `{"ok":true,"` + member + `":"X1"}`})})
		if w, err := p.Probe(t.Context()); err != nil || !w.Verified {
			t.Errorf("with %s alone: %+v, %v", member, w, err)
		}
	}
}

// What is not said of a token's scopes is found out by trying.
func TestScopesThatAreNotSaid(t *testing.T) {
	const body = `{"ok":true,"team":"T","team_id":"T1","user_id":"U1"}`
	for scopes, want := range map[string]bool{"": true, "chat:write": false, "chat:write,channels:history": true, "groups:history": true} {
		header := map[string]string{}
		if scopes != "" {
			header["X-OAuth-Scopes"] = scopes
		}
		w, err := dial(t, chat.Config{Token: secret, APIURL: serve(t, answer{200, header, body})}).Probe(t.Context())
		if err != nil || w.CanFind != want {
			t.Errorf("scopes %q: CanFind %v, %v; want %v", scopes, w.CanFind, err, want)
		}
	}
}
