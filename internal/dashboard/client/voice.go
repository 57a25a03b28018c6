// SPDX-License-Identifier: Apache-2.0

package client

import (
	"fmt"
	"time"
)

// TestOutcome is the outcome of a Defect's test in one run.
type TestOutcome struct {
	Run     string    `json:"run"`
	Time    time.Time `json:"time"`
	Commit  string    `json:"commit"`
	Version string    `json:"version"`
}

// Voice is what is known of the call in which a Defect was found.
type Voice struct {
	Turn                   int        `json:"turn"`
	TurnOffsetMilliseconds *int64     `json:"turnOffsetMilliseconds"`
	Utterance              string     `json:"utterance"`
	ExpectedTranscript     string     `json:"expectedTranscript"`
	HeardTranscript        string     `json:"heardTranscript"`
	WordErrorRate          string     `json:"wordErrorRate"`
	Latencies              []Latency  `json:"latencies"`
	Interruptions          *int       `json:"interruptions"`
	Locale                 string     `json:"locale"`
	Persona                string     `json:"persona"`
	AgentVersion           string     `json:"agentVersion"`
	Verdict                string     `json:"verdict"`
	Explanation            string     `json:"explanation"`
	CallID                 string     `json:"callID"`
	AudioURL               string     `json:"audioURL"`
	AudioExpires           *time.Time `json:"audioExpires"`
}

// Latency is the latency of one stage of a call.
type Latency struct {
	Stage           string `json:"stage"`
	P50Milliseconds *int   `json:"p50Milliseconds"`
	P95Milliseconds *int   `json:"p95Milliseconds"`
}

// TurnOffset returns where the turn begins in the recording, such as 1:02.5; empty when that is not known.
func (v Voice) TurnOffset() string {
	if v.TurnOffsetMilliseconds == nil {
		return ""
	}
	d := time.Duration(*v.TurnOffsetMilliseconds) * time.Millisecond
	tenths := (d % time.Minute) / (100 * time.Millisecond)
	return fmt.Sprintf("%d:%02d.%d", int(d.Minutes()), tenths/10, tenths%10)
}
