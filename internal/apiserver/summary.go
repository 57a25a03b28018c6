package apiserver

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
)

const (
	// hours are how far the summary looks back.
	hours = 24
	// maxNeeds, maxSuites and maxStrip bound what it names.
	maxNeeds, maxSuites, maxStrip = 20, 50, 20
)

// hour is what an integration did in one hour.
type hour struct {
	Time      time.Time `json:"time" doc:"When it began."`
	Succeeded int       `json:"succeeded" doc:"Messages that were accepted, or tickets that were made."`
	Failed    int       `json:"failed" doc:"What was given up or refused."`
}

type integrationSummary struct {
	IntegrationStatus
	Hours []hour `json:"hours,omitempty" doc:"The last 24 hours, each from the full hour, the oldest first. Of Slack from Notifications, of Jira from the tickets of Defects and the failures among its last activities; left out when you may not list those."`
}

type defectsSummary struct {
	Open       int                       `json:"open" doc:"Defects that are Open or InProgress."`
	BySeverity map[v1alpha1.Severity]int `json:"bySeverity" doc:"Those by severity."`
	Unticketed int                       `json:"unticketed" doc:"Those without a Jira issue."`
}

// need is something that stays as it is until somebody does something.
type need struct {
	Object    string    `json:"object" doc:"The object, as Kind/namespace/name; the newest when there are several."`
	Title     string    `json:"title,omitempty" doc:"What the object is about, as somebody wrote it."`
	EventType string    `json:"eventType,omitempty" doc:"What kind of event a Notification tells."`
	Condition string    `json:"condition" doc:"The condition that is not met, such as Ticketed or Delivered."`
	Reason    string    `json:"reason" doc:"Why, in a word."`
	Message   string    `json:"message" doc:"Why, and what to do."`
	Time      time.Time `json:"time" doc:"Since when; of the newest."`
	Count     int       `json:"count" doc:"How many objects there are with this."`
}

type suiteSummary struct {
	Namespace string      `json:"namespace" doc:"The namespace of the suite's runs."`
	Suite     string      `json:"suite" doc:"The suite's id."`
	Runs      []runRecord `json:"runs" doc:"The last 20 runs, the newest first."`
}

type summaryOutput struct {
	Body struct {
		Integrations []integrationSummary `json:"integrations" doc:"Every integration that you may list."`
		Defects      *defectsSummary      `json:"defects,omitempty" doc:"Left out when you may not list Defects."`
		Attention    []need               `json:"attention" doc:"The newest 20 of what needs somebody, alike ones together: Defects without the ticket that they should have, Notifications given up in the hours above, rules and integrations that do not work."`
		Needs        int                  `json:"needs" doc:"How many of these there are altogether."`
		Suites       []suiteSummary       `json:"suites" doc:"The suites that ran last, at most 50; none when you may not list Jobs."`
	}
}

type summaryInput struct{ Across }

func (s *Server) routeSummary(api huma.API) {
	route(api, huma.Operation{
		OperationID: "get-summary", Method: http.MethodGet, Path: "/api/v1/summary", Tags: []string{"Integrations"}, Summary: "How everything is, in one call",
		Description: "What an overview shows, as far as you may list it.",
	}, s.summary)
}

// sight is what a caller may list.
type sight struct{ slack, jira, rules, defects, told, runs bool }

func (s *Server) summary(ctx context.Context, i *summaryInput) (*summaryOutput, error) {
	namespace := s.namespaces(i.Across)
	var see sight
	for _, x := range []struct {
		resource action.Resource
		sees     *bool
	}{{action.SlackIntegrations, &see.slack}, {action.JiraIntegrations, &see.jira}, {action.Rules, &see.rules}, {action.Defects, &see.defects}, {action.Notifications, &see.told}, {action.Jobs, &see.runs}} {
		var err error
		if *x.sees, err = s.may(ctx, "list", x.resource, in(namespace)); err != nil {
			return nil, err
		}
	}
	if see == (sight{}) {
		return nil, s.require(ctx, "list", action.SlackIntegrations, in(namespace))
	}
	from := s.o.Clock.Now().UTC().Truncate(time.Hour).Add(-(hours - 1) * time.Hour)
	out := &summaryOutput{}
	out.Body.Attention, out.Body.Suites = []need{}, []suiteSummary{}
	traffic, needs := newTraffic(from), needs{}
	if see.runs {
		s.learn(ctx, s.lastRuns(namespace))
	}
	for _, p := range s.parts(namespace, see, from) {
		traffic.join(p.traffic)
		out.Body.Attention = append(out.Body.Attention, p.needs...)
		out.Body.Needs += p.total
		if p.defects != nil {
			out.Body.Defects = p.defects
		}
		if p.suites != nil {
			out.Body.Suites = p.suites
		}
	}
	if see.rules {
		s.sumRules(namespace, needs)
	}
	s.sumIntegrations(namespace, see, traffic, needs, out)
	few, total := needs.newest()
	out.Body.Attention, out.Body.Needs = newestNeeds(append(out.Body.Attention, few...)), out.Body.Needs+total
	return out, nil
}

