//go:build browser

package browser_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

func TestSignIn(t *testing.T) {
	w := newWorld(t)
	w.defect("unmade", "Confirms a booking it has not made", "Critical")
	p := w.tab(t)
	p.allow(http.StatusUnauthorized, http.StatusUnprocessableEntity)

	p.open("/defects?severity=Critical")
	if !strings.HasPrefix(p.path(), "/signin") {
		t.Fatalf("without a token %s is shown", p.path())
	}
	p.see("kubectl create token")
	p.hidden("Confirms a booking")
	p.look("signin")

	p.fill("token", "nonsense")
	p.follow("button", "sign in")
	p.hidden("nonsense")
	if role := p.alert(); role == "" {
		t.Error("a wrong token is not answered by an alert")
	}
	p.look("signin-refused")
	if len(p.cookies()) > 0 {
		t.Errorf("a wrong token left cookies: %v", p.cookies())
	}

	p.fill("token", " "+w.admin+" ") // as it is when it was copied carelessly
	p.follow("button", "sign in")
	p.see("Confirms a booking")
	if !strings.HasPrefix(p.path(), "/defects?") || !strings.Contains(p.path(), "severity=Critical") {
		t.Errorf("after signing in %s is shown", p.path())
	}
	p.hidden(w.admin)
	cookies := p.cookies()
	if len(cookies) != 1 {
		t.Fatalf("the session is in %d cookies", len(cookies))
	}
	c := cookies[0]
	if !c.HTTPOnly || c.SameSite != network.CookieSameSiteStrict || c.Path != "/" || c.Domain != "127.0.0.1" {
		t.Errorf("the session's cookie is HttpOnly=%t SameSite=%s Path=%s Domain=%s", c.HTTPOnly, c.SameSite, c.Path, c.Domain)
	}
	seen, err := eval[string](p, `document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage)`)
	p.must(err)
	if strings.Contains(seen, w.admin) {
		t.Error("scripts can read the token")
	}
	// The cookie is the dashboard's alone: the API does not take it.
	status, err := chromedp.Run(p.ctx, chromedp.Evaluate[int](`fetch("/api/v1/defects?namespace=`+w.namespace+`").then(r => r.status)`, chromedp.EvalAwaitPromise))
	p.must(err)
	if status != http.StatusUnauthorized {
		t.Errorf("the API answers %d to a cookie", status)
	}

	p.follow("button", "sign out")
	if len(p.cookies()) > 0 {
		t.Errorf("after signing out there are cookies: %v", p.cookies())
	}
	p.open("/defects")
	if !strings.HasPrefix(p.path(), "/signin") {
		t.Errorf("after signing out %s is shown", p.path())
	}
	p.hidden("Confirms a booking")
}

// TestSignInLeadsNowhereElse tries what brings people to a page of somebody else after they signed in.
func TestSignInLeadsNowhereElse(t *testing.T) {
	w := newWorld(t)
	p := w.tab(t)
	p.open("/defects")
	way := wayBack(t, p.url())
	p.allow(http.StatusForbidden) // the overview of the default namespace, which is not theirs
	for _, elsewhere := range []string{
		"//evil.example/", "https://evil.example/", `/\evil.example/`, `\\evil.example/`, "/\t/evil.example/", "///evil.example", "/%2fevil.example/", "/..//evil.example/",
		"javascript:alert(1)", "data:text/html,evil", "https:evil.example", "/\n/evil.example", "//evil.example@127.0.0.1/", "http://127.0.0.1.evil.example/", "/signout",
	} {
		p.openURL(dashboard + "/signin?" + url.Values{way: {elsewhere}}.Encode())
		p.fill("token", w.admin)
		p.follow("button", "sign in")
		if at := p.url(); !strings.HasPrefix(at, dashboard+"/") || strings.Contains(at, "evil") {
			t.Errorf("after signing in with %q %s is shown", elsewhere, at)
		}
		if role := p.alert(); role != "" {
			t.Errorf("after signing in with %q the page has an alert: %s", elsewhere, role)
		}
		p.follow("button", "sign out")
	}
}

// TestComingFromElsewhere follows a link of another site: the browser holds the session back at first, and the page is shown all the same.
func TestComingFromElsewhere(t *testing.T) {
	w := newWorld(t)
	d := w.defect("unmade", "Confirms a booking it has not made", v1alpha1.SeverityCritical)
	there := "/defects/" + w.namespace + "/" + d.Name
	other := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		out.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(out, `<!doctype html><title>Jira</title><link rel="icon" href="data:,"><a href="%s">Defect</a>
			<form method="post" action="%s/signout"><button>Sign out</button></form>`, dashboard+there, dashboard)
	}))
	t.Cleanup(other.Close)
	elsewhere := strings.Replace(other.URL, "127.0.0.1", "localhost", 1) // another site for a browser, as another port would not be
	p := newTab(t, dashboard, elsewhere)
	p.w = w
	p.signIn(w.admin)
	p.openURL(elsewhere)
	p.click("link", "Defect")
	p.see(d.Spec.Title)
	if p.path() != there {
		t.Errorf("%s is shown", p.path())
	}
	p.see(d.Spec.Description)

	// A form of another site does nothing here.
	p.allow(http.StatusForbidden)
	p.openURL(elsewhere)
	p.follow("button", "Sign out")
	p.open(there)
	p.see(d.Spec.Description)

	// Somebody who has no session is asked for a token, and not sent in circles.
	stranger := newTab(t, dashboard, elsewhere)
	stranger.w = w
	stranger.openURL(elsewhere)
	stranger.click("link", "Defect")
	stranger.see("kubectl create token")
}

// wayBack is the parameter of the sign-in page that says where to go then.
func wayBack(t *testing.T, at string) string {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range u.Query() {
		if strings.HasPrefix(values[0], "/defects") {
			return name
		}
	}
	t.Fatalf("%s does not say where to go then", at)
	return ""
}

// alert is what the page says in an alert.
func (p *tab) alert() string {
	p.Helper()
	said, err := eval[string](p, `[...document.querySelectorAll("[role=alert]")].map(e => e.innerText).join(" ")`)
	p.must(err)
	return said
}

func (p *tab) cookies() []*network.Cookie {
	p.Helper()
	got, err := chromedp.Call(p.ctx, network.GetCookies, network.GetCookiesParams{URLs: []string{dashboard}})
	p.must(err)
	return got.Cookies
}
