// SPDX-License-Identifier: Apache-2.0

package slack

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	// RefreshGrace is how long a refresh token that was used is still valid. Slack does not say how long.
	RefreshGrace = 30 * time.Second
	// tokenLifetime is how long a token is valid that rotates.
	tokenLifetime = 12 * time.Hour
	// activeTokens is how many tokens of an installation are valid at once. When there are more, the oldest is revoked.
	activeTokens = 2
)

// Rotation is whether the tokens of apps that are installed from now on rotate. As in Slack, those that rotate do so for
// ever.
type Rotation struct {
	Rotates bool `json:"rotates"`
	// LifetimeSeconds is how long tokens are valid from now on; 12 hours when 0.
	LifetimeSeconds int `json:"lifetimeSeconds,omitempty"`
}

// installation is an app that was installed.
type installation struct {
	number int
	scopes []string
	// issued counts its tokens; active are the last of those that rotate.
	issued int
	active []string
}

// answer returns what Slack answers of a token.
func (i *installation) answer(token string) reply {
	return reply{
		"access_token": token, "token_type": "bot", "scope": strings.Join(i.scopes, ","), "bot_user_id": BotUser, "app_id": AppID,
		"team": reply{"id": TeamID, "name": TeamName}, "is_enterprise_install": false, "authed_user": reply{"id": Ann},
	}
}

// refreshToken is a token that gives the next one.
type refreshToken struct {
	of *installation
	// until is when it ends; zero while it was not used.
	until time.Time
}