// parts are the counts of what there may be thousands of, as far as the caller may list it.
func (s *Server) parts(namespace string, see sight, from time.Time) []part {
	var out []part
	add := func(key partKey, version uint64, sum func(*part, needs)) {
		key.namespace = namespace
		out = append(out, s.counts.get(key, version, from, func() part {
			p, needs := part{traffic: newTraffic(from)}, needs{}
			sum(&p, needs)
			few, total := needs.newest()
			p.needs, p.total = slices.Clone(few), total // without the room of all the others
			return p
		}))
	}
	if see.told { // which integration is the default one matters too
		add(partKey{kind: v1alpha1.KindNotification}, s.told.version()+s.slack.version(), func(p *part, needs needs) { s.sumTold(namespace, from, p.traffic, needs) })
	}
	if see.defects {
		add(partKey{kind: v1alpha1.KindDefect, all: !see.told}, s.defects.version(), func(p *part, needs needs) { p.defects = s.sumDefects(namespace, !see.told, p.traffic, needs) })
	}
	if see.runs {
		add(partKey{kind: "Job"}, s.runs.version()+s.reports.changes.Load(), func(p *part, _ needs) { p.suites = s.sumRuns(namespace) })
	}
	return out
}

// sumTold looks through the Notifications. There may be tens of thousands: nothing is made for one that went well.
func (s *Server) sumTold(namespace string, from time.Time, traffic *traffic, needs needs) {
	for n := range s.told.each() {
		if namespace != "" && n.Namespace != namespace {
			continue
		}
		outcome := outcomeOf(n)
		if outcome == pending {
			continue
		}
		at := toldAt(n)
		if at.Before(from) {
			continue
		}
		failed := outcome == string(v1alpha1.OutcomeFailed)
		c := condition.Get(n, v1alpha1.ConditionDelivered)
		if failed || c.Reason == v1alpha1.ReasonSent { // what was muted or told in a digest was no message
			traffic.add(v1alpha1.KindSlackIntegration, s.toldWith(n, true), at, failed)
		}
		if failed {
			needs.add(needKey{v1alpha1.KindNotification, n.Namespace, c.Type, c.Reason, c.Message}, n.Name, s.titleOf(n), n.Spec.Event.Type, c.LastTransitionTime.UTC())
		}
	}
}

// toldWith is the integration of a Notification; empty when it names none and there is no default one in its namespace. seesDefault says that this
// may be told, which is nothing that the Notification says.
func (s *Server) toldWith(n *v1alpha1.Notification, seesDefault bool) types.NamespacedName {
	if m := n.Status.Message; m != nil && m.Integration != "" {
		return keyOf(m.Integration)
	}
	if ref := n.Spec.IntegrationRef; ref != nil {
		return types.NamespacedName{Namespace: cmp.Or(ref.Namespace, n.Namespace), Name: ref.Name}
	}
	for _, o := range s.slack.newest() {
		if seesDefault && o.Namespace == n.Namespace && o.Spec.Default {
			return types.NamespacedName{Namespace: o.Namespace, Name: o.Name}
		}
	}
	return types.NamespacedName{}
}

// keyOf reads namespace/name.
func keyOf(text string) types.NamespacedName {
	namespace, name, _ := strings.Cut(text, "/")
	return types.NamespacedName{Namespace: namespace, Name: name}
}

