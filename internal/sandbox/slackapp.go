// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack/display"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack/sockets"
)

// personOf returns the person as whom a page is used.
func personOf(r *http.Request) string {
	if p := r.FormValue("person"); slices.Contains(slack.People(), p) {
		return p
	}
	return slack.Ann
}

// partsOf returns the parts of a message with the line that they belong to.
func partsOf(l line, parts []display.Part) map[string]any {
	return map[string]any{"Line": l, "Parts": parts}
}

// maxForm bounds what a page of a channel sends.
const maxForm = 64 << 10

// actInChannel handles the buttons and inputs of a channel's page: it does in the app what the person does.
func (s *Sandbox) actInChannel(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	ch, found := s.slack.Channel(r.PathValue("channel"))
	if !found {
		s.notFound(w, "This channel does not exist.")
		return
	}
	p := slack.Person{User: personOf(r), Channel: ch.ID, Base: "http://" + r.Host}
	// What the app failed to do is shown to the person in the channel.
	_ = s.act(r.Context(), p, r)
	to := url.URL{Path: "/slack/" + ch.ID, RawQuery: url.Values{"person": {p.User}}.Encode()}
	http.Redirect(w, r, to.String(), http.StatusSeeOther)
}

// act does what a form of a channel's page stands for.
func (s *Sandbox) act(ctx context.Context, p slack.Person, r *http.Request) error {
	ts := r.PostFormValue("ts")
	switch {
	case r.PostFormValue("action") != "":
		return s.slack.Click(ctx, p, ts, r.PostFormValue("action"))
	case r.PostFormValue("shortcut") != "":
		return s.slack.Use(ctx, p, ts)
	case r.PostFormValue("form") == "close":
		s.slack.CloseForm(p.User)
		return nil
	case r.PostFormValue("form") != "":
		values := map[string]string{}
		for name := range r.PostForm {
			if id, ok := strings.CutPrefix(name, "input-"); ok {
				values[id] = r.PostFormValue(name)
			}
		}
		return s.slack.Submit(ctx, p, values)
	case r.PostFormValue("group") != "":
		return s.joinOrLeave(ctx, p.User, r.PostFormValue("group"))
	case r.PostFormValue("connections") != "":
		return changeConnections(s.slack, r.PostFormValue("connections"))
	case r.PostFormValue("event") != "":
		return s.slack.Send(ctx, map[string]any{"type": r.PostFormValue("event")})
	case r.PostForm.Has("command"):
		return s.slack.Run(ctx, p, r.PostFormValue("command"))
	}
	return errNoAction
}

// changeConnections does with the app's connections of Socket Mode what a button of a page stands for: it turns Socket Mode
// on or off, breaks all connections, or closes the oldest for a reason of Slack.
func changeConnections(w *slack.Workspace, what string) error {
	app := w.App()
	switch what {
	case "on", "off":
		app.SocketMode = what == "on"
		return w.SetApp(app)
	case "break":
		return disconnection{}.do(w.Sockets())
	}
	return disconnection{Reason: what, Oldest: what != sockets.LinkDisabled}.do(w.Sockets())
}

// joinOrLeave makes a person a member of a user group, or no member any more, and sends the event of it.
func (s *Sandbox) joinOrLeave(ctx context.Context, user, group string) error {
	for _, g := range s.slack.UserGroups() {
		if g.ID != group {
			continue
		}
		users := slices.Clone(g.Users)
		if i := slices.Index(users, user); i >= 0 {
			users = slices.Delete(users, i, i+1)
		} else {
			users = append(users, user)
		}
		g.Users = users
		if err := s.slack.PutUserGroup(g); err != nil {
			return err
		}
		return s.slack.Send(ctx, map[string]any{"type": "subteam_members_changed", "subteam_id": group})
	}
	return errors.New("there is no such user group")
}

// appAct is something that a person does in the app, for a test.
type appAct struct {
	slack.Person
	// Command is the text of a slash command.
	Command *string `json:"command"`
	// TS is the message whose button Action is pressed or, without it, on which the shortcut is used.
	TS     string `json:"ts"`
	Action string `json:"action"`
	// Form has the values of a form to submit.
	Form map[string]string `json:"form"`
	// Event is an event to send.
	Event map[string]any `json:"event"`
}

// do does it.
func (a appAct) do(ctx context.Context, w *slack.Workspace) error {
	switch {
	case a.Event != nil:
		return w.Send(ctx, a.Event)
	case a.Command != nil:
		return w.Run(ctx, a.Person, *a.Command)
	case a.Form != nil:
		return w.Submit(ctx, a.Person, a.Form)
	case a.Action != "":
		return w.Click(ctx, a.Person, a.TS, a.Action)
	case a.TS != "":
		return w.Use(ctx, a.Person, a.TS)
	}
	return errNoAction
}

// disconnection closes connections of Socket Mode.
type disconnection struct {
	// Reason is the one that Slack gives; empty to close all connections without any.
	Reason string `json:"reason"`
	// Oldest closes the oldest connection only.
	Oldest bool `json:"oldest"`
}

// do closes the connections.
func (d disconnection) do(s *sockets.Server) error {
	reasons := []string{"", sockets.Warning, sockets.RefreshRequested, sockets.LinkDisabled, sockets.TooMany}
	switch {
	case !slices.Contains(reasons, d.Reason):
		return fmt.Errorf("reason %q: must be one of %q", d.Reason, reasons)
	case d.Reason == "":
		s.Break()
	case d.Oldest:
		s.DisconnectOldest(d.Reason)
	default:
		s.Disconnect(d.Reason)
	}
	return nil
}

// addAppControls adds the routes by which tests and people use the app.
func (s *Sandbox) addAppControls(mux *http.ServeMux) {
	mux.HandleFunc("PUT /_sandbox/slack/app", control(func(_ *http.Request, a slack.App) error { return s.slack.SetApp(a) }))
	mux.HandleFunc("POST /_sandbox/slack/acts", control(func(r *http.Request, a appAct) error {
		a.Base = "http://" + r.Host
		return a.do(r.Context(), s.slack)
	}))
	mux.HandleFunc("POST /_sandbox/slack/disconnect", control(func(_ *http.Request, d disconnection) error {
		return d.do(s.slack.Sockets())
	}))
	mux.HandleFunc("PUT /_sandbox/slack/usergroups/{id}", control(func(r *http.Request, g slack.UserGroup) error {
		g.ID = r.PathValue("id")
		return s.slack.PutUserGroup(g)
	}))
	mux.HandleFunc("GET /_sandbox/slack/private/{channel}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, s.slack.Privates(r.PathValue("channel")))
	})
	mux.HandleFunc("GET /_sandbox/slack/forms/{user}", func(w http.ResponseWriter, r *http.Request) {
		f, open := s.slack.OpenForm(r.PathValue("user"))
		if !open {
			answer(w, http.StatusNotFound, map[string]string{"error": "the person sees no form"})
			return
		}
		answer(w, http.StatusOK, f)
	})
}