// SetRotation sets whether the tokens of apps that are installed from now on rotate.
func (w *Workspace) SetRotation(r Rotation) error {
	if r.LifetimeSeconds < 0 || r.LifetimeSeconds > int(tokenLifetime/time.Second) {
		return fmt.Errorf("lifetimeSeconds %d: must be 0 to %d", r.LifetimeSeconds, int(tokenLifetime/time.Second))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rotation = r
	return nil
}

// Rotation returns whether the tokens of apps that are installed from now on rotate.
func (w *Workspace) Rotation() Rotation {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rotation
}

// lifetime returns how long a token that is issued now is valid. It needs the lock.
func (w *Workspace) lifetime() time.Duration {
	if w.rotation.LifetimeSeconds > 0 {
		return time.Duration(w.rotation.LifetimeSeconds) * time.Second
	}
	return tokenLifetime
}

// issue gives an installation its next token, which rotates. It needs the lock.
func (w *Workspace) issue(i *installation) reply {
	i.issued++
	token := fmt.Sprintf("xoxe.%s-1-%d-%d", BotToken, i.number, i.issued)
	refresh := fmt.Sprintf("xoxe-1-sandbox-%d-%d", i.number, i.issued)
	lifetime := w.lifetime()
	w.tokens[token] = Token{State: Valid, Scopes: i.scopes, Expires: w.options.Clock().Add(lifetime)}
	w.refreshTokens[refresh] = &refreshToken{of: i}
	i.active = append(i.active, token)
	if len(i.active) > activeTokens {
		oldest := w.tokens[i.active[0]]
		oldest.State = Revoked
		w.tokens[i.active[0]] = oldest
		i.active = i.active[1:]
	}
	w.prune()
	answer := i.answer(token)
	answer["refresh_token"] = refresh
	answer["expires_in"] = int(lifetime / time.Second)
	return answer
}

// prune forgets tokens of installed apps that ended or were revoked, once there are many. It needs the lock.
func (w *Workspace) prune() {
	now := w.options.Clock()
	if len(w.tokens)+len(w.refreshTokens)+len(w.grants) <= maxCredentials {
		return
	}
	maps.DeleteFunc(w.tokens, func(name string, t Token) bool { return isInstalled(name) && !t.works(now) })
	maps.DeleteFunc(w.refreshTokens, func(_ string, t *refreshToken) bool { return !t.until.IsZero() && now.After(t.until) })
	maps.DeleteFunc(w.grants, func(_ string, g *grant) bool { return g.used || now.After(g.until) })
}

// works reports whether a token is accepted.
func (t Token) works(now time.Time) bool {
	return t.State == Valid && (t.Expires.IsZero() || now.Before(t.Expires))
}

// isInstalled reports whether a token is that of an app that was installed.
func isInstalled(token string) bool {
	return strings.HasPrefix(token, "xoxe.") || strings.HasPrefix(token, BotToken+"-installed-")
}

// refresh exchanges the refresh token in a request for a new token. The refresh token ends soon after.
func (w *Workspace) refresh(r *http.Request) (reply, *refusal) {
	if refused := checkClient(r); refused != nil {
		return nil, refused
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.refreshTokens[r.PostFormValue("refresh_token")]
	now := w.options.Clock()
	if t == nil || !t.until.IsZero() && now.After(t.until) {
		return nil, refuse("invalid_refresh_token")
	}
	if t.until.IsZero() {
		t.until = now.Add(RefreshGrace)
	}
	return w.issue(t.of), nil
}

// revoke serves auth.revoke, which also revokes refresh tokens and takes tokens that lack any scope.
func (w *Workspace) revoke(rw http.ResponseWriter, r *http.Request) {
	_, token, refused := arguments(r)
	if refused == nil {
		refused = w.revokeToken(token)
	}
	if refused != nil {
		w.countRefusal("auth.revoke", refused.code)
		refused.write(rw)
		return
	}
	writeJSON(rw, http.StatusOK, reply{"ok": true, "revoked": true})
}

// revokeToken revokes a token or a refresh token.
func (w *Workspace) revokeToken(token string) *refusal {
	w.mu.Lock()
	if t := w.refreshTokens[token]; t != nil && (t.until.IsZero() || !w.options.Clock().After(t.until)) {
		defer w.mu.Unlock()
		delete(w.refreshTokens, token)
		return nil
	}
	w.mu.Unlock()
	if _, refused := w.authorize(token, ""); refused != nil {
		return refused
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.tokens[token]
	t.State = Revoked
	w.tokens[token] = t
	return nil
}

// InstalledToken is a token of an app that was installed, or a refresh token.
type InstalledToken struct {
	Token string
	// State is valid, revoked or expired.
	State State
	// Refreshes is set for a refresh token.
	Refreshes bool
	// Expires is when it ends; zero if it does not.
	Expires time.Time
}

// Expired is the state of an InstalledToken that has ended.
const Expired State = "expired"

// InstalledTokens returns the tokens of the apps that were installed, by their names.
func (w *Workspace) InstalledTokens() []InstalledToken {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.options.Clock()
	var out []InstalledToken
	for name, t := range w.tokens {
		if isInstalled(name) {
			state := t.State
			if state == Valid && !t.works(now) {
				state = Expired
			}
			out = append(out, InstalledToken{Token: name, State: state, Expires: t.Expires})
		}
	}
	for name, t := range w.refreshTokens {
		state := Valid
		if !t.until.IsZero() && now.After(t.until) {
			state = Expired
		}
		out = append(out, InstalledToken{Token: name, State: state, Refreshes: true, Expires: t.until})
	}
	slices.SortFunc(out, func(a, b InstalledToken) int { return strings.Compare(a.Token, b.Token) })
	return out
}

// Expire ends a token of an app that was installed. It reports whether there is such a token.
func (w *Workspace) Expire(token string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	t, ok := w.tokens[token]
	if !ok || !isInstalled(token) || t.Expires.IsZero() {
		return false
	}
	t.Expires = w.options.Clock()
	w.tokens[token] = t
	return true
}

// RevokeInstalled revokes a token or refresh token of an app that was installed. It reports whether there was one to revoke.
func (w *Workspace) RevokeInstalled(token string) bool {
	w.mu.Lock()
	_, refreshes := w.refreshTokens[token]
	w.mu.Unlock()
	return (refreshes || isInstalled(token)) && w.revokeToken(token) == nil
}

// Uninstall revokes all tokens of apps that were installed.
func (w *Workspace) Uninstall() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, t := range w.tokens {
		if isInstalled(name) {
			t.State = Revoked
			w.tokens[name] = t
		}
	}
	clear(w.refreshTokens)
}
