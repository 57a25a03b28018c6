// SPDX-License-Identifier: Apache-2.0

package view

import (
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/rows"
)

// LogEntry is an act of an integration: a delivery to Slack, or a call of Jira.
type LogEntry struct {
	Time            time.Time  `json:"time" doc:"When it ended; when it began while it has not ended."`
	Integration     string     `json:"integration,omitempty" doc:"The integration, as Kind/namespace/name."`
	Action          string     `json:"action" doc:"What was done, such as PostMessage or CreateIssue."`
	Object          string     `json:"object" doc:"The object it was done for, as Kind/namespace/name."`
	Title           string     `json:"title,omitempty" doc:"What it is about, in a line, such as a Defect's title."`
	Outcome         string     `json:"outcome" enum:"Succeeded,Failed,Pending,Muted,Digested" doc:"Its outcome: Pending while it will be retried, Muted when nothing is sent, Digested when a digest covers it."`
	Reason          string     `json:"reason,omitempty" doc:"The reason, such as Sent or RateLimited."`
	Detail          string     `json:"detail,omitempty" doc:"The result, or what was wrong and how to fix it."`
	EventType       string     `json:"eventType,omitempty" doc:"The type of the event."`
	EventID         string     `json:"eventID,omitempty" doc:"The id of the event."`
	Notification    string     `json:"notification,omitempty" doc:"The Notification, as namespace/name."`
	Rule            string     `json:"rule,omitempty" doc:"The rule that matched the event."`
	Channel         string     `json:"channel,omitempty" doc:"The Slack channel: its ID once Slack has answered."`
	ChannelName     string     `json:"channelName,omitempty" doc:"The channel's name, with #, where it is known."`
	Permalink       string     `json:"permalink,omitempty" doc:"Opens the message."`
	Attempts        int32      `json:"attempts,omitempty" doc:"How often it was attempted."`
	NextAttemptTime *time.Time `json:"nextAttemptTime,omitempty" doc:"When it is retried."`
}

// namedIntegration returns the integration, as Kind/namespace/name, that the source of an entry names; empty when it
// names none.
func (l logSource) namedIntegration() string {
	if l.activity != nil {
		return l.integration
	}
	return slackName(l.notification.Integration)
}

// resolvedIntegration returns the integration, as Kind/namespace/name, that the source of an entry names, or else the
// default one.
func (m *Model) resolvedIntegration(l logSource) string {
	if l.activity != nil {
		return l.integration
	}
	return slackName(m.DeliveringIntegration(l.notification))
}

func slackName(key types.NamespacedName) string {
	if key.Name == "" {
		return ""
	}
	return v1alpha1.KindSlackIntegration + "/" + key.String()
}

func (l logSource) outcome() string {
	if l.activity != nil {
		return string(l.activity.Outcome)
	}
	return l.notification.Outcome
}

// kind returns the value of the filter kind that selects the entry.
func (l logSource) kind() string {
	if l.activity != nil {
		return "Activity"
	}
	return v1alpha1.KindNotification
}

// explanation returns the reason and the detail of an entry.
func (l logSource) explanation() (reason, detail string) {
	if l.activity != nil {
		return "", l.activity.Detail
	}
	return l.notification.Reason, l.notification.Message
}

func (l logSource) object() string {
	if l.activity != nil {
		return l.activity.Object
	}
	return l.notification.About()
}

// activityEntry returns the entry of an activity.
func (l logSource) activityEntry() LogEntry {
	a := l.activity
	return LogEntry{
		Time: a.Time.UTC(), Integration: l.integration, Action: a.Action, Object: a.Object,
		Outcome: string(a.Outcome), Detail: a.Detail,
	}
}

// entry returns the entry of a Notification. Which integration is the default one, and the name that it has for a
// channel by now, is shown to callers who may list SlackIntegrations in its namespace.
func (m *Model) entry(n *v1alpha1.Notification, listsSlack func(namespace string) bool) LogEntry {
	row := rows.OfNotification(n)
	l := logSource{notification: row}
	e := LogEntry{
		Time: row.Time(), Integration: l.namedIntegration(), Action: "PostMessage", Object: row.About(), Outcome: row.Outcome,
		Reason: row.Reason, Detail: row.Message, EventType: string(row.EventType), Title: m.Title(row), EventID: string(n.Spec.Event.ID),
		Notification: n.Namespace + "/" + n.Name, Rule: row.Rule, Channel: row.Channel,
		Attempts: n.Status.Attempts, NextAttemptTime: timeOf(n.Status.NextAttemptTime),
	}
	if listsSlack(n.Namespace) {
		e.Integration = m.resolvedIntegration(l)
	}
	if posted := n.Status.Message; posted != nil {
		e.Permalink = posted.Permalink
		if integration := rows.ParseKey(posted.Integration); listsSlack(integration.Namespace) {
			e.ChannelName = m.channelName(integration, posted.Channel)
		}
	}
	if e.ChannelName == "" && strings.HasPrefix(row.ChannelName, "#") {
		e.ChannelName = row.ChannelName
	}
	return e
}
