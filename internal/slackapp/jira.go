// SPDX-License-Identifier: Apache-2.0

package slackapp

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/render"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/answer"
)

// jiraProblem returns why no ticket of a Defect can be created now, and what happens then; empty when one can.
func (s *session) jiraProblem(ctx context.Context, d *v1alpha1.Defect) string {
	var ref *v1alpha1.IntegrationReference
	if d.Spec.Jira != nil {
		ref = d.Spec.Jira.IntegrationRef
	}
	jira, err := connection.ResolveJira(ctx, s.Client, d.Namespace, ref)
	if err != nil {
		return "No ticket can be created: " + render.Line(err.Error(), answer.MaxLength)
	}
	c := condition.Get(jira, v1alpha1.ConditionReady)
	if c != nil && c.Status == metav1.ConditionTrue && c.Reason == v1alpha1.ReasonReady {
		return ""
	}
	why := "JiraIntegration " + nameOf(jira) + " has not been checked yet."
	if c != nil {
		why = c.Message
	}
	return "Jira cannot be used now: " + render.Line(why, answer.MaxLength) +
		" The request is kept, and the ticket is created once Jira works."
}
