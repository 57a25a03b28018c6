// SPDX-License-Identifier: Apache-2.0

package render

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/call"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/markup"
)

// withCall returns a Defect that was found in a call.
func withCall() *v1alpha1.Defect {
	at := int32(41250)
	p50 := int32(420)
	p95 := int32(1100)
	none := int32(0)
	d := sample()
	d.Spec.Tests = []v1alpha1.DefectTest{{ID: "t1", Name: "books a table"}, {ID: "t2"}}
	d.Spec.Voice = &v1alpha1.Voice{
		Turn: 3, TurnOffsetMilliseconds: &at, Utterance: "call me on +49 30 901820", ExpectedTranscript: "I note +49 30 901820",
		HeardTranscript: "I *note* jo@example.com", WordErrorRate: "0.25", Interruptions: &none, Locale: "en-US", Persona: "hurried",
		Latencies:    []v1alpha1.VoiceLatency{{Stage: "model", P50Milliseconds: &p50, P95Milliseconds: &p95}},
		AgentVersion: "1.4", Verdict: "fail", Explanation: "It noted jo@example.com", CallID: "c1",
		AudioURL: "https://audio.example.com/c1.wav", AudioExpires: &metav1.Time{Time: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)},
	}
	d.Status.History = &v1alpha1.DefectHistory{
		LastGood: &v1alpha1.TestOutcome{Run: "smoke-1", Version: "1.3"},
		FirstBad: &v1alpha1.TestOutcome{Run: "smoke-2", Version: "1.4", Commit: "0a1b"},
	}
	return d
}

func TestATicketHasAllFactsOfTheCall(t *testing.T) {
	draft, _ := Draft(withCall(), &v1alpha1.JiraIntegrationSpec{}, nil)
	for _, want := range []string{
		"*Last passed:* run smoke-1, version 1.3", "*First failed:* run smoke-2, version 1.4, commit 0a1b", "*Turn:* 3\n",
		"*Turn at:* 0:41.2", "*Word error rate:* 0.25", "*Latency of model:* p50 420 ms, p95 1100 ms", "*Interruptions:* 0",
		"*Locale:* en-US", "*Persona:* hurried", "*Agent version:* 1.4", "*Verdict:* fail", "*Call:* c1",
		"https://audio.example.com/c1.wav", "h3. Tests\n\nbooks a table\nt2", "h3. Caller said", "h3. Expected\n", "h3. Heard\n",
		"h3. Explanation",
	} {
		if !strings.Contains(draft.Description, want) {
			t.Errorf("no %q in\n%s", want, draft.Description)
		}
	}
}

// TestTranscriptsAreMasked checks that personal data leaves the cluster only if the integration's policy wants it.
func TestTranscriptsAreMasked(t *testing.T) {
	for policy, leaves := range map[v1alpha1.TranscriptPolicy]bool{
		"": false, v1alpha1.TranscriptsMasked: false, v1alpha1.TranscriptsVerbatim: true,
	} {
		draft, _ := Draft(withCall(), &v1alpha1.JiraIntegrationSpec{Transcripts: policy}, nil)
		e := event.DefectCreated(withCall())
		types := []v1alpha1.EventType{e.Type}
		template, err := ParseMessageTemplate(v1alpha1.MessageTemplate{Body: "{{ .data.utterance }}"}, types)
		if err != nil {
			t.Fatal(err)
		}
		for what, text := range map[string]string{
			"the ticket":         draft.Description,
			"the message":        flatten(Message(&e, Options{Transcripts: policy})),
			"the living message": flatten(Living(&e, Options{Transcripts: policy})),
			"the template":       flatten(Message(&e, Options{Transcripts: policy, Template: template})),
		} {
			if strings.Contains(text, "901820") != leaves || !leaves && strings.Contains(text, "jo@example.com") {
				t.Errorf("policy %q: personal data is in %s, or is missing:\n%s", policy, what, text)
			}
		}
		if e.Text(event.Utterance) != "call me on +49 30 901820" {
			t.Error("rendering changes the event")
		}
	}
}

func TestWordsAreBoundedAndEscaped(t *testing.T) {
	expected, heard := call.Compare("yes <!channel> *now*", "no & *now*")
	if got := words(markup.AsMrkdwn, expected, 200); !strings.HasPrefix(got, "*yes &lt;!channel&gt;* ") || strings.Contains(got, "<") {
		t.Errorf("got %q", got)
	}
	if got := words(markup.AsMrkdwn, heard, 200); !strings.HasPrefix(got, "*no &amp;* ") {
		t.Errorf("got %q", got)
	}
	_, long := call.Compare("", strings.Repeat("&&&& ", 390))
	got := words(markup.AsMrkdwn, long, 100)
	if utf8.RuneCountInString(got) > 100 || strings.Count(got, "*") != 2 {
		t.Errorf("%d characters: %q", utf8.RuneCountInString(got), got)
	}
}
