package apiserver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/render"
	"github.com/voiceai-dev/integrations-operator/internal/rule"
)

// eventBody is an event as the API shows and takes it.
type eventBody struct {
	ID       string            `json:"id,omitempty" maxLength:"253" doc:"Which event it is."`
	Type     string            `json:"type" enum:"TestRunCompleted,DefectCreated,DefectTicketed,DefectStateChanged,EdgeCaseDiscovered,SystemAlertFiring,SystemAlertResolved,IntegrationUnhealthy,IntegrationRecovered" doc:"What kind of thing happened."`
	Time     *time.Time        `json:"time,omitempty" doc:"When it happened; now when empty."`
	Severity string            `json:"severity,omitempty" enum:"Critical,High,Medium,Low" doc:"How bad it is, where it has a severity."`
	Labels   map[string]string `json:"labels,omitempty" maxProperties:"64" doc:"The labels of what it is about."`
	Subject  *eventSubject     `json:"subject,omitempty" doc:"The object it is about."`
	Data     map[string]any    `json:"data,omitempty" maxProperties:"64" doc:"The facts."`
}

type eventSubject struct {
	Kind      string `json:"kind" maxLength:"63" doc:"The kind of the object."`
	Namespace string `json:"namespace,omitempty" maxLength:"63" doc:"Its namespace."`
	Name      string `json:"name" maxLength:"253" doc:"Its name."`
}

// messageBody is a message before it is put into Slack's JSON. Its texts are mrkdwn.
type messageBody struct {
	Text   string         `json:"text" doc:"What notifications and screen readers say."`
	Color  string         `json:"color,omitempty" doc:"The bar at its side, as #rrggbb."`
	Blocks []messageBlock `json:"blocks" doc:"What is shown."`
}

type messageBlock struct {
	Section string   `json:"section,omitempty" doc:"A paragraph."`
	Fields  []string `json:"fields,omitempty" doc:"Short facts in two columns."`
	Context []string `json:"context,omitempty" doc:"Small print."`
	Divider bool     `json:"divider,omitempty" doc:"A line."`
}

type testRule struct {
	ByName
	Body *struct {
		Event   *eventBody `json:"event,omitempty" doc:"The event to try."`
		EventID string     `json:"eventID,omitempty" maxLength:"253" doc:"The id of an event that happened here, as the log shows it. You must be allowed to list Notifications."`
	} `required:"false"`
}

type testRuleOutput struct {
	Body struct {
		Matches bool         `json:"matches" doc:"Whether the rule would tell this event."`
		Why     string       `json:"why" doc:"Why, or why not."`
		Source  string       `json:"source" enum:"Given,Recent,Example" doc:"Where the event comes from."`
		Event   eventBody    `json:"event" doc:"The event that was tried."`
		Message *messageBody `json:"message,omitempty" doc:"What Slack would get, whether it matches or not; none when the rule makes no sense."`
	}
}

var errNoSuchEvent = errors.New("no such event")

