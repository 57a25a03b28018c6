// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
)

// Service is a service that faults apply to.
type Service string

// The services.
const (
	Slack   Service = "slack"
	Webhook Service = "webhook"
	Jira    Service = "jira"
)

// Drop is the moment at which a connection is closed without an answer.
type Drop string

// A connection is closed before or after the request is handled.
const (
	DropBefore Drop = "before"
	DropAfter  Drop = "after"
)

const (
	maxFaults    = 100
	maxFaultBody = 64 << 10
	maxDelay     = 600_000
)

// Fault is a scripted failure. The first one in the list that matches a request applies to it.
type Fault struct {
	Service Service `json:"service"`
	// Route is the end of the path, with or without a method: "chat.postMessage", "POST /issue", "issue/*/transitions".
	// A * matches one segment. An empty route matches every request.
	Route string `json:"route,omitempty"`
	// Times is the number of requests that the fault applies to. 0 means until it is cleared.
	Times int `json:"times,omitempty"`
	// Status, Body, ContentType and Headers are the answer. Without Status and Body, the answer is the service's own.
	Status      int               `json:"status,omitempty"`
	Body        string            `json:"body,omitempty"`
	ContentType string            `json:"contentType,omitempty"`
	Headers     map[string]string `json:"headers,omitempty"`
	// Accept makes the service handle the request before the fault's answer. Otherwise the service does not see the
	// request.
	Accept bool `json:"accept,omitempty"`
	// DelayMS is the time to wait in milliseconds: with Accept after the request was handled, otherwise before. It ends
	// early when the faults are replaced or cleared.
	DelayMS int `json:"delayMs,omitempty"`
	// Drop closes the connection without an answer.
	Drop Drop `json:"drop,omitempty"`
}

// check validates the fault.
func (f Fault) check() error {
	switch {
	case !slices.Contains([]Service{Slack, Webhook, Jira}, f.Service):
		return fmt.Errorf("service %q: must be slack, webhook or jira", f.Service)
	case f.Drop != "" && f.Drop != DropBefore && f.Drop != DropAfter:
		return fmt.Errorf("drop %q: must be before or after", f.Drop)
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return fmt.Errorf("status %d: must be from 200 to 599", f.Status)
	case f.DelayMS < 0 || f.DelayMS > maxDelay:
		return fmt.Errorf("delayMs %d: must be from 0 to %d", f.DelayMS, maxDelay)
	case f.Times < 0:
		return fmt.Errorf("times %d: must not be negative", f.Times)
	case len(f.Body) > maxFaultBody || len(f.Route) > 500 || len(f.Headers) > 20:
		return fmt.Errorf("body, route and headers must be at most %d bytes, 500 bytes and 20", maxFaultBody)
	case f.Status == 0 && f.Body == "" && f.Drop == "" && f.DelayMS == 0:
		return fmt.Errorf("status, body, drop or delayMs must be given")
	}
	if _, err := path.Match(f.Route, ""); err != nil {
		return fmt.Errorf("route %q: %w", f.Route, err)
	}
	return nil
}

// matches reports whether the fault applies to a request.
func (f Fault) matches(service Service, r *http.Request) bool {
	if f.Service != service {
		return false
	}
	method, route, hasMethod := strings.Cut(f.Route, " ")
	if !hasMethod {
		route = f.Route
	} else if method != r.Method {
		return false
	}
	if route == "" {
		return true
	}
	want := strings.Split(strings.Trim(route, "/"), "/")
	got := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if len(want) > len(got) {
		return false
	}
	for i, segment := range got[len(got)-len(want):] {
		if ok, _ := path.Match(want[i], segment); !ok {
			return false
		}
	}
	return true
}

// Faults is the list of scripted failures. It is safe for concurrent use.
type Faults struct {
	mu   sync.Mutex
	list []Fault
	// replaced is closed when the list is replaced; nil if no one waits for it.
	replaced chan struct{}
}

// Add appends faults to the list. If one is invalid, it adds none.
func (f *Faults) Add(faults ...Fault) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.add(f.list, faults)
}

// Set replaces the list, and ends the delays of requests that wait.
func (f *Faults) Set(faults ...Fault) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.add(nil, faults); err != nil {
		return err
	}
	if f.replaced != nil {
		close(f.replaced)
		f.replaced = nil
	}
	return nil
}

// end returns what is closed when the list is replaced. It needs the lock.
func (f *Faults) end() <-chan struct{} {
	if f.replaced == nil {
		f.replaced = make(chan struct{})
	}
	return f.replaced
}

// add makes the list of the faults before and new ones. It needs the lock.
func (f *Faults) add(before, faults []Fault) error {
	if len(before)+len(faults) > maxFaults {
		return fmt.Errorf("%d faults: at most %d", len(before)+len(faults), maxFaults)
	}
	for _, fault := range faults {
		if err := fault.check(); err != nil {
			return err
		}
	}
	f.list = append(slices.Clip(before), faults...)
	return nil
}

// Clear removes every fault.
func (f *Faults) Clear() { _ = f.Set() }

// List returns the faults that still apply.
func (f *Faults) List() []Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Fault{}, f.list...)
}

// take returns the fault that applies to a request, and decrements its Times. end is closed when its delay ends early.
func (f *Faults) take(service Service, r *http.Request) (found Fault, end <-chan struct{}, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.list, func(x Fault) bool { return x.matches(service, r) })
	if i < 0 {
		return Fault{}, nil, false
	}
	found = f.list[i]
	if found.Times > 0 {
		f.list = slices.Clone(f.list)
		if f.list[i].Times--; f.list[i].Times == 0 {
			f.list = slices.Delete(f.list, i, i+1)
		}
	}
	return found, f.end(), true
}
