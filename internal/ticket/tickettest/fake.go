// Package tickettest has a Tracker that remembers what it was given and fails as it is told.
package tickettest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// Fake is a project. The zero value takes everything. It is safe for use by several goroutines.
type Fake struct {
	mu      sync.Mutex
	issues  []*issue
	creates int
	finds   int
	polls   int
	probes  int
	poll    func() error
	probe   func(ticket.Config) (ticket.Project, error)
	create  func(ticket.Draft) error
	write   func(id string) error
}

type issue struct {
	ticket.Ticket
	draft    ticket.Draft
	comments []ticket.Comment
	links    []ticket.Link
	gone     bool
	hidden   bool
	gets     int
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

// OnWrite scripts Move, Comment and Link; nil goes back to success.
func (f *Fake) OnWrite(script func(id string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.write = script
}

// OnPoll scripts Changed; nil goes back to success.
func (f *Fake) OnPoll(script func() error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.poll = script
}

// Keep files a draft, as a script does that fails after the ticket was made.
func (f *Fake) Keep(d ticket.Draft) ticket.Ticket {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(f.issues) + 1
	key := fmt.Sprintf("VOICE-%d", n)
	i := &issue{draft: d, Ticket: ticket.Ticket{
		Key: key, ID: fmt.Sprint(10000 + n), URL: "https://jira.example.com/browse/" + key, Created: time.Now(),
	}}
	i.put("To Do", "new")
	f.issues = append(f.issues, i)
	return i.Ticket
}

func (i *issue) put(status, category string) {
	i.Status, i.StatusCategory, i.Updated = status, category, time.Now()
}

// Drafts are those that were filed.
func (f *Fake) Drafts() []ticket.Draft {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []ticket.Draft
	for _, i := range f.issues {
		out = append(out, i.draft)
	}
	return out
}

// Creates counts the calls of Create, Finds those of Find, Polls those of Changed.
func (f *Fake) Creates() int { f.mu.Lock(); defer f.mu.Unlock(); return f.creates }

// Finds counts the calls of Find.
func (f *Fake) Finds() int { f.mu.Lock(); defer f.mu.Unlock(); return f.finds }

// Polls counts the calls of Changed.
func (f *Fake) Polls() int { f.mu.Lock(); defer f.mu.Unlock(); return f.polls }

// Probes counts the calls of Probe.
func (f *Fake) Probes() int { f.mu.Lock(); defer f.mu.Unlock(); return f.probes }

// Edit is what a person does to a ticket. With status "", it is deleted.
func (f *Fake) Edit(key, status, category string, more func(*ticket.Ticket)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := f.named(key)
	i.gone = status == ""
	i.put(status, category)
	if more != nil {
		more(&i.Ticket)
	}
}

// Hide keeps a ticket from being found by its marker, as when somebody removed its label.
func (f *Fake) Hide(key string) { f.mu.Lock(); defer f.mu.Unlock(); f.named(key).hidden = true }

// Gets counts the calls of Get for a ticket.
func (f *Fake) Gets(key string) int { f.mu.Lock(); defer f.mu.Unlock(); return f.named(key).gets }

// Issue is a ticket as it is now, with the comments and links on it.
func (f *Fake) Issue(key string) (ticket.Ticket, []ticket.Comment, []ticket.Link) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := f.named(key)
	if i == nil {
		return ticket.Ticket{}, nil, nil
	}
	return i.Ticket, slices.Clone(i.comments), slices.Clone(i.links)
}

// named is an issue by key or ID, or nil.
func (f *Fake) named(id string) *issue {
	for _, i := range f.issues {
		if i.Key == id || i.ID == id {
			return i
		}
	}
	return nil
}

type client struct {
	f      *Fake
	config ticket.Config
}

func (c *client) Probe(context.Context) (ticket.Project, error) {
	c.f.mu.Lock()
	c.f.probes++
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
	t := c.f.Keep(d)
	return ticket.Ticket{Key: t.Key, ID: t.ID, URL: t.URL}, nil
}

func (c *client) Find(_ context.Context, markers []string, within time.Duration) (map[string]ticket.Ticket, error) {
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	c.f.finds++
	out := map[string]ticket.Ticket{}
	for _, i := range c.f.issues {
		if _, older := out[i.draft.Marker]; !older && !i.gone && !i.hidden && (len(markers) <= ticket.MaxMarkers && slices.Contains(markers, i.draft.Marker) || len(markers) > ticket.MaxMarkers && time.Since(i.Created) <= within) {
			out[i.draft.Marker] = i.Ticket
		}
	}
	return out, nil
}

func (c *client) Changed(_ context.Context, within time.Duration) ([]ticket.Ticket, error) {
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	c.f.polls++
	if c.f.poll != nil {
		if err := c.f.poll(); err != nil {
			return nil, err
		}
	}
	var out []ticket.Ticket
	for _, i := range c.f.issues {
		if !i.gone && time.Since(i.Updated) <= within {
			out = append(out, i.Ticket)
		}
	}
	slices.SortFunc(out, func(a, b ticket.Ticket) int { return a.Updated.Compare(b.Updated) })
	return out, nil
}

// on does something to an issue. writing says whether OnWrite is asked.
func (c *client) on(id string, writing bool, do func(*issue)) (ticket.Ticket, error) {
	c.f.mu.Lock()
	script := c.f.write
	c.f.mu.Unlock()
	if script != nil && writing {
		if err := script(id); err != nil {
			return ticket.Ticket{}, err
		}
	}
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	i := c.f.named(id)
	if i == nil || i.gone {
		return ticket.Ticket{}, fault.New(fault.NotFound, "issue %s does not exist", id)
	}
	do(i)
	return i.Ticket, nil
}

func (c *client) Get(_ context.Context, id string) (ticket.Ticket, error) {
	return c.on(id, false, func(i *issue) { i.gets++ })
}

func (c *client) Move(_ context.Context, id string, to ticket.Target) (ticket.Ticket, error) {
	return c.on(id, true, func(i *issue) {
		switch {
		case to.Status != "" && !strings.EqualFold(to.Status, i.Status):
			i.put(to.Status, to.Category)
		case to.Status == "" && to.Category != i.StatusCategory:
			i.put(map[string]string{"new": "To Do", "indeterminate": "In Progress", "done": "Done"}[to.Category], to.Category)
		}
	})
}

func (c *client) Comment(_ context.Context, id string, comment ticket.Comment) error {
	_, err := c.on(id, true, func(i *issue) {
		if !slices.ContainsFunc(i.comments, func(o ticket.Comment) bool { return o.Ref == comment.Ref }) {
			i.comments = append(i.comments, comment)
			i.Updated = time.Now()
		}
	})
	return err
}

func (c *client) Link(_ context.Context, id string, l ticket.Link) error {
	_, err := c.on(id, true, func(i *issue) {
		i.links = append(slices.DeleteFunc(i.links, func(o ticket.Link) bool { return o.GlobalID == l.GlobalID }), l)
	})
	return err
}
