// SPDX-License-Identifier: Apache-2.0

// Package tickettest has a fake Tracker that records its calls and fails as the test scripts it.
package tickettest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// Fake is a project. The zero value accepts every call. It is safe for concurrent use.
type Fake struct {
	mu      sync.Mutex
	issues  []*issue
	creates int
	finds   int
	opens   int
	polls   int
	probes  int
	poll    func() error
	probe   func(ticket.Config) (ticket.Project, error)
	create  func(ticket.Draft) error
	write   func(id string) error
	link    func() error
	attach  func(ticket.Attachment) error
}

// File is an attachment.
type File struct{ Name, ContentType, Content string }

type issue struct {
	ticket.Ticket
	draft    ticket.Draft
	comments []ticket.Comment
	links    []ticket.Link
	files    []File
	gone     bool
	hidden   bool
	gets     int
}

// Dial returns a client of the project.
func (f *Fake) Dial(c ticket.Config) (ticket.Tracker, error) { return &client{f, c}, nil }

// OnProbe scripts Probe; nil restores success.
func (f *Fake) OnProbe(script func(ticket.Config) (ticket.Project, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.probe = script
}

// OnCreate scripts Create; nil restores success. A draft is filed when the script returns nil.
func (f *Fake) OnCreate(script func(ticket.Draft) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.create = script
}

// OnWrite scripts Move, Comment and Link; nil restores success.
func (f *Fake) OnWrite(script func(id string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.write = script
}

// OnLink scripts Link; nil restores success.
func (f *Fake) OnLink(script func() error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.link = script
}

// OnAttach scripts Attach; nil restores success. It is called with the whole file before the file is stored; KeepFile
// stores it all the same.
func (f *Fake) OnAttach(script func(ticket.Attachment) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.attach = script
}

// KeepFile stores a file. Scripts use it to fail after the file was stored.
func (f *Fake) KeepFile(key string, a ticket.Attachment) {
	raw, _ := io.ReadAll(a.Content) // it is in memory
	f.mu.Lock()
	defer f.mu.Unlock()
	i := f.lookUp(key)
	i.files = append(i.files, File{a.Name, a.ContentType, string(raw)})
}

// Files returns the attachments of a ticket.
func (f *Fake) Files(key string) []File {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.lookUp(key).files)
}

// OnPoll scripts Changed; nil restores success.
func (f *Fake) OnPoll(script func() error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.poll = script
}

// Keep files a draft. Scripts use it to fail after the ticket was created.
func (f *Fake) Keep(d ticket.Draft) ticket.Ticket {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(f.issues) + 1
	key := fmt.Sprintf("VOICE-%d", n)
	i := &issue{draft: d, Ticket: ticket.Ticket{
		Key: key, ID: fmt.Sprint(10000 + n), URL: "https://jira.example.com/browse/" + key, Created: time.Now(),
		Markers: []string{d.Marker},
	}}
	for _, l := range d.Labels {
		if identity, ok := strings.CutPrefix(l, ticket.IdentityPrefix); ok {
			i.Identity = identity
		}
	}
	i.put("To Do", "new")
	f.issues = append(f.issues, i)
	return i.Ticket
}

// put moves an issue to a status.
func (i *issue) put(status, category string) {
	i.Status = status
	i.StatusCategory = category
	i.Updated = time.Now()
}

// Drafts returns the drafts that were filed.
func (f *Fake) Drafts() []ticket.Draft {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []ticket.Draft
	for _, i := range f.issues {
		out = append(out, i.draft)
	}
	return out
}

// Creates counts the calls of Create.
func (f *Fake) Creates() int { f.mu.Lock(); defer f.mu.Unlock(); return f.creates }

// Finds counts the calls of Find.
func (f *Fake) Finds() int { f.mu.Lock(); defer f.mu.Unlock(); return f.finds }

// Opens counts the calls of Open.
func (f *Fake) Opens() int { f.mu.Lock(); defer f.mu.Unlock(); return f.opens }

// Polls counts the calls of Changed.
func (f *Fake) Polls() int { f.mu.Lock(); defer f.mu.Unlock(); return f.polls }

// Probes counts the calls of Probe.
func (f *Fake) Probes() int { f.mu.Lock(); defer f.mu.Unlock(); return f.probes }

// Edit changes a ticket as a person would. An empty status deletes it.
func (f *Fake) Edit(key, status, category string, more func(*ticket.Ticket)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := f.lookUp(key)
	i.gone = status == ""
	i.put(status, category)
	if more != nil {
		more(&i.Ticket)
	}
}

// Hide hides a ticket from Find, as if a person had removed its label.
func (f *Fake) Hide(key string) { f.mu.Lock(); defer f.mu.Unlock(); f.lookUp(key).hidden = true }

// Gets counts the calls of Get for a ticket.
func (f *Fake) Gets(key string) int { f.mu.Lock(); defer f.mu.Unlock(); return f.lookUp(key).gets }

// Issue returns a ticket with its comments and links.
func (f *Fake) Issue(key string) (ticket.Ticket, []ticket.Comment, []ticket.Link) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := f.lookUp(key)
	if i == nil {
		return ticket.Ticket{}, nil, nil
	}
	return i.Ticket, slices.Clone(i.comments), slices.Clone(i.links)
}

