// SPDX-License-Identifier: Apache-2.0

package owed

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

// TestManyRecords are written together while writes are under way, so that a slow API server gets few.
func TestManyRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var mu sync.Mutex
		patches := 0
		b := NewBook(interceptor.NewClient(w.client.(client.WithWatch), interceptor.Funcs{
			Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, options ...client.PatchOption) error {
				time.Sleep(500 * time.Millisecond)
				mu.Lock()
				defer mu.Unlock()
				patches++
				return c.Patch(ctx, o, p, options...)
			},
		}))
		began := time.Now()
		all := func(do func(id string) error) {
			var acts sync.WaitGroup
			for n := range 100 {
				acts.Go(func() {
					if err := do(fmt.Sprint(n)); err != nil {
						t.Error(err)
					}
				})
			}
			acts.Wait()
		}
		all(func(id string) error { return b.Record(t.Context(), integration(), id, act()) })
		if took := time.Since(began); patches > 2 || took > 700*time.Millisecond || w.records() != 100 {
			t.Errorf("%d records after %s and %d writes", w.records(), took, patches)
		}
		patches = 0
		all(func(id string) error { // fifty a second
			n, _ := strconv.Atoi(id)
			time.Sleep(time.Duration(n) * 20 * time.Millisecond)
			began := time.Now()
			err := b.Record(t.Context(), integration(), id, act())
			if took := time.Since(began); took > 500*time.Millisecond+writeEvery {
				t.Errorf("a record took %s", took)
			}
			return err
		})
		if patches > 21 {
			t.Errorf("%d writes of records in two seconds", patches)
		}
		if takes := b.Takes(); takes < 500*time.Millisecond || takes > time.Second {
			t.Errorf("a record is expected to take %s", takes)
		}
		all(func(id string) error { return b.Remove(t.Context(), integration(), id) })
		if w.records() != 0 || len(b.queues) != 0 {
			t.Errorf("%d records are left, and %d queues", w.records(), len(b.queues))
		}
	})
}

// TestAFailedWrite fails for all that are in it.
func TestAFailedWrite(t *testing.T) {
	w := newWorld(t)
	failure := errors.New("no connection")
	b := NewBook(interceptor.NewClient(w.client.(client.WithWatch), interceptor.Funcs{
		Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
			return failure
		},
	}))
	if err := b.Record(t.Context(), integration(), "1", act()); !errors.Is(err, failure) {
		t.Errorf("the error is %v", err)
	}
}
