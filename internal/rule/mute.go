package rule

import (
	"fmt"
	"slices"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// window is a mute window. Its times of day are in minutes since midnight.
type window struct {
	days       []time.Weekday // none means all
	start, end int
	zone       *time.Location
}

var weekdays = map[v1alpha1.Weekday]time.Weekday{
	"Monday": time.Monday, "Tuesday": time.Tuesday, "Wednesday": time.Wednesday, "Thursday": time.Thursday,
	"Friday": time.Friday, "Saturday": time.Saturday, "Sunday": time.Sunday,
}

func newWindow(w v1alpha1.MuteWindow) (out window, wrong string, err error) {
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

// covers says whether the window holds at a time, and until when. It is less than a day long, so that it began today or yesterday.
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
		start, _ := shows(w.zone, year, month, day, w.start)
		_, end := shows(w.zone, year, month, last, w.end)
		if !t.Before(start) && t.Before(end) && end.After(until) {
			until, ok = end, true
		}
	}
	return until, ok
}

// shows is when a clock in a zone first and last shows a time. They differ when it is put back, and shows the time twice. When it is put
// forward, and never shows the time, both are that moment.
func shows(zone *time.Location, year int, month time.Month, day, minute int) (first, last time.Time) {
	wanted := time.Date(year, month, day, 0, minute, 0, 0, time.UTC)
	reads := func(t time.Time) time.Time { // what the clock shows, as if it were UTC
		_, offset := t.In(zone).Zone()
		return t.UTC().Add(time.Duration(offset) * time.Second)
	}
	guess := time.Date(year, month, day, 0, minute, 0, 0, zone)
	before, after := guess.ZoneBounds()
	switch shown := reads(guess); {
	case shown.After(wanted):
		return before, before
	case shown.Before(wanted):
		return after, after
	}
	first, last = guess, guess
	for _, near := range []time.Time{before.Add(-1), after} { // a moment each with the offsets before and after
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

// muteHorizon is how far ahead MutedUntil looks: a rule whose windows leave no gap for so long is muted for good.
const muteHorizon = 8 * 24 * time.Hour

// MutedUntil says whether one of the rule's mute windows holds at a time, and until when: windows that overlap or follow one another without
// a gap are one. When they never end it is a time more than a week ahead. Windows are in the time of their zone: where a clock is put back,
// the time that it shows twice is muted both times, and where it is put forward, what would begin or end in the time left out does so
// at that moment.
func (c *Compiled) MutedUntil(t time.Time) (until time.Time, muted bool) {
	until = t
	for longer := true; longer && until.Sub(t) < muteHorizon; {
		longer = false
		for _, w := range c.mute {
			if end, ok := w.covers(until); ok {
				until, muted, longer = end, true, true
			}
		}
	}
	if !muted {
		return time.Time{}, false
	}
	return until.UTC(), true
}
