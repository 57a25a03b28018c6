// SPDX-License-Identifier: Apache-2.0

package render

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// sample returns a Defect whose title and description have markup.
func sample() *v1alpha1.Defect {
	return &v1alpha1.Defect{
		ObjectMeta: metav1.ObjectMeta{
			UID: "u1", Namespace: "qa", Name: "d1", CreationTimestamp: metav1.NewTime(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)),
		},
		Spec: v1alpha1.DefectSpec{
			Title: "Books\n nothing", Severity: v1alpha1.SeverityCritical, Category: v1alpha1.CategoryDefect,
			Description: "It says {code}so{code}.", ExpectedResult: "A booking",
			Jira: &v1alpha1.DefectJira{Labels: []v1alpha1.JiraLabel{"booking", "auto-created"}},
		},
	}
}

func TestDraft(t *testing.T) {
	d, _ := Draft(sample(), &v1alpha1.JiraIntegrationSpec{Labels: []v1alpha1.JiraLabel{"team-a"}}, []string{"Highest"})
	if d.Summary != "Books nothing" || d.Priority != "Highest" || d.Marker != "defect-u1" {
		t.Errorf("summary %q, priority %q, marker %q", d.Summary, d.Priority, d.Marker)
	}
	const labels = "voice-ai-testing auto-created defect-u1 voice-ai-defect-0235b0440cd8fe6ba237 team-a booking"
	if got := strings.Join(d.Labels, " "); got != labels {
		t.Errorf("labels %q", got)
	}
	want := `h2. Defect Details

*Severity:* Critical
*Status:* Open
*Created:* 2026-03-01 12:00:00 UTC

h3. Description

It says \{code\}so\{code\}.

h3. Steps to Reproduce

N/A

h3. Expected Result

A booking

h3. Actual Result

N/A

----
_Auto-created by Voice AI Testing Framework_
`
	if d.Description != want {
		t.Errorf("description:\n%s\nwant:\n%s", d.Description, want)
	}
	if d, _ := Draft(sample(), &v1alpha1.JiraIntegrationSpec{}, []string{"P1"}); d.Priority != "" {
		t.Errorf("a priority that the project does not have: %q", d.Priority)
	}
	if d, _ := Draft(sample(), &v1alpha1.JiraIntegrationSpec{}, []string{}); d.Priority != "" {
		t.Errorf("a project that has no priorities: %q", d.Priority)
	}
	if d, _ := Draft(sample(), &v1alpha1.JiraIntegrationSpec{}, nil); d.Priority != "Highest" {
		t.Errorf("a project whose priorities are not known: %q", d.Priority)
	}
}

func TestDraftFitsJira(t *testing.T) {
	for name, text := range map[string]string{
		"plain": "x", "all to be escaped": "{", "emoji": "🎤", "emoji in text": "x🎤y", "entities": "\\", "broken": "\xff",
	} {
		d := sample()
		long := strings.Repeat(text, 16384)
		d.Spec.Title = strings.Repeat(text, 512)
		d.Spec.Description = long
		d.Spec.StepsToReproduce = long
		d.Spec.ExpectedResult = "short"
		d.Spec.ActualResult = long
		draft, _ := Draft(d, &v1alpha1.JiraIntegrationSpec{}, nil)
		// Jira counts UTF-16 units.
		if n := len(utf16.Encode([]rune(draft.Summary))); n > 255 || n < 250 && name != "broken" {
			t.Errorf("%s: summary of %d units, want nearly 255", name, n)
		}
		// A sequence of broken bytes becomes one character.
		if n := len(utf16.Encode([]rune(draft.Description))); n > 32767 || n < 30000 && name != "broken" {
			t.Errorf("%s: description of %d units, want nearly 32767", name, n)
		}
		if !strings.Contains(draft.Description, "\nshort\n") || !strings.HasSuffix(draft.Description, "Framework_\n") {
			t.Errorf("%s: a short section or the end is missing", name)
		}
	}
}