// lookUp returns an issue by key or ID, or nil.
func (f *Fake) lookUp(id string) *issue {
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
	return ticket.Ticket{Key: t.Key, ID: t.ID, URL: t.URL, Markers: t.Markers}, nil
}

func (c *client) Find(_ context.Context, markers []string, within time.Duration) (map[string]ticket.Ticket, error) {
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	c.f.finds++
	byMarker := len(markers) <= ticket.MaxMarkers
	out := map[string]ticket.Ticket{}
	for _, i := range c.f.issues {
		if i.gone || i.hidden || !byMarker && time.Since(i.Created) > within {
			continue
		}
		if _, older := out[i.draft.Marker]; !older && (!byMarker || slices.Contains(markers, i.draft.Marker)) {
			out[i.draft.Marker] = i.Ticket
		}
		label := ticket.IdentityPrefix + i.Identity
		if other, exists := out[label]; i.Identity != "" && (!byMarker || slices.Contains(markers, label)) &&
			(!exists || i.IsLaterThan(other)) {
			out[label] = i.Ticket
		}
	}
	return out, nil
}

func (c *client) Open(_ context.Context, within time.Duration) ([]ticket.Ticket, error) {
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	c.f.opens++
	var out []ticket.Ticket
	for _, i := range c.f.issues {
		if !i.gone && !i.hidden && (!i.IsDone() || time.Since(i.Updated) <= within) {
			out = append(out, i.Ticket)
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

// write changes an issue after it called the script of OnWrite.
func (c *client) write(id string, change func(*issue)) (ticket.Ticket, error) {
	c.f.mu.Lock()
	script := c.f.write
	c.f.mu.Unlock()
	if script != nil {
		if err := script(id); err != nil {
			return ticket.Ticket{}, err
		}
	}
	return c.on(id, change)
}

// on calls do with an issue and returns its ticket.
func (c *client) on(id string, do func(*issue)) (ticket.Ticket, error) {
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	i := c.f.lookUp(id)
	if i == nil || i.gone {
		return ticket.Ticket{}, fault.New(fault.NotFound, "issue %s does not exist", id)
	}
	do(i)
	return i.Ticket, nil
}

func (c *client) Get(_ context.Context, id string) (ticket.Ticket, error) {
	return c.on(id, func(i *issue) { i.gets++ })
}

func (c *client) Move(_ context.Context, id string, to ticket.Target) (ticket.Ticket, error) {
	return c.write(id, func(i *issue) {
		switch {
		case to.Status != "" && !strings.EqualFold(to.Status, i.Status):
			i.put(to.Status, to.Category)
		case to.Status == "" && to.Category != i.StatusCategory:
			i.put(map[string]string{"new": "To Do", "indeterminate": "In Progress", "done": "Done"}[to.Category], to.Category)
		}
	})
}

func (c *client) Comment(_ context.Context, id string, comment ticket.Comment) error {
	_, err := c.write(id, func(i *issue) {
		if !slices.ContainsFunc(i.comments, func(o ticket.Comment) bool { return o.Ref == comment.Ref }) {
			i.comments = append(i.comments, comment)
			i.Updated = time.Now()
		}
	})
	return err
}

func (c *client) Link(_ context.Context, id string, l ticket.Link) error {
	c.f.mu.Lock()
	script := c.f.link
	c.f.mu.Unlock()
	if script != nil {
		if err := script(); err != nil {
			return err
		}
	}
	_, err := c.write(id, func(i *issue) {
		i.links = append(slices.DeleteFunc(i.links, func(o ticket.Link) bool { return o.GlobalID == l.GlobalID }), l)
	})
	return err
}

func (c *client) Attach(_ context.Context, id string, a ticket.Attachment) (string, error) {
	url := "https://jira.example.com/secure/attachment/1/" + a.Name
	known := false
	if _, err := c.on(id, func(i *issue) {
		known = slices.ContainsFunc(i.files, func(o File) bool { return o.Name == a.Name && int64(len(o.Content)) == a.Bytes })
	}); known || err != nil {
		return url, err
	}
	raw, err := io.ReadAll(a.Content)
	if err != nil || int64(len(raw)) != a.Bytes {
		return "", fault.New(fault.Unavailable, "reading the file: %d of %d bytes, %v", len(raw), a.Bytes, err)
	}
	c.f.mu.Lock()
	script := c.f.attach
	c.f.mu.Unlock()
	if script != nil {
		a.Content = bytes.NewReader(raw)
		if err := script(a); err != nil {
			return "", err
		}
	}
	a.Content = bytes.NewReader(raw)
	c.f.KeepFile(id, a)
	return url, nil
}
