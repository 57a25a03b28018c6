// SPDX-License-Identifier: Apache-2.0

package voice

import (
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/testresult"
)

func TestExpiryOf(t *testing.T) {
	at := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	for address, want := range map[string]time.Time{
		"https://a.example.com/c.wav?X-Amz-Date=20261120T080000Z&X-Amz-Expires=3600&X-Amz-Signature=x": at,
		"https://a.example.com/c.wav?X-Goog-Date=20261120T080000Z&X-Goog-Expires=3600":                 at,
		"https://a.example.com/c.wav?se=2026-11-20T09%3A00%3A00Z&sig=x":                                at,
		"https://a.example.com/c.wav?se=2026-11-20T09%3A00%3A00Z":                                      {},
		"https://a.example.com/c.wav?X-Amz-Date=20261120T080000Z&X-Amz-Expires=-1":                     {},
		"https://a.example.com/c.wav?X-Amz-Date=yesterday&X-Amz-Expires=3600":                          {},
		"https://a.example.com/c.wav":                                                                  {},
		"%":                                                                                            {},
		"":                                                                                             {},
	} {
		if got := expiryOf(address); !got.Equal(want) {
			t.Errorf("%s: got %s, want %s", address, got, want)
		}
	}
}

// TestAudioExpires prefers what the report says of an address to what the address says.
func TestAudioExpires(t *testing.T) {
	address := testresult.Property{
		Name: "voice.audio_url", Value: "https://a.example.com/c.wav?X-Amz-Date=20261120T080000Z&X-Amz-Expires=3600",
	}
	c := &testresult.Case{Properties: []testresult.Property{address}}
	if got := Of(c); got.AudioExpires == nil || got.AudioExpires.UTC().Hour() != 9 {
		t.Errorf("got %v", got.AudioExpires)
	}
	c.Properties = append(c.Properties, testresult.Property{Name: "voice.audio_expires", Value: "2026-11-20T08:30:00Z"})
	if got := Of(c); got.AudioExpires.UTC().Minute() != 30 {
		t.Errorf("got %v", got.AudioExpires)
	}
}

func TestWordErrorRate(t *testing.T) {
	for in, want := range map[string]string{
		"0.25": "0.25", "0": "0", "1.5": "1.5", "0.14285714285714285": "0.1429", "1e-2": "0.01", "1000000": "1000000",
		"-0.1": "", "NaN": "", "Inf": "", "1e9": "", "12%": "", "": "",
	} {
		if got := decimal(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
