// SPDX-License-Identifier: Apache-2.0

package fault_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestRetryAfter(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"":                               0,
		"0":                              0,
		"30":                             30 * time.Second,
		" 30 ":                           30 * time.Second,
		"-1":                             0,
		"+5":                             0,
		"1.5":                            0,
		"soon":                           0,
		"86401":                          fault.MaxRetryAfter,
		"99999999999999999999":           0,
		"Mon, 23 Nov 2026 12:01:30 GMT":  90 * time.Second,
		"Monday, 23-Nov-26 12:01:30 GMT": 90 * time.Second,
		"Mon, 23 Nov 2026 11:59:59 GMT":  0,
		"Mon, 23 Nov 2026 12:00:00 GMT":  0,
		"Fri, 31 Dec 9999 23:59:59 GMT":  fault.MaxRetryAfter,
		"Fri, 31 Dec 1999 23:59:59 GMT":  0,
		"2026-11-23T12:01:30Z":           0,
	} {
		if got := fault.RetryAfter(http.Header{"Retry-After": {value}}, now); got != want {
			t.Errorf("%q: got %s, want %s", value, got, want)
		}
	}
	if got := fault.RetryAfter(http.Header{}, now); got != 0 {
		t.Errorf("without the header: got %s, want 0", got)
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{
		"", "30", "-1", "86401", "4294967296", "Mon, 23 Nov 2026 12:01:30 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "\x00", "1e9",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := fault.RetryAfter(http.Header{"Retry-After": {s}}, now); got < 0 || got > fault.MaxRetryAfter {
			t.Errorf("%q: got %s, want 0 to 24h", s, got)
		}
	})
}
