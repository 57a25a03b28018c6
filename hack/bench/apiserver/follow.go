// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Source is where objects come from. Exited receives an error for each process that ended unexpectedly.
type Source struct {
	Client client.WithWatch
	Exited <-chan error
}

// Follow watches the objects of a list and calls each for every change until each returns true. wait waits for
// that.
func Follow[T client.Object](
	ctx context.Context, s Source, list client.ObjectList, each func(T, time.Time) bool,
) (wait func() error, err error) {
	if err := s.Client.List(ctx, list, client.Limit(1)); err != nil {
		return nil, err
	}
	since := list.GetResourceVersion()
	done := make(chan error, 1)
	go func() {
		for {
			options := &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: since, AllowWatchBookmarks: true}}
			watching, err := s.Client.Watch(ctx, list, options)
			if err != nil {
				done <- err
				return
			}
			ended, err := follow(ctx, s, watching, &since, each)
			watching.Stop()
			if ended {
				done <- err
				return
			}
		}
	}()
	return func() error { return <-done }, nil
}

// follow calls each for every change that a watch delivers, and records the last resource version in since. It
// reports whether it is finished: each returned true, or there was an error. Otherwise the API server ended the watch
// because it fell behind, which happens when all processes share two processors.
func follow[T client.Object](
	ctx context.Context, s Source, watching watch.Interface, since *string, each func(T, time.Time) bool,
) (finished bool, err error) {
	for {
		select {
		case e, ok := <-watching.ResultChan():
			if !ok {
				return false, nil
			}
			o, fits := e.Object.(T)
			if !fits {
				return true, fmt.Errorf("the watch ended: %w", apierrors.FromObject(e.Object))
			}
			*since = o.GetResourceVersion()
			if e.Type != watch.Bookmark && each(o, time.Now()) {
				return true, nil
			}
		case err := <-s.Exited:
			return true, err
		case <-ctx.Done():
			return true, context.Cause(ctx)
		}
	}
}
