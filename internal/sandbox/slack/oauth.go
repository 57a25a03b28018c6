// SPDX-License-Identifier: Apache-2.0

package slack

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack/consent"
)

// codeLifetime is how long a code is valid.
const codeLifetime = 10 * time.Minute

// grant is a consent that a person gave.
type grant struct {
	consent.Consent
	until time.Time
	used  bool
}

// Allow gives the consent, and returns where the browser is sent.
func (w *Workspace) Allow(c consent.Consent) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lastGrant++
	code := fmt.Sprintf("%s.code-%d", strings.TrimPrefix(TeamID, "T"), w.lastGrant)
	w.prune()
	w.grants[code] = &grant{Consent: c, until: w.options.Clock().Add(codeLifetime)}
	return c.Redirect("code", code)
}

// exchange serves oauth.v2.access.
func (w *Workspace) exchange(rw http.ResponseWriter, r *http.Request) {
	grant := w.install
	if r.PostFormValue("grant_type") == "refresh_token" {
		grant = w.refresh
	}
	answer, refused := grant(r)
	if refused != nil {
		w.countRefusal("oauth.v2.access", refused.code)
		refused.write(rw)
		return
	}
	answer["ok"] = true
	writeJSON(rw, http.StatusOK, answer)
}

// checkClient refuses a request that does not come from the app.
func checkClient(r *http.Request) *refusal {
	switch {
	case r.PostFormValue("client_id") != consent.ClientID:
		return refuse("invalid_client_id")
	case r.PostFormValue("client_secret") != consent.ClientSecret:
		return refuse("bad_client_secret")
	}
	return nil
}

// install exchanges the code in a request for a token.
func (w *Workspace) install(r *http.Request) (reply, *refusal) {
	if refused := checkClient(r); refused != nil {
		return nil, refused
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	g := w.grants[r.PostFormValue("code")]
	switch {
	case g == nil:
		return nil, refuse("invalid_code")
	case g.used:
		return nil, refuse("code_already_used")
	case w.options.Clock().After(g.until):
		return nil, refuse("invalid_code")
	case r.PostFormValue("redirect_uri") != g.RedirectURL:
		return nil, refuse("bad_redirect_uri")
	}
	g.used = true
	w.installs++
	i := &installation{number: w.installs, scopes: g.Scopes()}
	if w.rotation.Rotates {
		return w.issue(i), nil
	}
	w.prune()
	token := fmt.Sprintf("%s-installed-%d", BotToken, i.number)
	w.tokens[token] = Token{State: Valid, Scopes: i.scopes}
	return i.answer(token), nil
}
