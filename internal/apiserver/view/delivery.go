// SPDX-License-Identifier: Apache-2.0

package view

import (
	"context"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/rows"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/render"
	"github.com/voiceai-dev/integrations-operator/internal/rule"
)

// Delivery is a Notification with its message.
type Delivery struct {
	LogEntry
	Event       EventBody          `json:"event" doc:"The event; of a digest the newest."`
	CreatedTime metav1.Time        `json:"createdTime" format:"date-time" doc:"When it was created."`
	Digest      string             `json:"digest,omitempty" doc:"The digest, as namespace/name, whose message includes this one."`
	Members     []string           `json:"members,omitempty" doc:"The Notifications, as namespace/name, that this digest includes."`
	TS          string             `json:"ts,omitempty" doc:"Identifies the message in its channel; empty when posted by incoming webhook."`
	Conditions  []metav1.Condition `json:"conditions,omitempty" doc:"The resource's conditions."`
	Message     *MessageBody       `json:"message,omitempty" doc:"The message, as its rule has it now; none when the event cannot be parsed."`
}

// Delivery returns a Notification with its message. listsSlack reports whether the caller may list SlackIntegrations
// in a namespace.
func (m *Model) Delivery(ctx context.Context, n *v1alpha1.Notification, listsSlack func(namespace string) bool) Delivery {
	out := Delivery{
		LogEntry: m.entry(n, listsSlack), CreatedTime: n.CreationTimestamp, Conditions: n.Status.Conditions,
	}
	if n.Status.Digest != "" {
		out.Digest = n.Namespace + "/" + n.Status.Digest
	}
	for _, member := range n.Spec.Members {
		out.Members = append(out.Members, n.Namespace+"/"+string(member))
	}
	if n.Status.Message != nil {
		out.TS = n.Status.Message.TS
	}
	e, err := event.Of(n)
	if err != nil { // its delivery was refused, and its condition has the reason
		out.Event = EventBodyOf(&event.Event{
			ID: string(n.Spec.Event.ID), Type: n.Spec.Event.Type, Time: n.Spec.Event.Time.Time,
		})
		return out
	}
	out.Event = EventBodyOf(&e)
	out.Message = m.messageOf(ctx, n, &e)
	return out
}

// messageOf renders the message of a Notification as it is sent.
func (m *Model) messageOf(ctx context.Context, n *v1alpha1.Notification, e *event.Event) *MessageBody {
	o := render.Options{Channel: rows.OfNotification(n).Channel, DashboardURL: m.dashboardURL}
	if len(n.Spec.Members) > 0 {
		events, mentions := m.digestOf(ctx, n)
		o.Mentions = mentions
		return messageBodyOf(render.Digest(events, o))
	}
	r, ok := m.Rules.Get(types.NamespacedName{Namespace: n.Namespace, Name: n.Spec.Rule.Name})
	if ok && string(r.UID) == n.Spec.Rule.UID {
		o.Mentions = rule.Mentions(&r.Spec, e)
		if compiled, err := rule.Compile(r); err == nil {
			o.Template = compiled.Template()
		}
	}
	if m.isInThread(ctx, n) {
		return messageBodyOf(render.Reply(e, o))
	}
	return messageBodyOf(render.Message(e, o))
}

// isInThread reports whether a Notification goes into the thread of an earlier message about the same Defect, as
// those of a bot do. The Defect knows which message came first. When it is gone, the type of the event decides.
func (m *Model) isInThread(ctx context.Context, n *v1alpha1.Notification) bool {
	subject := n.Subject()
	posted := n.Status.Message
	if subject == nil || subject.Kind != v1alpha1.KindDefect || posted != nil && posted.TS == "" {
		return false
	}
	if d := m.subjectDefect(ctx, n); d != nil {
		first := slices.IndexFunc(d.Status.Messages, func(message v1alpha1.DefectMessage) bool {
			return message.Rule == n.Spec.Rule.Name && message.TS != "" &&
				(posted == nil || message.Integration == posted.Integration)
		})
		return first >= 0 && (posted == nil || d.Status.Messages[first].TS != posted.TS)
	}
	isFollowUp := n.Spec.Event.Type == v1alpha1.EventDefectTicketed || n.Spec.Event.Type == v1alpha1.EventDefectStateChanged
	return posted != nil && isFollowUp
}

// digestOf returns the events of the members of a digest that still exist, and the people whom their rules mention.
func (m *Model) digestOf(
	ctx context.Context, n *v1alpha1.Notification,
) (events []event.Event, mentions []v1alpha1.Mention) {
	known := map[v1alpha1.EventID]bool{}
	for _, name := range n.Spec.Members {
		member := &v1alpha1.Notification{}
		if err := m.cached.Get(ctx, types.NamespacedName{Namespace: n.Namespace, Name: string(name)}, member); err != nil {
			continue // it is gone
		}
		e, err := event.Of(member)
		if err != nil {
			continue
		}
		if r, ok := m.Rules.Get(types.NamespacedName{Namespace: n.Namespace, Name: member.Spec.Rule.Name}); ok {
			mentions = rule.AddMentions(mentions, rule.Mentions(&r.Spec, &e))
		}
		if !known[member.Spec.Event.ID] {
			known[member.Spec.Event.ID] = true
			events = append(events, e)
		}
	}
	if len(events) == 0 {
		if e, err := event.Of(n); err == nil {
			events = append(events, e)
		}
	}
	return events, mentions
}

// subjectDefect returns the Defect that a Notification is about; nil if it is about none, or the Defect is gone.
func (m *Model) subjectDefect(ctx context.Context, n *v1alpha1.Notification) *v1alpha1.Defect {
	subject := n.Subject()
	if subject == nil || subject.Kind != v1alpha1.KindDefect {
		return nil
	}
	d := &v1alpha1.Defect{}
	err := m.cached.Get(ctx, types.NamespacedName{Namespace: n.Namespace, Name: subject.Name}, d)
	if err != nil || string(d.UID) != subject.UID {
		return nil
	}
	return d
}
