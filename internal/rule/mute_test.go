package rule_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/rule"
)

func TestMutedUntil(t *testing.T) {
	windows := func(w ...v1alpha1.MuteWindow) []v1alpha1.MuteWindow { return w }
	window := func(start, end, zone string, days ...v1alpha1.Weekday) v1alpha1.MuteWindow {
		return v1alpha1.MuteWindow{Days: days, Start: v1alpha1.TimeOfDay(start), End: v1alpha1.TimeOfDay(end), TimeZone: zone}
	}
	const berlin, newYork = "Europe/Berlin", "America/New_York"
	allDay := window("00:00", "24:00", "")
	for name, c := range map[string]struct {
		mute        []v1alpha1.MuteWindow
		at, until   string // until is empty when it is not muted
		lastsLonger bool
	}{
		"no windows":         {nil, "2026-06-01T12:00:00Z", "", false},
		"at its start":       {windows(window("12:00", "13:00", "")), "2026-06-01T12:00:00Z", "2026-06-01T13:00:00Z", false},
		"a second before":    {windows(window("12:00", "13:00", "")), "2026-06-01T11:59:59Z", "", false},
		"at its end":         {windows(window("12:00", "13:00", "")), "2026-06-01T13:00:00Z", "", false},
		"in its zone":        {windows(window("12:00", "13:00", berlin)), "2026-06-01T10:30:00Z", "2026-06-01T11:00:00Z", false},
		"not in UTC":         {windows(window("12:00", "13:00", berlin)), "2026-06-01T12:30:00Z", "", false},
		"before midnight":    {windows(window("22:00", "06:00", "")), "2026-06-01T23:00:00Z", "2026-06-02T06:00:00Z", false},
		"after midnight":     {windows(window("22:00", "06:00", "")), "2026-06-02T05:59:59Z", "2026-06-02T06:00:00Z", false},
		"24:00 ends the day": {windows(window("20:00", "24:00", "")), "2026-06-01T23:59:59Z", "2026-06-02T00:00:00Z", false},
		// 1 June 2026 is a Monday.
		"on its day":                       {windows(window("08:00", "09:00", "", "Monday")), "2026-06-01T08:30:00Z", "2026-06-01T09:00:00Z", false},
		"on another day":                   {windows(window("08:00", "09:00", "", "Tuesday")), "2026-06-01T08:30:00Z", "", false},
		"Friday's night on Saturday":       {windows(window("22:00", "06:00", "", "Friday")), "2026-06-06T03:00:00Z", "2026-06-06T06:00:00Z", false},
		"the night before Friday is not":   {windows(window("22:00", "06:00", "", "Friday")), "2026-06-05T03:00:00Z", "", false},
		"the day is that of the zone":      {windows(window("00:00", "06:00", newYork, "Monday")), "2026-06-01T04:30:00Z", "2026-06-01T10:00:00Z", false},
		"and not that of UTC":              {windows(window("20:00", "22:00", newYork, "Monday")), "2026-06-02T00:30:00Z", "2026-06-02T02:00:00Z", false},
		"overlapping":                      {windows(window("12:00", "13:00", ""), window("12:30", "15:00", "")), "2026-06-01T12:15:00Z", "2026-06-01T15:00:00Z", false},
		"overlapping, the later one first": {windows(window("14:00", "16:00", ""), window("12:30", "14:30", ""), window("12:00", "13:00", "")), "2026-06-01T12:15:00Z", "2026-06-01T16:00:00Z", false},
		"one after the other":              {windows(window("12:00", "13:00", ""), window("13:00", "14:00", "")), "2026-06-01T12:15:00Z", "2026-06-01T14:00:00Z", false},
		"with a gap between":               {windows(window("12:00", "13:00", ""), window("13:01", "14:00", "")), "2026-06-01T12:15:00Z", "2026-06-01T13:00:00Z", false},
		"in two zones":                     {windows(window("12:00", "13:00", berlin), window("07:00", "08:00", newYork)), "2026-06-01T10:30:00Z", "2026-06-01T12:00:00Z", false},
		"a weekend":                        {windows(window("00:00", "24:00", "", "Saturday", "Sunday"), window("18:00", "08:00", "")), "2026-06-05T19:00:00Z", "2026-06-08T08:00:00Z", false},
		"for good":                         {windows(allDay), "2026-06-01T12:00:00Z", "2026-06-08T12:00:00Z", true},

		// Europe/Berlin puts the clock forward on 29 March 2026 at 02:00 CET (01:00Z) and back on 25 October at 03:00
		// CEST (01:00Z).
		"forward: a night is an hour shorter":  {windows(window("22:00", "06:00", berlin)), "2026-03-28T21:00:00Z", "2026-03-29T04:00:00Z", false},
		"forward: starts in the hour left out": {windows(window("02:30", "04:00", berlin)), "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z", false},
		"forward: and not before":              {windows(window("02:30", "04:00", berlin)), "2026-03-29T00:59:59Z", "", false},
		"forward: ends in the hour left out":   {windows(window("01:00", "02:30", berlin)), "2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", false},
		"forward: and not later":               {windows(window("01:00", "02:30", berlin)), "2026-03-29T01:00:00Z", "", false},
		"forward: all in the hour left out":    {windows(window("02:15", "02:45", berlin)), "2026-03-29T01:00:00Z", "", false},
		"back: a night is an hour longer":      {windows(window("22:00", "06:00", berlin)), "2026-10-24T20:00:00Z", "2026-10-25T05:00:00Z", false},
		"back: starts the first time":          {windows(window("02:30", "04:00", berlin)), "2026-10-25T00:30:00Z", "2026-10-25T03:00:00Z", false},
		"back: and not before":                 {windows(window("02:30", "04:00", berlin)), "2026-10-25T00:29:59Z", "", false},
		"back: ends the second time":           {windows(window("01:00", "02:30", berlin)), "2026-10-25T00:45:00Z", "2026-10-25T01:30:00Z", false},
		"back: and not later":                  {windows(window("01:00", "02:30", berlin)), "2026-10-25T01:30:00Z", "", false},
		"back: the whole day has 25 hours":     {windows(window("00:00", "24:00", berlin, "Sunday")), "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", false},
		// America/New_York: forward on 8 March 2026 at 02:00 EST (07:00Z), back on 1 November at 02:00 EDT (06:00Z).
		"New York forward: starts in the hour left out": {windows(window("02:30", "05:00", newYork)), "2026-03-08T07:00:00Z", "2026-03-08T09:00:00Z", false},
		"New York forward: ends in the hour left out":   {windows(window("23:00", "02:30", newYork)), "2026-03-08T06:59:59Z", "2026-03-08T07:00:00Z", false},
		"New York forward: the day has 23 hours":        {windows(window("00:00", "24:00", newYork, "Sunday")), "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z", false},
		"New York back: starts the first time":          {windows(window("01:30", "03:00", newYork)), "2026-11-01T05:30:00Z", "2026-11-01T08:00:00Z", false},
		"New York back: and not before":                 {windows(window("01:30", "03:00", newYork)), "2026-11-01T05:29:59Z", "", false},
		"New York back: ends the second time":           {windows(window("23:00", "01:30", newYork)), "2026-11-01T06:29:59Z", "2026-11-01T06:30:00Z", false},
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
			if got := until.Format(time.RFC3339); muted && got != c.until && (!c.lastsLonger || got < c.until) {
				t.Errorf("until %s, want %s", got, c.until)
			}
		})
	}
}

func TestMuteWindowsThatMakeNoSense(t *testing.T) {
	for says, w := range map[string]v1alpha1.MuteWindow{
		"spec.muteWindows[0].timeZone":                       {Start: "01:00", End: "02:00", TimeZone: "Local"},
		"spec.muteWindows[0].start":                          {Start: "1am", End: "02:00"},
		"spec.muteWindows[0].end":                            {Start: "01:00", End: "25:00"},
		`spec.muteWindows[0].days: "Mo" is not a day`:        {Start: "01:00", End: "02:00", Days: []v1alpha1.Weekday{"Mo"}},
		`spec.muteWindows[0].timeZone: "../../etc/passwd" i`: {Start: "01:00", End: "02:00", TimeZone: "../../etc/passwd"},
	} {
		_, err := rule.Compile(with(v1alpha1.NotificationRuleSpec{MuteWindows: []v1alpha1.MuteWindow{w}}))
		var e *rule.Error
		if !errors.As(err, &e) || e.Reason != v1alpha1.ReasonInvalidTimeZone || !strings.HasPrefix(e.Message, says) {
			t.Errorf("got %v, want %s", err, says)
		}
	}
}
