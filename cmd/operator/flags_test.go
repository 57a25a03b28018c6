// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"slices"
	"testing"
)

// TestSelfSignedNames covers the names in the API's own certificate.
func TestSelfSignedNames(t *testing.T) {
	for text, want := range map[string][]string{
		"":                        nil,
		"api.system.svc":          {"api.system.svc"},
		"b.svc, a.svc.cluster.x,": {"b.svc", "a.svc.cluster.x"},
	} {
		var f flags
		set := flag.NewFlagSet("", flag.ContinueOnError)
		f.register(set)
		if err := set.Parse([]string{"--api-tls-self-signed=" + text}); err != nil || !slices.Equal(f.api.selfSigned, want) {
			t.Errorf("%q: %v, %v", text, f.api.selfSigned, err)
		}
	}
	for _, text := range []string{"$(API_SERVICE).system.svc", "https://api", "*.svc"} {
		if err := new(nameList).Set(text); err == nil {
			t.Errorf("%q counts as a name", text)
		}
	}
}
