// SPDX-License-Identifier: Apache-2.0

// Package callsim is a small suite of simulated calls to a voice agent. Its calls pass, fail and flake on purpose, so that the
// samples have something to report. It calls no service.
package callsim

// scenario is a call: what the caller says, and what the agent must answer.
type scenario struct {
	name, locale, persona string
	// noise is the probability that the agent mishears a word that sounds like another.
	noise float64
	turns []turn
}

// turn is one exchange of a call.
type turn struct{ says, expects string }

// scenarios are the suite. The agent has a fault: it keeps the first date of a booking.
var scenarios = []scenario{
	{name: "books a table", locale: "en-US", persona: "calm", turns: []turn{
		{"hello", "Good evening, how can I help?"},
		{"a table for two on friday", "A table for two on friday. Shall I book it?"},
		{"yes please", "Your table for two on friday is booked."},
	}},
	{name: "changes the date", locale: "en-US", persona: "undecided", turns: []turn{
		{"hello", "Good evening, how can I help?"},
		{"a table for four on friday", "A table for four on friday. Shall I book it?"},
		{"no make that saturday", "A table for four on saturday. Shall I book it?"},
		{"yes please", "Your table for four on saturday is booked."},
	}},
	{name: "books for fifteen", locale: "en-GB", persona: "in a loud street", noise: 0.4, turns: []turn{
		{"hello", "Good evening, how can I help?"},
		{"a table for fifteen on sunday", "A table for fifteen on sunday. Shall I book it?"},
	}},
	{name: "asks for opening hours", locale: "en-GB", persona: "impatient", turns: []turn{
		{"when are you open", "We are open from six to eleven."},
	}},
	{name: "cancels", locale: "en-US", persona: "calm", turns: []turn{
		{"hello", "Good evening, how can I help?"},
		{"please cancel", "There is nothing to cancel."},
		{"goodbye", "Goodbye."},
	}},
	{name: "asks for a person", locale: "en-US", persona: "upset", turns: []turn{
		{"i want a person", "I am connecting you."},
	}},
	{name: "books and hangs up", locale: "en-IE", persona: "impatient", turns: []turn{
		{"a table for six on monday", "A table for six on monday. Shall I book it?"},
		{"goodbye", "Goodbye."},
	}},
	{name: "says nothing that is known", locale: "en-US", persona: "confused", turns: []turn{
		{"is this the train station", "I did not understand that. Do you want a table?"},
		{"oh no goodbye", "Goodbye."},
	}},
	{name: "books on a weekday", locale: "en-US", persona: "calm", turns: []turn{
		{"a table for three on tuesday", "A table for three on tuesday. Shall I book it?"},
		{"yes", "Your table for three on tuesday is booked."},
	}},
	{name: "names the date first", locale: "en-GB", persona: "calm", turns: []turn{
		{"hello", "Good evening, how can I help?"},
		{"thursday for two", "A table for two on thursday. Shall I book it?"},
	}},
	{name: "changes the party", locale: "en-US", persona: "undecided", turns: []turn{
		{"a table for two on sunday", "A table for two on sunday. Shall I book it?"},
		{"no for five", "A table for five on sunday. Shall I book it?"},
	}},
	{name: "says goodbye at once", locale: "en-IE", persona: "calm", turns: []turn{
		{"goodbye", "Goodbye."},
	}},
}
