// SPDX-License-Identifier: Apache-2.0

// Package jira files tickets in Jira, Cloud or Data Center, and follows them. It is the only package that imports
// go-jira. It uses go-jira for requests, with bodies of its own: go-jira's have members that Jira's schema forbids,
// and none for entity properties.
package jira

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"

	jira "github.com/andygrunwald/go-jira"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
	"github.com/voiceai-dev/integrations-operator/internal/transport"
)

// The formats of the ID and the key of an issue. go-jira puts them into paths unescaped.
var (
	issueID  = regexp.MustCompile(`^[0-9]{1,20}$`)
	issueKey = regexp.MustCompile(`^[A-Z][A-Z0-9_]{1,254}-[0-9]{1,20}$`)
)

// Dialer makes clients.
type Dialer struct{ transport.Options }

// Dial returns a client for a project. It does not call Jira. Its error is a fault.
func (d Dialer) Dial(c ticket.Config) (ticket.Tracker, error) {
	base := strings.TrimRight(c.APIURL, "/")
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return nil, fault.New(fault.Invalid, "apiURL %q is not a URL", c.APIURL)
	}
	if err := d.Reach.CheckHost(u.Hostname()); err != nil {
		return nil, transport.RefusalOf(err)
	}
	account := transport.Account{Namespace: c.Namespace, Username: c.Username, Secrets: []string{c.Token}}
	client := transport.New(d.Options, account)
	client.Transport = &authorizer{next: client.Transport, config: c}
	client.CheckRedirect = checkRedirect(u, client.CheckRedirect)
	api, err := jira.NewClient(client, base)
	if err != nil {
		return nil, fault.New(fault.Invalid, "apiURL %q: %v", c.APIURL, err)
	}
	t := &tracker{api: api, config: c}
	t.metadata.Store(&metadata{server: server{deployment: c.Deployment}})
	return t, nil
}

// authorizer adds the credentials to each request. Redirects to another host are refused before they reach it.
type authorizer struct {
	next   http.RoundTripper
	config ticket.Config
}

// RoundTrip sends a request with the credentials.
func (a *authorizer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if a.config.Username != "" {
		r.SetBasicAuth(a.config.Username, a.config.Token)
	} else {
		r.Header.Set("Authorization", "Bearer "+a.config.Token)
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Accept-Language", "en") // messages and built-in names in one language
	return a.next.RoundTrip(r)
}

// tracker is a client for a project.
type tracker struct {
	api      *jira.Client
	config   ticket.Config
	metadata atomic.Pointer[metadata]
}

// metadata is what was read about the server and the project. It is replaced, never changed.
type metadata struct {
	server
	issueTypeID string
	// form describes how to fill in a ticket. It is nil until it was read.
	form *form
}

// call makes a request that can be repeated without harm: its fault is never Ambiguous.
func (t *tracker) call(ctx context.Context, method, path string, body, into any) error {
	return t.send(ctx, method, path, body, into, func() bool { return false })
}

// callOnce makes a request that must not be repeated: its fault is Ambiguous if the request was sent and not
// answered.
func (t *tracker) callOnce(ctx context.Context, method, path string, body, into any) error {
	ctx, sent := transport.Trace(ctx)
	return t.send(ctx, method, path, body, into, sent)
}

// send makes a request. sent reports whether it may have had an effect.
func (t *tracker) send(ctx context.Context, method, path string, body, into any, sent func() bool) error {
	req, err := t.api.NewRequestWithContext(ctx, method, path, body)
	if err != nil {
		return fault.New(fault.Invalid, "The request cannot be encoded: %v", err)
	}
	res, err := t.api.Do(req, into)
	if res != nil {
		defer func() { _ = res.Body.Close() }()
	}
	if err != nil {
		return classify(res, err, sent)
	}
	return nil
}

// get makes a request that changes nothing.
func (t *tracker) get(ctx context.Context, path string, into any) error {
	return t.call(ctx, http.MethodGet, path, nil, into)
}

// browse returns the URL of an issue's page.
func (t *tracker) browse(key string) string { return t.site() + "/browse/" + key }

// site returns the address at which people use Jira, without a slash at its end.
func (t *tracker) site() string {
	return strings.TrimRight(cmp.Or(t.config.SiteURL, t.metadata.Load().site, t.config.APIURL), "/")
}
