package slack_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/chat/slack"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
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
	p, err := slack.New(c)
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
		"a page":           {answer{200, nil, "<html>sign in</html>"}, want{fault.Ambiguous, fault.Item, 0, "did not answer the webhook with ok"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := dial(t, chat.Config{WebhookURL: serve(t, c.answer) + "/services/SECRETPATH"})
			_, err := p.Post(t.Context(), message)
			check(t, err, c.want)
		})
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
	if _, _, err := p.Find(t.Context(), "C1", "d1", time.Time{}); !errors.Is(err, chat.ErrUnsupported) {
		t.Error(err)
	}
	if _, err := slack.New(chat.Config{WebhookURL: "nonsense"}); !fault.Is(err, fault.Unauthorized) {
		t.Error(err)
	}
}
