// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"net/http"
	"slices"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/caller"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/params"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/problem"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/rows"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/render"
)

type testRule struct {
	params.ByName
	Body *struct {
		Event   *view.EventBody `json:"event,omitempty" doc:"The event to evaluate."`
		EventID string          `json:"eventID,omitempty" maxLength:"253" doc:"The id of an event that happened here, as the log shows it. You must be allowed to list Notifications."`
		Subject string          `json:"subject,omitempty" maxLength:"253" doc:"The name of a Defect or run: the newest event about it of the rule's types. You must be allowed to list Notifications."`
	} `required:"false"`
}

type testRuleOutput struct {
	Body struct {
		view.DryRun
		Source string         `json:"source" enum:"Given,Recent,Example" doc:"Where the event comes from."`
		Event  view.EventBody `json:"event" doc:"The event."`
	}
}

// The sources of the event of a dry run.
const (
	sourceGiven   = "Given"
	sourceRecent  = "Recent"
	sourceExample = "Example"
)

func (s *Server) testRule(ctx context.Context, i *testRule) (*testRuleOutput, error) {
	key := s.params.Key(i.ByName)
	if err := s.permissions.Require(ctx, "get", action.Rules, key); err != nil {
		return nil, err
	}
	r, err := s.readRule(ctx, key)
	if err != nil {
		return nil, err
	}
	e, source, err := s.eventFor(ctx, i, r)
	if err != nil {
		return nil, err
	}
	out := &testRuleOutput{}
	out.Body.Source = source
	out.Body.Event = view.EventBodyOf(&e)
	out.Body.DryRun = s.view.DryRun(ctx, r, &e, s.o.Clock.Now())
	return out, nil
}

// eventFor returns the event for which a rule is to be evaluated, and its source.
func (s *Server) eventFor(ctx context.Context, i *testRule, r *v1alpha1.NotificationRule) (event.Event, string, error) {
	var none event.Event
	if i.Body != nil && i.Body.Event != nil {
		if i.Body.EventID != "" || i.Body.Subject != "" {
			return none, "", problem.Invalid("body", "give either event, or eventID or subject: not both")
		}
		return i.Body.Event.Event(s.o.Clock.Now()), sourceGiven, nil
	}
	if i.Body != nil && i.Body.EventID != "" {
		e, err := s.eventWithID(ctx, r.Namespace, i.Body.EventID)
		return e, sourceRecent, err
	}
	if i.Body != nil && i.Body.Subject != "" {
		e, err := s.eventAbout(ctx, r, i.Body.Subject)
		return e, sourceRecent, err
	}
	see, err := s.permissions.Visibility(ctx, r.Namespace, action.Notifications)
	if err != nil {
		return none, "", err
	}
	if see.Notifications {
		e, ok, err := s.view.RecentEvent(ctx, r.Namespace, func(n *rows.Notification) bool {
			return slices.Contains(r.Spec.EventTypes, n.EventType)
		})
		if ok && err == nil {
			return e, sourceRecent, nil
		}
	}
	return render.Example(r.Spec.EventTypes[0]), sourceExample, nil
}

// eventAbout returns the newest event that is about the object of a name and of a type that a rule selects.
func (s *Server) eventAbout(ctx context.Context, r *v1alpha1.NotificationRule, name string) (event.Event, error) {
	if err := s.permissions.Require(ctx, "list", action.Notifications, caller.In(r.Namespace)); err != nil {
		return event.Event{}, err
	}
	e, ok, err := s.view.RecentEvent(ctx, r.Namespace, func(n *rows.Notification) bool {
		return n.Subject.Name == name && slices.Contains(r.Spec.EventTypes, n.EventType)
	})
	if !ok {
		return e, problem.New(http.StatusNotFound,
			"no Notification in namespace %s is of an event of the rule's types about %s", r.Namespace, name)
	}
	return e, err
}

// eventWithID returns the event of a Notification in a namespace.
func (s *Server) eventWithID(ctx context.Context, namespace, id string) (event.Event, error) {
	if err := s.permissions.Require(ctx, "list", action.Notifications, caller.In(namespace)); err != nil {
		return event.Event{}, err
	}
	e, ok, err := s.view.RecentEvent(ctx, namespace, func(n *rows.Notification) bool { return n.EventID == rows.IDOf(id) })
	if !ok {
		return e, problem.New(http.StatusNotFound,
			"no Notification in namespace %s is of this event: use the id of an event that the log shows", namespace)
	}
	return e, err
}
