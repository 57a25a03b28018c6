package apiserver

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// pending is the outcome of what is still under way.
const pending = "Pending"

// LogEntry is one thing that was done for somebody, or is to be.
type LogEntry struct {
	Time            time.Time  `json:"time" doc:"When it ended, or began when it is under way."`
	Integration     string     `json:"integration,omitempty" doc:"The integration, as Kind/namespace/name."`
	Action          string     `json:"action" doc:"What was done, such as PostMessage or CreateIssue."`
	Object          string     `json:"object" doc:"What it was done for, as Kind/namespace/name."`
	Title           string     `json:"title,omitempty" doc:"What is told, in a line, such as a Defect's title."`
	Outcome         string     `json:"outcome" enum:"Succeeded,Failed,Pending" doc:"How it ended; Pending while it will be tried again."`
	Reason          string     `json:"reason,omitempty" doc:"Why, in a word, such as Sent or RateLimited."`
	Detail          string     `json:"detail,omitempty" doc:"The result, or what was wrong and what to do."`
	EventType       string     `json:"eventType,omitempty" doc:"What kind of event was told."`
	EventID         string     `json:"eventID,omitempty" doc:"Which event was told."`
	Notification    string     `json:"notification,omitempty" doc:"The Notification, as namespace/name."`
	Rule            string     `json:"rule,omitempty" doc:"The rule that wanted it told."`
	Channel         string     `json:"channel,omitempty" doc:"The Slack channel: its ID once Slack has said so."`
	ChannelName     string     `json:"channelName,omitempty" doc:"The channel's name, with #, where its integration knows it and you may list that."`
	Permalink       string     `json:"permalink,omitempty" doc:"Opens the message."`
	Attempts        int32      `json:"attempts,omitempty" doc:"How often it was tried."`
	NextAttemptTime *time.Time `json:"nextAttemptTime,omitempty" doc:"When it is tried again."`
}

type logsInput struct {
	Across
	Paging
	Integration string    `query:"integration" maxLength:"400" doc:"Only what this integration did: its name, namespace/name or Kind/namespace/name."`
	Outcome     string    `query:"outcome" enum:"Succeeded,Failed,Pending" doc:"Only what ended so."`
	Object      string    `query:"object" maxLength:"400" doc:"Only what was done for this object: its name, namespace/name or Kind/namespace/name."`
	Since       time.Time `query:"since" doc:"Only what ended at this time or later (RFC 3339)."`
	Until       time.Time `query:"until" doc:"Only what ended before this time (RFC 3339)."`
	Text        string    `query:"q" maxLength:"200" doc:"Only what has this in its title, object, detail, channel, rule or kind of event."`
}

type logsOutput struct {
	Body struct {
		Items      []LogEntry `json:"items" doc:"This page, newest first."`
		Total      int        `json:"total" doc:"How many there are on all pages."`
		NextCursor string     `json:"nextCursor,omitempty" doc:"Where the next page begins; none when this is the last."`
	}
}

func (s *Server) routeLogs(api huma.API) {
	route(api, huma.Operation{
		OperationID: "list-logs", Method: http.MethodGet, Path: "/api/v1/integrations/logs", Tags: []string{"Integrations"}, Summary: "What was done, newest first",
		Description: "Every delivery to Slack that there is a Notification of, and the last activities of each integration, as far as you may list them.",
	}, s.listLogs)
}

// logged is where a log's entry comes from: a Notification, or an activity of an integration, which is written as Kind/namespace/name.
type logged struct {
	told        *v1alpha1.Notification
	activity    *v1alpha1.Activity
	integration string
}

