// SPDX-License-Identifier: Apache-2.0

package view

import (
	"context"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/page"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/rows"
)

// LogFilter selects entries of the log. Its zero value selects all.
type LogFilter struct {
	Integration string    `query:"integration" maxLength:"400" doc:"Only entries of this integration: its name, namespace/name or Kind/namespace/name."`
	Outcome     string    `query:"outcome" enum:"Succeeded,Failed,Pending,Muted,Digested" doc:"Only entries with this outcome."`
	Kind        string    `query:"kind" enum:"Notification,Activity" doc:"Only deliveries of Notifications, or only other activities of integrations."`
	Reason      string    `query:"reason" maxLength:"253" doc:"Only deliveries with this reason."`
	Detail      string    `query:"detail" maxLength:"1024" doc:"Only entries whose detail is this."`
	Object      string    `query:"object" maxLength:"400" doc:"Only entries for this object: its name, namespace/name or Kind/namespace/name."`
	Rule        string    `query:"rule" maxLength:"400" doc:"Only deliveries for this rule: its name or namespace/name."`
	Since       time.Time `query:"since" doc:"Only entries that ended at this time or later (RFC 3339)."`
	Until       time.Time `query:"until" doc:"Only entries that ended before this time (RFC 3339)."`
	Text        string    `query:"q" maxLength:"200" doc:"Only entries whose title, object, detail, channel, rule or event type contains this."`
}

// LogQuery is a query for entries of the log.
type LogQuery struct {
	// Namespace is empty for all.
	Namespace string
	// See is which kinds the caller may list in the namespace.
	See Visibility
	// ListsSlack reports whether the caller may list SlackIntegrations in a namespace.
	ListsSlack func(namespace string) bool
	LogFilter
	page.Params
}

// logSource is what an entry of the log comes from: a Notification, or an activity of an integration, which is
// written as Kind/namespace/name.
type logSource struct {
	notification *rows.Notification
	activity     *v1alpha1.Activity
	integration  string
	// turn orders what happened in the same second, which is as exact as the times of Kubernetes are.
	turn int64
}

// afterActivities is the turn of Notifications: what was done with a ticket is announced afterwards.
const afterActivities = 1000

// turnOf returns how many of the activities, which have the newest first, were earlier in the same second than one.
func turnOf(all []v1alpha1.Activity, at int) (turn int64) {
	for _, earlier := range all[at+1:] {
		if earlier.Time.Equal(&all[at].Time) {
			turn++
		}
	}
	return turn
}

// ListLogs returns a page of the log, the newest entries first.
func (m *Model) ListLogs(ctx context.Context, q LogQuery) (page.List[LogEntry], error) {
	found, err := page.NewPager[logSource]("", q.Params)
	if err != nil {
		return page.List[LogEntry]{}, err
	}
	text := newSearch(q.Text)
	add := func(at time.Time, namespace, name string, l logSource) {
		if q.selects(at, l) && m.isOfIntegration(l, &q) && m.contains(l, text) {
			found.Add(page.Place{Time: at.UnixNano() + l.turn, Namespace: namespace, Name: name}, l)
		}
	}
	if q.See.Notifications {
		for _, n := range m.Notifications.Newest() {
			if q.Namespace == "" || n.GetNamespace() == q.Namespace {
				add(n.Time(), n.GetNamespace(), n.GetName(), logSource{notification: n, turn: afterActivities})
			}
		}
	}
	addActivities := func(integration string, all []v1alpha1.Activity) {
		for at := range all {
			a := &all[at]
			if !q.See.Notifications || !m.isListedNotification(a.Object, q.Namespace) {
				add(a.Time.Time, integration, a.Action+" "+a.Object, logSource{activity: a, integration: integration, turn: turnOf(all, at)})
			}
		}
	}
	if q.See.Slack {
		for _, o := range m.Slack.In(q.Namespace) {
			addActivities(v1alpha1.KindSlackIntegration+"/"+o.Namespace+"/"+o.Name, o.Status.Activities)
		}
	}
	if q.See.Jira {
		for _, o := range m.Jira.In(q.Namespace) {
			addActivities(v1alpha1.KindJiraIntegration+"/"+o.Namespace+"/"+o.Name, o.Status.Activities)
		}
	}
	return page.Load(found, func(l logSource) (*LogEntry, error) {
		if l.activity != nil {
			return new(l.activityEntry()), nil
		}
		n := &v1alpha1.Notification{}
		if err := m.cached.Get(ctx, l.notification.Key(), n); err != nil {
			return nil, client.IgnoreNotFound(err) // it was deleted meanwhile
		}
		return new(m.entry(n, q.ListsSlack)), nil
	})
}

// isListedNotification reports whether an activity was for a Notification that the list of a namespace, or of all
// when it is empty, has as an entry of its own. Whether a Notification of another namespace exists makes no
// difference.
func (m *Model) isListedNotification(object, list string) bool {
	name, ok := strings.CutPrefix(object, v1alpha1.KindNotification+"/")
	if !ok {
		return false
	}
	key := rows.ParseKey(name)
	if list != "" && key.Namespace != list {
		return false
	}
	_, ok = m.Notifications.Get(key)
	return ok
}

// selects checks the cheap parts of a filter first, because it runs for every entry.
func (q *LogQuery) selects(at time.Time, l logSource) bool {
	switch {
	case !q.Since.IsZero() && at.Before(q.Since), !q.Until.IsZero() && !at.Before(q.Until):
		return false
	case q.Outcome != "" && l.outcome() != q.Outcome:
		return false
	case q.Object != "" && !isNameOf(q.Object, l.object()):
		return false
	case q.Kind != "" && q.Kind != l.kind():
		return false
	case q.Rule != "" && (l.notification == nil || !isNameOf(q.Rule, l.notification.GetNamespace()+"/"+l.notification.Rule)):
		return false
	}
	reason, detail := l.explanation()
	return (q.Reason == "" || q.Reason == reason) && (q.Detail == "" || q.Detail == detail)
}

func (m *Model) isOfIntegration(l logSource, q *LogQuery) bool {
	if q.Integration == "" {
		return true
	}
	if q.See.Slack {
		return isNameOf(q.Integration, m.resolvedIntegration(l))
	}
	return isNameOf(q.Integration, l.namedIntegration())
}

// isNameOf reports whether a name refers to an object, which is written as Kind/namespace/name.
func isNameOf(name, object string) bool { return object == name || strings.HasSuffix(object, "/"+name) }

// search looks for a text in many others, many of which are the same.
type search struct {
	text  string
	known map[string]bool
}

func newSearch(text string) *search {
	return &search{text: strings.ToLower(text), known: map[string]bool{}}
}

// in reports whether the text is in another, and remembers that for when the same is searched again.
func (s *search) in(text string) bool {
	found, ok := s.known[text]
	if !ok {
		found = s.inUnique(text)
		s.known[text] = found
	}
	return found
}

// inUnique reports whether the text is in another, which is not likely to be searched again.
func (s *search) inUnique(text string) bool { return strings.Contains(strings.ToLower(text), s.text) }

// contains reports whether what people read of an entry contains a text.
func (m *Model) contains(l logSource, text *search) bool {
	if text.text == "" {
		return true
	}
	if a := l.activity; a != nil {
		return text.inUnique(a.Object) || text.inUnique(a.Detail)
	}
	n := l.notification
	return text.in(string(n.EventType)) || text.in(n.Rule) || text.in(n.Channel) || text.in(n.ChannelName) || text.inUnique(l.object()) ||
		text.inUnique(m.Title(n)) || text.in(n.Reason) || text.in(n.Message)
}
