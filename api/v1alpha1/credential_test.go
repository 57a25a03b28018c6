// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestExpiryOf checks which annotations of a Secret are read as the time at which its credential expires.
func TestExpiryOf(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "",
		"soon":                      "",
		"2027-03-01":                "2027-03-01T00:00:00Z",
		"2027-03-01T12:00:00+02:00": "2027-03-01T10:00:00Z",
		"2027-03-01 12:00":          "",
	} {
		got := ""
		if at, ok := ExpiryOf(&metav1.ObjectMeta{Annotations: map[string]string{ExpiresAnnotation: text}}); ok {
			got = at.UTC().Format(time.RFC3339)
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
