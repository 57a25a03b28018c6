// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"net/http"
	"strings"
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

// TestPageShowsFiles checks that the page of a Defect has its files with what became of each, and links to nothing but HTTP.
func TestPageShowsFiles(t *testing.T) {
	w := world()
	defect := w["GET /api/v1/defects/d-1"].(map[string]any)
	file := func(name string, bytes int) map[string]any {
		return map[string]any{"name": name, "bytes": bytes, "sha256": "hash of " + name}
	}
	defect["spec"].(map[string]any)["evidence"] = map[string]any{
		"files": []any{file("out.log", 1536), file("call.wav", 5<<20), file("new.txt", 7), file("old.png", 512), file("bad.log", 1)},
		"links": []any{map[string]any{"name": "trace.zip", "url": "https://ci.example.com/trace.zip"},
			map[string]any{"name": "<script>", "url": "javascript:alert(1)"}},
		"more": 3,
	}
	state := func(name, state, url, message string) map[string]any {
		return map[string]any{"name": name, "sha256": "hash of " + name, "state": state, "url": url, "message": message}
	}
	status := defect["status"].(map[string]any)
	status["jira"] = map[string]any{"key": "VOICE-1", "url": "https://jira.example.com/browse/VOICE-1"}
	status["evidence"] = map[string]any{
		"message": "Waits for its turn", "clipMessage": "Waits for the bot",
		"files": []any{
			state("out.log", "Attached", "https://jira.example.com/secure/attachment/7/out-1a2b.log", ""),
			state("call.wav", "Withheld", "", "Set it to All"), state("old.png", "Attached", "", ""),
			state("bad.log", "Attached", "javascript:alert(2)", ""),
		},
	}
	d := newTester(t, w)
	got := d.open("/defects/qa/d-1", http.StatusOK)
	d.has(got, `href="https://jira.example.com/secure/attachment/7/out-1a2b.log" rel="noopener noreferrer">out.log<`,
		"2 KiB", "5.0 MiB", "7 bytes",
		"Withheld", "Set it to All", "Waiting", `href="https://jira.example.com/browse/VOICE-1" rel="noopener noreferrer">old.png<`,
		`href="https://ci.example.com/trace.zip"`, "&lt;script&gt;", "3 more files were not sent.", "Waits for its turn",
		"Recording for Slack: Waits for the bot")
	for _, never := range []string{"javascript:", "<script>", "<img", "<audio", "<iframe"} {
		if strings.Contains(got, never) {
			t.Errorf("the page has %s", never)
		}
	}
}
