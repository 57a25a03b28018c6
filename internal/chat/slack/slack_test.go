// SPDX-License-Identifier: Apache-2.0

package slack_test

import (
	"bytes"
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
	"github.com/voiceai-dev/integrations-operator/internal/transport"
	"github.com/voiceai-dev/integrations-operator/internal/transport/transporttest"
)

const secret = "xoxb-very-secret"

var message = chat.Message{
	DeliveryID: "d1", Channel: "#alerts", Text: "Hello", Color: "#d32f2f", Blocks: []chat.Block{{Section: "*Hello*"}},
}

type answer struct {
	status int
	header map[string]string
	body   string
}

// refusal returns an answer of the Web API with an error code, and with further members.
func refusal(code string, members ...string) answer {
	return answer{200, nil, `{"ok":false,"error":"` + code + `"` + strings.Join(members, "") + `}`}
}

// limit returns an answer with status 429 and a Retry-After header.
func limit(retryAfter, body string) answer {
	return answer{429, map[string]string{"Retry-After": retryAfter}, body}
}

// serve returns the URL of a server that gives the answer to every request.
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

// dial returns a client.
func dial(t *testing.T, c chat.Config) chat.Poster {
	t.Helper()
	p, err := slack.Dialer{Options: transport.Options{Reach: transport.Reach{AllowLoopback: true}}}.Dial(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

type want struct {
	kind  fault.Kind
	scope fault.Scope
	after time.Duration
	part  string
}

// check checks the fault in an error, and that its text has no secret.
func check(t *testing.T, err error, w want) {
	t.Helper()
	f := fault.From(err)
	if f == nil {
		t.Fatal("the call succeeded")
	}
	if f.Kind != w.kind || f.Scope != w.scope || f.RetryAfter != w.after || !strings.Contains(f.Error(), w.part) {
		got := want{f.Kind, f.Scope, f.RetryAfter, f.Error()}
		t.Errorf("got %+v, want %+v", got, w)
	}
	if strings.Contains(f.Error(), secret) || strings.Contains(f.Error(), "SECRETPATH") {
		t.Errorf("the error contains the secret: %q", f.Error())
	}
}

func TestBotFaults(t *testing.T) {
	const past = "Fri, 31 Dec 1999 23:59:59 GMT"
	for name, c := range map[string]struct {
		answer answer
		want   want
	}{
		"channel not found":   {refusal("channel_not_found"), want{fault.NotFound, fault.Endpoint, 0, "Channel #alerts does not exist"}},
		"bot not in channel":  {refusal("not_in_channel"), want{fault.NotFound, fault.Endpoint, 0, "Invite it with /invite."}},
		"archived":            {refusal("is_archived"), want{fault.NotFound, fault.Endpoint, 0, "Channel #alerts is archived (is_archived)."}},
		"wrong token":         {refusal("invalid_auth"), want{fault.Unauthorized, fault.Connection, 0, "put its new token into the Secret"}},
		"no permission":       {refusal("no_permission"), want{fault.Unauthorized, fault.Endpoint, 0, "may not post to channel #alerts"}},
		"revoked token":       {refusal("token_revoked"), want{fault.Unauthorized, fault.Connection, 0, "token_revoked"}},
		"unknown error":       {refusal("something_new"), want{fault.Invalid, fault.Item, 0, "something_new"}},
		"limited, by code":    {refusal("ratelimited"), want{fault.RateLimited, fault.Endpoint, 0, "rate-limiting"}},
		"limited, in seconds": {limit("7", ""), want{fault.RateLimited, fault.Endpoint, 7 * time.Second, "rate-limiting"}},
		"limited, no header":  {answer{429, nil, ""}, want{fault.RateLimited, fault.Endpoint, 0, "rate-limiting"}},
		"limited, by date":    {limit(past, ""), want{fault.RateLimited, fault.Endpoint, 0, "rate-limiting"}},
		"workspace is full": {refusal("message_limit_exceeded"),
			want{fault.RateLimited, fault.Connection, 10 * time.Minute, "message limit"}},
		"down, with a code":      {refusal("service_unavailable"), want{fault.Unavailable, fault.Item, 0, "cannot accept"}},
		"perhaps posted":         {refusal("internal_error"), want{fault.Ambiguous, fault.Item, 0, "may have posted"}},
		"perhaps posted before":  {refusal("duplicate_message_not_found"), want{fault.Ambiguous, fault.Item, 0, "may have posted"}},
		"perhaps elsewhere":      {refusal("duplicate_channel_not_found"), want{fault.Ambiguous, fault.Item, 0, "may have posted"}},
		"408":                    {answer{408, nil, "<html>"}, want{fault.Ambiguous, fault.Item, 0, "status 408"}},
		"409":                    {answer{409, nil, "<html>"}, want{fault.Ambiguous, fault.Item, 0, "status 409"}},
		"503":                    {answer{503, nil, "x"}, want{fault.Ambiguous, fault.Item, 0, "status 503"}},
		"HTML":                   {answer{200, nil, "<html>proxy</html>"}, want{fault.Ambiguous, fault.Item, 0, "not understood"}},
		"empty object":           {answer{200, nil, "{}"}, want{fault.Ambiguous, fault.Item, 0, "has no timestamp"}},
		"not ok, without a code": {answer{200, nil, `{"ok":false}`}, want{fault.Ambiguous, fault.Item, 0, "has no timestamp"}},
		"missing scope": {refusal("missing_scope", `,"needed":"chat:write","provided":"users:read"`),
			want{fault.Unauthorized, fault.Connection, 0, "needs chat:write, has users:read. Add it to the app"}},
		"bad blocks": {refusal("invalid_blocks", `,"response_metadata":{"messages":["must be shorter"]}`),
			want{fault.Invalid, fault.Item, 0, "must be shorter"}},
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
		"no service":    {answer{404, nil, "no_service"}, want{fault.Unauthorized, fault.Connection, 0, "put its URL into the Secret"}},
		"invalid token": {answer{403, nil, "invalid_token"}, want{fault.Unauthorized, fault.Connection, 0, "invalid_token"}},
		"archived": {answer{410, nil, "channel_is_archived"},
			want{fault.NotFound, fault.Endpoint, 0, "Channel of the webhook is archived"}},
		"bad payload":      {answer{400, nil, "invalid_payload"}, want{fault.Invalid, fault.Item, 0, "invalid_payload"}},
		"404 without word": {answer{404, nil, ""}, want{fault.Unauthorized, fault.Connection, 0, "status 404"}},
		"418 without word": {answer{418, nil, ""}, want{fault.Invalid, fault.Item, 0, "status 418"}},
		"limited":          {limit("30", "rate_limited"), want{fault.RateLimited, fault.Endpoint, 30 * time.Second, "rate-limiting"}},
		"limited for long": {answer{429, nil, "message_limit_exceeded"},
			want{fault.RateLimited, fault.Connection, 10 * time.Minute, "message limit"}},
		"down":            {answer{502, nil, "<html>"}, want{fault.Ambiguous, fault.Item, 0, "status 502"}},
		"a proxy gave up": {answer{408, nil, "<html>"}, want{fault.Ambiguous, fault.Item, 0, "status 408"}},
		"request timeout": {answer{408, nil, ""}, want{fault.Ambiguous, fault.Item, 0, "status 408"}},
		"HTML": {answer{200, nil, "<html>sign in</html>"},
			want{fault.Ambiguous, fault.Item, 0, "This is not an incoming webhook: the URL answered with status 200"}},
		"a number":     {answer{200, nil, "1"}, want{fault.Ambiguous, fault.Item, 0, "not an incoming webhook"}},
		"empty object": {answer{201, nil, "{}"}, want{fault.Ambiguous, fault.Item, 0, "not an incoming webhook"}},
		"other object": {answer{200, nil, `{"id":"7"}`}, want{fault.Ambiguous, fault.Item, 0, "not an incoming webhook"}},
		"cut off JSON": {answer{200, nil, `{"ok":true`}, want{fault.Ambiguous, fault.Item, 0, "not an incoming webhook"}},
		"JSON, known code": {refusal("no_service"),
			want{fault.Unauthorized, fault.Connection, 0, "put its URL into the Secret"}},
		"JSON, unknown code": {refusal("something_new"), want{fault.Invalid, fault.Item, 0, "refused the message (something_new)"}},
		"JSON, not ok":       {answer{200, nil, `{"ok":false}`}, want{fault.Invalid, fault.Item, 0, "refused the message"}},
		"JSON, no success":   {answer{202, nil, `{"success":false}`}, want{fault.Invalid, fault.Item, 0, "refused the message"}},
		"workflow trigger": {answer{400, nil, `{"ok":false,"error":"invalid_webhook_input","response_metadata":{"messages":["unexpected input: blocks"]}}`},
			want{fault.Invalid, fault.Item, 0, "(invalid_webhook_input): unexpected input: blocks"}},
		"JSON, down": {answer{503, nil, `{"ok":false}`}, want{fault.Ambiguous, fault.Item, 0, "status 503"}},
		"redirect":   {answer{304, nil, ""}, want{fault.Invalid, fault.Item, 0, "status 304"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := dial(t, chat.Config{WebhookURL: serve(t, c.answer) + "/services/SECRETPATH"})
			_, err := p.Post(t.Context(), message)
			check(t, err, c.want)
		})
	}
}

// TestWebhookAccepts checks the answers of Slack, of its workflow triggers and of compatible servers to an accepted
// message.
func TestWebhookAccepts(t *testing.T) {
	for _, a := range []answer{
		{200, nil, "ok"}, {200, nil, " OK\n"}, {200, nil, `"ok"`}, {202, nil, "Accepted"},
		{200, nil, ""}, {201, nil, ""}, {204, nil, ""},
		{200, nil, `{"ok":true}`}, {201, nil, `{"ok": true, "warning": "x"}`}, {200, nil, `{"success":true}`}, {200, nil, `{"status":"success"}`},
		{200, nil, `{"ok":true,"text":"` + strings.Repeat("x", 4000) + `"}`},
	} {
		p := dial(t, chat.Config{WebhookURL: serve(t, a) + "/services/SECRETPATH"})
		if _, err := p.Post(t.Context(), message); err != nil {
			t.Errorf("%d %.40q: %v", a.status, a.body, err)
		}
	}
}

// TestStrangeWebhook checks that a URL which neither accepts nor refuses messages is taken for one that is not an
// incoming webhook after three answers in a row, and that each message may be posted three times at most.
func TestStrangeWebhook(t *testing.T) {
	const strange = "<html>"
	steps := []struct{ body, kind string }{
		{strange, "Ambiguous"}, {strange, "Ambiguous"}, {"ok", ""},
		{strange, "Ambiguous"}, {"no_text", "Invalid"},
		{strange, "Ambiguous"}, {strange, "Ambiguous"}, {strange, "Unauthorized"}, {strange, "Unauthorized"}, {"ok", ""},
		{strange, "Ambiguous"},
	}
	body := ""
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))
	t.Cleanup(s.Close)
	p := dial(t, chat.Config{WebhookURL: s.URL})
	for i, step := range steps {
		body = step.body
		_, err := p.Post(t.Context(), message)
		f := fault.From(err)
		if f == nil {
			f = &fault.Fault{}
		}
		if got := f.Kind.String(); err != nil && got != step.kind || (err == nil) != (step.kind == "") {
			t.Errorf("answer %d, %s: %v, %v, want %q", i, body, got, err, step.kind)
		}
		if body == strange && (f.MaxAttempts != 3 || !strings.Contains(f.Error(), "not an incoming webhook")) ||
			body != strange && f.MaxAttempts != 0 {
			t.Errorf("answer %d, %s: at most %d attempts, %v", i, body, f.MaxAttempts, err)
		}
	}
}

