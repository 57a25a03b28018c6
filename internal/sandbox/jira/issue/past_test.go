// SPDX-License-Identifier: Apache-2.0

package issue

import (
	"testing"
	"time"
)

func TestPastIsBounded(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	p := Past{lag: time.Hour}
	for range maxVersions + 5 {
		p.Add(now, "1", nil)
	}
	if len(p.versions) != maxVersions {
		t.Errorf("%d versions are stored", len(p.versions))
	}
	p = Past{lag: time.Hour}
	is := &Issue{ID: "1", Description: string(make([]byte, maxVersionBytes/4))}
	for range 9 {
		p.Add(now, "1", is)
	}
	if p.bytes > maxVersionBytes || p.bytes != len(p.versions)*is.Size() || len(p.versions) != 3 {
		t.Errorf("%d versions of %d bytes are stored", len(p.versions), p.bytes)
	}
}

func TestPastKeepsWhatIsNeeded(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	var p Past
	is := &Issue{ID: "1"}
	for _, step := range []struct {
		do   func()
		want int
	}{
		{func() { p.Add(now, "1", is) }, 0}, // there is no lag
		{func() { p.SetLag(time.Minute, now) }, 0},
		{func() { p.Add(now, "1", is) }, 1},
		{func() { p.View(now.Add(59*time.Second), nil) }, 1},
		{func() { p.View(now.Add(time.Minute), nil) }, 0},
		{func() { p.Add(now, "1", is) }, 1},
		{func() { p.SetLag(0, now) }, 0},
	} {
		step.do()
		if len(p.versions) != step.want || (p.bytes == 0) != (step.want == 0) {
			t.Errorf("%d versions of %d bytes are stored, want %d", len(p.versions), p.bytes, step.want)
		}
	}
}
