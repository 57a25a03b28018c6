// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"errors"
	"net/http"
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/dashboard/client"
	"github.com/voiceai-dev/integrations-operator/internal/dashboard/form"
	"github.com/voiceai-dev/integrations-operator/internal/dashboard/session"
)

// signInPage is the data of the sign-in page.
type signInPage struct {
	// Ended reports whether the session ended by itself.
	Ended bool
	// To is the address to open after signing in.
	To      string
	Problem string
	// Command is the command that creates a token.
	Command string
	// Bounce reloads To. It is set for a browser that comes from another site: it may have a session, but did not
	// send its cookie.
	Bounce bool
}

func (s *site) routeSignIn(mux *http.ServeMux) {
	mux.HandleFunc("GET /signin", s.showSignIn)
	mux.HandleFunc("POST /signin", s.signIn)
	mux.HandleFunc("POST /signout", s.signOut)
}

func (s *site) showSignIn(w http.ResponseWriter, r *http.Request) {
	to := session.ReturnPath(r.URL.Query().Get("to"))
	if session.Token(r) == "" && r.Header.Get("Sec-Fetch-Site") == "cross-site" && to != "/" {
		s.render(w, r, nil, http.StatusOK, "signin", view{Title: "One moment", Data: signInPage{To: to, Bounce: true}})
		return
	}
	s.render(w, r, nil, http.StatusOK, "signin", view{Title: "Sign in", Data: signInPage{
		To: to, Ended: r.URL.Query().Get("ended") != "", Command: s.tokenCommand,
	}})
}

func (s *site) signIn(w http.ResponseWriter, r *http.Request) {
	f, err := form.Read(w, r)
	if err != nil {
		s.showProblem(w, r, nil, err)
		return
	}
	page := signInPage{To: session.ReturnPath(f.Get("to")), Command: s.tokenCommand}
	token := strings.Join(strings.Fields(f.Get("token")), "") // terminals break long lines
	page.Problem = session.Check(token)
	if page.Problem == "" {
		_, err := client.New(s.api, r, token).Access("")
		var p *client.Problem
		switch {
		case errors.As(err, &p) && p.Status == http.StatusUnauthorized:
			page.Problem = "The cluster does not accept this token. It may have expired, lack an audience, or belong to another " +
				"cluster. Create a new one as below and paste all of it."
		case err != nil:
			s.showProblem(w, r, nil, err)
			return
		}
	}
	if page.Problem != "" {
		s.render(w, r, nil, http.StatusUnprocessableEntity, "signin", view{Title: "Sign in", Data: page})
		return
	}
	session.Begin(w, r, token, s.now())
	redirect(w, page.To)
}

func (s *site) signOut(w http.ResponseWriter, r *http.Request) {
	session.End(w, r)
	redirect(w, "/signin")
}

// redirectToSignIn redirects to the sign-in page, which leads back to the page of the request. pairs are names and
// values of further parameters.
func redirectToSignIn(w http.ResponseWriter, r *http.Request, pairs ...string) {
	redirect(w, signInAddress(r, pairs...))
}

// signInAddress returns the address of the sign-in page, which leads back to the page of the request.
func signInAddress(r *http.Request, pairs ...string) string {
	to := "/"
	if r.Method == http.MethodGet {
		to = session.ReturnPath(r.URL.RequestURI())
	}
	if to == "/" {
		to = ""
	}
	return address("/signin", append(pairs, "to", to)...)
}

// redirect redirects to an address that this package has made.
func redirect(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}
