// Package tickettest has a Tracker that remembers what it was given and fails as it is told.
package tickettest

import (
	"context"
	"fmt"
	"sync"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// Fake is a project. The zero value takes everything. It is safe for use by several goroutines.
type Fake struct {
	mu      sync.Mutex
	drafts  []ticket.Draft
	creates int
	finds   int
	probe   func(ticket.Config) (ticket.Project, error)
	create  func(ticket.Draft) error
}

// Dial is a client of the project.
func (f *Fake) Dial(c ticket.Config) (ticket.Tracker, error) { return &client{f, c}, nil }

// OnProbe scripts Probe; nil goes back to success.
func (f *Fake) OnProbe(script func(ticket.Config) (ticket.Project, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.probe = script
}

// OnCreate scripts Create; nil goes back to success. A draft is filed when the script returns nil.
func (f *Fake) OnCreate(script func(ticket.Draft) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.create = script
}

// Keep files a draft, as a script does that fails after the ticket was made.
func (f *Fake) Keep(d ticket.Draft) ticket.Ticket {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drafts = append(f.drafts, d)
	return at(len(f.drafts))
}

// Drafts are those that were filed, Creates and Finds count the calls.
func (f *Fake) Drafts() []ticket.Draft {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]ticket.Draft(nil), f.drafts...)
}

// Creates counts the calls of Create.
func (f *Fake) Creates() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.creates
}

// Finds counts the calls of Find.
func (f *Fake) Finds() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.finds
}

func at(n int) ticket.Ticket {
	key := fmt.Sprintf("VOICE-%d", n)
	return ticket.Ticket{Key: key, ID: fmt.Sprint(10000 + n), URL: "https://jira.example.com/browse/" + key}
}

type client struct {
	f      *Fake
	config ticket.Config
}

func (c *client) Probe(context.Context) (ticket.Project, error) {
	c.f.mu.Lock()
	script := c.f.probe
	c.f.mu.Unlock()
	if script != nil {
		return script(c.config)
	}
	return ticket.Project{Deployment: ticket.Cloud, Account: "Bot", Priorities: []string{"Highest", "High", "Medium", "Low", "Lowest"}}, nil
}

func (c *client) Create(_ context.Context, d ticket.Draft) (ticket.Ticket, error) {
	c.f.mu.Lock()
	c.f.creates++
	script := c.f.create
	c.f.mu.Unlock()
	if script != nil {
		if err := script(d); err != nil {
			return ticket.Ticket{}, err
		}
	}
	return c.f.Keep(d), nil
}

func (c *client) Find(_ context.Context, markers []string) (map[string]ticket.Ticket, error) {
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	c.f.finds++
	out := map[string]ticket.Ticket{}
	for _, m := range markers {
		for i, d := range c.f.drafts {
			if _, ok := out[m]; !ok && d.Marker == m {
				out[m] = at(i + 1)
			}
		}
	}
	return out, nil
}

func (c *client) Get(_ context.Context, key string) (ticket.Ticket, error) {
	for i := range c.f.Drafts() {
		if t := at(i + 1); t.Key == key {
			return t, nil
		}
	}
	return ticket.Ticket{}, fault.New(fault.NotFound, "%s does not exist", key)
}
