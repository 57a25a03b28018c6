// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/index"
)

const (
	// sampleSize is how many objects of a kind are read in each namespace, or in all, to estimate the memory of the others.
	sampleSize = 100
	// samplePage is how many of them are read with one call: they may have a megabyte each.
	samplePage = 10
	// countTimeout bounds how long counting objects may delay the start.
	countTimeout = 20 * time.Second
	// memoryWithout is how many bytes of heap an operator takes that has no objects, once its caches are full.
	memoryWithout = 40e6
	// rowBytes is how many bytes of heap the API takes for an object, see package rows.
	rowBytes = 600
	// growth is how large the heap becomes before garbage is collected, as a part of what is alive.
	growth = 1.3
	// heapOfLimit is the part of the container's memory limit that the heap may have, see memory.LimitHeap.
	heapOfLimit = 0.9
)

// size is how many objects there are, and about how many bytes of memory they take.
type size struct {
	objects int64
	bytes   float64
}

// checkMemory logs about how much memory the objects of the watched namespaces take. It returns an error if that is more
// than the heap may have, in bytes: otherwise the kernel would kill the process while it reads them, at each start.
func checkMemory(ctx context.Context, from client.Reader, watched []string, limit int64, withAPI bool) error {
	if limit == math.MaxInt64 {
		return nil
	}
	log := ctrl.LoggerFrom(ctx)
	ctx, cancel := context.WithTimeout(ctx, countTimeout)
	defer cancel()
	defects, err := sizeOf(ctx, from, &v1alpha1.DefectList{}, watched)
	notifications, notificationsErr := sizeOf(ctx, from, &v1alpha1.NotificationList{}, watched)
	if err := errors.Join(err, notificationsErr); err != nil {
		log.Error(err, "Whether the memory suffices is not known")
		return nil
	}
	alive := memoryWithout + defects.bytes + notifications.bytes
	if withAPI {
		alive += rowBytes * float64(defects.objects+notifications.objects)
	}
	what := fmt.Sprintf("%d Defects and %d Notifications take about %s of memory, and %s may be used",
		defects.objects, notifications.objects, quantity(alive), quantity(float64(limit)))
	raise := fmt.Sprintf("raise the memory limit of the container to %s, see docs/memory.md", quantity(alive*growth/heapOfLimit))
	switch {
	case alive > float64(limit):
		return fmt.Errorf("%s: %s", what, raise)
	case alive*growth > float64(limit):
		log.Info("Memory is scarce: " + what + ": " + raise)
	default:
		log.Info("Memory suffices: " + what)
	}
	return nil
}

// sizeOf counts the objects of a kind and estimates their memory by some of them.
func sizeOf(
	ctx context.Context, from client.Reader, empty client.ObjectList, watched []string,
) (total size, err error) {
	if len(watched) == 0 {
		watched = []string{""}
	}
	for _, namespace := range watched {
		read, rest, err := sample(ctx, from, empty, namespace)
		if err != nil {
			return size{}, err
		}
		total.objects += read.objects + rest
		total.bytes += read.bytes / float64(max(read.objects, 1)) * float64(read.objects+rest)
	}
	return total, nil
}

// sample returns how many objects of a kind it read in a namespace, the memory that they take, and how many more there are.
func sample(
	ctx context.Context, from client.Reader, empty client.ObjectList, namespace string,
) (read size, rest int64, err error) {
	next := ""
	for {
		list := empty.DeepCopyObject().(client.ObjectList)
		if err := from.List(ctx, list, client.InNamespace(namespace), client.Limit(samplePage), client.Continue(next)); err != nil {
			return size{}, 0, fmt.Errorf("counting objects: %w", err)
		}
		if err := meta.EachListItem(list, func(o runtime.Object) error {
			bytes, err := index.MemoryOf(o.(client.Object))
			read.objects++
			read.bytes += float64(bytes)
			return err
		}); err != nil {
			return size{}, 0, err
		}
		next = list.GetContinue()
		if next == "" || read.objects >= sampleSize {
			if n := list.GetRemainingItemCount(); n != nil {
				rest = *n
			}
			return read, rest, nil
		}
	}
}

// quantity formats a number of bytes as Kubernetes does.
func quantity(bytes float64) string { return fmt.Sprintf("%.0fMi", math.Ceil(bytes/(1<<20))) }
