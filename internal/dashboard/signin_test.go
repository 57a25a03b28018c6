// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func cookieOf(t *testing.T, w *httptest.ResponseRecorder) *http.Cookie {
	t.Helper()
	all := w.Result().Cookies()
	if len(all) != 1 {
		t.Fatalf("%d cookies were set, want 1", len(all))
	}
	return all[0]
}

func TestSignIn(t *testing.T) {
	https := []string{"X-Forwarded-Proto", "https"}
	origin := []string{"Origin", "http://example.com"}
	for name, c := range map[string]struct {
		token, to string
		headers   []string
		status    int
		says      string
		location  string
		cookie    string
	}{
		"good":               {token: goodToken, to: "/defects?state=Open", status: 303, location: "/defects?state=Open", cookie: "voiceai"},
		"over TLS":           {token: goodToken, headers: https, status: 303, location: "/", cookie: "__Host-voiceai"},
		"with a line break":  {token: "good.\n token", status: 303, location: "/", cookie: "voiceai"},
		"unknown":            {token: "bad.token", status: 422, says: "does not accept this token"},
		"none":               {token: " ", status: 422, says: "Paste a token"},
		"not a token":        {token: "a;b", status: 422, says: "not a token"},
		"too long":           {token: strings.Repeat("x", 4000), status: 422, says: "too long"},
		"to another site":    {token: goodToken, to: "//evil.example/x", status: 303, location: "/", cookie: "voiceai"},
		"to an absolute URL": {token: goodToken, to: "https://evil.example/", status: 303, location: "/", cookie: "voiceai"},
		"to signing out":     {token: goodToken, to: "/signout", status: 303, location: "/", cookie: "voiceai"},
		"cross-site":         {token: goodToken, headers: []string{"Sec-Fetch-Site", "cross-site"}, status: 403, says: "another site"},
		"of another origin":  {token: goodToken, headers: []string{"Origin", "https://evil.example"}, status: 403, says: "another site"},
		"by an old browser":  {token: goodToken, headers: origin, status: 303, location: "/", cookie: "voiceai"},
		"script as address":  {token: "bad.token", to: `/defects?"><script>`, status: 422, says: "does not accept"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newTester(t, nil)
			body := url.Values{"token": {c.token}, "to": {c.to}}.Encode()
			w := d.send("POST", "/signin", body, c.headers...)
			if w.Code != c.status || w.Header().Get("Location") != c.location || !strings.Contains(w.Body.String(), c.says) {
				t.Fatalf("got %d to %q, want %d to %q, with %q: %s", w.Code, w.Header().Get("Location"), c.status, c.location, c.says, w.Body)
			}
			d.hasNot(w.Body.String(), "<script>", c.token+"\"")
			if c.cookie == "" {
				if w.Header().Get("Set-Cookie") != "" {
					t.Error("a cookie was set")
				}
				return
			}
			got := cookieOf(t, w)
			if got.Name != c.cookie || got.Value != goodToken || got.Secure != strings.HasPrefix(c.cookie, "__Host-") ||
				!got.HttpOnly || got.SameSite != http.SameSiteStrictMode || got.Path != "/" || got.MaxAge != 0 || got.Domain != "" {
				t.Errorf("got the cookie %s", got)
			}
		})
	}
}

func TestSignOut(t *testing.T) {
	d := newTester(t, nil)
	w := d.post("/signout", nil)
	got := cookieOf(t, w)
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/signin" || got.Value != "" || got.MaxAge != -1 {
		t.Errorf("got %d to %q with %s", w.Code, w.Header().Get("Location"), got)
	}
	w = d.send("GET", "/signout", "", "Cookie", "voiceai="+goodToken)
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Set-Cookie") != "" {
		t.Errorf("a link signs out: %d", w.Code)
	}
}

func TestExpiredSession(t *testing.T) {
	d := newTester(t, nil)
	w := d.send("GET", "/defects?q=x", "", "Cookie", "voiceai=old.token")
	const want = "/signin?ended=yes&to=%2Fdefects%3Fq%3Dx"
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != want || cookieOf(t, w).MaxAge != -1 {
		t.Errorf("got %d to %q", w.Code, w.Header().Get("Location"))
	}
	d.has(d.send("GET", w.Header().Get("Location"), "").Body.String(), "Your session has ended")
}

func TestComingFromAnotherSite(t *testing.T) {
	d := newTester(t, nil)
	w := d.send("GET", "/signin?to=%2Fdefects%2Fqa%2Fd", "", "Sec-Fetch-Site", "cross-site")
	d.has(w.Body.String(), `content="0;url=/defects/qa/d"`)
	w = d.send("GET", "/signin?to=%2Fdefects%2Fqa%2Fd", "", "Sec-Fetch-Site", "same-origin")
	d.has(w.Body.String(), `name="token"`, `value="/defects/qa/d"`, "kubectl create token")
	d.hasNot(w.Body.String(), "http-equiv")
}

// TestLinksFromSlack checks that a link to a page from another site leads to that page, for a user who is signed in and for
// one who is not. The browser sends no session with it.
func TestLinksFromSlack(t *testing.T) {
	d := newTester(t, nil)
	pages := []string{"/runs/qa/booking-1", "/suites/qa/booking", "/defects/qa/d", "/activity/qa/n", "/rules/qa/r",
		"/integrations/slack/qa/slack"}
	for _, e := range (view{}).Navigation() {
		pages = append(pages, e.Path+"?namespace=qa")
	}
	for _, page := range pages {
		signIn := d.send("GET", page, "", "Sec-Fetch-Site", "cross-site").Header().Get("Location")
		d.has(d.send("GET", signIn, "", "Sec-Fetch-Site", "cross-site").Body.String(), `content="0;url=`+page+`"`)
		d.has(d.send("GET", signIn, "", "Sec-Fetch-Site", "same-origin").Body.String(), `name="to" value="`+page+`"`)
	}
}

func TestSignInPageHasTheCommand(t *testing.T) {
	d := newTester(t, nil)
	d.handler = New(Options{API: d.handler, TokenCommand: "kubectl create token NAME --audience api"})
	d.has(d.send("GET", "/signin", "").Body.String(), "<code>kubectl create token NAME --audience api</code>")
}
