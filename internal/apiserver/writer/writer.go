// SPDX-License-Identifier: Apache-2.0

// Package writer writes objects for the callers of the API: with the caller's own bearer token, so that Kubernetes
// authorizes and audits the caller, and with a line in the log for each write.
package writer

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/internal/apiserver/caller"
	"github.com/voiceai-dev/integrations-operator/internal/identity"
)

// Client reads as the operator and writes as the caller of the context.
type Client struct {
	client.Client // of the operator, for reads; every method that writes is replaced

	writes client.Client
}

// New returns a Client for the API server of a configuration, whose credentials it does not use. It reads with another
// client.
func New(config *rest.Config, operator client.Client) (*Client, error) {
	// The operator's mapper is used, because discovery is no request of a caller.
	options := client.Options{Scheme: operator.Scheme(), Mapper: operator.RESTMapper()}
	writes, err := client.New(identity.AsCaller(config, caller.TokenOf), options)
	if err != nil {
		return nil, fmt.Errorf("setting up the writes of callers: %w", err)
	}
	return &Client{Client: operator, writes: writes}, nil
}

// Create creates an object as the caller.
func (c *Client) Create(ctx context.Context, o client.Object, options ...client.CreateOption) error {
	err := c.writes.Create(ctx, o, options...)
	c.log(ctx, write{"create", (&client.CreateOptions{}).ApplyOptions(options).DryRun, o}, err)
	return err
}

// Update updates an object as the caller.
func (c *Client) Update(ctx context.Context, o client.Object, options ...client.UpdateOption) error {
	err := c.writes.Update(ctx, o, options...)
	c.log(ctx, write{"update", (&client.UpdateOptions{}).ApplyOptions(options).DryRun, o}, err)
	return err
}

// Patch patches an object as the caller.
func (c *Client) Patch(ctx context.Context, o client.Object, patch client.Patch, options ...client.PatchOption) error {
	err := c.writes.Patch(ctx, o, patch, options...)
	applied := &client.PatchOptions{}
	c.log(ctx, write{"patch", applied.ApplyOptions(options).DryRun, o}, err)
	return err
}

// Delete deletes an object as the caller.
func (c *Client) Delete(ctx context.Context, o client.Object, options ...client.DeleteOption) error {
	err := c.writes.Delete(ctx, o, options...)
	c.log(ctx, write{"delete", (&client.DeleteOptions{}).ApplyOptions(options).DryRun, o}, err)
	return err
}

// DeleteAllOf deletes objects as the caller.
func (c *Client) DeleteAllOf(ctx context.Context, o client.Object, options ...client.DeleteAllOfOption) error {
	err := c.writes.DeleteAllOf(ctx, o, options...)
	c.log(ctx, write{"deletecollection", (&client.DeleteAllOfOptions{}).ApplyOptions(options).DryRun, o}, err)
	return err
}

// Apply applies a configuration as the caller.
func (c *Client) Apply(ctx context.Context, o runtime.ApplyConfiguration, options ...client.ApplyOption) error {
	return c.writes.Apply(ctx, o, options...)
}

// Status writes statuses as the caller.
func (c *Client) Status() client.SubResourceWriter { return c.writes.Status() }

// SubResource reads and writes subresources as the caller.
func (c *Client) SubResource(name string) client.SubResourceClient { return c.writes.SubResource(name) }

// write is one write of a caller.
type write struct {
	verb   string
	dryRun []string
	object client.Object
}

// log logs who wrote which object and how that ended, without any value. A dry run
// changes nothing, and a write without a caller is never sent: these are left out.
func (c *Client) log(ctx context.Context, w write, err error) {
	who := caller.Of(ctx)
	if len(w.dryRun) > 0 || who.Info == nil {
		return
	}
	kind := ""
	if gvk, err := c.GroupVersionKindFor(w.object); err == nil {
		kind = gvk.GroupKind().String()
	}
	ctrl.LoggerFrom(ctx).Info("Wrote for a caller", "caller", who.GetName(), "verb", w.verb,
		"resource", kind, "namespace", w.object.GetNamespace(), "name", w.object.GetName(), "result", result(err))
}

// result returns the reason of an error, which has no value of the object in it.
func result(err error) string {
	if err == nil {
		return "Success"
	}
	if reason := apierrors.ReasonForError(err); reason != "" {
		return string(reason)
	}
	return "Failed"
}
