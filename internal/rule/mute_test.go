// SPDX-License-Identifier: Apache-2.0

package rule_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/rule"
)

// daily returns a mute window.
func daily(start, end v1alpha1.TimeOfDay, zone string, days ...v1alpha1.Weekday) []v1alpha1.MuteWindow {
	return []v1alpha1.MuteWindow{{Days: days, Start: start, End: end, TimeZone: zone}}
}

func TestMutedUntil(t *testing.T) {
	const berlin, newYork = "Europe/Berlin", "America/New_York"
	for name, c := range map[string]struct {
		mute      []v1alpha1.MuteWindow
		at, until string // until is empty for a time that is not muted
	}{
		"no windows":         {nil, "2026-06-01T12:00:00Z", ""},
		"at its start":       {daily("12:00", "13:00", ""), "2026-06-01T12:00:00Z", "2026-06-01T13:00:00Z"},
		"a second before":    {daily("12:00", "13:00", ""), "2026-06-01T11:59:59Z", ""},
		"at its end":         {daily("12:00", "13:00", ""), "2026-06-01T13:00:00Z", ""},
		"in its zone":        {daily("12:00", "13:00", berlin), "2026-06-01T10:30:00Z", "2026-06-01T11:00:00Z"},
		"not in UTC":         {daily("12:00", "13:00", berlin), "2026-06-01T12:30:00Z", ""},
		"before midnight":    {daily("22:00", "06:00", ""), "2026-06-01T23:00:00Z", "2026-06-02T06:00:00Z"},
		"after midnight":     {daily("22:00", "06:00", ""), "2026-06-02T05:59:59Z", "2026-06-02T06:00:00Z"},
		"24:00 ends the day": {daily("20:00", "24:00", ""), "2026-06-01T23:59:59Z", "2026-06-02T00:00:00Z"},
		// 1 June 2026 is a Monday.
		"on its day":                  {daily("08:00", "09:00", "", "Monday"), "2026-06-01T08:30:00Z", "2026-06-01T09:00:00Z"},
		"on another day":              {daily("08:00", "09:00", "", "Tuesday"), "2026-06-01T08:30:00Z", ""},
		"Friday night, on Saturday":   {daily("22:00", "06:00", "", "Friday"), "2026-06-06T03:00:00Z", "2026-06-06T06:00:00Z"},
		"Thursday night, on Friday":   {daily("22:00", "06:00", "", "Friday"), "2026-06-05T03:00:00Z", ""},
		"the day is that of the zone": {daily("00:00", "06:00", newYork, "Monday"), "2026-06-01T04:30:00Z", "2026-06-01T10:00:00Z"},
		"and not that of UTC":         {daily("20:00", "22:00", newYork, "Monday"), "2026-06-02T00:30:00Z", "2026-06-02T02:00:00Z"},
		"overlapping": {slices.Concat(daily("12:00", "13:00", ""), daily("12:30", "15:00", "")),
			"2026-06-01T12:15:00Z", "2026-06-01T15:00:00Z"},
		"overlapping, the later one first": {slices.Concat(daily("14:00", "16:00", ""), daily("12:30", "14:30", ""), daily("12:00", "13:00", "")),
			"2026-06-01T12:15:00Z", "2026-06-01T16:00:00Z"},
		"one after the other": {slices.Concat(daily("12:00", "13:00", ""), daily("13:00", "14:00", "")),
			"2026-06-01T12:15:00Z", "2026-06-01T14:00:00Z"},
		"with a gap between": {slices.Concat(daily("12:00", "13:00", ""), daily("13:01", "14:00", "")),
			"2026-06-01T12:15:00Z", "2026-06-01T13:00:00Z"},
		"in two zones": {slices.Concat(daily("12:00", "13:00", berlin), daily("07:00", "08:00", newYork)),
			"2026-06-01T10:30:00Z", "2026-06-01T12:00:00Z"},
		"a weekend": {slices.Concat(daily("00:00", "24:00", "", "Saturday", "Sunday"), daily("18:00", "08:00", "")),
			"2026-06-05T19:00:00Z", "2026-06-08T08:00:00Z"},
		"forever": {daily("00:00", "24:00", ""), "2026-06-01T12:00:00Z", "2026-06-10T00:00:00Z"}, // more than a week

		// Europe/Berlin puts the clock forward on 29 March 2026 at 02:00 CET (01:00Z) and back on 25 October at 03:00
		// CEST (01:00Z).
		"forward: a night is an hour shorter": {daily("22:00", "06:00", berlin), "2026-03-28T21:00:00Z", "2026-03-29T04:00:00Z"},
		"forward: starts in the skipped hour": {daily("02:30", "04:00", berlin), "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"},
		"forward: and not before":             {daily("02:30", "04:00", berlin), "2026-03-29T00:59:59Z", ""},
		"forward: ends in the skipped hour":   {daily("01:00", "02:30", berlin), "2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z"},
		"forward: and not later":              {daily("01:00", "02:30", berlin), "2026-03-29T01:00:00Z", ""},
		"forward: all in the skipped hour":    {daily("02:15", "02:45", berlin), "2026-03-29T01:00:00Z", ""},
		"back: a night is an hour longer":     {daily("22:00", "06:00", berlin), "2026-10-24T20:00:00Z", "2026-10-25T05:00:00Z"},
		"back: starts the first time":         {daily("02:30", "04:00", berlin), "2026-10-25T00:30:00Z", "2026-10-25T03:00:00Z"},
		"back: and not before":                {daily("02:30", "04:00", berlin), "2026-10-25T00:29:59Z", ""},
		"back: ends the second time":          {daily("01:00", "02:30", berlin), "2026-10-25T00:45:00Z", "2026-10-25T01:30:00Z"},
		"back: and not later":                 {daily("01:00", "02:30", berlin), "2026-10-25T01:30:00Z", ""},
		"back: the whole day has 25 hours": {daily("00:00", "24:00", berlin, "Sunday"),
			"2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"},
		// America/New_York: forward on 8 March 2026 at 02:00 EST (07:00Z), back on 1 November at 02:00 EDT (06:00Z).
		"New York forward: starts in the skipped hour": {daily("02:30", "05:00", newYork),
			"2026-03-08T07:00:00Z", "2026-03-08T09:00:00Z"},
		"New York forward: ends in the skipped hour": {daily("23:00", "02:30", newYork),
			"2026-03-08T06:59:59Z", "2026-03-08T07:00:00Z"},
		"New York forward: the day has 23 hours": {daily("00:00", "24:00", newYork, "Sunday"),
			"2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z"},
		"New York back: starts the first time": {daily("01:30", "03:00", newYork),
			"2026-11-01T05:30:00Z", "2026-11-01T08:00:00Z"},
		"New York back: and not before": {daily("01:30", "03:00", newYork), "2026-11-01T05:29:59Z", ""},
		"New York back: ends the second time": {daily("23:00", "01:30", newYork),
			"2026-11-01T06:29:59Z", "2026-11-01T06:30:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := rule.Compile(with(v1alpha1.NotificationRuleSpec{MuteWindows: c.mute}))
			if err != nil {
				t.Fatal(err)
			}
			at, err := time.Parse(time.RFC3339, c.at)
			if err != nil {
				t.Fatal(err)
			}
			until, muted := r.MutedUntil(at)
			if muted != (c.until != "") {
				t.Fatalf("muted: %v, until %s", muted, until)
			}
			if got := until.Format(time.RFC3339); muted && got != c.until {
				t.Errorf("until %s, want %s", got, c.until)
			}
		})
	}
}

func TestInvalidMuteWindows(t *testing.T) {
	for want, w := range map[string]v1alpha1.MuteWindow{
		"spec.muteWindows[0].timeZone":                       {Start: "01:00", End: "02:00", TimeZone: "Local"},
		"spec.muteWindows[0].start":                          {Start: "1am", End: "02:00"},
		"spec.muteWindows[0].end":                            {Start: "01:00", End: "25:00"},
		`spec.muteWindows[0].days: "Mo" is not a day`:        {Start: "01:00", End: "02:00", Days: []v1alpha1.Weekday{"Mo"}},
		`spec.muteWindows[0].timeZone: "../../etc/passwd" i`: {Start: "01:00", End: "02:00", TimeZone: "../../etc/passwd"},
	} {
		_, err := rule.Compile(with(v1alpha1.NotificationRuleSpec{MuteWindows: []v1alpha1.MuteWindow{w}}))
		var e *rule.Error
		if !errors.As(err, &e) || e.Reason != v1alpha1.ReasonInvalidTimeZone || !strings.HasPrefix(e.Message, want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
