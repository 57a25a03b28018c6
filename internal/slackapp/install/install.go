// SPDX-License-Identifier: Apache-2.0

// Package install describes the way of an installation through Slack's consent page: the address that leads there, and
// the state that comes back. The state says which integration is installed. It is signed with the app's client secret, ends
// after ten minutes, and belongs to the browser that has its nonce.
package install

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

const (
	// Lifetime is how long a state is valid, and how long Slack accepts the code that comes with it.
	Lifetime = 10 * time.Minute
	// RedirectPath is the page of the dashboard to which Slack sends the browser.
	RedirectPath = "/oauth/slack"
	// maxState bounds a state, in bytes.
	maxState = 2048
	// defaultAPIURL is the base of Slack's Web API.
	defaultAPIURL = "https://slack.com/api/"
)

// The errors of a state that comes back.
var (
	ErrMalformed    = errors.New("it is not what the installation began with")
	ErrExpired      = errors.New("more than ten minutes have passed since the installation began")
	ErrOtherBrowser = errors.New("the installation began in another browser, or has ended already")
)

// State is what an installation carries to Slack and back.
type State struct {
	Namespace string `json:"ns"`
	Name      string `json:"n"`
	// UID is that of the integration.
	UID string `json:"u"`
	// RedirectURL is where Slack sends the browser.
	RedirectURL string `json:"r"`
	// Expires is when the state ends, in seconds since 1970.
	Expires int64 `json:"e"`
	// NonceHash is the hash of the nonce that the browser keeps.
	NonceHash string `json:"h"`
}

// NewNonce returns a random text of 192 bits.
func NewNonce() string {
	raw := make([]byte, 24)
	_, _ = rand.Read(raw) // it never fails
	return hex.EncodeToString(raw)
}

// HashOf returns the hash of a nonce.
func HashOf(nonce string) string {
	sum := sha256.Sum256([]byte(nonce))
	return hex.EncodeToString(sum[:])
}

// Sign returns the state as a text, signed with the client secret.
func (s State) Sign(clientSecret string) string {
	raw, err := json.Marshal(s)
	if err != nil { // strings and a number
		panic(err)
	}
	payload := base64.RawURLEncoding.EncodeToString(raw)
	return payload + "." + signature(payload, clientSecret)
}

func signature(payload, clientSecret string) string {
	mac := hmac.New(sha256.New, []byte(clientSecret))
	_, _ = mac.Write([]byte("slack-install." + payload)) // it never fails
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// Parse returns the state in a text. It is not verified: nothing but the integration to verify it with may be read from it.
func Parse(text string) (State, error) {
	payload, _, _ := strings.Cut(text, ".")
	raw, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil || len(text) > maxState {
		return State{}, ErrMalformed
	}
	var s State
	if json.Unmarshal(raw, &s) != nil {
		return State{}, ErrMalformed
	}
	return s, nil
}

// Verify returns an error unless the text was signed with the client secret, is still valid, and came back to the
// browser that has the nonce.
func (s State) Verify(text, clientSecret, nonce string, now time.Time) error {
	payload, signed, _ := strings.Cut(text, ".")
	switch {
	case subtle.ConstantTimeCompare([]byte(signed), []byte(signature(payload, clientSecret))) != 1:
		return ErrMalformed
	case now.Unix() >= s.Expires:
		return ErrExpired
	case subtle.ConstantTimeCompare([]byte(HashOf(nonce)), []byte(s.NonceHash)) != 1:
		return ErrOtherBrowser
	}
	return nil
}

// ConsentURL returns the address of the page on which a person installs an app with scopes. apiURL is the base of the Web
// API that belongs to it; Slack's own when empty.
func ConsentURL(apiURL, clientID string, scopes []string, redirectURL, state string) (string, error) {
	if apiURL == "" {
		apiURL = defaultAPIURL
	}
	u, err := url.Parse(apiURL)
	if err != nil {
		return "", fmt.Errorf("apiURL %q is not a URL", apiURL)
	}
	u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), "/api") + "/oauth/v2/authorize"
	u.RawQuery = url.Values{
		"client_id": {clientID}, "scope": {strings.Join(scopes, ",")}, "redirect_uri": {redirectURL}, "state": {state},
	}.Encode()
	return u.String(), nil
}

// CheckRedirectURL returns an error unless Slack may send a browser to a URL: by TLS, or to this machine.
func CheckRedirectURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%q must be the address of a page, without a query", text)
	}
	isLocal := u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1" || u.Hostname() == "::1"
	if u.Scheme != "https" && (u.Scheme != "http" || !isLocal) {
		return fmt.Errorf("%q must begin with https://: Slack redirects to pages with TLS only", text)
	}
	return nil
}
