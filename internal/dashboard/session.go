package dashboard

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// maxToken is in bytes: browsers drop cookies of more than 4096, name and attributes included.
const maxToken = 3900

// bearer is what a token may be made of (RFC 6750, section 2.1), all of which a cookie may have in it.
var bearer = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)

// isSecure says that the browser speaks TLS, to us or to something in front.
func isSecure(r *http.Request) bool {
	return r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

// cookie is the session: the token itself, which scripts cannot read and other sites cannot have sent.
func cookie(r *http.Request, value string) *http.Cookie {
	c := &http.Cookie{Name: "voiceai", Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode}
	if isSecure(r) {
		c.Name, c.Secure = "__Host-voiceai", true
	}
	return c
}

// token is that of the request's session; empty when there is none.
func token(r *http.Request) string {
	c, err := r.Cookie(cookie(r, "").Name)
	if err != nil || len(c.Value) > maxToken || !bearer.MatchString(c.Value) {
		return ""
	}
	return c.Value
}

// expiry is when a token ends, if it is a JWT that says so. Nobody relies on it: Kubernetes looks at each token itself.
func expiry(token string) (time.Time, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}, false
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return time.Time{}, false
	}
	var claims struct {
		Expiry float64 `json:"exp"`
	}
	if json.Unmarshal(raw, &claims) != nil || claims.Expiry < 1 || claims.Expiry > 1<<40 {
		return time.Time{}, false
	}
	return time.Unix(int64(claims.Expiry), 0), true
}

func (s *site) routeSession(mux *http.ServeMux) {
	mux.HandleFunc("GET /signin", s.showSignIn)
	mux.HandleFunc("POST /signin", s.signIn)
	mux.HandleFunc("POST /signout", s.signOut)
}

// signInPage is what the page of that name shows.
type signInPage struct {
	To      string
	Problem string
	// Bounce is set when the browser came from another site, and so brought no cookie along though it may have one: it goes on by itself.
	Bounce bool
}

func (s *site) showSignIn(w http.ResponseWriter, r *http.Request) {
	to := localPath(r.URL.Query().Get("to"))
	if token(r) == "" && r.Header.Get("Sec-Fetch-Site") == "cross-site" && to != "/" {
		s.render(w, r, nil, http.StatusOK, "signin", view{Title: "One moment", Data: signInPage{To: to, Bounce: true}})
		return
	}
	s.render(w, r, nil, http.StatusOK, "signin", view{Title: "Sign in", Data: signInPage{To: to}})
}

func (s *site) signIn(w http.ResponseWriter, r *http.Request) {
	f, err := readForm(w, r)
	if err != nil {
		s.showProblem(w, r, nil, err)
		return
	}
	page := signInPage{To: localPath(f.get("to"))}
	given := strings.Join(strings.Fields(f.get("token")), "") // terminals break long lines
	switch {
	case given == "":
		page.Problem = "Paste a token."
	case len(given) > maxToken:
		page.Problem = "This token is too long to be kept in a cookie. Use one of kubectl create token."
	case !bearer.MatchString(given):
		page.Problem = "This is not a token: it has characters in it that no token has. Copy all of what kubectl create token printed, and nothing else."
	}
	if page.Problem == "" {
		_, err := s.client(r, given).access("")
		var p *Problem
		switch {
		case errors.As(err, &p) && p.Status == http.StatusUnauthorized:
			page.Problem = "This cluster does not know this token. It may have expired, or belong to another cluster. Make a new one and paste all of it."
		case err != nil:
			s.showProblem(w, r, nil, err)
			return
		}
	}
	if page.Problem != "" {
		s.render(w, r, nil, http.StatusUnprocessableEntity, "signin", view{Title: "Sign in", Data: page})
		return
	}
	c := cookie(r, given)
	if ends, known := expiry(given); known {
		c.MaxAge = max(1, int(ends.Sub(s.now()).Seconds()))
	}
	http.SetCookie(w, c)
	seeOther(w, page.To)
}

func (s *site) signOut(w http.ResponseWriter, r *http.Request) {
	s.forget(w, r)
	seeOther(w, "/signin")
}

// forget ends the session on this browser.
func (s *site) forget(w http.ResponseWriter, r *http.Request) {
	c := cookie(r, "")
	c.MaxAge = -1
	http.SetCookie(w, c)
}

// toSignIn has somebody sign in, and come back.
func toSignIn(w http.ResponseWriter, r *http.Request) {
	to := "/"
	if r.Method == http.MethodGet {
		to = localPath(r.URL.RequestURI())
	}
	if to == "/" {
		seeOther(w, "/signin")
		return
	}
	seeOther(w, "/signin?"+url.Values{"to": {to}}.Encode())
}

// localPath is the address of one of our pages: what was asked for if it is one, / otherwise.
func localPath(wanted string) string {
	const home = "/"
	u, err := url.Parse(wanted)
	if err != nil || len(wanted) > 2048 || !strings.HasPrefix(wanted, "/") || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || path.Clean(u.Path) != u.Path {
		return home
	}
	odd := func(c rune) bool { return c < ' ' || c == '\\' || c == 0x7f }
	section, _, _ := strings.Cut(u.Path[1:], "/")
	if strings.ContainsFunc(wanted, odd) || strings.ContainsFunc(u.Path, odd) || !slices.Contains([]string{"", "activity", "defects", "integrations", "rules"}, section) {
		return home
	}
	return (&url.URL{Path: u.Path, RawQuery: u.RawQuery}).String()
}

// seeOther answers with another page's address, which is always one that was made here.
func seeOther(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}
