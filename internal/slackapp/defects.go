// SPDX-License-Identifier: Apache-2.0

package slackapp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/index"
	"github.com/voiceai-dev/integrations-operator/internal/render"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/button"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// pageSize is how many defects a page lists.
const pageSize = 5

// severities are the severities from the worst on.
var severities = []v1alpha1.Severity{
	v1alpha1.SeverityCritical, v1alpha1.SeverityHigh, v1alpha1.SeverityMedium, v1alpha1.SeverityLow,
}

// defectFilter selects defects. Empty members select all.
type defectFilter struct {
	namespace, suite string
	severity         v1alpha1.Severity
}

func isForbidden(err error) bool {
	var forbidden *action.ForbiddenError
	return errors.As(err, &forbidden)
}

// listDefects lists the newest open defects.
func (s *session) listDefects(ctx context.Context, words []string) (chat.Response, error) {
	var f defectFilter
	for _, w := range words {
		i := slices.IndexFunc(severities, func(v v1alpha1.Severity) bool { return strings.EqualFold(string(v), w) })
		switch {
		case i >= 0 && f.severity == "":
			f.severity = severities[i]
		case f.suite == "" && w != "":
			f.namespace, f.suite = cutName(w)
		}
	}
	return s.defectsPage(ctx, f, 0)
}

// defectsPage returns a page of the open defects that a filter selects, from an index on.
func (s *session) defectsPage(ctx context.Context, f defectFilter, from int) (chat.Response, error) {
	open, err := s.openDefects(ctx, f)
	if err != nil {
		return chat.Response{}, err
	}
	if len(open) == 0 {
		return s.noDefects(ctx, f)
	}
	from = max(0, min(from, len(open)-1))
	shown := open[from:min(from+pageSize, len(open))]
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
			Integration: string(s.integration.UID), Namespace: f.namespace, Suite: f.suite, Severity: string(f.severity), From: at,
		}.Encode()})
	}
	if from > 0 {
		add(button.Newer, max(0, from-pageSize))
	}
	if from+len(shown) < len(open) {
		add(button.Older, from+pageSize)
	}
	if len(turn) > 0 {
		r.Blocks = append(r.Blocks, chat.Block{ID: "pages", Buttons: turn})
	}
	return r, nil
}

// noDefects returns the answer if a filter selects no open defect. A mistyped suite gets the nearest match.
func (s *session) noDefects(ctx context.Context, f defectFilter) (chat.Response, error) {
	if f.suite == "" {
		return sentence("There is no open defect%s.", ofSeverity(f)), nil
	}
	all, err := s.openDefects(ctx, defectFilter{namespace: f.namespace})
	if err != nil {
		return chat.Response{}, err
	}
	var suites []string
	for _, d := range all {
		suites = append(suites, d.suite)
	}
	slices.Sort(suites)
	suites = slices.DeleteFunc(slices.Compact(suites), func(x string) bool { return x == "" || x == f.suite })
	if near := text.Nearest(f.suite, append(suites, "critical", "high", "medium", "low")); near != "" {
		return sentence("Suite %s has no open defect%s. Did you mean %s?", f.suite, ofSeverity(f), near), nil
	}
	return sentence("Suite %s has no open defect%s.", f.suite, ofSeverity(f)), nil
}

func ofSeverity(f defectFilter) string {
	if f.severity == "" {
		return ""
	}
	return " of severity " + string(f.severity)
}

// openDefect is what is kept of a defect while all are looked at: there may be a hundred thousand.
type openDefect struct {
	types.NamespacedName
	created  time.Time
	severity v1alpha1.Severity
	suite    string
}

// openDefects returns the defects that the person may see, that are not resolved or closed and that a filter selects;
// the newest first.
func (s *session) openDefects(ctx context.Context, f defectFilter) ([]openDefect, error) {
	namespaces, err := s.where(ctx, "list", action.Defects, f.namespace)
	if err != nil {
		return nil, err
	}
	var out []openDefect
	for _, n := range namespaces {
		err := index.EachOpen(ctx, s.Client, n, func(d *v1alpha1.Defect) bool {
			if (f.severity == "" || d.Spec.Severity == f.severity) && (f.suite == "" || d.Spec.Suite == f.suite) {
				out = append(out, openDefect{client.ObjectKeyFromObject(d), d.CreationTimestamp.Time, d.Spec.Severity, d.Spec.Suite})
			}
			return true
		})
		if err != nil {
			return nil, fmt.Errorf("listing the Defects of namespace %s: %w", n, err)
		}
	}
	slices.SortFunc(out, func(a, b openDefect) int {
		return cmp.Or(b.created.Compare(a.created), cmp.Compare(a.String(), b.String()))
	})
	return out, nil
}

// showDefect shows one defect.
func (s *session) showDefect(ctx context.Context, words []string) (chat.Response, error) {
	d, err := s.findDefect(ctx, words[0])
	if err != nil {
		return chat.Response{}, err
	}
	now := event.DefectNow(d)
	m := render.Living(&now, s.renderOptions(""))
	return chat.Response{Message: m}, nil
}

// findDefect returns the defect of a name that the person may see. The error for a mistyped name has the nearest one.
func (s *session) findDefect(ctx context.Context, argument string) (*v1alpha1.Defect, error) {
	namespace, name := cutName(argument)
	namespaces, err := s.whereOne(ctx, "get", action.Defects, types.NamespacedName{Namespace: namespace, Name: name})
	if err != nil {
		return nil, err
	}
	var found []*v1alpha1.Defect
	var names, places []string
	for _, n := range namespaces {
		d := &v1alpha1.Defect{}
		err := s.Client.Get(ctx, types.NamespacedName{Namespace: n, Name: name}, d)
		if err == nil {
			found = append(found, d)
			places = append(places, n+"/"+name)
		} else if client.IgnoreNotFound(err) != nil {
			return nil, fmt.Errorf("reading Defect %s/%s: %w", n, name, err)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
	default:
		return nil, &action.ConflictError{Message: "several defects have this name: write one of " + strings.Join(places, ", ")}
	}
	if all, err := s.openDefects(ctx, defectFilter{namespace: namespace}); err == nil {
		for _, d := range all {
			names = append(names, d.Name)
		}
	}
	message := fmt.Sprintf("there is no defect %s in %s", name, strings.Join(namespaces, ", "))
	if near := text.Nearest(name, names); near != "" {
		message += ": did you mean " + near + "?"
	}
	return nil, &action.NotFoundError{Message: message}
}

// requestTicket requests the ticket of a defect.
func (s *session) requestTicket(ctx context.Context, words []string) (chat.Response, error) {
	d, err := s.findDefect(ctx, words[0])
	if err != nil {
		return chat.Response{}, err
	}
	text, err := s.ticketFor(ctx, d)
	if err != nil {
		return chat.Response{}, err
	}
	return paragraphs(text), nil
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
	text := ":ticket: " + render.Line(ended(t.Message), maxAnswer)
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
	return strings.Contains(text, render.Line(reason, maxAnswer)) || named && strings.Contains(text, render.Line(below, maxAnswer))
}
