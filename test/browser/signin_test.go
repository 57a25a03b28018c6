// SPDX-License-Identifier: Apache-2.0

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
		t.Fatalf("without a token the page is %s", p.path())
	}
	p.see("kubectl create token")
	p.absent("Confirms a booking")
	p.look("signin")

	p.fill("token", "nonsense")
	p.follow("button", "sign in")
	p.absent("nonsense")
	if role := p.alert(); role == "" {
		t.Error("there is no alert for a wrong token")
	}
	p.look("signin-rejected")
	if len(p.cookies()) > 0 {
		t.Errorf("a wrong token left cookies: %v", p.cookies())
	}

	p.fill("token", " "+w.admin+" ") // copied with spaces around it
	p.follow("button", "sign in")
	p.see("Confirms a booking")
	if !strings.HasPrefix(p.path(), "/defects?") || !strings.Contains(p.path(), "severity=Critical") {
		t.Errorf("after signing in the page is %s", p.path())
	}
	p.absent(w.admin)
	cookies := p.cookies()
	if len(cookies) != 1 {
		t.Fatalf("the session has %d cookies", len(cookies))
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
	// The cookie is for the dashboard only: the API does not accept it.
	const fetch = `fetch("/api/v1/defects?namespace=%s").then(r => r.status)`
	status, err := chromedp.Run(p.ctx, chromedp.Evaluate[int](fmt.Sprintf(fetch, w.namespace), chromedp.EvalAwaitPromise))
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
		t.Errorf("after signing out the page is %s", p.path())
	}
	p.absent("Confirms a booking")
}

// TestSignInRejectsForeignAddresses signs in with return addresses that would lead to another site.
func TestSignInRejectsForeignAddresses(t *testing.T) {
	w := newWorld(t)
	p := w.tab(t)
	p.open("/defects")
	parameter := returnParameter(t, p.url())
	p.allow(http.StatusForbidden) // the overview of the default namespace, which this user may not see
	for _, to := range []string{
		"//evil.example/", "https://evil.example/", `/\evil.example/`, `\\evil.example/`, "/\t/evil.example/", "///evil.example",
		"/%2fevil.example/", "/..//evil.example/", "javascript:alert(1)", "data:text/html,evil", "https:evil.example",
		"/\n/evil.example", "//evil.example@127.0.0.1/", "http://127.0.0.1.evil.example/", "/signout",
	} {
		p.openURL(dashboard + "/signin?" + url.Values{parameter: {to}}.Encode())
		p.fill("token", w.admin)
		p.follow("button", "sign in")
		if at := p.url(); !strings.HasPrefix(at, dashboard+"/") || strings.Contains(at, "evil") {
			t.Errorf("after signing in with %q the page is %s", to, at)
		}
		if role := p.alert(); role != "" {
			t.Errorf("after signing in with %q the page has an alert: %s", to, role)
		}
		p.follow("button", "sign out")
	}
}

// TestLinkFromAnotherSite follows a link of another site. The browser first sends no cookie, but the page is shown
// all the same.
func TestLinkFromAnotherSite(t *testing.T) {
	w := newWorld(t)
	d := w.defect("unmade", "Confirms a booking it has not made", v1alpha1.SeverityCritical)
	there := "/defects/" + w.namespace + "/" + d.Name
	other := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		out.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(out, `<!doctype html><title>Jira</title><link rel="icon" href="data:,"><a href="%s">Defect</a>
			<form method="post" action="%s/signout"><button>Sign out</button></form>`, dashboard+there, dashboard)
	}))
	t.Cleanup(other.Close)
	// For a browser, another port of the same host is the same site.
	otherSite := strings.Replace(other.URL, "127.0.0.1", "localhost", 1)
	p := newTab(t, dashboard, otherSite)
	p.w = w
	p.signIn(w.admin)
	p.openURL(otherSite)
	p.click("link", "Defect")
	p.see(d.Spec.Title)
	if p.path() != there {
		t.Errorf("the page is %s", p.path())
	}
	p.see(d.Spec.Description)

	// A form of another site is rejected.
	p.allow(http.StatusForbidden)
	p.openURL(otherSite)
	p.follow("button", "Sign out")
	p.open(there)
	p.see(d.Spec.Description)

	// A user without a session gets the sign-in page, and no redirect loop.
	stranger := newTab(t, dashboard, otherSite)
	stranger.w = w
	stranger.openURL(otherSite)
	stranger.click("link", "Defect")
	stranger.see("kubectl create token")
}

// returnParameter returns the parameter of the sign-in page that has the address to return to.
func returnParameter(t *testing.T, at string) string {
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
	t.Fatalf("%s has no address to return to", at)
	return ""
}

// alert returns the text of the page's alerts.
func (p *tab) alert() string {
	p.Helper()
	text, err := eval[string](p, `[...document.querySelectorAll("[role=alert]")].map(e => e.innerText).join(" ")`)
	p.must(err)
	return text
}

func (p *tab) cookies() []*network.Cookie {
	p.Helper()
	got, err := chromedp.Call(p.ctx, network.GetCookies, network.GetCookiesParams{URLs: []string{dashboard}})
	p.must(err)
	return got.Cookies
}
