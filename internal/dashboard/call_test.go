// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"net/http"
	"testing"
)

// TestPageShowsTheCallAndTheRuns checks that the page of a Defect has all facts of its call, and what the runs show.
func TestPageShowsTheCallAndTheRuns(t *testing.T) {
	w := world()
	defect := w["GET /api/v1/defects/d-1"].(map[string]any)
	spec := defect["spec"].(map[string]any)
	spec["voice"] = map[string]any{
		"turn": 3, "turnOffsetMilliseconds": 62540, "utterance": "said", "expectedTranscript": "wanted", "heardTranscript": "heard",
		"wordErrorRate": "0.25", "latencies": []any{map[string]any{"stage": "model", "p50Milliseconds": 0, "p95Milliseconds": 1100}},
		"interruptions": 0, "locale": "en-US", "persona": "hurried", "agentVersion": "1.4", "verdict": "fail", "explanation": "because",
		"callID": "c1", "audioURL": "https://audio.example.com/c1.wav?signature=x", "audioExpires": "2026-03-05T10:00:00Z",
	}
	spec["tests"] = []any{map[string]any{"id": "t-without-name"}}
	defect["status"].(map[string]any)["history"] = map[string]any{
		"strip": "PPF~-", "flakeRatePercent": 40, "stability": "Flaky",
		"lastGood": map[string]any{"run": "smoke-1"}, "firstBad": map[string]any{"run": "smoke-2", "version": "1.4", "commit": "0a1b"},
	}
	d := newTester(t, w)
	d.has(d.open("/defects/qa/d-1", http.StatusOK),
		"<dd>3</dd>", "1:02.5", "said", "wanted", "heard", "0.25", "Latency of model", "p50 0 ms p95 1100 ms", "<dt>Interruptions</dt><dd>0</dd>",
		"en-US", "hurried", "1.4", "fail", "because", "c1", "https://audio.example.com/c1.wav?signature=x", "Recording until",
		"t-without-name",
		`aria-label="Last 5 runs: 2 passed, 1 failed, 1 flaky, 1 not run. The last one: not run."`,
		"40 %", "Flaky", "<dt>Last passed</dt><dd>smoke-1</dd>",
		"<dt>First failed</dt><dd>smoke-2, version 1.4, commit 0a1b</dd>")
}
