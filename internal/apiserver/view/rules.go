// SPDX-License-Identifier: Apache-2.0

package view

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/page"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
)

// RuleSummary is a NotificationRule in a list.
type RuleSummary struct {
	Namespace     string               `json:"namespace" doc:"Its namespace."`
	Name          string               `json:"name" doc:"Its name."`
	EventTypes    []v1alpha1.EventType `json:"eventTypes" doc:"The types of event that it matches."`
	Channel       string               `json:"channel,omitempty" doc:"Where it posts; the integration's default channel when empty."`
	Suspended     bool                 `json:"suspended" doc:"Whether it is suspended and matches nothing."`
	Ready         bool                 `json:"ready" doc:"Whether it works."`
	Reason        string               `json:"reason,omitempty" doc:"The reason of its condition Ready."`
	Message       string               `json:"message,omitempty" doc:"The message of its condition Ready."`
	MatchedTotal  int64                `json:"matchedTotal" doc:"Events that matched."`
	SentTotal     int64                `json:"sentTotal" doc:"Notifications that reached Slack."`
	FailedTotal   int64                `json:"failedTotal" doc:"Notifications that were given up."`
	ErrorsTotal   int64                `json:"errorsTotal" doc:"Events for which spec.when could not be evaluated. They did not match."`
	LastError     string               `json:"lastError,omitempty" doc:"The error for the last of those events, since the spec was last changed."`
	LastMatchTime *time.Time           `json:"lastMatchTime,omitempty" doc:"When an event last matched."`
}

// ListRules returns a page of the rules of a namespace, the newest first; of all namespaces when it is empty.
func (m *Model) ListRules(namespace string, p page.Params) (page.List[RuleSummary], error) {
	found, err := page.NewPager[*v1alpha1.NotificationRule]("", p)
	if err != nil {
		return page.List[RuleSummary]{}, err
	}
	for _, r := range m.Rules.In(namespace) {
		found.Add(page.Place{Time: r.CreationTimestamp.UnixNano(), Namespace: r.Namespace, Name: r.Name}, r)
	}
	return page.Collect(found, ruleSummaryOf), nil
}

func ruleSummaryOf(r *v1alpha1.NotificationRule) RuleSummary {
	out := RuleSummary{
		Namespace: r.Namespace, Name: r.Name, EventTypes: r.Spec.EventTypes, Channel: string(r.Spec.Channel),
		Suspended: r.Spec.Suspend, MatchedTotal: r.Status.MatchedTotal, SentTotal: r.Status.SentTotal,
		FailedTotal: r.Status.FailedTotal, ErrorsTotal: r.Status.ErrorsTotal, LastMatchTime: timeOf(r.Status.LastMatchTime),
	}
	if e := r.Status.LastError; e != nil {
		out.LastError = e.Message
	}
	if c := condition.Get(r, v1alpha1.ConditionReady); c != nil {
		out.Ready = c.Status == metav1.ConditionTrue
		out.Reason = c.Reason
		out.Message = c.Message
	}
	return out
}
