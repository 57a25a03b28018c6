package sandbox

import (
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
)

// Service is what a fault is for.
type Service string

// The services.
const (
	Slack   Service = "slack"
	Webhook Service = "webhook"
	Jira    Service = "jira"
)

// Drop says when a connection is closed without an answer.
type Drop string

// When a connection is closed: before the request was carried out, or after.
const (
	DropBefore Drop = "before"
	DropAfter  Drop = "after"
)

const (
	maxFaults    = 100
	maxFaultBody = 64 << 10
	maxDelay     = 600_000
)

// Fault is a scripted failure. The first one in the list that fits a request happens to it.
type Fault struct {
	Service Service `json:"service"`
	// Route is the end of the path, with or without a method before it: "chat.postMessage", "POST /issue", "issue/*/transitions". A *
	// stands for one segment. Empty fits all.
	Route string `json:"route,omitempty"`
	// Times is how often it happens; 0 is until it is cleared.
	Times int `json:"times,omitempty"`
	// Status, Body, ContentType and Headers are the answer. Without a status and a body the real answer comes.
	Status      int               `json:"status,omitempty"`
	Body        string            `json:"body,omitempty"`
	ContentType string            `json:"contentType,omitempty"`
	Headers     map[string]string `json:"headers,omitempty"`
	// Accept carries the request out before the answer is given; otherwise it is not.
	Accept bool `json:"accept,omitempty"`
	// DelayMS is how long to wait, in milliseconds: after the request was carried out with Accept, otherwise before.
	DelayMS int  `json:"delayMs,omitempty"`
	Drop    Drop `json:"drop,omitempty"`
}

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

// fits says whether the fault is for a request.
func (f Fault) fits(service Service, r *http.Request) bool {
	if f.Service != service {
		return false
	}
	method, route, both := strings.Cut(f.Route, " ")
	if !both {
		route = f.Route
	} else if method != r.Method {
		return false
	}
	want := strings.Split(strings.Trim(route, "/"), "/")
	have := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if route == "" {
		return true
	}
	if len(want) > len(have) {
		return false
	}
	for i, segment := range have[len(have)-len(want):] {
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
}

// Add puts faults at the end of the list, all or none.
func (f *Faults) Add(faults ...Fault) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.add(f.list, faults)
}

// Set makes a new list.
func (f *Faults) Set(faults ...Fault) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.add(nil, faults)
}

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

// List are the faults that can still happen.
func (f *Faults) List() []Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Fault{}, f.list...)
}

// take finds the fault that happens to a request, and uses it up.
func (f *Faults) take(service Service, r *http.Request) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.list, func(x Fault) bool { return x.fits(service, r) })
	if i < 0 {
		return Fault{}, false
	}
	found := f.list[i]
	if found.Times > 0 {
		f.list = slices.Clone(f.list)
		if f.list[i].Times--; f.list[i].Times == 0 {
			f.list = slices.Delete(f.list, i, i+1)
		}
	}
	return found, true
}
