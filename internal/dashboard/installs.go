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

// installedPath is the page to which Slack sends the browser after an installation.
const installedPath = "/oauth/slack"

// slackError matches a code of an error as Slack sends it. Any other text of the address is not shown.
var slackError = regexp.MustCompile(`^[a-z_]{1,64}$`)

func (s *site) routeInstalls(mux *http.ServeMux) {
	s.handle(mux, "GET /integrations/slack/{namespace}/{name}/install", s.beginInstall)
	s.handle(mux, "GET "+installedPath, s.completeInstall)
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

// completeInstall completes an installation when the browser comes back from Slack.
func (s *site) completeInstall(v *visit) error {
	nonce := session.EndInstall(v.w, v.r)
	switch reason := v.parameter("error"); {
	case reason == "access_denied":
		return s.showInstallProblem(v, http.StatusOK, "The installation was cancelled", "It was cancelled in Slack. Nothing was stored.")
	case slackError.MatchString(reason):
		return s.showInstallProblem(v, http.StatusBadGateway, "The app was not installed", "Slack refused the installation: "+reason)
	case v.parameter("code") == "" || v.parameter("state") == "":
		return errNoPage
	}
	key, err := v.api.CompleteInstall(v.parameter("state"), v.parameter("code"), nonce)
	if err != nil {
		return s.showNotInstalled(v, err)
	}
	return v.redirectWithNote("/integrations/slack/"+key.Namespace+"/"+key.Name, "installed")
}

// showNotInstalled shows why an app was not installed. Each reason has a title of its own.
func (s *site) showNotInstalled(v *visit, err error) error {
	var p *client.Problem
	if !errors.As(err, &p) || p.Status == http.StatusUnauthorized || p.Status == http.StatusNotFound {
		return err
	}
	title := "The app was not installed"
	switch p.Status {
	case http.StatusGone:
		title = "The installation has expired"
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
