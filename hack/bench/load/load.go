// SPDX-License-Identifier: Apache-2.0

// Package load does something many times, by several workers or at a pace.
package load

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// Parallel calls do with 0 to n-1 from several workers. It returns one of their errors, if any.
func Parallel(n, workers int, do func(i int) error) error {
	var wg sync.WaitGroup
	indexes := make(chan int)
	errs := make(chan error, workers)
	for range workers {
		wg.Go(func() {
			for i := range indexes {
				if err := do(i); err != nil {
					errs <- err
					for range indexes { // drain, so that the sender does not block
					}
					return
				}
			}
		})
	}
	for i := range n {
		indexes <- i
	}
	close(indexes)
	wg.Wait()
	close(errs)
	return <-errs
}

// Paced does something n times, so many times a second, however long each takes. It returns the times that those
// took that succeeded, in milliseconds, and the errors of the others.
func Paced(n, perSecond int, do func(k int) error) (took []float64, failed []error) {
	var group sync.WaitGroup
	var mu sync.Mutex
	ticker := time.NewTicker(time.Second / time.Duration(perSecond))
	defer ticker.Stop()
	for k := range n {
		<-ticker.C
		group.Go(func() {
			began := time.Now()
			err := do(k)
			d := time.Since(began).Seconds() * 1000
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = append(failed, err)
				return
			}
			took = append(took, d)
		})
	}
	group.Wait()
	return took, failed
}

// FirstOf returns the first of some errors in parentheses.
func FirstOf(failed []error) string {
	if len(failed) == 0 {
		return "(none)"
	}
	slices.SortFunc(failed, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return "(" + failed[0].Error() + ")"
}
