// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/dashboard/client"
)

// fakeAPI answers each method and path with a fixed answer. It accepts one token.
type fakeAPI struct {
	t       *testing.T
	answers map[string]any
	calls   []string
	bodies  map[string]string
	// position is the position of the stream of changes, etag that of each answer.
	position, etag string
}

const goodToken = "good.token"

// response is an answer with a status other than 200.
type response struct {
	code int
	body any
}

func (a *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
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
		_ = json.NewEncoder(w).Encode(client.Problem{Detail: "there is nothing here"})
		return
	}
	if r, ok := answer.(response); ok {
		w.WriteHeader(r.code)
		answer = r.body
	}
	w.Header().Set("Last-Event-ID", a.position)
	w.Header().Set("ETag", a.etag)
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		a.t.Error(err)
	}
}

// called reports whether a method and path, such as "GET /api/v1/access", was called.
func (a *fakeAPI) called(call string) bool {
	return slices.ContainsFunc(a.calls, func(c string) bool { path, _, _ := strings.Cut(c, "?"); return path == call })
}

// allRights returns every right.
func allRights() map[string]any {
	out := map[string]any{}
	for _, r := range []string{
		"slackintegrations", "jiraintegrations", "notificationrules", "defects", "notifications", "events", "jobs", "cronjobs", "secrets",
	} {
		out[r] = []string{"get", "list", "watch", "create", "update", "delete"}
	}
	return out
}

// now is the current time of the dashboard in these tests.
var now = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// tester is a browser that opens pages of a dashboard on a fakeAPI.
type tester struct {
	*testing.T
	api     *fakeAPI
	handler http.Handler
}

func newTester(t *testing.T, answers map[string]any) *tester {
	t.Helper()
	access := map[string]any{"caller": "ann", "namespace": "qa", "rights": allRights()}
	a := &fakeAPI{t: t, answers: map[string]any{"GET /api/v1/access": access}, bodies: map[string]string{}}
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

// open opens a page as a user who is signed in, and fails when the status is not want.
func (t *tester) open(target string, want int) string {
	t.Helper()
	w := t.send("GET", target, "", "Cookie", "voiceai="+goodToken)
	if w.Code != want {
		t.Fatalf("GET %s: got %d, want %d: %s", target, w.Code, want, w.Body)
	}
	return w.Body.String()
}

// post sends a form as a user who is signed in.
func (t *tester) post(target string, values url.Values) *httptest.ResponseRecorder {
	t.Helper()
	return t.send("POST", target, values.Encode(), "Cookie", "voiceai="+goodToken, "Sec-Fetch-Site", "same-origin")
}

// has fails when a page lacks one of the texts.
func (t *tester) has(page string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			t.Errorf("the page has no %q:\n%s", text, page)
		}
	}
}

// hasNot fails when a page has one of the texts.
func (t *tester) hasNot(page string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(page, text) {
			t.Errorf("the page has %q:\n%s", text, page)
		}
	}
}

func TestPagesNeedASession(t *testing.T) {
	d := newTester(t, map[string]any{"GET /api/v1/rules": map[string]any{"items": []any{}}})
	w := d.send("GET", "/rules?namespace=qa", "")
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/signin?to=%2Frules%3Fnamespace%3Dqa" {
		t.Errorf("got %d to %q, want the sign-in page with a way back", w.Code, w.Header().Get("Location"))
	}
	page := d.open("/rules?namespace=qa", http.StatusOK)
	d.has(page, `<h1>Rules</h1>`, `aria-current="page"`, `href="/defects?namespace=qa"`, "Sign out")
}

// TestFirstNamespace checks that a ServiceAccount that sees nothing in the default namespace begins in its own.
func TestFirstNamespace(t *testing.T) {
	rules := map[string]any{"items": []any{}}
	for caller, want := range map[string]string{
		"system:serviceaccount:own:me": "GET /api/v1/access?namespace=own",
		"ann@example.com":              "GET /api/v1/rules?limit=50&namespace=qa",
	} {
		d := newTester(t, map[string]any{
			"GET /api/v1/rules":  rules,
			"GET /api/v1/access": map[string]any{"caller": caller, "namespace": "qa", "rights": map[string]any{}},
		})
		d.open("/rules", http.StatusOK)
		if len(d.api.calls) < 2 || d.api.calls[1] != want {
			t.Errorf("%s: the calls are %v, want %s second", caller, d.api.calls, want)
		}
	}
}

func TestUnknownPage(t *testing.T) {
	d := newTester(t, nil)
	d.has(d.open("/nothing/here", http.StatusNotFound), "There is no page at this address.", `aria-label="Main"`)
	if w := d.send("GET", "/nothing/here", ""); w.Code != http.StatusNotFound || strings.Contains(w.Body.String(), `aria-label="Main"`) {
		t.Errorf("signed out: got %d: %s", w.Code, w.Body)
	}
}

func TestUnknownMethod(t *testing.T) {
	d := newTester(t, nil)
	for request, allow := range map[string]string{
		"POST /defects": "GET, HEAD", "PUT /signin": "GET, HEAD, POST", "GET /signout": "POST", "DELETE /rules/qa/r": "GET, HEAD",
	} {
		method, path, _ := strings.Cut(request, " ")
		w := d.send(method, path, "")
		if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != allow {
			t.Errorf("%s: got %d, Allow %q, want 405, %q", request, w.Code, w.Header().Get("Allow"), allow)
		}
		d.has(w.Body.String(), "This address does not support "+method+". It supports "+allow)
	}
}
