// SPDX-License-Identifier: Apache-2.0

package leadership_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/leadership"
)

// apiServer answers at once, by a clock that is ahead of this machine's.
type apiServer struct {
	now   *time.Time
	ahead time.Duration
	// takes is how long each answer takes.
	takes time.Duration
}

// RoundTrip answers with the time in whole seconds.
func (s *apiServer) RoundTrip(*http.Request) (*http.Response, error) {
	date := s.now.Add(s.ahead)
	*s.now = s.now.Add(s.takes)
	return &http.Response{
		Header: http.Header{"Date": {date.UTC().Format(http.TimeFormat)}},
		Body:   http.NoBody,
	}, nil
}

// observeFor returns a clock that has observed the given number of answers, with steps between them.
func observeFor(t *testing.T, now *time.Time, server *apiServer, answers int, step time.Duration) *leadership.ServerClock {
	t.Helper()
	clock := leadership.NewServerClock(func() time.Time { return *now })
	for range answers {
		observeAnswer(t, clock, server)
		*now = now.Add(step)
	}
	return clock
}

// observeAnswer lets a clock observe an answer of the API server.
func observeAnswer(t *testing.T, clock *leadership.ServerClock, server *apiServer) {
	t.Helper()
	response, err := clock.Wrap(server).RoundTrip(&http.Request{})
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestStartAt checks that an object is newer than the leader only if it was created after the start, and that it is from
// NewerFrom on, regardless of the difference of the clocks.
func TestStartAt(t *testing.T) {
	begin := time.Date(2026, 3, 1, 12, 0, 0, 300_000_000, time.UTC)
	for name, c := range map[string]struct {
		ahead, takes time.Duration
		answers      int
		within       time.Duration // how long after the start NewerFrom may be
	}{
		"same clock":                {0, 0, 30, 1700 * time.Millisecond},
		"API server 5 s ahead":      {5 * time.Second, 0, 30, 1700 * time.Millisecond},
		"API server 5 s behind":     {-5 * time.Second, 0, 30, 1700 * time.Millisecond},
		"API server an hour ahead":  {time.Hour, 10 * time.Millisecond, 30, 1800 * time.Millisecond},
		"one answer, half a second": {-2500 * time.Millisecond, 0, 1, 2600 * time.Millisecond},
		"slow answers":              {2 * time.Second, 400 * time.Millisecond, 30, 2500 * time.Millisecond},
	} {
		now := begin
		server := &apiServer{now: &now, ahead: c.ahead, takes: c.takes}
		clock := observeFor(t, &now, server, c.answers, 130*time.Millisecond)
		local := now
		start := clock.StartAt(local)
		created := func(local time.Time) time.Time { return local.Add(c.ahead).Truncate(time.Second) }
		if created(local).After(start.Server) {
			t.Errorf("%s: an object of the start, %s, counts as newer than %s", name, created(local), start.Server)
		}
		if !created(start.NewerFrom).After(start.Server) {
			t.Errorf("%s: an object of %s, %s, counts as older than %s", name, start.NewerFrom, created(start.NewerFrom), start.Server)
		}
		if d := start.NewerFrom.Sub(local); d > c.within {
			t.Errorf("%s: objects are newer only after %s", name, d)
		}
	}
}

// TestClockThatIsSet sets the API server's clock forward. Answers from before and after do not contradict each other for
// long.
func TestClockThatIsSet(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	server := &apiServer{now: &now}
	clock := observeFor(t, &now, server, 20, 130*time.Millisecond)
	server.ahead = 10 * time.Second
	observeAnswer(t, clock, server)
	if d := clock.StartAt(now).Server.Sub(now); d < 500*time.Millisecond || d > time.Second {
		t.Errorf("right after the clock was set: %s ahead", d)
	}
	for range 20 {
		now = now.Add(30 * time.Second)
		observeAnswer(t, clock, server)
	}
	if d := clock.StartAt(now).Server.Sub(now); d < 10*time.Second || d > 12*time.Second {
		t.Errorf("ten minutes later: %s ahead", d)
	}
}

func TestClockWithoutAnswers(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	clock := leadership.NewServerClock(func() time.Time { return now })
	if start := clock.StartAt(now); start.Server.Sub(now) != 500*time.Millisecond || start.NewerFrom.Sub(now) != time.Second {
		t.Errorf("got %+v", start)
	}
}

// TestElapsed checks that a machine that was suspended counts as having waited, although its monotonic clock stood still.
func TestElapsed(t *testing.T) {
	wall := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	steady := time.Now()
	for name, c := range map[string]struct {
		from, to time.Time
		want     time.Duration
	}{
		"wall clock alone":     {wall, wall.Add(time.Minute), time.Minute},
		"monotonic clock":      {steady, steady.Add(time.Minute), time.Minute},
		"the clock was set":    {wall, wall.Add(-time.Minute), -time.Minute},
		"a moment":             {steady, steady, 0},
		"the machine's resume": {steady, steady.Add(time.Hour).Round(0), time.Hour},
	} {
		if got := leadership.Elapsed(c.from, c.to); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}