func (s *Server) listLogs(ctx context.Context, i *logsInput) (*logsOutput, error) {
	namespace := s.namespaces(i.Across)
	seesTold, err := s.may(ctx, "list", action.Notifications, in(namespace))
	if err != nil {
		return nil, err
	}
	seesSlack, seesJira, err := s.sees(ctx, namespace)
	if err != nil {
		return nil, err
	}
	if !seesTold && !seesSlack && !seesJira {
		return nil, s.require(ctx, "list", action.Notifications, in(namespace))
	}
	found, err := newPage[logged]("", i.Paging)
	if err != nil {
		return nil, err
	}
	search := newSearch(i.Text)
	add := func(at time.Time, namespace, name string, l logged) {
		if i.wants(at, l) && (i.Integration == "" || names(i.Integration, s.by(l, seesSlack))) && s.has(l, search) {
			found.add(place{Time: at.UnixNano(), Namespace: namespace, Name: name}, l)
		}
	}
	if seesTold {
		for _, n := range s.told.newest() {
			if namespace == "" || n.Namespace == namespace {
				add(toldAt(n), n.Namespace, n.Name, logged{told: n})
			}
		}
	}
	activities := func(integration string, all []v1alpha1.Activity) {
		for at := range all {
			a := &all[at]
			if !seesTold || !s.isTold(a.Object, namespace) {
				add(a.Time.Time, integration, a.Action+" "+a.Object, logged{activity: a, integration: integration})
			}
		}
	}
	if seesSlack {
		for _, o := range s.slack.in(namespace) {
			activities(v1alpha1.KindSlackIntegration+"/"+o.Namespace+"/"+o.Name, o.Status.Activities)
		}
	}
	if seesJira {
		for _, o := range s.jira.in(namespace) {
			activities(v1alpha1.KindJiraIntegration+"/"+o.Namespace+"/"+o.Name, o.Status.Activities)
		}
	}
	out := &logsOutput{}
	out.Body.Total, out.Body.NextCursor, out.Body.Items = found.total, found.next(), []LogEntry{}
	sees := s.seesSlack(ctx)
	for _, l := range found.items() {
		out.Body.Items = append(out.Body.Items, s.entry(l, sees))
	}
	return out, nil
}

// isTold says that an activity was for a Notification that is in a list of a namespace, or of all when it is empty, by itself. Whether one of
// another namespace is there must make no difference.
func (s *Server) isTold(object, list string) bool {
	name, ok := strings.CutPrefix(object, v1alpha1.KindNotification+"/")
	if !ok {
		return false
	}
	key := keyOf(name)
	if list != "" && key.Namespace != list {
		return false
	}
	_, ok = s.told.get(key)
	return ok
}

// wants looks at what costs nothing first: it is asked for every entry there is.
func (i *logsInput) wants(at time.Time, l logged) bool {
	switch {
	case !i.Since.IsZero() && at.Before(i.Since), !i.Until.IsZero() && !at.Before(i.Until):
		return false
	case i.Outcome != "" && l.outcome() != i.Outcome:
		return false
	case i.Object != "" && !names(i.Object, l.object()):
		return false
	}
	return true
}

// search is a text that is looked for in many others, many of which are the same.
type search struct {
	text  string
	known map[string]bool
}

func newSearch(text string) *search {
	return &search{text: strings.ToLower(text), known: map[string]bool{}}
}

// in says whether the text is in another, which is likely to come again.
func (s *search) in(text string) bool {
	found, ok := s.known[text]
	if !ok {
		found = s.once(text)
		s.known[text] = found
	}
	return found
}

// once says whether the text is in another, which is not likely to come again.
func (s *search) once(text string) bool { return strings.Contains(strings.ToLower(text), s.text) }

// has says whether what people read of an entry has a text in it.
func (s *Server) has(l logged, text *search) bool {
	if text.text == "" {
		return true
	}
	if a := l.activity; a != nil {
		return text.once(a.Object) || text.once(a.Detail)
	}
	n := l.told
	if text.in(string(n.Spec.Event.Type)) || text.in(n.Spec.Rule.Name) || text.in(channelOf(n)) || text.once(l.object()) || text.once(s.titleOf(n)) {
		return true
	}
	c := condition.Get(n, v1alpha1.ConditionDelivered)
	return c != nil && (text.in(c.Reason) || text.in(c.Message))
}

// names says that a name means an object, which is written as Kind/namespace/name.
func names(name, object string) bool { return object == name || strings.HasSuffix(object, "/"+name) }

// by is the integration that did it, as Kind/namespace/name; empty when that is not known, or not to be told.
func (s *Server) by(l logged, seesDefault bool) string {
	if l.activity != nil {
		return l.integration
	}
	with := s.toldWith(l.told, seesDefault)
	if with.Name == "" {
		return ""
	}
	return v1alpha1.KindSlackIntegration + "/" + with.String()
}

func (l logged) outcome() string {
	if l.activity != nil {
		return string(l.activity.Outcome)
	}
	return outcomeOf(l.told)
}

