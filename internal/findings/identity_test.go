// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"testing"

	"github.com/voiceai-dev/integrations-operator/internal/testresult"
)

// TestShownName names the class of a test, unless its name has it.
func TestShownName(t *testing.T) {
	for _, test := range []struct{ class, name, want string }{
		{"calls.en", "books for fifteen", "en: books for fifteen"},
		{"calls.en", "books (en)", "en: books"},
		{"calls.en", "en: books", "en: books"},
		{"com.example.Booking", "Booking.cancels", "Booking.cancels"},
		{"com.example.Booking", "Bookings cancels", "Booking: Bookings cancels"},
		{"com.example.Booking", "Bookings Booking", "Bookings Booking"},
		{"aa", "aaa", "aa: aaa"},
		{"", "books", "books"},
		{"tests/calls.spec.ts", "books", "calls.spec.ts: books"},
		{"calls.test.mjs", "books", "calls.test.mjs: books"},
		{"com.example.rs", "books", "com.example.rs: books"}, // it may be a file
		{"ö", "böse", "ö: böse"},
	} {
		if got := TestOf(&testresult.Case{Class: test.class, Name: test.name}).Name; got != test.want {
			t.Errorf("%s of %s: got %q, want %q", test.name, test.class, got, test.want)
		}
	}
}
