// SPDX-License-Identifier: Apache-2.0

package call

import (
	"fmt"
	"strings"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// Fact is a short fact with its name.
type Fact struct{ Name, Text string }

// Quote returns what was said as a policy lets it leave the cluster.
func Quote(policy v1alpha1.TranscriptPolicy, said string) string {
	if policy == v1alpha1.TranscriptsVerbatim {
		return said
	}
	return Mask(said)
}

// Facts returns the facts of a call, without what was said. Without a call there are none.
func Facts(v *v1alpha1.Voice, policy v1alpha1.TranscriptPolicy) []Fact {
	if v == nil {
		return nil
	}
	var out []Fact
	add := func(name, value string) {
		if strings.TrimSpace(value) != "" {
			out = append(out, Fact{name, value})
		}
	}
	if v.Turn > 0 {
		add("Turn", fmt.Sprint(v.Turn))
	}
	if at := v.TurnOffsetMilliseconds; at != nil {
		add("Turn at", Offset(int64(*at)))
	}
	add("Word error rate", v.WordErrorRate)
	for _, l := range v.Latencies {
		add("Latency of "+l.Stage, latency(l))
	}
	if n := v.Interruptions; n != nil {
		add("Interruptions", fmt.Sprint(*n))
	}
	add("Locale", v.Locale)
	add("Persona", v.Persona)
	add("Agent version", v.AgentVersion)
	add("Verdict", Quote(policy, v.Verdict))
	add("Call", v.CallID)
	recording := v.AudioURL
	if v.AudioExpires != nil && recording != "" {
		recording += " (until " + text.Time(v.AudioExpires.Time) + ")"
	}
	add("Recording", recording)
	return out
}

// latency returns the latency of a stage, such as p50 420 ms, p95 1100 ms.
func latency(l v1alpha1.VoiceLatency) string {
	var parts []string
	if l.P50Milliseconds != nil {
		parts = append(parts, fmt.Sprintf("p50 %d ms", *l.P50Milliseconds))
	}
	if l.P95Milliseconds != nil {
		parts = append(parts, fmt.Sprintf("p95 %d ms", *l.P95Milliseconds))
	}
	return strings.Join(parts, ", ")
}

// Offset returns a place in a recording, such as 1:02.5.
func Offset(milliseconds int64) string {
	d := time.Duration(milliseconds) * time.Millisecond
	tenths := (d % time.Minute) / (100 * time.Millisecond)
	return fmt.Sprintf("%d:%02d.%d", int(d.Minutes()), tenths/10, tenths%10)
}
