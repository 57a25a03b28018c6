// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/dashboard/client"
	"github.com/voiceai-dev/integrations-operator/internal/dashboard/product"
	"github.com/voiceai-dev/integrations-operator/internal/dashboard/session"
	"github.com/voiceai-dev/integrations-operator/internal/dashboard/web"
)

const (
	// installedPath is the page to which Slack sends the browser after an installation, and completePath the one that completes
	// the installation.
	installedPath = "/oauth/slack"
	completePath  = installedPath + "/complete"
)

// slackError matches a code of an error as Slack sends it. Any other text of the address is not shown.
var slackError = regexp.MustCompile(`^[a-z_]{1,64}$`)

func (s *site) routeInstalls(mux *http.ServeMux) {
	s.handle(mux, "GET /integrations/slack/{namespace}/{name}/install", s.beginInstall)
	mux.HandleFunc("GET "+installedPath, s.keepInstall)
	s.handle(mux, "GET "+completePath, s.completeInstall)
	s.handleForm(mux, "/integrations/slack/{namespace}/{name}", "revoke", s.revokeInstall)
}

// beginInstall sends the browser to Slack's page on which the app of an integration is installed.
func (s *site) beginInstall(v *visit) error {
	back := url.URL{Scheme: "http", Host: v.r.Host, Path: installedPath}
	if session.IsSecure(v.r) {
		back.Scheme = "https"
	}
	at, nonce, err := v.api.StartInstall(v.key(), back.String())
	if client.StatusOf(err) == http.StatusUnprocessableEntity {
		return s.showInstallProblem(v, http.StatusUnprocessableEntity, "Slack cannot send you back here",
			"Slack sends people back to pages with TLS only. Open the dashboard by https:// and install the app there.")
	}
	if err != nil {
		return s.showNotInstalled(v, err)
	}
	session.BeginInstall(v.w, v.r, nonce)
	redirect(v.w, at)
	return nil
}

// keepInstall moves what Slack answered from the address to a cookie. The browser sends no session with a request that
// comes from Slack's page, so the user may have to sign in first: the code must be in no further address, where the history
// and logs would have it.
func (s *site) keepInstall(w http.ResponseWriter, r *http.Request) {
	answer := url.Values{}
	for _, name := range []string{"error", "code", "state"} {
		if value := r.URL.Query().Get(name); value != "" {
			answer.Set(name, value)
		}
	}
	isAnswer := slackError.MatchString(answer.Get("error")) || answer.Has("code") && answer.Has("state")
	if !isAnswer || !session.KeepAnswer(w, r, answer) {
		s.showProblem(w, r, s.visitOf(w, r), errNoPage)
		return
	}
	redirect(w, completePath)
}

// completeInstall completes an installation with what Slack answered.
func (s *site) completeInstall(v *visit) error {
	nonce, answer := session.EndInstall(v.w, v.r)
	switch reason := answer.Get("error"); {
	case reason == "access_denied":
		return s.showInstallProblem(v, http.StatusOK, "The installation was cancelled", "It was cancelled in Slack. Nothing was stored.")
	case slackError.MatchString(reason):
		return s.showInstallProblem(v, http.StatusBadGateway, "The app was not installed", "Slack refused the installation: "+reason)
	case !answer.Has("code"):
		return s.showInstallProblem(v, http.StatusGone, installExpired, "The installation has ended already, or more than ten minutes "+
			"have passed since Slack answered. If the app is not installed, begin again on the page of the integration.")
	}
	key, err := v.api.CompleteInstall(answer.Get("state"), answer.Get("code"), nonce)
	if err != nil {
		return s.showNotInstalled(v, err)
	}
	return v.redirectWithNote("/integrations/slack/"+key.Namespace+"/"+key.Name, "installed")
}

// installExpired is the title of the page about an installation that took too long, or is completed a second time.
const installExpired = "The installation has expired"

// showNotInstalled shows why an app was not installed. Each reason has a title of its own.
func (s *site) showNotInstalled(v *visit, err error) error {
	var p *client.Problem
	if !errors.As(err, &p) || p.Status == http.StatusUnauthorized || p.Status == http.StatusNotFound {
		return err
	}
	title := "The app was not installed"
	switch p.Status {
	case http.StatusGone:
		title = installExpired
	case http.StatusForbidden:
		title = "You may not complete this installation"
	}
	return s.showInstallProblem(v, p.Status, title, p.Detail)
}

func (s *site) showInstallProblem(v *visit, status int, title, detail string) error {
	return v.render(status, "problem", view{Title: title, Data: problemPage{Status: status, Detail: web.Sentence(detail)}})
}

// revokeInstall revokes the token of an integration that was installed.
func (s *site) revokeInstall(v *visit) error {
	f, err := v.readForm()
	if err != nil {
		return err
	}
	if f.Get("confirm") != v.key().Name {
		return s.showProblemInCard(v, product.Slack, "revoke", "Not revoked. Type the integration's name to confirm.")
	}
	if err := v.api.RevokeInstall(v.key()); err != nil {
		return s.showNotRevoked(v, err, "revoke", "")
	}
	return v.redirectWithNote(integrationPath(product.Slack, v.key()), "revoked")
}

// showNotRevoked shows in a card why a token was not revoked, and what else a person can do.
func (s *site) showNotRevoked(v *visit, err error, card, instead string) error {
	var p *client.Problem
	if !errors.As(err, &p) || p.Status == http.StatusUnauthorized || p.Status == http.StatusNotFound {
		return err
	}
	return s.showProblemInCard(v, product.Slack, card, strings.TrimSpace(web.Sentence(p.Detail)+" "+instead))
}
