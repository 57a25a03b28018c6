// SPDX-License-Identifier: Apache-2.0

// Package rule decides which events a NotificationRule matches. It is pure. A rule is compiled once and then matched
// against events, with the cheapest check first.
package rule

import (
	"context"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/render"
)

// Error is the error of an invalid rule. Reason is a reason of its Accepted condition.
type Error struct {
	Reason  string
	Message string
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Compiled is a rule that events can be matched against. It is safe for concurrent use.
type Compiled struct {
	types       []v1alpha1.EventType
	since       time.Time
	minSeverity v1alpha1.Severity
	selector    labels.Selector
	when        *expression
	mute        []window
	grouping    *v1alpha1.Grouping
	template    *render.MessageTemplate
}

// Compile compiles a rule. The error is an *Error.
func Compile(r *v1alpha1.NotificationRule) (*Compiled, error) {
	c := &Compiled{
		types:       slices.Clone(r.Spec.EventTypes),
		since:       r.CreationTimestamp.Time,
		minSeverity: r.Spec.MinSeverity,
		grouping:    r.Spec.Grouping.DeepCopy(),
	}
	if r.Spec.Selector != nil {
		var err error
		if c.selector, err = metav1.LabelSelectorAsSelector(r.Spec.Selector.AsMeta()); err != nil {
			return nil, &Error{v1alpha1.ReasonInvalidSelector, fmt.Sprintf("spec.selector: %v", err)}
		}
	}
	if r.Spec.When != "" {
		var err error
		if c.when, err = compileExpression(r.Spec.When); err != nil {
			return nil, &Error{v1alpha1.ReasonInvalidExpression, fmt.Sprintf("spec.when: %v", err)}
		}
	}
	for i, w := range r.Spec.MuteWindows {
		parsed, field, err := newWindow(w)
		if err != nil {
			return nil, &Error{v1alpha1.ReasonInvalidTimeZone, fmt.Sprintf("spec.muteWindows[%d].%s: %v", i, field, err)}
		}
		c.mute = append(c.mute, parsed)
	}
	if r.Spec.Template != nil {
		var err error
		if c.template, err = render.ParseMessageTemplate(*r.Spec.Template, c.types); err != nil {
			return nil, &Error{v1alpha1.ReasonInvalidTemplate, fmt.Sprintf("spec.template.%v", err)}
		}
	}
	return c, nil
}

// Template returns the rule's template, or nil. It was tested with an example of each of the rule's types of event.
func (c *Compiled) Template() *render.MessageTemplate { return c.template }

// Preview returns the message that the template makes of an example of the rule's first type of event, as mrkdwn of
// at most 3,201 characters. It is empty without a template.
func (c *Compiled) Preview() string {
	if c.template == nil {
		return ""
	}
	return c.template.Preview(c.types[0])
}

// Matches reports whether the rule matches an event. An error means that spec.when could not be evaluated for this
// event, for example because it reads data that the event does not have. It is not a match.
func (c *Compiled) Matches(ctx context.Context, in *Input) (bool, error) {
	e := in.event
	switch {
	case !slices.Contains(c.types, e.Type):
		return false, nil
	case !e.FromOutside && e.Time.Before(c.since): // both have whole seconds: the API server gives no more
		return false, nil
	case c.minSeverity != "" && e.Severity != "" && e.Severity.Rank() < c.minSeverity.Rank():
		return false, nil
	case c.selector != nil && !c.selector.Matches(labels.Set(e.Labels)):
		return false, nil
	case c.when == nil:
		return true, nil
	}
	return c.when.eval(ctx, in)
}
