// SPDX-License-Identifier: Apache-2.0

package client

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// Integration is a SlackIntegration or JiraIntegration in the summary.
type Integration struct {
	Kind            string     `json:"kind"`
	Namespace       string     `json:"namespace"`
	Name            string     `json:"name"`
	Status          string     `json:"status"`
	Message         string     `json:"message"`
	Target          string     `json:"target"`
	Default         bool       `json:"default"`
	LastSuccessTime *time.Time `json:"lastSuccessTime"`
	LastErrorTime   *time.Time `json:"lastErrorTime"`
	LastError       string     `json:"lastError"`
	Hours           []Hour     `json:"hours"`
}

// Hour counts the calls of one hour by their outcome.
type Hour struct {
	Succeeded int `json:"succeeded"`
	Failed    int `json:"failed"`
}

// Provider returns slack or jira.
func (i Integration) Provider() string { return strings.ToLower(i.Product()) }

// Product returns Slack or Jira.
func (i Integration) Product() string { return strings.TrimSuffix(i.Kind, "Integration") }

// Succeeded returns the number of successes in the last 24 hours.
func (i Integration) Succeeded() (n int) {
	for _, h := range i.Hours {
		n += h.Succeeded
	}
	return n
}

// Failed returns the number of failures in the last 24 hours.
func (i Integration) Failed() (n int) {
	for _, h := range i.Hours {
		n += h.Failed
	}
	return n
}

// IntegrationStatus is an integration with its totals, conditions and last test.
type IntegrationStatus struct {
	Integration
	SucceededTotal int64       `json:"succeededTotal"`
	FailedTotal    int64       `json:"failedTotal"`
	Conditions     []Condition `json:"conditions"`
	LastTest       *struct {
		Outcome   string    `json:"outcome"`
		Message   string    `json:"message"`
		Time      time.Time `json:"time"`
		Channel   string    `json:"channel"`
		Permalink string    `json:"permalink"`
		Checks    []struct {
			Name    string `json:"name"`
			Outcome string `json:"outcome"`
			Message string `json:"message"`
		} `json:"checks"`
	} `json:"lastTest"`
	// Slack is the app of a SlackIntegration; nil for others.
	Slack *SlackApp `json:"slack"`
}

// SlackApp is what is known of the app of a SlackIntegration.
type SlackApp struct {
	GrantedScopes []string       `json:"grantedScopes"`
	MissingScopes []MissingScope `json:"missingScopes"`
	// Receives says how Slack sends to it: HTTP, SocketMode.
	Receives []string `json:"receives"`
}

// MissingScope is a scope that a token lacks.
type MissingScope struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// ReceivesByHTTP reports whether Slack sends to the edge.
func (a SlackApp) ReceivesByHTTP() bool { return slices.Contains(a.Receives, "HTTP") }

// Condition returns the condition of a type; nil if there is none.
func (s IntegrationStatus) Condition(kind string) *Condition {
	i := slices.IndexFunc(s.Conditions, func(c Condition) bool { return c.Type == kind })
	if i < 0 {
		return nil
	}
	return &s.Conditions[i]
}

// Config is an integration's configuration. Of a credential it holds only where it is stored and whether it is set.
type Config struct {
	Namespace   string `json:"namespace"`
	Name        string `json:"name"`
	Spec        Spec   `json:"spec"`
	Credentials map[string]struct {
		Set    bool   `json:"set"`
		Secret string `json:"secret"`
		Key    string `json:"key"`
	} `json:"credentials"`
	ManagedBy string `json:"managedBy"`
	// Editable is set unless a tool would revert every change by itself.
	Editable bool `json:"editable"`
}

// ConfigChange is a configuration to store. Credentials that it does not name stay as they are.
type ConfigChange struct {
	Spec        Spec              `json:"spec"`
	Credentials map[string]string `json:"credentials"`
	// ReplaceDefault lets the integration take the place of the default one of its namespace.
	ReplaceDefault bool `json:"replaceDefault,omitempty"`
	// EditAnyway changes an integration that kubectl applied.
	EditAnyway bool `json:"editAnyway,omitempty"`
}