// sumDefects looks through the Defects. all says that those whose Notification was given up are named too.
func (s *Server) sumDefects(namespace string, all bool, traffic *traffic, needs needs) *defectsSummary {
	out := &defectsSummary{BySeverity: map[v1alpha1.Severity]int{
		v1alpha1.SeverityCritical: 0, v1alpha1.SeverityHigh: 0, v1alpha1.SeverityMedium: 0, v1alpha1.SeverityLow: 0,
	}}
	for d := range s.defects.each() {
		if namespace != "" && d.Namespace != namespace {
			continue
		}
		ticket := d.Status.Jira
		ticketed := ticket != nil && ticket.Key != ""
		if isUnresolved(d) {
			out.Open++
			out.BySeverity[d.Spec.Severity]++
			if !ticketed {
				out.Unticketed++
			}
		}
		if ticketed && ticket.CreatedTime != nil {
			traffic.add(v1alpha1.KindJiraIntegration, keyOf(ticket.Integration), ticket.CreatedTime.Time, false)
		}
		// A Defect also stalls when a Notification of it was given up, which is told as that Notification's to who may list those.
		if stalled := condition.Get(d, v1alpha1.ConditionStalled); stalled != nil && (all || stalled.Reason != v1alpha1.ReasonDeliveryFailed) {
			needs.add(needKey{v1alpha1.KindDefect, d.Namespace, blamed(d, stalled.Reason), stalled.Reason, stalled.Message}, d.Name, d.Spec.Title, "", stalled.LastTransitionTime.UTC())
		}
	}
	return out
}

// blamed is the condition of a Defect that a reason is from.
func blamed(d *v1alpha1.Defect, reason string) string {
	for _, kind := range []string{v1alpha1.ConditionTicketed, v1alpha1.ConditionSynced} {
		if condition.Is(d, kind, "False", reason) {
			return kind
		}
	}
	return v1alpha1.ConditionReady
}

func (s *Server) sumRules(namespace string, needs needs) {
	for _, r := range s.rules.in(namespace) {
		for _, kind := range []string{v1alpha1.ConditionAccepted, v1alpha1.ConditionResolvedRefs} {
			if c := condition.Get(r, kind); c != nil && c.Status == "False" {
				needs.add(needKey{v1alpha1.KindNotificationRule, r.Namespace, c.Type, c.Reason, c.Message}, r.Name, r.Name, "", c.LastTransitionTime.UTC())
				break
			}
		}
	}
}

func (s *Server) sumIntegrations(namespace string, see sight, traffic *traffic, needs needs, out *summaryOutput) {
	out.Body.Integrations = []integrationSummary{}
	if see.slack {
		for _, o := range s.slack.in(namespace) {
			one := integrationSummary{IntegrationStatus: slackStatus(o)}
			needs.addIntegration(o, &one.IntegrationStatus)
			if see.told {
				one.Hours = traffic.of(v1alpha1.KindSlackIntegration, o.Namespace, o.Name)
			}
			out.Body.Integrations = append(out.Body.Integrations, one)
		}
	}
	if !see.jira {
		return
	}
	for _, o := range s.jira.in(namespace) {
		for _, a := range o.Status.Activities {
			if a.Outcome == v1alpha1.OutcomeFailed {
				traffic.add(v1alpha1.KindJiraIntegration, types.NamespacedName{Namespace: o.Namespace, Name: o.Name}, a.Time.Time, true)
			}
		}
		one := integrationSummary{IntegrationStatus: jiraStatus(o)}
		needs.addIntegration(o, &one.IntegrationStatus)
		if see.defects {
			one.Hours = traffic.of(v1alpha1.KindJiraIntegration, o.Namespace, o.Name)
		}
		out.Body.Integrations = append(out.Body.Integrations, one)
	}
}

func (s *Server) sumRuns(namespace string) []suiteSummary {
	index := map[types.NamespacedName]int{}
	var out []suiteSummary
	for _, j := range s.lastRuns(namespace) {
		id := suiteOf(j)
		at, known := index[id]
		if !known {
			at = len(out)
			index[id] = at
			out = append(out, suiteSummary{Namespace: id.Namespace, Suite: id.Name})
		}
		out[at].Runs = append(out[at].Runs, s.runOf(j))
	}
	return out
}

// lastRuns are the newest runs of the suites that ran last, the newest first.
func (s *Server) lastRuns(namespace string) []*batchv1.Job {
	count := map[types.NamespacedName]int{}
	var out []*batchv1.Job
	for _, j := range s.runs.in(namespace) {
		id := suiteOf(j)
		if n, known := count[id]; n == maxStrip || !known && len(count) == maxSuites {
			continue
		}
		count[id]++
		out = append(out, j)
	}
	return out
}

func suiteOf(j *batchv1.Job) types.NamespacedName {
	return types.NamespacedName{Namespace: j.Namespace, Name: j.Labels[v1alpha1.SuiteLabel]}
}
