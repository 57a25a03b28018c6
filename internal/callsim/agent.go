// SPDX-License-Identifier: Apache-2.0

package callsim

import (
	"math/rand/v2"
	"slices"
	"strings"
)

// soundsLike are words that are misheard as others.
var soundsLike = map[string]string{"fifteen": "fifty", "fifty": "fifteen", "thirteen": "thirty"}

// hear returns the words that the agent understands.
func hear(says string, noise float64, random *rand.Rand) string {
	words := strings.Fields(says)
	for i, w := range words {
		if other, ok := soundsLike[w]; ok && random.Float64() < noise {
			words[i] = other
		}
	}
	return strings.Join(words, " ")
}

// agent is the voice agent under test, in one call.
type agent struct{ party, date string }

var dates = []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}

// answer returns what the agent says to what it heard.
func (a *agent) answer(heard string) string {
	words := strings.Fields(heard)
	has := func(word string) bool { return slices.Contains(words, word) }
	a.note(words)
	switch {
	case has("goodbye"):
		return "Goodbye."
	case has("hello"):
		return "Good evening, how can I help?"
	case has("open"):
		return "We are open from six to eleven."
	case has("person"):
		return "I am connecting you."
	case has("cancel") && a.date == "":
		return "There is nothing to cancel."
	case has("yes") && a.date != "":
		return "Your table for " + a.party + " on " + a.date + " is booked."
	case a.date != "" && a.party != "":
		return "A table for " + a.party + " on " + a.date + ". Shall I book it?"
	}
	return "I did not understand that. Do you want a table?"
}

// note keeps what the agent learns of a booking. It does not replace a date that it knows: that is its fault.
func (a *agent) note(words []string) {
	if at := slices.Index(words, "for"); at >= 0 && at+1 < len(words) {
		a.party = words[at+1]
	}
	for _, w := range words {
		if slices.Contains(dates, w) && a.date == "" {
			a.date = w
		}
	}
}
