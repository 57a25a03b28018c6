// SPDX-License-Identifier: Apache-2.0

package session

import (
	"net/http"
	"net/url"
	"time"
)

const (
	// nonceCookie has the nonce of an installation of the app in Slack, and answerCookie what Slack answered to it.
	nonceCookie  = "voiceai-install"
	answerCookie = "voiceai-install-answer"
	// maxInstall is how long an installation may take.
	maxInstall = 10 * time.Minute
	maxNonce   = 128
	// maxAnswer is in bytes, as in maxCookie.
	maxAnswer = 3900
)

// BeginInstall stores the nonce of an installation in the browser, for as long as the installation may take.
func BeginInstall(w http.ResponseWriter, r *http.Request, nonce string) {
	keep(w, cookieOf(r, nonceCookie, nonce))
}

// KeepAnswer stores in the browser what Slack answered to an installation. It reports whether that is short enough.
func KeepAnswer(w http.ResponseWriter, r *http.Request, answer url.Values) bool {
	value := answer.Encode() // which has no character that a cookie may not have
	if len(value) > maxAnswer {
		return false
	}
	keep(w, cookieOf(r, answerCookie, value))
	return true
}

// EndInstall removes an installation from the browser. It returns its nonce and what Slack answered; empty when there is
// none.
func EndInstall(w http.ResponseWriter, r *http.Request) (nonce string, answer url.Values) {
	nonce = remove(w, r, nonceCookie, maxNonce)
	answer, err := url.ParseQuery(remove(w, r, answerCookie, maxAnswer))
	if err != nil {
		return nonce, nil
	}
	return nonce, answer
}

// keep stores a cookie of an installation.
func keep(w http.ResponseWriter, c *http.Cookie) {
	c.MaxAge = int(maxInstall.Seconds())
	http.SetCookie(w, c)
}

// remove removes a cookie from the browser, and returns its value; empty when there is none of at most so many bytes.
func remove(w http.ResponseWriter, r *http.Request, name string, most int) string {
	c := cookieOf(r, name, "")
	c.MaxAge = -1
	http.SetCookie(w, c)
	kept, err := r.Cookie(c.Name)
	if err != nil || len(kept.Value) > most {
		return ""
	}
	return kept.Value
}
