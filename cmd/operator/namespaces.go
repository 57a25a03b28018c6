// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/index"
	"github.com/voiceai-dev/integrations-operator/internal/packed"
)

// cacheOptions returns options that keep in memory what is needed: the objects of the watched namespaces, of all if there
// are none, and of Jobs and CronJobs only test runs and suites.
func cacheOptions(watched []string) cache.Options {
	hasSuite, err := labels.NewRequirement(v1alpha1.SuiteLabel, selection.Exists, nil)
	if err != nil {
		panic(err) // the label is a constant
	}
	suites := cache.ByObject{Label: labels.NewSelector().Add(*hasSuite)}
	o := cache.Options{
		DefaultTransform: index.PackForCache,
		NewInformer:      packed.NewInformer,
		ByObject:         map[client.Object]cache.ByObject{&batchv1.Job{}: suites, &batchv1.CronJob{}: suites},
	}
	for _, namespace := range watched {
		if o.DefaultNamespaces == nil {
			o.DefaultNamespaces = map[string]cache.Config{}
		}
		o.DefaultNamespaces[namespace] = cache.Config{}
	}
	return o
}

// newClient returns a constructor of clients that read from the cache, and what the cache holds cut from the API server. They
// find no object outside of the watched namespaces. The cache of some namespaces returns an error for others, as if the API
// server had failed. Namespaces themselves are then read from the API server: the right to get one can be granted in it, the
// right to list them only for the whole cluster.
func newClient(watched []string) client.NewClientFunc {
	return func(config *rest.Config, o client.Options) (client.Client, error) {
		if o.Cache == nil || o.Cache.Reader == nil {
			return client.New(config, o)
		}
		cached := *o.Cache
		o.Cache = nil
		live, err := client.New(config, o)
		if err != nil {
			return nil, err
		}
		cached.Reader = index.Reader{Reader: cached.Reader, Live: live}
		if len(watched) > 0 {
			cached.Reader = watchedReader{Reader: cached.Reader, watched: watched}
			cached.DisableFor = append(slices.Clone(cached.DisableFor), &corev1.Namespace{})
		}
		o.Cache = &cached
		c, err := client.New(config, o)
		if err != nil {
			return nil, err
		}
		return index.Guard(c), nil
	}
}

// watchedReader reads from the cache of some namespaces.
type watchedReader struct {
	client.Reader
	watched []string
}

// covers reports whether the cache has a namespace. An empty one is that of cluster-scoped objects, or all.
func (r watchedReader) covers(namespace string) bool {
	return namespace == "" || slices.Contains(r.watched, namespace)
}

// Get returns an object of the cache. It finds none in another namespace.
func (r watchedReader) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	if !r.covers(key.Namespace) {
		return apierrors.NewNotFound(schema.GroupResource{}, key.String())
	}
	return r.Reader.Get(ctx, key, o, opts...)
}

// List returns objects of the cache. It finds none in another namespace.
func (r watchedReader) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	o := client.ListOptions{}
	o.ApplyOptions(opts)
	if !r.covers(o.Namespace) {
		return nil
	}
	return r.Reader.List(ctx, list, opts...)
}
