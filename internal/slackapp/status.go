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
)

// integration is an integration of any kind.
type integration interface {
	client.Object
	condition.Object
}

// maxStatusLines bounds the integrations and runs that the status lists, each.
const maxStatusLines = 15

// status shows the health of the integrations, the runs in progress and the open defects, as far as the person may see
// them.
func (s *session) status(ctx context.Context, _ []string) (chat.Response, error) {
	var r chat.Response
	var refused error
	for _, part := range []func(context.Context) (string, error){s.integrationsStatus, s.runsStatus, s.defectsStatus} {
		text, err := part(ctx)
		switch {
		case isForbidden(err):
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
		namespaces, err := s.where(ctx, "list", kind.resource, "")
		if isForbidden(err) {
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
	return section("Integrations", lines), nil
}

// integrationLine returns an integration and what is wrong with it.
func integrationLine(o integration) string {
	kind := "Slack"
	if _, ok := o.(*v1alpha1.JiraIntegration); ok {
		kind = "Jira"
	}
	name := kind + " " + render.Line(nameOf(o), 200)
	ready := condition.Get(o, v1alpha1.ConditionReady)
	switch {
	case ready == nil:
		return ":white_circle: " + name + " has not been checked yet"
	case ready.Status == metav1.ConditionTrue && ready.Reason == v1alpha1.ReasonReady:
		return ":large_green_circle: " + name
	case ready.Status == metav1.ConditionTrue:
		return ":white_circle: " + name + ": " + render.Line(ready.Message, 300)
	}
	return ":red_circle: " + name + ": " + render.Line(ready.Message, 300)
}

// runsStatus lists the runs in progress.
func (s *session) runsStatus(ctx context.Context) (string, error) {
	runs, _, err := s.runs(ctx, "", "")
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
	return section("Runs in progress", lines), nil
}

// defectsStatus counts the open defects by severity.
func (s *session) defectsStatus(ctx context.Context) (string, error) {
	open, err := s.openDefects(ctx, defectFilter{})
	if err != nil {
		return "", err
	}
	counts := map[v1alpha1.Severity]int{}
	for _, d := range open {
		counts[d.severity]++
	}
	var lines []string
	for _, severity := range severities {
		if n := counts[severity]; n > 0 {
			lines = append(lines, fmt.Sprintf("%s %d %s", render.SeverityEmoji(severity), n, severity))
		}
	}
	return section("Open defects", lines), nil
}

// section returns a headline with lines below it.
func section(headline string, lines []string) string {
	if len(lines) == 0 {
		return "*" + headline + "*: none"
	}
	text := "*" + headline + "*\n"
	shown := 0
	for _, line := range lines {
		if shown == maxStatusLines || len([]rune(text))+len([]rune(line)) > maxAnswer {
			return text + fmt.Sprintf("and %d more", len(lines)-shown)
		}
		text += line + "\n"
		shown++
	}
	return strings.TrimRight(text, "\n")
}
