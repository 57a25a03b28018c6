package jira

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"
)

// Bounds of the settings.
const (
	maxLag          = time.Hour
	maxRate         = 10_000
	maxSecret       = 255
	maxHookURL      = 2000
	maxWebhookRetry = time.Minute
)

// Settings are how the site behaves. Those that are absent stay as they are.
type Settings struct {
	// SearchLagMS is how far, in milliseconds, a search is behind; 0 at first, an hour at most.
	SearchLagMS *int `json:"searchLagMs,omitempty"`
	// MaxResults caps a page of a search; 0, as at first, for what the kind of Jira allows.
	MaxResults *int `json:"maxResults,omitempty"`
	// RatePerSecond is how many requests each method and route takes in any second; 0, as at first, for no limit.
	RatePerSecond *int `json:"ratePerSecond,omitempty"`
	// Workflows are the workflows of projects by their keys; Simple at first.
	Workflows map[string]Workflow `json:"workflows,omitempty"`
	// Webhook is where changes are told; none at first, and none with an empty URL.
	Webhook *Webhook `json:"webhook,omitempty"`
}

func (in Settings) check() error {
	for name, b := range map[string]struct {
		value *int
		most  int
	}{
		"searchLagMs": {in.SearchLagMS, int(maxLag.Milliseconds())}, "maxResults": {in.MaxResults, cloudMost}, "ratePerSecond": {in.RatePerSecond, maxRate},
	} {
		if b.value != nil && (*b.value < 0 || *b.value > b.most) {
			return fmt.Errorf("%s %d: must be from 0 to %d", name, *b.value, b.most)
		}
	}
	for key, w := range in.Workflows {
		if _, found := findProject(key); !found {
			return fmt.Errorf("workflows: there is no project %q", key)
		}
		if !slices.Contains([]Workflow{Simple, Strict, OneWay}, w) {
			return fmt.Errorf("workflow %q: must be simple, strict or oneWay", w)
		}
	}
	if in.Webhook != nil {
		return in.Webhook.check()
	}
	return nil
}

// Set changes settings, all or none.
func (s *Site) Set(in Settings) error {
	if err := in.check(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.SearchLagMS != nil {
		s.past.lag = time.Duration(*in.SearchLagMS) * time.Millisecond
		s.past.forget(s.now())
	}
	if in.MaxResults != nil {
		s.mostResults = *in.MaxResults
	}
	for key, w := range in.Workflows {
		p, _ := findProject(key)
		s.workflows[p.Key] = w
	}
	if in.RatePerSecond != nil {
		s.rate.set(*in.RatePerSecond)
	}
	if in.Webhook != nil {
		s.hook.reset(*in.Webhook)
	}
	return nil
}

// Settings are those in force, without the webhook's secret.
func (s *Site) Settings() Settings {
	s.mu.RLock()
	defer s.mu.RUnlock()
	lag, rate, hook := int(s.past.lag.Milliseconds()), s.rate.get(), s.hook.settings()
	most := s.mostResults
	out := Settings{SearchLagMS: &lag, MaxResults: &most, RatePerSecond: &rate, Workflows: maps.Clone(s.workflows)}
	if hook.URL != "" {
		hook.Secret = ""
		out.Webhook = &hook
	}
	return out
}

// SetSearchLag lets searches be behind by d, cut to milliseconds and to an hour at most. Reading an issue is never behind.
func (s *Site) SetSearchLag(d time.Duration) {
	ms := int(min(max(d, 0), maxLag).Milliseconds())
	_ = s.Set(Settings{SearchLagMS: &ms}) // within its bounds
}

// SetWorkflow switches the workflow of a project.
func (s *Site) SetWorkflow(project string, w Workflow) error {
	return s.Set(Settings{Workflows: map[string]Workflow{project: w}})
}

// SetWebhook tells all changes from now on to a webhook, and forgets what was delivered to an earlier one. An empty URL ends it.
func (s *Site) SetWebhook(w Webhook) error { return s.Set(Settings{Webhook: &w}) }

func (w Webhook) check() error {
	switch u, err := url.Parse(w.URL); {
	case w.URL == "":
		return nil
	case err != nil || len(w.URL) > maxHookURL || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("webhook: the url must be an http or https address of at most %d characters", maxHookURL)
	case len(w.Secret) > maxSecret:
		return fmt.Errorf("webhook: the secret must have at most %d characters", maxSecret)
	case w.RetryMS < 0 || w.RetryMS > int(maxWebhookRetry.Milliseconds()):
		return fmt.Errorf("webhook: retryMs %d: must be from 0 to %d", w.RetryMS, maxWebhookRetry.Milliseconds())
	}
	return nil
}
