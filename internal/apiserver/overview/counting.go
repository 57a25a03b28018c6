// SPDX-License-Identifier: Apache-2.0

package overview

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/rows"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// maxSuites bounds the suites of a summary, and maxRunsPerSuite the runs of each.
const (
	maxSuites       = 50
	maxRunsPerSuite = 20
)

// countNotifications counts Notifications. There may be tens of thousands: nothing is allocated for one that was
// delivered.
func (m *Model) countNotifications(s *summing) {
	for n := range m.Notifications.All() {
		if !s.isIn(n.GetNamespace()) || n.Outcome == rows.OutcomePending {
			continue
		}
		at := n.Time()
		if at.Before(s.from) {
			continue
		}
		switch {
		case n.Outcome == string(v1alpha1.OutcomeFailed):
			s.traffic.addFailed(trafficKey{v1alpha1.KindSlackIntegration, m.DeliveringIntegration(n)}, at)
			s.needs.add(needKey{v1alpha1.KindNotification, n.GetNamespace(), "", v1alpha1.ConditionDelivered, n.Reason, n.Message},
				neededBy{n.GetName(), m.Title(n), n.EventType, time.Unix(0, n.Since).UTC()})
		case n.Reason == v1alpha1.ReasonSent: // one that was muted, or is in a digest, was no message
			s.traffic.addSucceeded(trafficKey{v1alpha1.KindSlackIntegration, m.DeliveringIntegration(n)}, at)
		}
	}
}

// countDefects counts Defects.
func (m *Model) countDefects(s *summing) *DefectsSummary {
	out := &DefectsSummary{BySeverity: map[v1alpha1.Severity]int{
		v1alpha1.SeverityCritical: 0, v1alpha1.SeverityHigh: 0, v1alpha1.SeverityMedium: 0, v1alpha1.SeverityLow: 0,
	}}
	for d := range m.Defects.All() {
		if !s.isIn(d.GetNamespace()) {
			continue
		}
		if d.IsUnresolved() {
			out.Open++
			out.BySeverity[d.Severity]++
			if d.TicketKey == "" {
				out.Unticketed++
			}
		}
		if by, at, ok := d.TicketCreated(); ok {
			s.traffic.addSucceeded(trafficKey{v1alpha1.KindJiraIntegration, by}, at)
		}
		s.addStalled(d)
	}
	return out
}

// addStalled adds the need of a stalled Defect.
func (s *summing) addStalled(d *rows.Defect) {
	stalled := d.Stalled
	if stalled == nil {
		return
	}
	key := needKey{v1alpha1.KindDefect, d.GetNamespace(), "", stalled.Unmet, stalled.Reason, stalled.Message}
	s.needs.add(key, neededBy{name: d.GetName(), title: text.OneLine(d.Title), since: stalled.Since})
}

// countRules adds the needs of rules that do not work.
func (m *Model) countRules(s *summing) {
	for _, r := range m.Rules.In(s.namespace) {
		for _, name := range []string{v1alpha1.ConditionAccepted, v1alpha1.ConditionResolvedRefs} {
			if c := condition.Get(r, name); c != nil && c.Status == metav1.ConditionFalse {
				s.needs.add(needKey{v1alpha1.KindNotificationRule, r.Namespace, r.Name, c.Type, c.Reason, c.Message},
					neededBy{name: r.Name, title: r.Name, since: c.LastTransitionTime.UTC()})
				break
			}
		}
	}
}

// countIntegrations returns the integrations that the caller may see, with their traffic, and adds their needs.
func (m *Model) countIntegrations(s *summing) []IntegrationSummary {
	out := []IntegrationSummary{}
	if s.see.Slack {
		for _, o := range m.Slack.In(s.namespace) {
			one := IntegrationSummary{IntegrationStatus: view.SlackStatus(o)}
			s.needs.addIntegration(o, &one.IntegrationStatus)
			if s.see.Notifications {
				one.Hours = s.traffic.of(keyOfTraffic(&one.IntegrationStatus))
			}
			out = append(out, one)
		}
	}
	if !s.see.Jira {
		return out
	}
	for _, o := range m.Jira.In(s.namespace) {
		one := IntegrationSummary{IntegrationStatus: view.JiraStatus(o)}
		key := keyOfTraffic(&one.IntegrationStatus)
		for _, a := range o.Status.Activities {
			if a.Outcome == v1alpha1.OutcomeFailed {
				s.traffic.addFailed(key, a.Time.Time)
			}
		}
		s.needs.addIntegration(o, &one.IntegrationStatus)
		if s.see.Defects {
			one.Hours = s.traffic.of(key)
		}
		out = append(out, one)
	}
	return out
}

func keyOfTraffic(s *view.IntegrationStatus) trafficKey {
	return trafficKey{s.Kind, types.NamespacedName{Namespace: s.Namespace, Name: s.Name}}
}
