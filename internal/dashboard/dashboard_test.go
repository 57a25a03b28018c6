package dashboard

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// api is an API with an answer for each method and path. It knows one token.
type api struct {
	t       *testing.T
	answers map[string]any
	calls   []string
	bodies  map[string]string
	// position is where the stream of changes is, etag that of whatever is read.
	position, etag string
}

const goodToken = "good.token"

// status is an answer that is not 200.
type status struct {
	code int
	body any
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Cookie") != "" {
		a.t.Error("the API was sent a cookie")
	}
	w.Header().Set("Content-Type", "application/json")
	if r.Header.Get("Authorization") != "Bearer "+goodToken {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	call := r.Method + " " + r.URL.RequestURI()
	a.calls = append(a.calls, call)
	var body strings.Builder
	if r.Body != nil {
		buffer := make([]byte, 1<<16)
		n, _ := r.Body.Read(buffer)
		body.Write(buffer[:n])
	}
	a.bodies[r.Method+" "+r.URL.Path] = body.String()
	answer, ok := a.answers[r.Method+" "+r.URL.Path]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		_ = json.NewEncoder(w).Encode(Problem{Detail: "there is nothing here"})
		return
	}
	if s, ok := answer.(status); ok {
		w.WriteHeader(s.code)
		answer = s.body
	}
	w.Header().Set("Last-Event-ID", a.position)
	w.Header().Set("ETag", a.etag)
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		a.t.Error(err)
	}
}

// everything is what somebody may do who may do everything.
func everything() map[string]any {
	out := map[string]any{}
	for _, r := range []string{"slackintegrations", "jiraintegrations", "notificationrules", "defects", "notifications", "jobs", "cronjobs", "secrets"} {
		out[r] = []string{"get", "list", "watch", "create", "update", "delete"}
	}
	return out
}

// now is the time in these tests.
var now = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

type tester struct {
	*testing.T
	api     *api
	handler http.Handler
}

func newTester(t *testing.T, answers map[string]any) *tester {
	t.Helper()
	a := &api{t: t, answers: map[string]any{"GET /api/v1/access": map[string]any{"caller": "somebody", "namespace": "qa", "rights": everything()}}, bodies: map[string]string{}}
	for call, answer := range answers {
		a.answers[call] = answer
	}
	return &tester{T: t, api: a, handler: New(Options{API: a, Now: func() time.Time { return now }})}
}

// send sends a request, with headers by name and value.
func (t *tester) send(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	t.handler.ServeHTTP(w, r)
	return w
}

// open opens a page as somebody who is signed in, and wants a status.
func (t *tester) open(target string, want int) string {
	t.Helper()
	w := t.send("GET", target, "", "Cookie", "voiceai="+goodToken)
	if w.Code != want {
		t.Fatalf("GET %s: got %d, want %d: %s", target, w.Code, want, w.Body)
	}
	return w.Body.String()
}

// post sends a form as somebody who is signed in.
func (t *tester) post(target string, values url.Values) *httptest.ResponseRecorder {
	t.Helper()
	return t.send("POST", target, values.Encode(), "Cookie", "voiceai="+goodToken, "Sec-Fetch-Site", "same-origin")
}

// has fails where a page lacks a text, and hasNot where it has it.
func (t *tester) has(page string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			t.Errorf("the page has no %q:\n%s", text, page)
		}
	}
}

func (t *tester) hasNot(page string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(page, text) {
			t.Errorf("the page has %q in it:\n%s", text, page)
		}
	}
}

func TestPagesNeedASession(t *testing.T) {
	d := newTester(t, map[string]any{"GET /api/v1/rules": map[string]any{"items": []any{}}})
	w := d.send("GET", "/rules?namespace=qa", "")
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/signin?to=%2Frules%3Fnamespace%3Dqa" {
		t.Errorf("got %d to %q, want a way to the sign-in and back", w.Code, w.Header().Get("Location"))
	}
	page := d.open("/rules?namespace=qa", http.StatusOK)
	d.has(page, `<h1>Rules</h1>`, `aria-current="page"`, `href="/defects?namespace=qa"`, "Sign out")
}

// TestWhereOneBegins: a ServiceAccount that sees nothing in the default namespace begins in its own.
func TestWhereOneBegins(t *testing.T) {
	rules := map[string]any{"items": []any{}}
	for caller, want := range map[string]string{
		"system:serviceaccount:own:me": "GET /api/v1/access?namespace=own",
		"ann@example.com":              "GET /api/v1/rules?limit=50&namespace=qa",
	} {
		d := newTester(t, map[string]any{
			"GET /api/v1/rules": rules, "GET /api/v1/access": map[string]any{"caller": caller, "namespace": "qa", "rights": map[string]any{}},
		})
		d.open("/rules", http.StatusOK)
		if len(d.api.calls) < 2 || d.api.calls[1] != want {
			t.Errorf("%s: asked %v, want %s second", caller, d.api.calls, want)
		}
	}
}

func TestNoSuchPage(t *testing.T) {
	d := newTester(t, nil)
	d.has(d.open("/nothing/here", http.StatusNotFound), "There is no page at this address.", `aria-label="Main"`)
	if w := d.send("GET", "/nothing/here", ""); w.Code != http.StatusNotFound || strings.Contains(w.Body.String(), `aria-label="Main"`) {
		t.Errorf("signed out: got %d: %s", w.Code, w.Body)
	}
}

func TestNoSuchMethod(t *testing.T) {
	d := newTester(t, nil)
	for asked, allow := range map[string]string{"POST /defects": "GET, HEAD", "PUT /signin": "GET, HEAD, POST", "GET /signout": "POST", "DELETE /rules/qa/r": "GET, HEAD"} {
		method, path, _ := strings.Cut(asked, " ")
		w := d.send(method, path, "")
		if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != allow {
			t.Errorf("%s: got %d, Allow %q, want 405, %q", asked, w.Code, w.Header().Get("Allow"), allow)
		}
		d.has(w.Body.String(), "This address does not take "+method)
	}
}

func TestSentence(t *testing.T) {
	for text, want := range map[string]string{
		"nothing is there": "Nothing is there.", "system:serviceaccount:a:b may not": "system:serviceaccount:a:b may not.", "Done!": "Done!", "a b": "A b.", "": "",
	} {
		if got := sentence(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
