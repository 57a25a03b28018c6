// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"fmt"
	"slices"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// window is a mute window.
type window struct {
	days       []time.Weekday // empty means all
	start, end int            // in minutes since midnight
	zone       *time.Location
}

var weekdays = map[v1alpha1.Weekday]time.Weekday{
	"Monday": time.Monday, "Tuesday": time.Tuesday, "Wednesday": time.Wednesday, "Thursday": time.Thursday,
	"Friday": time.Friday, "Saturday": time.Saturday, "Sunday": time.Sunday,
}

// newWindow returns a mute window, or the field that is wrong and why.
func newWindow(w v1alpha1.MuteWindow) (out window, field string, err error) {
	if out.zone, err = time.LoadLocation(w.TimeZone); err != nil || w.TimeZone == "Local" {
		return out, "timeZone", fmt.Errorf("%q is not known: use an IANA name such as Europe/Berlin", w.TimeZone)
	}
	if out.start, err = minutes(w.Start); err != nil {
		return out, "start", err
	}
	if out.end, err = minutes(w.End); err != nil {
		return out, "end", err
	}
	for _, d := range w.Days {
		day, ok := weekdays[d]
		if !ok {
			return out, "days", fmt.Errorf("%q is not a day of the week", d)
		}
		out.days = append(out.days, day)
	}
	return out, "", nil
}

// minutes returns the minutes from midnight to a time of day.
func minutes(t v1alpha1.TimeOfDay) (int, error) {
	if t == "24:00" {
		return 24 * 60, nil
	}
	at, err := time.Parse("15:04", string(t))
	if err != nil {
		return 0, fmt.Errorf("%q is not a time of day such as 22:30", t)
	}
	return at.Hour()*60 + at.Minute(), nil
}

// covers reports whether the window covers a time, and until when. A window is at most a day long, so that it began
// today or yesterday.
func (w window) covers(t time.Time) (until time.Time, ok bool) {
	year, month, today := t.In(w.zone).Date()
	for day := today - 1; day <= today; day++ {
		if len(w.days) > 0 && !slices.Contains(w.days, time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Weekday()) {
			continue
		}
		last := day
		if w.end <= w.start {
			last++
		}
		start, _ := w.clockShows(year, month, day, w.start)
		_, end := w.clockShows(year, month, last, w.end)
		if !t.Before(start) && t.Before(end) && end.After(until) {
			until = end
			ok = true
		}
	}
	return until, ok
}

// clockShows returns when a clock in the window's zone first and last shows a time. They differ where the clock is
// put back and shows the time twice. Where it is put forward and never shows the time, both are the moment at which
// it is put forward.
func (w window) clockShows(year int, month time.Month, day, minute int) (first, last time.Time) {
	wanted := time.Date(year, month, day, 0, minute, 0, 0, time.UTC)
	reads := func(t time.Time) time.Time { // what the clock shows, as if it were UTC
		_, offset := t.In(w.zone).Zone()
		return t.UTC().Add(time.Duration(offset) * time.Second)
	}
	guess := time.Date(year, month, day, 0, minute, 0, 0, w.zone)
	before, after := guess.ZoneBounds()
	switch shown := reads(guess); {
	case shown.After(wanted):
		return before, before
	case shown.Before(wanted):
		return after, after
	}
	first = guess
	last = guess
	for _, near := range []time.Time{before.Add(-1), after} { // one moment with the offset before, one with the offset after
		other := near.Add(wanted.Sub(reads(near)))
		if near.IsZero() || !reads(other).Equal(wanted) {
			continue
		}
		if other.Before(first) {
			first = other
		}
		if other.After(last) {
			last = other
		}
	}
	return first, last
}

// muteHorizon is how far ahead MutedUntil looks. A rule whose windows leave no gap for so long is muted forever.
const muteHorizon = 8 * 24 * time.Hour

// MutedUntil reports whether one of the rule's mute windows covers a time, and until when. Windows that overlap or
// follow one another without a gap count as one. For windows that never end it returns a time more than a week ahead.
// Windows are in the time of their zone. Where a clock is put back, a time that it shows twice is muted both times.
// Where it is put forward, a window that begins or ends in the hour left out does so at that moment.
func (c *Compiled) MutedUntil(t time.Time) (until time.Time, muted bool) {
	until = t
	for longer := true; longer && until.Sub(t) < muteHorizon; {
		longer = false
		for _, w := range c.mute {
			if end, ok := w.covers(until); ok {
				until = end
				muted = true
				longer = true
			}
		}
	}
	if !muted {
		return time.Time{}, false
	}
	return until.UTC(), true
}
