// SPDX-License-Identifier: Apache-2.0

package action

import (
	"context"
	"encoding/json"
	"fmt"

	jsonpatch "github.com/evanphx/json-patch/v5"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// Updater updates objects as FieldOwner.
type Updater struct {
	// Client writes, Live reads from the API server.
	Client client.Client
	Live   client.Reader
}

// Update writes what differs between two versions of an object, and sets after to the object as it is stored. All else
// is sent as it was read: Go's types do not distinguish `suspend: false` from a suspend that is left out, so that a write of
// after itself would remove what a tool applied. The error is a conflict if the object is not the one of before.
func (u Updater) Update(ctx context.Context, before, after client.Object, options ...client.UpdateOption) error {
	stored, err := u.read(ctx, before)
	if err != nil {
		return err
	}
	return u.write(ctx, stored, before, after, options...)
}

// write writes what differs between two versions of an object that was read as stored.
func (u Updater) write(
	ctx context.Context, stored *unstructured.Unstructured, before, after client.Object, options ...client.UpdateOption,
) error {
	change, err := client.MergeFrom(before).Data(after)
	if err != nil {
		return fmt.Errorf("comparing two versions of %s: %w", before.GetName(), err)
	}
	if err := merge(stored, change); err != nil {
		return fmt.Errorf("changing %s: %w", before.GetName(), err)
	}
	if err := u.Client.Update(ctx, stored, append(options, FieldOwner)...); err != nil {
		return err
	}
	return runtime.DefaultUnstructuredConverter.FromUnstructured(stored.Object, after)
}

// readInto reads an object, and returns it with all that the API server has of it.
func (u Updater) readInto(ctx context.Context, key client.ObjectKey, o client.Object) (*unstructured.Unstructured, error) {
	stored, err := u.readAll(ctx, key, o)
	if err != nil {
		return nil, err
	}
	return stored, runtime.DefaultUnstructuredConverter.FromUnstructured(stored.Object, o)
}

// readAll returns an object of the type of o with all that the API server has of it.
func (u Updater) readAll(ctx context.Context, key client.ObjectKey, o client.Object) (*unstructured.Unstructured, error) {
	kind, err := apiutil.GVKForObject(o, u.Client.Scheme())
	if err != nil {
		return nil, err
	}
	stored := &unstructured.Unstructured{}
	stored.SetGroupVersionKind(kind)
	return stored, u.Live.Get(ctx, key, stored)
}

// read returns an object with all that the API server has of it. The error is a conflict if it has another version.
func (u Updater) read(ctx context.Context, o client.Object) (*unstructured.Unstructured, error) {
	stored, err := u.readAll(ctx, client.ObjectKeyFromObject(o), o)
	if err != nil {
		return nil, err
	}
	kind := stored.GroupVersionKind()
	if stored.GetUID() != o.GetUID() || stored.GetResourceVersion() != o.GetResourceVersion() {
		mapping, err := u.Client.RESTMapper().RESTMapping(kind.GroupKind(), kind.Version)
		if err != nil {
			return nil, err
		}
		return nil, apierrors.NewConflict(mapping.Resource.GroupResource(), o.GetName(),
			fmt.Errorf("it was changed since it was read"))
	}
	return stored, nil
}

// merge applies a JSON merge patch to an object.
func merge(o *unstructured.Unstructured, change []byte) error {
	raw, err := json.Marshal(o)
	if err != nil {
		return err
	}
	if raw, err = jsonpatch.MergePatch(raw, change); err != nil {
		return err
	}
	return o.UnmarshalJSON(raw)
}