// TestSummaryIsNeverEmpty checks that a ticket has a summary that people can see, which Jira demands.
func TestSummaryIsNeverEmpty(t *testing.T) {
	for title, want := range map[string]string{
		"Books the wrong day": "Books the wrong day",
		"\u200b":              "Defect unmade-booking",
		"\u202e\u2066\ufeff":  "Defect unmade-booking",
		"\u200d \u2060\u00ad": "Defect unmade-booking",
		"\u3164\u2800\ufe0f":  "Defect unmade-booking",
		"\x07":                "Defect unmade-booking",
		"\u200b📞":             "\u200b📞",
	} {
		d := sample()
		d.Name = "unmade-booking"
		d.Spec.Title = title
		d.Spec.Description = title
		draft, _ := Draft(d, &v1alpha1.JiraIntegrationSpec{}, nil)
		if draft.Summary != want {
			t.Errorf("the title %q becomes the summary %q, want %q", title, draft.Summary, want)
		}
		if noDescription := strings.Contains(draft.Description, "h3. Description\n\nN/A\n"); noDescription != (want != title) {
			t.Errorf("the description %q becomes %q", title, draft.Description)
		}
	}
}

func TestLabelsFitJira(t *testing.T) {
	spec := &v1alpha1.JiraIntegrationSpec{Labels: []v1alpha1.JiraLabel{v1alpha1.JiraLabel(strings.Repeat("📞", 255))}}
	draft, _ := Draft(sample(), spec, nil)
	if want := strings.Repeat("📞", 127) + "…"; !slices.Contains(draft.Labels, want) {
		t.Errorf("labels %q, want one cut to 255 UTF-16 units", draft.Labels)
	}
}

func TestMessage(t *testing.T) {
	d := sample()
	d.Spec.Title = "<!channel> down"
	d.Status.Jira = &v1alpha1.DefectTicket{Key: "VOICE-7", URL: "https://jira.example.com/browse/VOICE-7"}
	e := event.DefectTicketed(d, time.Date(2026, 3, 1, 12, 5, 0, 0, time.UTC))
	m := Message(&e, Options{Channel: "#alerts", DeliveryID: "id-1", Mentions: []v1alpha1.Mention{"here", "U123", "S123"}})
	if m.Channel != "#alerts" || m.DeliveryID != "id-1" || m.Color != "#d32f2f" {
		t.Errorf("%+v", m)
	}
	if want := "Ticket created: &lt;!channel&gt; down"; m.Text != want {
		t.Errorf("text %q, want %q", m.Text, want)
	}
	want := ":red_circle: *Ticket created*  <!here> <@U123> <!subteam^S123>\n*<https://jira.example.com/browse/VOICE-7|&lt;!channel&gt; down>*"
	if m.Blocks[0].Section != want {
		t.Errorf("section %q, want %q", m.Blocks[0].Section, want)
	}
}

func TestFairLimit(t *testing.T) {
	for _, c := range []struct {
		lengths []int
		room    int
		want    int
	}{
		{[]int{1, 2, 3}, 6, maxDescription},
		{[]int{1, 2, 3}, 5, 2},
		{[]int{9, 1, 9}, 11, 5},
		{[]int{4, 4}, 8, maxDescription},
		{[]int{4, 5}, 8, 4},
	} {
		var texts []string
		for _, n := range c.lengths {
			texts = append(texts, strings.Repeat("é", n))
		}
		if got := fairLimit(texts, c.room); got != c.want {
			t.Errorf("%v in %d: %d, want %d", c.lengths, c.room, got, c.want)
		}
	}
}

// TestEvidenceComment checks the comment on files that are somewhere else.
func TestEvidenceComment(t *testing.T) {
	link := v1alpha1.EvidenceLink{Name: "a\n{panel}.wav", URL: "https://ci.example.com/1/a.wav"}
	for want, e := range map[string]v1alpha1.DefectEvidence{
		"*Evidence:* files that are not attached\n* a \\{panel\\}.wav: https://ci.example.com/1/a.wav":                                  {Links: []v1alpha1.EvidenceLink{link}},
		"*Evidence:* files that are not attached\n* a \\{panel\\}.wav: https://ci.example.com/1/a.wav\n* and 3 more, which the run has": {Links: []v1alpha1.EvidenceLink{link}, More: 3},
		"*Evidence:* the run has 3 more files than a ticket takes":                                                                      {More: 3},
	} {
		if got := EvidenceComment(&e); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
