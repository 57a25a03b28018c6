// SPDX-License-Identifier: Apache-2.0

package render

import (
	"maps"
	"strings"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/call"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/markup"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// maxTranscript bounds a transcript in a message, in characters after escaping.
const maxTranscript = 700

// transcripts are the members of an event's data that quote what was said in a call.
var transcripts = []string{event.Utterance, event.ExpectedTranscript, event.HeardTranscript}

// quoting returns an event whose transcripts are as the options let them leave the cluster.
func (o Options) quoting(e *event.Event) *event.Event {
	if e.Text(event.Utterance)+e.Text(event.ExpectedTranscript)+e.Text(event.HeardTranscript) == "" {
		return e
	}
	out := *e
	out.Data = maps.Clone(e.Data)
	for _, key := range transcripts {
		if t := e.Text(key); t != "" {
			out.Data[key] = call.Quote(o.Transcripts, t)
		}
	}
	return &out
}

// failingTurn returns the turn of a call that failed: what the caller said, and what was expected and heard, with the
// words in bold that differ, and so no other. It is empty for an event without a call.
func failingTurn(e *event.Event) string {
	if e.Type != v1alpha1.EventDefectCreated && e.Type != v1alpha1.EventEdgeCaseDiscovered {
		return ""
	}
	expected, heard := call.Compare(e.Text(event.ExpectedTranscript), e.Text(event.HeardTranscript))
	var lines []string
	add := func(name, text string) {
		if markup.Visible(text) {
			lines = append(lines, name+": "+text)
		}
	}
	add("Caller", markup.FitLine(e.Text(event.Utterance), maxTranscript))
	add("Expected", words(markup.AsMrkdwn, expected, maxTranscript))
	add("Heard", words(markup.AsMrkdwn, heard, maxTranscript))
	if len(lines) == 0 {
		return ""
	}
	turn := ":telephone_receiver: *Failing turn*"
	if n := number(e.Data[event.Turn]); n != "" {
		turn += " " + n
	}
	if at, ok := asFloat(e.Data[event.TurnOffset]); ok {
		turn += " at " + call.Offset(int64(at))
	}
	return turn + "\n" + strings.Join(lines, "\n")
}

// words returns words of which those that differ are in bold, in at most limit characters.
func words(as markup.Escaping, all []call.Word, limit int) string {
	var b strings.Builder
	length := 0
	for i, w := range all {
		word := as.Escape(text.OneLine(w.Text))
		if i > 0 {
			word = " " + word
		}
		if w.Differs && (i == 0 || !all[i-1].Differs) {
			word = strings.Replace(word, as.Escape(text.OneLine(w.Text)), "*"+as.Escape(text.OneLine(w.Text)), 1)
		}
		if w.Differs && (i == len(all)-1 || !all[i+1].Differs) {
			word += "*"
		}
		if length += as.Length(word); length > limit-2 {
			if w.Differs && i > 0 && all[i-1].Differs {
				b.WriteString("*")
			}
			return b.String() + " …"
		}
		b.WriteString(word)
	}
	return b.String()
}

// wikiFacts returns facts as lines of wiki markup.
func wikiFacts(facts []call.Fact) string {
	var b strings.Builder
	for _, f := range facts {
		if !markup.Visible(f.Text) {
			continue
		}
		b.WriteString("*" + markup.Wiki(text.OneLine(f.Name)) + ":* " + markup.Wiki(text.OneLine(f.Text)) + "\n")
	}
	return b.String()
}

// testList returns the tests that a Defect stands for, one in each line.
func testList(tests []v1alpha1.DefectTest) string {
	var b strings.Builder
	for _, t := range tests {
		name := text.OneLine(t.Name)
		if name == "" {
			name = text.OneLine(t.ID)
		}
		b.WriteString(name + "\n")
	}
	return strings.TrimSpace(b.String())
}
