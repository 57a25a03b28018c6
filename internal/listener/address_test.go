// SPDX-License-Identifier: Apache-2.0

package listener

import "testing"

func TestAddressOf(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.1:5":              "10.0.0.1/32",
		"[::ffff:10.0.0.1]:5":     "10.0.0.1/32",
		"[2001:db8::1]:5":         "2001:db8::/64",
		"[2001:db8::ffff%eth0]:5": "2001:db8::/64",
		"@":                       "invalid Prefix",
	} {
		if got := AddressOf(text).String(); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}
