// SPDX-License-Identifier: Apache-2.0

package slackapp

import (
	"context"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/render"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/answer"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/scope"
)

// integration is an integration of any kind.
type integration interface {
	client.Object
	condition.Object
}

// status shows the health of the integrations, the runs in progress and the open defects, as far as the person may see
// them.
func (s *session) status(ctx context.Context, _ []string) (chat.Response, error) {
	var r chat.Response
	var refused error
	for _, part := range []func(context.Context) (string, error){s.integrationsStatus, s.runsStatus, s.defectsStatus} {
		text, err := part(ctx)
		switch {
		case scope.IsForbidden(err):
			refused = err
		case err != nil:
			return chat.Response{}, err
		default:
			r.Blocks = append(r.Blocks, chat.Block{Section: text})
		}
	}
	if len(r.Blocks) == 0 {
		return chat.Response{}, refused
	}
	r.Text = "Status of the integrations, runs and defects"
	return r, nil
}

// integrationsStatus lists the integrations with what is wrong with them.
func (s *session) integrationsStatus(ctx context.Context) (string, error) {
	var lines []string
	var refused error
	for _, kind := range []struct {
		resource action.Resource
		list     func(namespace string) ([]integration, error)
	}{
		{action.SlackIntegrations, func(n string) (out []integration, err error) {
			l := &v1alpha1.SlackIntegrationList{}
			err = s.Client.List(ctx, l, client.InNamespace(n))
			for i := range l.Items {
				out = append(out, &l.Items[i])
			}
			return out, err
		}},
		{action.JiraIntegrations, func(n string) (out []integration, err error) {
			l := &v1alpha1.JiraIntegrationList{}
			err = s.Client.List(ctx, l, client.InNamespace(n))
			for i := range l.Items {
				out = append(out, &l.Items[i])
			}
			return out, err
		}},
	} {
		namespaces, err := s.scope.Where(ctx, "list", kind.resource, "")
		if scope.IsForbidden(err) {
			refused = err
			continue
		}
		if err != nil {
			return "", err
		}
		for _, n := range namespaces {
			all, err := kind.list(n)
			if err != nil {
				return "", err
			}
			slices.SortFunc(all, func(a, b integration) int { return strings.Compare(a.GetName(), b.GetName()) })
			for _, o := range all {
				lines = append(lines, integrationLine(o))
			}
		}
	}
	if len(lines) == 0 && refused != nil {
		return "", refused
	}
	return answer.Section("Integrations", lines), nil
}

// integrationLine returns an integration and what is wrong with it.
func integrationLine(o integration) string {
	kind := "Slack"
	if _, ok := o.(*v1alpha1.JiraIntegration); ok {
		kind = "Jira"
	}
	name := kind + " " + render.Line(nameOf(o), 200)
	ready := condition.Get(o, v1alpha1.ConditionReady)
	isReady := func(because string) bool {
		return ready.Status == metav1.ConditionTrue && condition.Is(o, v1alpha1.ConditionHealthy, metav1.ConditionTrue, because)
	}
	switch {
	case ready == nil:
		return ":white_circle: " + name + " has not been checked yet"
	case isReady(v1alpha1.ReasonDegraded):
		return ":large_yellow_circle: " + name + ": " + render.Line(ready.Message, 300)
	case isReady(v1alpha1.ReasonUnverified):
		return ":white_circle: " + name + ": " + render.Line(ready.Message, 300)
	case ready.Status == metav1.ConditionTrue && ready.Reason == v1alpha1.ReasonReady:
		return ":large_green_circle: " + name
	case ready.Status == metav1.ConditionTrue:
		return ":white_circle: " + name + ": " + render.Line(ready.Message, 300)
	}
	return ":red_circle: " + name + ": " + render.Line(ready.Message, 300)
}

// runsStatus lists the runs in progress.
func (s *session) runsStatus(ctx context.Context) (string, error) {
	runs, _, err := s.scope.Runs(ctx, "", "")
	if err != nil {
		return "", err
	}
	var lines []string
	for _, j := range runs {
		if finished, _, _, _ := event.RunFinished(j); !finished {
			lines = append(lines, ":hourglass_flowing_sand: "+render.Line(j.Labels[v1alpha1.SuiteLabel], 100)+" · "+
				render.Line(nameOf(j), 300))
		}
	}
	return answer.Section("Runs in progress", lines), nil
}

// defectsStatus counts the open defects by severity.
func (s *session) defectsStatus(ctx context.Context) (string, error) {
	open, err := s.scope.OpenDefects(ctx, scope.DefectFilter{})
	if err != nil {
		return "", err
	}
	counts := map[v1alpha1.Severity]int{}
	for _, d := range open {
		counts[d.Severity]++
	}
	var lines []string
	for _, severity := range scope.Severities {
		if n := counts[severity]; n > 0 {
			lines = append(lines, fmt.Sprintf("%s %d %s", render.SeverityEmoji(severity), n, severity))
		}
	}
	return answer.Section("Open defects", lines), nil
}