// TestRepeatableFaults checks that calls that change nothing, or the same each time, are never Ambiguous.
func TestRepeatableFaults(t *testing.T) {
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
		"probe, empty object":   {probe, answer{200, nil, "{}"}, want{fault.Unavailable, fault.Item, 0, "Check apiURL."}},
		"probe, internal error": {probe, refusal("internal_error"), want{fault.Unavailable, fault.Item, 0, "internal_error"}},
		"probe, down":           {probe, answer{503, nil, ""}, want{fault.Unavailable, fault.Item, 0, "status 503"}},
		"probe, HTML":           {probe, answer{200, nil, "<html>"}, want{fault.Unavailable, fault.Item, 0, "not understood"}},
		"update, empty object":  {update, answer{200, nil, "{}"}, want{fault.Unavailable, fault.Item, 0, "has no timestamp"}},
		"update, gone":          {update, refusal("message_not_found"), want{fault.NotFound, fault.Item, 0, "no longer exists"}},
		"find, empty object":    {find, answer{200, nil, "{}"}, want{fault.Unavailable, fault.Item, 0, "has no ok"}},
		"thread, empty object":  {thread, answer{200, nil, "{}"}, want{fault.Unavailable, fault.Item, 0, "has no messages"}},
		"thread, cut off": {thread, answer{200, nil, `{"ok":true,"has_more":true,"messages":[{"ts":"1.1"}]}`},
			want{fault.Unavailable, fault.Item, 0, "no next cursor"}},
		"find, endless": {find, answer{200, nil, `{"ok":true,"has_more":true,"response_metadata":{"next_cursor":"x"}}`},
			want{fault.Unavailable, fault.Item, 0, "more than 10000 messages"}},
		"find, too long": {find, answer{200, nil, `{"ok":true,"messages":[{"text":"` + strings.Repeat("x", 9<<20) + `"}]}`},
			want{fault.Unavailable, fault.Item, 0, "longer than 4096 KiB"}},
	} {
		t.Run(name, func(t *testing.T) {
			check(t, c.call(dial(t, chat.Config{Token: secret, APIURL: serve(t, c.answer)})), c.want)
		})
	}
}

