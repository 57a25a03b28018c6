// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/catalog"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/webhook"
)

// Limits of the settings.
const (
	maxLag  = time.Hour
	maxRate = 10_000
)

// Settings are the settings of a site. In a change, absent ones stay as they are.
type Settings struct {
	// SearchLagMS is the delay of search results in milliseconds, at most an hour. The default is 0.
	SearchLagMS *int `json:"searchLagMs,omitempty"`
	// MaxResults is the maximum size of a page of a search. The default, 0, means the maximum of the kind of Jira.
	MaxResults *int `json:"maxResults,omitempty"`
	// RatePerSecond is the maximum number of requests to a route in any second. The default, 0, means no limit.
	RatePerSecond *int `json:"ratePerSecond,omitempty"`
	// Workflows are the workflows of projects by key. The default is Simple.
	Workflows map[string]Workflow `json:"workflows,omitempty"`
	// Webhook receives changes. The default, and one with an empty URL, means none.
	Webhook *webhook.Settings `json:"webhook,omitempty"`
}

// check validates the settings.
func (in Settings) check() error {
	for name, b := range map[string]struct {
		value *int
		most  int
	}{
		"searchLagMs":   {in.SearchLagMS, int(maxLag.Milliseconds())},
		"maxResults":    {in.MaxResults, maxCloudPage},
		"ratePerSecond": {in.RatePerSecond, maxRate},
	} {
		if b.value != nil && (*b.value < 0 || *b.value > b.most) {
			return fmt.Errorf("%s %d: must be from 0 to %d", name, *b.value, b.most)
		}
	}
	for key, w := range in.Workflows {
		if _, found := catalog.FindProject(key); !found {
			return fmt.Errorf("workflows: project %q does not exist", key)
		}
		if !slices.Contains([]Workflow{Simple, Strict, OneWay}, w) {
			return fmt.Errorf("workflow %q: must be simple, strict or oneWay", w)
		}
	}
	if in.Webhook != nil {
		return in.Webhook.Check()
	}
	return nil
}

// Set changes settings. If one is invalid, it changes none.
func (s *Site) Set(in Settings) error {
	if err := in.check(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.SearchLagMS != nil {
		s.past.SetLag(time.Duration(*in.SearchLagMS)*time.Millisecond, s.now())
	}
	if in.MaxResults != nil {
		s.maxResults = *in.MaxResults
	}
	for key, w := range in.Workflows {
		p, _ := catalog.FindProject(key)
		s.workflows[p.Key] = w
	}
	if in.RatePerSecond != nil {
		s.rate.set(*in.RatePerSecond)
	}
	if in.Webhook != nil {
		s.hook.Set(*in.Webhook)
	}
	return nil
}

// Settings returns the current settings without the webhook's secret.
func (s *Site) Settings() Settings {
	s.mu.RLock()
	defer s.mu.RUnlock()
	lag := int(s.past.Lag().Milliseconds())
	rate := s.rate.get()
	hook := s.hook.Settings()
	most := s.maxResults
	out := Settings{SearchLagMS: &lag, MaxResults: &most, RatePerSecond: &rate, Workflows: maps.Clone(s.workflows)}
	if hook.URL != "" {
		hook.Secret = ""
		out.Webhook = &hook
	}
	return out
}

// SetSearchLag delays the results of searches by d, at most an hour. Reading an issue is not delayed.
func (s *Site) SetSearchLag(d time.Duration) {
	ms := int(min(max(d, 0), maxLag).Milliseconds())
	_ = s.Set(Settings{SearchLagMS: &ms}) // within its bounds
}

// SetWorkflow sets the workflow of a project.
func (s *Site) SetWorkflow(project string, w Workflow) error {
	return s.Set(Settings{Workflows: map[string]Workflow{project: w}})
}

// SetWebhook sets the webhook and removes the deliveries of the former one. An empty URL means no webhook.
func (s *Site) SetWebhook(w webhook.Settings) error { return s.Set(Settings{Webhook: &w}) }
