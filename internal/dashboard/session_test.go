package dashboard

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

func jwt(expiry time.Time) string {
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"none"}`)) + "." + part([]byte(fmt.Sprintf(`{"exp":%d}`, expiry.Unix()))) + "." + part([]byte("x"))
}

func cookieOf(t *testing.T, w *httptest.ResponseRecorder) *http.Cookie {
	t.Helper()
	all := w.Result().Cookies()
	if len(all) != 1 {
		t.Fatalf("%d cookies were set, want 1", len(all))
	}
	return all[0]
}

func TestSignIn(t *testing.T) {
	for name, c := range map[string]struct {
		token, to string
		headers   []string
		status    int
		says      string
		location  string
		cookie    string
	}{
		"good":                {token: goodToken, to: "/defects?state=Open", status: 303, location: "/defects?state=Open", cookie: "voiceai"},
		"over TLS":            {token: goodToken, headers: []string{"X-Forwarded-Proto", "https"}, status: 303, location: "/", cookie: "__Host-voiceai"},
		"with a line break":   {token: "good.\n token", status: 303, location: "/", cookie: "voiceai"},
		"unknown":             {token: "bad.token", status: 422, says: "does not know this token"},
		"none":                {token: " ", status: 422, says: "Paste a token"},
		"no token at all":     {token: "a;b", status: 422, says: "not a token"},
		"too long":            {token: strings.Repeat("x", maxToken+1), status: 422, says: "too long"},
		"to another site":     {token: goodToken, to: "//evil.example/x", status: 303, location: "/", cookie: "voiceai"},
		"to an absolute URL":  {token: goodToken, to: "https://evil.example/", status: 303, location: "/", cookie: "voiceai"},
		"to signing out":      {token: goodToken, to: "/signout", status: 303, location: "/", cookie: "voiceai"},
		"cross-site":          {token: goodToken, headers: []string{"Sec-Fetch-Site", "cross-site"}, status: 403, says: "another site"},
		"of another origin":   {token: goodToken, headers: []string{"Origin", "https://evil.example"}, status: 403, says: "another site"},
		"by an old browser":   {token: goodToken, headers: []string{"Origin", "http://example.com"}, status: 303, location: "/", cookie: "voiceai"},
		"script as the place": {token: "bad.token", to: `/defects?"><script>`, status: 422, says: "does not know"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newTester(t, nil)
			body := url.Values{"token": {c.token}, "to": {c.to}}.Encode()
			w := d.send("POST", "/signin", body, c.headers...)
			if w.Code != c.status || w.Header().Get("Location") != c.location || !strings.Contains(w.Body.String(), c.says) {
				t.Fatalf("got %d to %q, want %d to %q, saying %q: %s", w.Code, w.Header().Get("Location"), c.status, c.location, c.says, w.Body)
			}
			d.hasNot(w.Body.String(), "<script>", c.token+"\"")
			if c.cookie == "" {
				if w.Header().Get("Set-Cookie") != "" {
					t.Error("a cookie was set")
				}
				return
			}
			got := cookieOf(t, w)
			if got.Name != c.cookie || got.Value != goodToken || !got.HttpOnly || got.SameSite != http.SameSiteStrictMode || got.Path != "/" || got.Secure != strings.HasPrefix(c.cookie, "__Host-") || got.MaxAge != 0 || got.Domain != "" {
				t.Errorf("got the cookie %s", got)
			}
		})
	}
}

func TestExpiryOfTheCookie(t *testing.T) {
	for name, c := range map[string]struct {
		token string
		known bool
		want  time.Time
	}{
		"JWT":            {jwt(now.Add(time.Hour)), true, now.Add(time.Hour)},
		"not a JWT":      {"abc", false, time.Time{}},
		"not base64":     {"a.%%.c", false, time.Time{}},
		"not JSON":       {"a." + base64.RawURLEncoding.EncodeToString([]byte("x")) + ".c", false, time.Time{}},
		"without expiry": {"a." + base64.RawURLEncoding.EncodeToString([]byte("{}")) + ".c", false, time.Time{}},
	} {
		if got, known := expiry(c.token); known != c.known || !got.Equal(c.want) {
			t.Errorf("%s: got %v %v, want %v %v", name, got, known, c.want, c.known)
		}
	}
}

func TestSignOut(t *testing.T) {
	d := newTester(t, nil)
	w := d.post("/signout", nil)
	got := cookieOf(t, w)
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/signin" || got.Value != "" || got.MaxAge != -1 {
		t.Errorf("got %d to %q with %s", w.Code, w.Header().Get("Location"), got)
	}
	if w := d.send("GET", "/signout", "", "Cookie", "voiceai="+goodToken); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Set-Cookie") != "" {
		t.Errorf("a link signs out: %d", w.Code)
	}
}

func TestASessionThatEnded(t *testing.T) {
	d := newTester(t, nil)
	w := d.send("GET", "/defects?q=x", "", "Cookie", "voiceai=old.token")
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/signin?to=%2Fdefects%3Fq%3Dx" || cookieOf(t, w).MaxAge != -1 {
		t.Errorf("got %d to %q", w.Code, w.Header().Get("Location"))
	}
}

func TestComingFromAnotherSite(t *testing.T) {
	d := newTester(t, nil)
	w := d.send("GET", "/signin?to=%2Fdefects%2Fqa%2Fd", "", "Sec-Fetch-Site", "cross-site")
	d.has(w.Body.String(), `content="0;url=/defects/qa/d"`)
	w = d.send("GET", "/signin?to=%2Fdefects%2Fqa%2Fd", "", "Sec-Fetch-Site", "same-origin")
	d.has(w.Body.String(), `name="token"`, `value="/defects/qa/d"`, "kubectl create token")
	d.hasNot(w.Body.String(), "http-equiv")
}

func TestLocalPaths(t *testing.T) {
	for wanted, want := range map[string]string{
		"/": "/", "/?namespace=qa": "/?namespace=qa", "/defects/qa/d-1?x=1": "/defects/qa/d-1?x=1", "": "/", "defects": "/", "//evil.example": "/",
		"/\\evil.example": "/", "\\\\evil.example": "/", "/%5cevil.example": "/", "///evil.example": "/", "https:evil.example": "/", "javascript:alert(1)": "/",
		"/defects/../signout": "/", "/defects/%2e%2e/api": "/", "/defects//x": "/", "/api/v1/defects": "/", "/signin": "/", "/live": "/", "/defects\n": "/",
		"/defects?x=\r\nSet-Cookie: a": "/", "/\tdefects": "/", "http://u@evil.example/": "/", "/defects#x": "/defects", "/" + strings.Repeat("x", 3000): "/",
	} {
		if got := localPath(wanted); got != want {
			t.Errorf("%q: got %q, want %q", wanted, got, want)
		}
	}
}

func FuzzLocalPath(f *testing.F) {
	for _, seed := range []string{"/defects/a/b?c=d", "//x", "/%2f/x", "/activity\\x", "/rules/%0d"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, wanted string) {
		got := localPath(wanted)
		base, _ := url.Parse("https://dashboard.example/signin")
		u, err := base.Parse(got)
		if err != nil || u.Host != base.Host || u.Scheme != base.Scheme || strings.HasPrefix(got, "//") || strings.ContainsAny(got, "\r\n\\") {
			t.Errorf("%q leads to %q", wanted, got)
		}
	})
}