// TestUnsupported checks the refusals after which a retry is pointless though the token is valid.
func TestUnsupported(t *testing.T) {
	find := func(p chat.Poster) error {
		_, err := p.Find(t.Context(), "C1", "", time.Unix(1, 0))
		return err
	}
	thread := func(p chat.Poster) error {
		_, err := p.Find(t.Context(), "C1", "1.1", time.Unix(1, 0))
		return err
	}
	update := func(p chat.Poster) error {
		_, err := p.Update(t.Context(), chat.Posted{Channel: "C1", TS: "1.1"}, message)
		return err
	}
	for name, c := range map[string]struct {
		call   func(chat.Poster) error
		answer answer
	}{
		"find, no scope":           {find, refusal("missing_scope")},
		"find, not in the channel": {find, refusal("not_in_channel")},
		"find, no channel":         {find, refusal("channel_not_found")},
		"find, unknown reason":     {find, refusal("something_new")},
		"find, no method":          {find, refusal("unknown_method")},
		"find, no path":            {find, answer{404, nil, "404 page not found"}},
		"thread, not allowed":      {thread, answer{405, nil, ""}},
		"thread, no channel":       {thread, refusal("thread_not_found")},
		"update, no method":        {update, refusal("unknown_method")},
		"update, no path":          {update, answer{404, nil, "404 page not found"}},
		"update, not allowed":      {update, answer{405, nil, ""}},
	} {
		if err := c.call(dial(t, chat.Config{Token: secret, APIURL: serve(t, c.answer)})); !errors.Is(err, chat.ErrUnsupported) {
			t.Errorf("%s: %v, want ErrUnsupported", name, err)
		}
	}
	if err := find(dial(t, chat.Config{Token: secret, APIURL: serve(t, refusal("invalid_auth"))})); !fault.Is(err, fault.Unauthorized) {
		t.Errorf("find, rejected token: %v", err)
	}
}