func (s *Server) testRule(ctx context.Context, i *testRule) (*testRuleOutput, error) {
	key := s.key(i.ByName)
	if err := s.require(ctx, "get", action.Rules, key); err != nil {
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
	out.Body.Source, out.Body.Event = source, bodyOf(&e)
	e.Time = s.o.Clock.Now() // whether it is too old is not the question
	compiled, err := rule.Compile(r)
	if err != nil {
		out.Body.Why = "The rule makes no sense: " + err.Error()
		return out, nil
	}
	out.Body.Matches, out.Body.Why = verdict(ctx, r, compiled, &e)
	if out.Body.Matches {
		out.Body.Why += whatHolds(r, compiled, &e)
	}
	message := render.Message(&e, render.Options{
		Channel: string(r.Spec.Channel), Mentions: r.Spec.Mentions, Template: compiled.Template(), DashboardURL: s.o.DashboardURL,
	})
	out.Body.Message = messageOf(message)
	return out, nil
}

// verdict says whether a rule would tell an event, and names the first thing that keeps it from doing so.
func verdict(ctx context.Context, r *v1alpha1.NotificationRule, compiled *rule.Compiled, e *event.Event) (bool, string) {
	ok, err := compiled.Matches(ctx, rule.NewInput(e))
	spec := &r.Spec
	switch {
	case err != nil:
		return false, err.Error()
	case spec.Suspend:
		return false, "spec.suspend is true: the rule matches nothing until it is false"
	case ok:
		return true, "Everything that the rule asks for holds"
	case !slices.Contains(spec.EventTypes, e.Type):
		return false, fmt.Sprintf("spec.eventTypes has no %s", e.Type)
	case spec.MinSeverity != "" && e.Severity != "" && e.Severity.Rank() < spec.MinSeverity.Rank():
		return false, fmt.Sprintf("Its severity, %s, is less than spec.minSeverity, %s", e.Severity, spec.MinSeverity)
	}
	if selector, err := metav1.LabelSelectorAsSelector(spec.Selector.AsMeta()); spec.Selector != nil && err == nil && !selector.Matches(labels.Set(e.Labels)) {
		return false, "spec.selector does not choose its labels"
	}
	return false, "spec.when is false for it"
}

// whatHolds says what keeps a message that matches from being sent at once, as a sentence more.
func whatHolds(r *v1alpha1.NotificationRule, compiled *rule.Compiled, e *event.Event) string {
	if end, muted := compiled.MutedUntil(e.Time); muted {
		return fmt.Sprintf(". A mute window holds until %s: until then it is noted and not sent", end.UTC().Format(time.RFC3339))
	}
	if _, window, grouped := compiled.GroupKey(e); grouped {
		by := "all that the rule tells"
		if len(r.Spec.Grouping.By) > 0 {
			by = fmt.Sprintf("those of the same %v", r.Spec.Grouping.By)
		}
		return fmt.Sprintf(". It is sent together with %s, %s after the first of them", by, window)
	}
	return ""
}

// eventFor is the event that a rule is to be tried with.
func (s *Server) eventFor(ctx context.Context, i *testRule, r *v1alpha1.NotificationRule) (e event.Event, source string, err error) {
	if i.Body != nil && i.Body.Event != nil && i.Body.EventID != "" {
		return e, "", wrong("body", "give event or eventID, not both")
	}
	if i.Body != nil && i.Body.Event != nil {
		return i.Body.Event.event(s.o.Clock.Now()), "Given", nil
	}
	sees, err := s.may(ctx, "list", action.Notifications, in(r.Namespace))
	if err != nil {
		return e, "", err
	}
	if i.Body != nil && i.Body.EventID != "" {
		if !sees {
			return e, "", s.require(ctx, "list", action.Notifications, in(r.Namespace))
		}
		e, err = s.recent(r.Namespace, func(n *v1alpha1.Notification) bool { return string(n.Spec.Event.ID) == i.Body.EventID })
		if errors.Is(err, errNoSuchEvent) {
			return e, "", mistake(http.StatusNotFound, "no Notification in namespace %s tells of such an event: take the id of one that the log shows", r.Namespace)
		}
		return e, "Recent", err
	}
	if sees {
		if e, err = s.recent(r.Namespace, func(n *v1alpha1.Notification) bool { return slices.Contains(r.Spec.EventTypes, n.Spec.Event.Type) }); err == nil {
			return e, "Recent", nil
		}
	}
	return render.Example(r.Spec.EventTypes[0]), "Example", nil
}

// recent is the newest event of a namespace that fits.
func (s *Server) recent(namespace string, fits func(*v1alpha1.Notification) bool) (event.Event, error) {
	for _, n := range s.told.newest() {
		if n.Namespace == namespace && fits(n) {
			return event.FromAPI(n.Spec.Event)
		}
	}
	return event.Event{}, errNoSuchEvent
}

func (b *eventBody) event(now time.Time) event.Event {
	e := event.Event{ID: b.ID, Type: v1alpha1.EventType(b.Type), Time: now, Severity: v1alpha1.Severity(b.Severity), Labels: b.Labels, Data: b.Data}
	if b.Time != nil {
		e.Time = *b.Time
	}
	if b.Subject != nil {
		e.Subject = &v1alpha1.EventSubject{Kind: b.Subject.Kind, Namespace: b.Subject.Namespace, Name: b.Subject.Name}
	}
	return e
}

func bodyOf(e *event.Event) eventBody {
	at := e.Time.UTC()
	b := eventBody{ID: e.ID, Type: string(e.Type), Time: &at, Severity: string(e.Severity), Labels: maps.Clone(e.Labels), Data: e.Data}
	if e.Subject != nil {
		b.Subject = &eventSubject{Kind: e.Subject.Kind, Namespace: e.Subject.Namespace, Name: e.Subject.Name}
	}
	return b
}

func messageOf(m chat.Message) *messageBody {
	out := &messageBody{Text: m.Text, Color: m.Color, Blocks: []messageBlock{}}
	for _, b := range m.Blocks {
		out.Blocks = append(out.Blocks, messageBlock{Section: b.Section, Fields: b.Fields, Context: b.Context, Divider: b.Divider})
	}
	return out
}
