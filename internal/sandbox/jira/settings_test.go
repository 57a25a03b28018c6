// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestSettings(t *testing.T) {
	const full = `{"searchLagMs":1500,"maxResults":7,"ratePerSecond":100,"workflows":{"VOICE":"strict"},` +
		`"webhook":{"url":"http://x.test/h","secret":"s3cret","retryMs":5}}`
	const fresh = `{"searchLagMs":0,"maxResults":0,"ratePerSecond":0}`
	show := func(s *Site) string {
		raw, err := json.Marshal(s.Settings())
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	set := func(s *Site, text string) error {
		var in Settings
		if err := json.Unmarshal([]byte(text), &in); err != nil {
			t.Fatal(err)
		}
		return s.Set(in)
	}
	s := New(Options{})
	if got := show(s); got != fresh {
		t.Errorf("a new site: got %s", got)
	}
	if err := set(s, full); err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(full, `"secret":"s3cret",`, "", 1)
	if got := show(s); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, bad := range []string{
		`{"searchLagMs":-1}`, `{"searchLagMs":3600001}`, `{"maxResults":5001}`, `{"ratePerSecond":10001}`, `{"workflows":{"NOPE":"simple"}}`,
		`{"workflows":{"VOICE":"x"}}`, `{"webhook":{"url":"ftp://x.test"}}`, `{"webhook":{"url":"/hook"}}`,
		`{"webhook":{"url":"http://x.test","retryMs":60001}}`,
		`{"webhook":{"url":"http://x.test","secret":"` + strings.Repeat("x", 256) + `"}}`, `{"searchLagMs":0,"ratePerSecond":-1}`,
	} {
		if err := set(s, bad); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
	if got := show(s); got != want {
		t.Errorf("after invalid changes: got %s, want %s", got, want)
	}
	if err := set(s, `{"ratePerSecond":0}`); err != nil {
		t.Fatal(err)
	}
	if got, want := show(s), strings.Replace(want, `"ratePerSecond":100`, `"ratePerSecond":0`, 1); got != want {
		t.Errorf("after one change: got %s, want %s", got, want)
	}
	for d, want := range map[time.Duration]int{-time.Second: 0, 1500 * time.Microsecond: 1, 2 * time.Hour: 3_600_000} {
		if s.SetSearchLag(d); *s.Settings().SearchLagMS != want {
			t.Errorf("%s: got a lag of %d ms, want %d", d, *s.Settings().SearchLagMS, want)
		}
	}
	s.Reset()
	if got := show(s); got != fresh {
		t.Errorf("after a reset: got %s", got)
	}
}