// Integrations returns the status of every integration.
func (c *Client) Integrations(namespace string) ([]IntegrationStatus, error) {
	var all List[IntegrationStatus]
	err := c.get("/api/v1/integrations/status", Query("namespace", namespace), &all)
	return all.Items, err
}

// DefaultAmong returns the name of the default integration of a kind other than one; empty if there is none.
func DefaultAmong(all []IntegrationStatus, kind, except string) string {
	for _, i := range all {
		if i.Kind == kind && i.Default && i.Name != except {
			return i.Name
		}
	}
	return ""
}

// Provider names a kind of integration in the API's paths: slack or jira.
type Provider string

func (p Provider) path(part string) string { return "/api/v1/integrations/" + string(p) + "/" + part }

func (k Key) query() map[string][]string { return Query("namespace", k.Namespace, "name", k.Name) }

// Config returns an integration's configuration and its ETag.
func (c *Client) Config(p Provider, key Key) (out Config, etag string, err error) {
	a, err := c.do(call{method: http.MethodGet, path: p.path("config"), query: key.query(), into: &out})
	if err != nil {
		return Config{}, "", err
	}
	return out, a.header.Get("ETag"), nil
}

// CreateConfig creates an integration. The Problem has the status 412 when there is one of this name.
func (c *Client) CreateConfig(p Provider, key Key, change ConfigChange) error {
	_, err := c.do(call{
		method: http.MethodPut, path: p.path("config"), query: key.query(), body: change,
		header: map[string]string{"If-None-Match": "*"},
	})
	return err
}

// UpdateConfig stores an integration's configuration. The Problem has the status 412 when etag is no longer current.
func (c *Client) UpdateConfig(p Provider, key Key, change ConfigChange, etag string) error {
	_, err := c.do(call{
		method: http.MethodPut, path: p.path("config"), query: key.query(), body: change,
		header: map[string]string{"If-Match": etag},
	})
	return err
}

// ReplaceCredentials stores credentials in the Secrets that an integration names, and leaves the integration as it is.
func (c *Client) ReplaceCredentials(p Provider, key Key, credentials map[string]string) error {
	_, err := c.do(call{
		method: http.MethodPut, path: p.path("credentials"), query: key.query(),
		body: map[string]any{"credentials": credentials},
	})
	return err
}

// StartInstall returns where the app of a SlackIntegration is installed, and the nonce that the browser keeps meanwhile.
func (c *Client) StartInstall(key Key, redirectURL string) (url, nonce string, err error) {
	query := key.query()
	query["redirectURL"] = []string{redirectURL}
	var out struct {
		URL   string `json:"url"`
		Nonce string `json:"nonce"`
	}
	err = c.get("/api/v1/integrations/slack/oauth/start", query, &out)
	return out.URL, out.Nonce, err
}

// CompleteInstall stores the token of an installation. It returns the integration.
func (c *Client) CompleteInstall(state, code, nonce string) (key Key, err error) {
	var out struct {
		Namespace string `json:"namespace"`
		Name      string `json:"name"`
	}
	_, err = c.do(call{
		method: http.MethodPost, path: "/api/v1/integrations/slack/oauth/complete",
		body: map[string]string{"state": state, "code": code, "nonce": nonce}, into: &out,
	})
	return Key{Namespace: out.Namespace, Name: out.Name}, err
}

// RevokeInstall revokes in Slack the token of a SlackIntegration that was installed, and removes it from its Secret.
func (c *Client) RevokeInstall(key Key) error {
	_, err := c.do(call{method: http.MethodPost, path: "/api/v1/integrations/slack/oauth/revoke", query: key.query()})
	return err
}

// DeleteConfig deletes an integration.
func (c *Client) DeleteConfig(p Provider, key Key) error {
	_, err := c.do(call{method: http.MethodDelete, path: p.path("config"), query: key.query()})
	return err
}

// TestIntegration tests an integration, in its default channel when channel is empty. It reports whether the test has
// finished.
func (c *Client) TestIntegration(p Provider, key Key, channel string) (finished bool, err error) {
	var body any
	if channel != "" {
		body = map[string]string{"channel": channel}
	}
	a, err := c.do(call{method: http.MethodPost, path: p.path("test"), query: key.query(), body: body})
	if err != nil {
		return false, err
	}
	return a.status != http.StatusAccepted, nil
}
