// SPDX-License-Identifier: Apache-2.0

// Package voice reads the facts of a call from the properties of a test.
package voice

import (
	"cmp"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/testresult"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// prefix begins the names of the properties with facts of a call.
const prefix = "voice."

// Of returns the facts of a call in the properties of a case; nil when there are none. What does not fit a field is left
// out.
func Of(c *testresult.Case) *v1alpha1.Voice {
	v := &v1alpha1.Voice{}
	known := false
	for _, p := range c.Properties {
		if name, ok := strings.CutPrefix(strings.ToLower(p.Name), prefix); ok && p.Value != "" {
			known = set(v, name, p.Value) || known
		}
	}
	if !known {
		return nil
	}
	if at := expiryOf(v.AudioURL); v.AudioExpires == nil && !at.IsZero() {
		v.AudioExpires = &metav1.Time{Time: at}
	}
	return v
}

// texts are the facts that are texts: where they go, and how many characters fit.
var texts = map[string]struct {
	field func(*v1alpha1.Voice) *string
	most  int
}{
	"utterance":          {func(v *v1alpha1.Voice) *string { return &v.Utterance }, 4096},
	"expectedtranscript": {func(v *v1alpha1.Voice) *string { return &v.ExpectedTranscript }, 4096},
	"heardtranscript":    {func(v *v1alpha1.Voice) *string { return &v.HeardTranscript }, 4096},
	"explanation":        {func(v *v1alpha1.Voice) *string { return &v.Explanation }, 4096},
	"verdict":            {func(v *v1alpha1.Voice) *string { return &v.Verdict }, 128},
	"agentversion":       {func(v *v1alpha1.Voice) *string { return &v.AgentVersion }, 128},
	"persona":            {func(v *v1alpha1.Voice) *string { return &v.Persona }, 255},
	"callid":             {func(v *v1alpha1.Voice) *string { return &v.CallID }, 255},
	"locale":             {func(v *v1alpha1.Voice) *string { return &v.Locale }, 35},
}

// names are short names of facts.
var names = map[string]string{
	"expected": "expectedtranscript", "heard": "heardtranscript", "actual": "heardtranscript", "reason": "explanation",
	"version": "agentversion", "wer": "worderrorrate", "turnoffsetms": "turnoffsetmilliseconds", "offsetms": "turnoffsetmilliseconds",
	"recordingurl": "audiourl",
}

// set sets one fact, by the name of its field or a short one, and reports whether it is one.
func set(v *v1alpha1.Voice, name, value string) bool {
	name = strings.ReplaceAll(strings.ReplaceAll(name, "_", ""), "-", "")
	name = cmp.Or(names[name], name)
	if t, ok := texts[name]; ok {
		*t.field(v) = text.Truncate(value, t.most)
		return true
	}
	switch name {
	case "turn":
		v.Turn = max(number(value, 100_000), 0)
		return v.Turn > 0
	case "turnoffsetmilliseconds":
		v.TurnOffsetMilliseconds = numberOf(value, 86_400_000)
		return v.TurnOffsetMilliseconds != nil
	case "interruptions":
		v.Interruptions = numberOf(value, 100_000)
		return v.Interruptions != nil
	case "worderrorrate":
		v.WordErrorRate = decimal(value)
		return v.WordErrorRate != ""
	case "audiourl":
		if u, err := url.Parse(value); err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && len(value) <= 2048 {
			v.AudioURL = value
		}
		return v.AudioURL != ""
	case "audioexpires":
		at, err := time.Parse(time.RFC3339, value)
		if err == nil {
			v.AudioExpires = &metav1.Time{Time: at}
		}
		return err == nil
	}
	return setLatency(v, name, value)
}

// setLatency sets a latency of a stage, named latency.<stage>.p50 or p95, in milliseconds.
func setLatency(v *v1alpha1.Voice, name, value string) bool {
	rest, ok := strings.CutPrefix(name, "latency.")
	stage, quantile, both := strings.Cut(rest, ".")
	ms := numberOf(value, 86_400_000)
	if !ok || !both || stage == "" || len(stage) > 63 || ms == nil {
		return false
	}
	at := slices.IndexFunc(v.Latencies, func(l v1alpha1.VoiceLatency) bool { return l.Stage == stage })
	if at < 0 {
		if len(v.Latencies) == 16 {
			return false
		}
		at = len(v.Latencies)
		v.Latencies = append(v.Latencies, v1alpha1.VoiceLatency{Stage: stage})
	}
	switch strings.TrimSuffix(quantile, "ms") {
	case "p50":
		v.Latencies[at].P50Milliseconds = ms
	case "p95":
		v.Latencies[at].P95Milliseconds = ms
	default:
		return false
	}
	return true
}

func numberOf(value string, most float64) *int32 {
	if n := number(value, most); n >= 0 {
		return &n
	}
	return nil
}

// decimal returns a number that is not negative as the field for a word error rate takes it; empty when it is none.
func decimal(value string) string {
	n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil || !(n >= 0 && n <= 1e6) {
		return ""
	}
	return strconv.FormatFloat(math.Round(n*1e4)/1e4, 'f', -1, 64)
}

// expiryOf returns when a signed address of Amazon's, Google's or Azure's storage stops working; zero when it does not say so.
func expiryOf(address string) time.Time {
	u, err := url.Parse(address)
	if err != nil {
		return time.Time{}
	}
	q := u.Query()
	for _, service := range []string{"X-Amz", "X-Goog"} {
		signed, err := time.Parse("20060102T150405Z", q.Get(service+"-Date"))
		lasts, badNumber := strconv.ParseUint(q.Get(service+"-Expires"), 10, 31)
		if err == nil && badNumber == nil {
			return signed.Add(time.Duration(lasts) * time.Second)
		}
	}
	if at, err := time.Parse(time.RFC3339, q.Get("se")); err == nil && q.Has("sig") {
		return at
	}
	return time.Time{}
}

// number returns a whole number up to a maximum; -1 when it is none.
func number(value string, most float64) int32 {
	n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil || !(n >= 0 && n <= most) {
		return -1
	}
	return int32(math.Round(n))
}