func (l logged) object() string {
	if l.activity != nil {
		return l.activity.Object
	}
	if s := l.told.Spec.Event.Subject; s != nil {
		return s.Kind + "/" + s.Namespace + "/" + s.Name
	}
	return v1alpha1.KindNotification + "/" + l.told.Namespace + "/" + l.told.Name
}

// seesSlack says in which namespaces the caller may list SlackIntegrations. Each is asked about once.
func (s *Server) seesSlack(ctx context.Context) func(namespace string) bool {
	known := map[string]bool{}
	return func(namespace string) bool {
		sees, ok := known[namespace]
		if !ok {
			sees, _ = s.may(ctx, "list", action.SlackIntegrations, in(namespace)) // who cannot be asked about is told less
			known[namespace] = sees
		}
		return sees
	}
}

// entry is what is told of it. Which integration is the default one, and what it calls a channel, is told to who may list it there.
func (s *Server) entry(l logged, sees func(namespace string) bool) LogEntry {
	if a := l.activity; a != nil {
		return LogEntry{Time: a.Time.UTC(), Integration: l.integration, Action: a.Action, Object: a.Object, Outcome: string(a.Outcome), Detail: a.Detail}
	}
	n := l.told
	e := LogEntry{
		Time: toldAt(n), Integration: s.by(l, sees(n.Namespace)), Action: "PostMessage", Object: l.object(), Outcome: outcomeOf(n), EventType: string(n.Spec.Event.Type),
		Title: s.titleOf(n), EventID: string(n.Spec.Event.ID), Notification: n.Namespace + "/" + n.Name, Rule: n.Spec.Rule.Name, Channel: channelOf(n),
		Attempts: n.Status.Attempts, NextAttemptTime: timeOf(n.Status.NextAttemptTime),
	}
	if c := condition.Get(n, v1alpha1.ConditionDelivered); c != nil {
		e.Reason, e.Detail = c.Reason, c.Message
	}
	if m := n.Status.Message; m != nil {
		e.Permalink = m.Permalink
		if with := keyOf(m.Integration); sees(with.Namespace) {
			e.ChannelName = s.channelName(with, m.Channel)
		}
	}
	return e
}

// channelOf is where a Notification was told, or is to be.
func channelOf(n *v1alpha1.Notification) string {
	if m := n.Status.Message; m != nil && m.Channel != "" {
		return m.Channel
	}
	return string(n.Spec.Channel)
}

// titleOf is what a Notification tells of, in a line; empty when it does not say.
func (s *Server) titleOf(n *v1alpha1.Notification) string {
	if subject := n.Spec.Event.Subject; subject != nil && subject.Kind == v1alpha1.KindDefect {
		if d, ok := s.defects.get(types.NamespacedName{Namespace: subject.Namespace, Name: subject.Name}); ok && string(d.UID) == subject.UID {
			return d.Spec.Title
		}
	}
	e, err := event.FromAPI(n.Spec.Event)
	if err != nil {
		return ""
	}
	return e.Text("title")
}

// channelName is what an integration calls a channel; empty when it does not know it.
func (s *Server) channelName(integration types.NamespacedName, id string) string {
	o, ok := s.slack.get(integration)
	if !ok {
		return ""
	}
	for _, c := range o.Status.Channels {
		if c.ID == id {
			return c.Name
		}
	}
	return ""
}

// outcomeOf is how the delivery of a Notification ended. What Slack refused for good, or is too old, ended badly.
func outcomeOf(n *v1alpha1.Notification) string {
	c := condition.Get(n, v1alpha1.ConditionDelivered)
	switch {
	case c == nil:
		return pending
	case c.Status == metav1.ConditionTrue:
		return string(v1alpha1.OutcomeSucceeded)
	case c.Reason == v1alpha1.ReasonRejected || c.Reason == v1alpha1.ReasonExpired:
		return string(v1alpha1.OutcomeFailed)
	default:
		return pending
	}
}

func toldAt(n *v1alpha1.Notification) time.Time {
	if n.Status.Message != nil && n.Status.Message.Time != nil {
		return n.Status.Message.Time.UTC()
	}
	if c := condition.Get(n, v1alpha1.ConditionDelivered); c != nil && outcomeOf(n) != pending {
		return c.LastTransitionTime.UTC()
	}
	return n.CreationTimestamp.UTC()
}
