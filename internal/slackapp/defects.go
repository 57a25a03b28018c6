// SPDX-License-Identifier: Apache-2.0

package slackapp

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/render"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/answer"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/button"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/scope"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// defectsPerPage is how many defects a page lists.
const defectsPerPage = 5

// listDefects lists the newest open defects.
func (s *session) listDefects(ctx context.Context, words []string) (chat.Response, error) {
	var f scope.DefectFilter
	for _, w := range words {
		i := slices.IndexFunc(scope.Severities, func(v v1alpha1.Severity) bool { return strings.EqualFold(string(v), w) })
		switch {
		case i >= 0 && f.Severity == "":
			f.Severity = scope.Severities[i]
		case f.Suite == "" && w != "":
			f.Namespace, f.Suite = scope.Cut(w)
		}
	}
	return s.defectsPage(ctx, f, 0)
}

// defectsPage returns a page of the open defects that a filter selects, from an index on.
func (s *session) defectsPage(ctx context.Context, f scope.DefectFilter, from int) (chat.Response, error) {
	open, err := s.scope.OpenDefects(ctx, f)
	if err != nil {
		return chat.Response{}, err
	}
	if len(open) == 0 {
		return s.noDefects(ctx, f)
	}
	from = max(0, min(from, len(open)-1))
	shown := open[from:min(from+defectsPerPage, len(open))]
	r := chat.Response{Message: chat.Message{Text: fmt.Sprintf("%d open defects", len(open))}}
	r.Blocks = append(r.Blocks, chat.Block{Section: fmt.Sprintf("*Open defects %d to %d of %d*", from+1, from+len(shown), len(open))})
	for _, one := range shown {
		d := &v1alpha1.Defect{}
		if err := s.Client.Get(ctx, one.NamespacedName, d); err == nil {
			r.Blocks = append(r.Blocks, s.defectBlocks(d)...)
		} else if client.IgnoreNotFound(err) != nil {
			return chat.Response{}, fmt.Errorf("reading Defect %s: %w", one, err)
		}
	}
	var turn []chat.Button
	add := func(id string, at int) {
		turn = append(turn, chat.Button{ID: id, Label: button.Label(id), Value: button.Page{
			Integration: string(s.integration.UID), Namespace: f.Namespace, Suite: f.Suite, Severity: string(f.Severity), From: at,
		}.Encode()})
	}
	if from > 0 {
		add(button.Newer, max(0, from-defectsPerPage))
	}
	if from+len(shown) < len(open) {
		add(button.Older, from+defectsPerPage)
	}
	if len(turn) > 0 {
		r.Blocks = append(r.Blocks, chat.Block{ID: "pages", Buttons: turn})
	}
	return r, nil
}

// noDefects returns the answer if a filter selects no open defect. A mistyped suite gets the nearest match.
func (s *session) noDefects(ctx context.Context, f scope.DefectFilter) (chat.Response, error) {
	if f.Suite == "" {
		return answer.Sentence("There is no open defect%s.", ofSeverity(f)), nil
	}
	all, err := s.scope.OpenDefects(ctx, scope.DefectFilter{Namespace: f.Namespace})
	if err != nil {
		return chat.Response{}, err
	}
	var suites []string
	for _, d := range all {
		suites = append(suites, d.Suite)
	}
	slices.Sort(suites)
	suites = slices.DeleteFunc(slices.Compact(suites), func(x string) bool { return x == "" || x == f.Suite })
	if near := text.Nearest(f.Suite, append(suites, "critical", "high", "medium", "low")); near != "" {
		return answer.Sentence("Suite %s has no open defect%s. Did you mean %s?", f.Suite, ofSeverity(f), near), nil
	}
	return answer.Sentence("Suite %s has no open defect%s.", f.Suite, ofSeverity(f)), nil
}

func ofSeverity(f scope.DefectFilter) string {
	if f.Severity == "" {
		return ""
	}
	return " of severity " + string(f.Severity)
}

// showDefect shows one defect.
func (s *session) showDefect(ctx context.Context, words []string) (chat.Response, error) {
	d, err := s.scope.Defect(ctx, words[0])
	if err != nil {
		return chat.Response{}, err
	}
	now := event.DefectNow(d)
	m := render.Living(&now, s.renderOptions(""))
	return chat.Response{Message: m}, nil
}

// requestTicket requests the ticket of a defect.
func (s *session) requestTicket(ctx context.Context, words []string) (chat.Response, error) {
	d, err := s.scope.Defect(ctx, words[0])
	if err != nil {
		return chat.Response{}, err
	}
	text, err := s.ticketFor(ctx, d)
	if err != nil {
		return chat.Response{}, err
	}
	return answer.Paragraphs(text), nil
}

// ticketFor requests the ticket of a defect, and returns how far it is.
func (s *session) ticketFor(ctx context.Context, d *v1alpha1.Defect) (string, error) {
	key := client.ObjectKeyFromObject(d)
	t, err := s.actions.RequestTicket(ctx, action.Target{Caller: s.caller, NamespacedName: key})
	if err != nil {
		return "", err
	}
	if t.Key != "" {
		return "The ticket of " + render.Line(key.String(), 300) + " is " + render.Link(t.URL, t.Key) + ".", nil
	}
	text := ":ticket: " + render.Line(answer.Ended(t.Message), answer.MaxLength)
	why := s.jiraProblem(ctx, d)
	switch {
	case why == "":
		return text, nil
	case isSaid(why, t.Message):
		return ":warning: " + why, nil
	}
	return text + "\n:warning: " + why, nil
}

// isSaid reports whether a text has the reason that a Defect shows, as it is or below the name of the integration.
func isSaid(text, reason string) bool {
	_, below, named := strings.Cut(reason, ": ")
	return strings.Contains(text, render.Line(reason, answer.MaxLength)) ||
		named && strings.Contains(text, render.Line(below, answer.MaxLength))
}
