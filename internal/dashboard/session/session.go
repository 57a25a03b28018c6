// SPDX-License-Identifier: Apache-2.0

// Package session keeps the user's bearer token in a cookie, which scripts cannot read and which the browser sends
// with no request of another site.
package session

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// maxCookie is in bytes. Browsers drop cookies of more than 4096 bytes, name and attributes included.
const maxCookie = 3900

// bearer matches a token (RFC 6750, section 2.1). Each of these characters may be part of a cookie.
var bearer = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)

// Token returns the token of the request's session; empty when there is none.
func Token(r *http.Request) string {
	c, err := r.Cookie(cookie(r, "").Name)
	if err != nil || len(c.Value) > maxCookie || !bearer.MatchString(c.Value) {
		return ""
	}
	return c.Value
}

// Check returns why a text that a user pasted cannot be a token, in a sentence for the user; empty when it can be
// one.
func Check(token string) string {
	switch {
	case token == "":
		return "Paste a token."
	case len(token) > maxCookie:
		return "This token is too long for a cookie. Use a token that kubectl create token prints."
	case !bearer.MatchString(token):
		return "This is not a token: it contains characters that no token has. Copy exactly what kubectl create token printed."
	}
	return ""
}

// Begin stores the token in the browser. The session ends with the token, if the token contains its expiry.
func Begin(w http.ResponseWriter, r *http.Request, token string, now time.Time) {
	c := cookie(r, token)
	if end, known := expiry(token); known {
		c.MaxAge = max(1, int(end.Sub(now).Seconds()))
	}
	http.SetCookie(w, c)
}

// End removes the token from the browser.
func End(w http.ResponseWriter, r *http.Request) {
	c := cookie(r, "")
	c.MaxAge = -1
	http.SetCookie(w, c)
}

func cookie(r *http.Request, value string) *http.Cookie { return cookieOf(r, "voiceai", value) }

func cookieOf(r *http.Request, name, value string) *http.Cookie {
	c := &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode}
	if IsSecure(r) {
		c.Name = "__Host-" + name
		c.Secure = true
	}
	return c
}

// IsSecure reports whether the browser uses TLS, to this server or to a proxy in front of it.
func IsSecure(r *http.Request) bool {
	return r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

// expiry returns when a token expires, if it is a JWT with that claim. The signature is not verified here: the API
// server authenticates each token.
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
