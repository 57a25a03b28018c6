// SPDX-License-Identifier: Apache-2.0

package attach

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
)

// TestSlowServersLeavePlaces checks that files are sent for other namespaces while the servers of one never answer.
func TestSlowServersLeavePlaces(t *testing.T) {
	p := newPlaces()
	given, cancel := context.WithCancel(t.Context())
	cancel() // it gets a place at once, or none
	var free []func()
	take := func(namespace string, want bool) {
		t.Helper()
		f, err := p.take(given, namespace)
		if (err == nil) != want {
			t.Fatalf("a file of %s: %v, want a place: %t", namespace, err, want)
		}
		if err == nil {
			free = append(free, f)
		}
	}
	take("slow", true)
	take("slow", true)
	take("slow", false)
	for k := range maxSent - 2 {
		take(fmt.Sprint("other-", k), true)
	}
	take("late", false) // the memory for more is missing
	free[0]()
	take("slow", false) // it has one, and others share the rest
	take("late", true)
	for _, f := range free[1:] {
		f()
	}
	if p.all != 0 || len(p.sent) != 0 {
		t.Errorf("%d files are sent, of %v", p.all, p.sent)
	}
}

// TestAFileWaitsForItsPlace frees a place for which a file waits.
func TestAFileWaitsForItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlaces()
		first, _ := p.take(t.Context(), "qa")
		second, _ := p.take(t.Context(), "qa")
		got := make(chan error)
		go func() {
			_, err := p.take(t.Context(), "qa")
			got <- err
		}()
		synctest.Wait()
		select {
		case err := <-got:
			t.Fatalf("a third file has a place: %v", err)
		default:
		}
		first()
		if err := <-got; err != nil {
			t.Error(err)
		}
		second()
	})
}