// TestFindInAThread checks that a reply is found however much later than its parent it was posted, and that the
// channel is read when the parent is gone.
func TestFindInAThread(t *testing.T) {
	oldest := ""
	api := sandbox.New(sandbox.Options{}).API()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/conversations.replies") {
			raw, _ := io.ReadAll(r.Body)
			form, _ := url.ParseQuery(string(raw))
			oldest = form.Get("oldest")
			r.Body = io.NopCloser(bytes.NewReader(raw))
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
		t.Errorf("in a thread that is gone: found %v, want the channel's message at %v", found, parent)
	}
	if oldest != "" {
		t.Errorf("replies were read from %s on, but the thread may have begun earlier", oldest)
	}
}

func TestWithoutAnswer(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	hang := make(chan struct{})
	var expire atomic.Pointer[func()] // the deadline of the call passes once it was sent to the silent server
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		(*expire.Load())()
		<-hang
	}))
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
		configs := map[string]chat.Config{"bot": {Token: secret, APIURL: c.url}, "webhook": {WebhookURL: c.url + "/SECRETPATH"}}
		for way, config := range configs {
			t.Run(name+" by "+way, func(t *testing.T) {
				ctx, late := transporttest.Expire(t.Context())
				expire.Store(&late)
				_, err := dial(t, config).Post(ctx, message)
				check(t, err, c.want)
			})
		}
	}
	if elsewhere.Load() != 0 {
		t.Error("the request went to the other host")
	}
}

