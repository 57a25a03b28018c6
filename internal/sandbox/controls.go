// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
)

// State is the sandbox's content, as GET /_sandbox/state returns it.
type State struct {
	Slack    SlackState      `json:"slack"`
	Jira     JiraState       `json:"jira"`
	Requests []CountedRoutes `json:"requests"`
	Faults   []Fault         `json:"faults"`
}

// SlackState is the workspace.
type SlackState struct {
	Channels []ChannelState `json:"channels"`
	Counts   slack.Counts   `json:"counts"`
}

// ChannelState is a channel with its messages, oldest first.
type ChannelState struct {
	slack.Channel
	Messages []slack.Message `json:"messages"`
}

// CountedRoutes is the number of requests of a kind.
type CountedRoutes struct {
	Request
	Count int `json:"count"`
}

// Credential is a bot token, an API token or the path of an incoming webhook, with its state: valid or revoked, for
// Slack also inactive, for Jira also forbidden.
type Credential struct {
	Service Service  `json:"service"`
	Token   string   `json:"token"`
	State   string   `json:"state"`
	Scopes  []string `json:"scopes,omitempty"`
}

// addControls adds the routes by which tests and people control the sandbox.
func (s *Sandbox) addControls(mux *http.ServeMux) {
	mux.HandleFunc("GET /_sandbox/state", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, s.State())
	})
	mux.HandleFunc("DELETE /_sandbox/state", func(w http.ResponseWriter, _ *http.Request) {
		s.Reset()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /_sandbox/faults", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, s.faults.List())
	})
	mux.HandleFunc("PUT /_sandbox/faults", control(func(_ *http.Request, list oneOrMore[Fault]) error {
		return s.faults.Set(list...)
	}))
	mux.HandleFunc("POST /_sandbox/faults", control(func(_ *http.Request, list oneOrMore[Fault]) error {
		return s.faults.Add(list...)
	}))
	mux.HandleFunc("DELETE /_sandbox/faults", func(w http.ResponseWriter, _ *http.Request) {
		s.faults.Clear()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("PUT /_sandbox/credentials", control(func(_ *http.Request, c Credential) error {
		return s.PutCredential(c)
	}))
	mux.HandleFunc("PUT /_sandbox/slack/channels/{id}", control(func(r *http.Request, c slack.Channel) error {
		c.ID = r.PathValue("id")
		return s.slack.PutChannel(c)
	}))
	s.addJiraControls(mux)
}

// PutCredential adds a credential or changes its state.
func (s *Sandbox) PutCredential(c Credential) error {
	switch c.Service {
	case Slack:
		return s.slack.PutToken(c.Token, slack.Token{State: slack.State(c.State), Scopes: c.Scopes})
	case Webhook:
		return s.slack.SetWebhook(c.Token, slack.State(c.State))
	case Jira:
		return s.jira.PutToken(c.Token, jira.State(c.State))
	}
	return fmt.Errorf("service %q: must be slack, webhook or jira", c.Service)
}

// State returns the sandbox's content.
func (s *Sandbox) State() State {
	state := State{
		Slack:    SlackState{Counts: s.slack.Counts()},
		Jira:     s.jiraState(),
		Requests: []CountedRoutes{},
		Faults:   s.faults.List(),
	}
	for _, c := range s.slack.Channels() {
		state.Slack.Channels = append(state.Slack.Channels, ChannelState{c, s.slack.Messages(c.ID)})
	}
	for r, n := range s.Requests() {
		state.Requests = append(state.Requests, CountedRoutes{r, n})
	}
	slices.SortFunc(state.Requests, func(a, b CountedRoutes) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Route, b.Route), cmp.Compare(a.Status, b.Status))
	})
	return state
}

// oneOrMore is a list. In JSON it may be written as its only item.
type oneOrMore[T any] []T

// UnmarshalJSON decodes a list or its only item.
func (l *oneOrMore[T]) UnmarshalJSON(raw []byte) error {
	var many []T
	if err := json.Unmarshal(raw, &many); err == nil {
		*l = many
		return nil
	}
	var one T
	if err := json.Unmarshal(raw, &one); err != nil {
		return err
	}
	*l = []T{one}
	return nil
}

// control returns a handler that decodes JSON, calls do with it, and answers 204, or 400 with the error.
func control[T any](do func(*http.Request, T) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var v T
		d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
		d.DisallowUnknownFields()
		err := d.Decode(&v)
		if err == nil && d.More() {
			err = errors.New("more than one JSON value")
		}
		if err == nil {
			err = do(r, v)
		}
		if err != nil {
			answer(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

// answer answers with JSON.
func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // fails only if the client is gone
}
