// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"errors"
	"net/http"

	"github.com/voiceai-dev/integrations-operator/internal/dashboard/client"
	"github.com/voiceai-dev/integrations-operator/internal/dashboard/web"
)

// rulesPage is the data of the list.
type rulesPage struct {
	client.List[client.RuleRow]
	Cursor string
}

// rulePage is the data of the page of one rule.
type rulePage struct {
	client.Rule
	// TestSubject is the name of the Defect or run to whose newest event the rule is applied, and TestEvent the ID of an
	// event. The API chooses one when both are empty.
	TestSubject, TestEvent string
	// Test is the result of the dry run. TestProblem says why there is none.
	Test        *client.RuleTest
	TestProblem string
	YAML        string
}

// Verdict returns the word for the badge of the dry run's result.
func (p rulePage) Verdict() string {
	if p.Test.Matches {
		return "matches"
	}
	return "differs"
}

// EventTypes returns the types of events that the rule selects.
func (p rulePage) EventTypes() (out []string) {
	all, _ := p.Spec.Get("eventTypes").([]any)
	for _, t := range all {
		if s, ok := t.(string); ok {
			out = append(out, web.Words(s))
		}
	}
	return out
}

func (s *site) routeRules(mux *http.ServeMux) {
	s.handle(mux, "GET /rules", s.listRules)
	s.handle(mux, "GET /rules/{namespace}/{name}", s.showRule)
}

func (s *site) listRules(v *visit) (err error) {
	data := rulesPage{Cursor: v.parameter("cursor")}
	if data.List, err = v.api.Rules(v.namespace, data.Cursor); err != nil {
		return err
	}
	return v.render(http.StatusOK, "rules", view{Title: "Rules", Section: "rules", Follow: "NotificationRule", Data: data})
}

// showRule shows a rule with a dry run, which sends nothing.
func (s *site) showRule(v *visit) error {
	rule, err := v.api.Rule(v.key())
	if err != nil {
		return err
	}
	data := rulePage{Rule: rule, TestSubject: v.parameter("subject"), TestEvent: v.parameter("event")}
	result, err := v.api.TestRule(v.key(), client.TestedEvent{Subject: data.TestSubject, ID: data.TestEvent})
	var p *client.Problem
	switch {
	case err == nil:
		data.Test = result
	case errors.As(err, &p) && p.Status != http.StatusUnauthorized:
		data.TestProblem = web.Sentence(p.Detail)
	default:
		return err
	}
	key := client.Key{Namespace: data.Namespace, Name: data.Name}
	if data.YAML, err = client.Manifest("NotificationRule", key, data.Spec); err != nil {
		return err
	}
	return v.render(http.StatusOK, "rule", view{
		Title: "Rule " + data.Name, Section: "rules", Follow: "NotificationRule", Data: data,
	})
}