func TestWebhookIsPostOnly(t *testing.T) {
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

// TestFindByName checks that a channel's ID is looked up once, and that a kind of channel that the token may not list
// is skipped.
func TestFindByName(t *testing.T) {
	var lists atomic.Int32
	serveChannels := func(t *testing.T, private string) (chat.Poster, *string) {
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
			_, _ = w.Write([]byte(`{"ok":true,"messages":[{"ts":"1.1","metadata":` +
				`{"event_type":"voiceai_notification","event_payload":{"delivery_id":"d1"}}}]}`))
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
			p, read := serveChannels(t, c.private)
			found, err := p.Find(t.Context(), c.channel, "", time.Unix(1, 0))
			if err != nil || *read != c.want || found["d1"].Channel != c.want {
				t.Errorf("read %s and found %v, %v; want %s", *read, found, err, c.want)
			}
			before := lists.Load()
			if _, err := p.Find(t.Context(), c.channel, "", time.Unix(1, 0)); err != nil || lists.Load() != before {
				t.Errorf("the second time: %d lists, %v; want none", lists.Load()-before, err)
			}
		})
	}
	p, read := serveChannels(t, `{"ok":false,"error":"missing_scope"}`)
	if _, err := p.Find(t.Context(), "#secret", "", time.Unix(1, 0)); !errors.Is(err, chat.ErrUnsupported) || *read != "" {
		t.Errorf("a channel that the token may not see: read %q, %v", *read, err)
	}
	down := dial(t, chat.Config{Token: secret, APIURL: serve(t, answer{503, nil, ""})})
	if _, err := down.Find(t.Context(), "#alerts", "", time.Unix(1, 0)); !fault.Is(err, fault.Unavailable) {
		t.Errorf("when Slack is down: %v", err)
	}
}

// TestProbeWithPartialIdentity checks that one member of the identity is enough: some services compatible with Slack
// have no teams.
func TestProbeWithPartialIdentity(t *testing.T) {
	for _, member := range []string{"team_id", "team", "user_id", "bot_id"} {
		p := dial(t, chat.Config{Token: secret, APIURL: serve(t, answer{200, nil, `{"ok":true,"` + member + `":"X1"}`})})
		if w, err := p.Probe(t.Context()); err != nil || !w.Verified {
			t.Errorf("only %s: %+v, %v", member, w, err)
		}
	}
}

// TestCanFind checks that CanFind is true unless the token's scopes are known and do not allow Find.
func TestCanFind(t *testing.T) {
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
