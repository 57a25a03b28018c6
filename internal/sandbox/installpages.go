// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"context"
	"errors"
	"net/http"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack/consent"
)

// appsPath is the page of the app's installations.
const appsPath = "/apps"

// shortLife is how long tokens are valid that rotate quickly, in seconds. The operator refreshes them once a minute.
const shortLife = 180

// addInstallPages adds the pages on which a person installs the app, and decides about its tokens.
func (s *Sandbox) addInstallPages(mux *http.ServeMux) {
	mux.HandleFunc("GET "+consent.Path, s.consentPage)
	mux.HandleFunc("GET "+consent.Path+"/allow", s.allowInstall)
	mux.HandleFunc("GET "+appsPath, s.appsPage)
	mux.HandleFunc("POST "+appsPath, s.changeApp)
	mux.HandleFunc("PUT /_sandbox/slack/rotation", control(func(_ *http.Request, r slack.Rotation) error {
		return s.slack.SetRotation(r)
	}))
}

// consentPage shows what an app asks for before a person installs it.
func (s *Sandbox) consentPage(w http.ResponseWriter, r *http.Request) {
	c, problem := consent.Of(r)
	s.show(w, page{template: "consent", title: "Install the app", link: appsPath, data: map[string]any{
		"Consent": c, "Problem": problem, "Allow": consent.Path + "/allow?" + r.URL.RawQuery, "Team": slack.TeamName,
	}})
}

// allowInstall installs the app, and sends the browser back.
func (s *Sandbox) allowInstall(w http.ResponseWriter, r *http.Request) {
	c, problem := consent.Of(r)
	if problem != "" {
		s.notFound(w, problem)
		return
	}
	http.Redirect(w, r, s.slack.Allow(c), http.StatusFound)
}

// appsPage shows the tokens of the app's installations, and whether new ones rotate.
func (s *Sandbox) appsPage(w http.ResponseWriter, _ *http.Request) {
	rotation := s.slack.Rotation()
	s.show(w, page{template: "apps", title: "App", link: appsPath, data: map[string]any{
		"Tokens": s.slack.InstalledTokens(), "Rotates": rotation.Rotates, "Quickly": rotation.LifetimeSeconds == shortLife,
		"ClientID": consent.ClientID, "ClientSecret": consent.ClientSecret,
	}})
}

// errNoToken is the error of a token that is not there, or was revoked already.
var errNoToken = errors.New("there is no such token")

// changeApp handles the buttons of the page of installations.
func (s *Sandbox) changeApp(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := s.actOnApp(r.Context(), r); errors.Is(err, errNoToken) {
		s.notFound(w, "There is no such token any more.")
		return
	}
	// What the app failed to do with an event is its own affair, as in Slack.
	http.Redirect(w, r, appsPath, http.StatusSeeOther)
}

// actOnApp does what a button stands for, and sends the app the event of it.
func (s *Sandbox) actOnApp(ctx context.Context, r *http.Request) error {
	token := r.PostFormValue("token")
	switch r.PostFormValue("do") {
	case "rotate":
		return s.slack.SetRotation(slack.Rotation{Rotates: true})
	case "rotate-quickly":
		return s.slack.SetRotation(slack.Rotation{Rotates: true, LifetimeSeconds: shortLife})
	case "no-rotation":
		return s.slack.SetRotation(slack.Rotation{})
	case "expire":
		if !s.slack.Expire(token) {
			return errNoToken
		}
		return nil
	case "revoke":
		if !s.slack.RevokeInstalled(token) {
			return errNoToken
		}
		return s.slack.Send(ctx, map[string]any{"type": "tokens_revoked", "tokens": map[string]any{"bot": []string{slack.BotUser}}})
	case "uninstall":
		s.slack.Uninstall()
		return s.slack.Send(ctx, map[string]any{"type": "app_uninstalled"})
	}
	return errNoAction
}
