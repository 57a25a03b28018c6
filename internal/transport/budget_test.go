// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

// TestOneNamespaceCannotUseTheBudget fills the share of a namespace.
func TestOneNamespaceCannotUseTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget()
		var hostile []*lease
		for range maxNamespaceCalls {
			l, err := b.enter(t.Context(), "hostile")
			if err != nil {
				t.Fatal(err)
			}
			hostile = append(hostile, l)
		}
		if err := hostile[0].growTo(t.Context(), maxAnswer); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 2)
		go func() {
			_, err := b.enter(ctx, "hostile")
			ended <- err
		}()
		go func() { ended <- hostile[1].growTo(ctx, 1) }()
		synctest.Wait()
		if len(ended) > 0 {
			t.Errorf("a call beyond the share of its namespace did not wait: %v", <-ended)
		}
		neighbour, err := b.enter(t.Context(), "neighbour")
		if err != nil {
			t.Fatal(err)
		}
		if err := neighbour.growTo(t.Context(), maxAnswer); err != nil {
			t.Fatal(err)
		}
		if err := neighbour.decode(t.Context()); err != nil {
			t.Fatal(err)
		}
		neighbour.release()
		neighbour.release() // has no effect
		cancel()
		for range 2 {
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		}
		for _, l := range hostile {
			l.release()
		}
		if len(b.shares) > 0 {
			t.Errorf("%d shares are kept without calls", len(b.shares))
		}
		for name, s := range map[string]interface{ TryAcquire(int64) bool }{"calls": b.calls, "long": b.long, "decoding": b.decoding} {
			n := map[string]int64{"calls": maxCalls, "long": maxLong, "decoding": maxDecoding}[name]
			if !s.TryAcquire(n) {
				t.Errorf("some of %s was not released", name)
			}
		}
	})
}
