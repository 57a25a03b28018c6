// SPDX-License-Identifier: Apache-2.0

package chattest

import (
	"context"
	"sync"

	"github.com/voiceai-dev/integrations-operator/internal/chat"
)

// App is a workspace that answers people, on top of a Fake. The zero value accepts every call. It is safe for concurrent
// use.
type App struct {
	Fake
	// OnForm scripts OpenForm and UpdateForm, OnGroups scripts UserGroups, OnRespond scripts Respond, OnEphemeral scripts
	// PostEphemeral. Set them before use.
	OnForm      func() error
	OnGroups    func() (map[string][]string, error)
	OnRespond   func() error
	OnEphemeral func() error

	appMu     sync.Mutex
	responses []chat.Response
	ephemeral []chat.Message
	forms     []chat.Form
	lists     int
}

// DialApp returns a client of the workspace.
func (a *App) DialApp(c chat.Config) (chat.App, error) {
	return &appClient{client: &client{&a.Fake, c}, app: a}, nil
}

// Responses returns the answers by response URL, in order.
func (a *App) Responses() []chat.Response {
	a.appMu.Lock()
	defer a.appMu.Unlock()
	return append([]chat.Response(nil), a.responses...)
}

// Ephemeral returns the messages to single persons, in order.
func (a *App) Ephemeral() []chat.Message {
	a.appMu.Lock()
	defer a.appMu.Unlock()
	return append([]chat.Message(nil), a.ephemeral...)
}

// Forms returns the forms that were shown, in order.
func (a *App) Forms() []chat.Form {
	a.appMu.Lock()
	defer a.appMu.Unlock()
	return append([]chat.Form(nil), a.forms...)
}

// Lists counts the calls of UserGroups.
func (a *App) Lists() int {
	a.appMu.Lock()
	defer a.appMu.Unlock()
	return a.lists
}

type appClient struct {
	*client
	app *App
}

func (c *appClient) Respond(ctx context.Context, _ string, r chat.Response) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.app.OnRespond != nil {
		if err := c.app.OnRespond(); err != nil {
			return err
		}
	}
	c.app.appMu.Lock()
	defer c.app.appMu.Unlock()
	c.app.responses = append(c.app.responses, r)
	return nil
}

func (c *appClient) PostEphemeral(ctx context.Context, _ string, m chat.Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.app.OnEphemeral != nil {
		if err := c.app.OnEphemeral(); err != nil {
			return err
		}
	}
	c.app.appMu.Lock()
	defer c.app.appMu.Unlock()
	c.app.ephemeral = append(c.app.ephemeral, m)
	return nil
}

func (c *appClient) OpenForm(ctx context.Context, _ string, f chat.Form) (string, error) {
	return "V1", c.UpdateForm(ctx, "V1", f)
}

func (c *appClient) UpdateForm(_ context.Context, _ string, f chat.Form) error {
	if c.app.OnForm != nil {
		if err := c.app.OnForm(); err != nil {
			return err
		}
	}
	c.app.appMu.Lock()
	defer c.app.appMu.Unlock()
	c.app.forms = append(c.app.forms, f)
	return nil
}

func (c *appClient) Permalink(_ context.Context, channel, ts string) (string, error) {
	return "https://acme.slack.com/archives/" + channel + "/p" + ts, nil
}

func (c *appClient) UserGroups(context.Context) (map[string][]string, error) {
	c.app.appMu.Lock()
	c.app.lists++
	c.app.appMu.Unlock()
	if c.app.OnGroups != nil {
		return c.app.OnGroups()
	}
	return nil, nil
}
