// SPDX-License-Identifier: Apache-2.0

// Package consent reads what the page on which a person installs the app in the sandbox's Slack is called with.
package consent

import (
	"net/http"
	"net/url"
	"strings"
)

// The OAuth client of the app, and the page on which a person installs it.
const (
	ClientID     = "1111111111.2222222222"
	ClientSecret = "sandbox-client-secret"
	Path         = "/oauth/v2/authorize"
)

// Consent is what the consent page is asked for.
type Consent struct{ ClientID, Scope, RedirectURL, State string }

// Of returns the consent that a request asks for, and why it cannot be given; empty if it can.
func Of(r *http.Request) (Consent, string) {
	q := r.URL.Query()
	c := Consent{ClientID: q.Get("client_id"), Scope: q.Get("scope"), RedirectURL: q.Get("redirect_uri"), State: q.Get("state")}
	u, err := url.Parse(c.RedirectURL)
	switch {
	case c.ClientID != ClientID:
		return c, "Invalid client_id parameter"
	case c.Scope == "":
		return c, "Invalid permissions requested: scope is empty"
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return c, "redirect_uri did not match any configured URIs"
	}
	return c, ""
}

// Scopes returns the scopes that are asked for.
func (c Consent) Scopes() []string { return strings.Split(c.Scope, ",") }

// Deny returns where the browser is sent if the person cancels.
func (c Consent) Deny() string { return c.Redirect("error", "access_denied") }

// Redirect returns where the browser is sent with a result and the state.
func (c Consent) Redirect(key, value string) string {
	u, err := url.Parse(c.RedirectURL)
	if err != nil {
		return "/"
	}
	u.RawQuery = url.Values{key: {value}, "state": {c.State}}.Encode()
	return u.String()
}
