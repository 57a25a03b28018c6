// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// movedError refuses a redirect to another address of the REST API. A client would follow it for a GET. It would send
// a POST as a GET, for which no ticket is created.
type movedError struct {
	status int
	// base is the URL to write into the configuration.
	base string
}

func (e *movedError) Error() string {
	return fmt.Sprintf("Jira redirects to another address. Set spec.apiURL to %s", e.base)
}

// fault returns the fault of the call, which had no effect.
func (e *movedError) fault() *fault.Fault {
	return &fault.Fault{Kind: fault.Invalid, Scope: fault.Connection, Code: fmt.Sprint(e.status), Message: e.Error()}
}

// checkRedirect returns the policy for redirects of a client whose API is at base. next decides about those to other
// pages than the REST API, such as a login form.
func checkRedirect(base *url.URL, next func(*http.Request, []*http.Request) error) func(*http.Request, []*http.Request) error {
	return func(req *http.Request, via []*http.Request) error {
		status := req.Response.StatusCode
		first := via[0].URL
		last := via[len(via)-1].URL
		sameHost := req.URL.Scheme == first.Scheme && req.URL.Host == first.Host
		keepsRequest := status == http.StatusTemporaryRedirect || status == http.StatusPermanentRedirect
		if status == http.StatusSeeOther || sameHost && (keepsRequest || req.URL.Path == last.Path) {
			return next(req, via)
		}
		if to := movedTo(base, first, req.URL); to != "" {
			return &movedError{status, to}
		}
		return next(req, via)
	}
}

// movedTo returns the base of the REST API to which a redirect leads; empty when it leads to something else.
func movedTo(base, from, to *url.URL) string {
	path, found := strings.CutSuffix(to.Path, strings.TrimPrefix(from.Path, base.Path))
	if !found {
		if from.Scheme != "http" || to.Scheme != "https" || from.Hostname() != to.Hostname() {
			return ""
		}
		path = base.Path // the redirect to HTTPS dropped it
	}
	moved := url.URL{Scheme: to.Scheme, Host: to.Host, Path: strings.TrimRight(path, "/")}
	if moved.String() == base.String() {
		return ""
	}
	return text.Truncate(moved.String(), 255)
}
