// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/caller"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/problem"
)

// otherDefaults returns the other default integrations of an integration's namespace. With two defaults, none is used.
func (p provider[T, S]) otherDefaults(ctx context.Context, s *Server, o T) ([]T, error) {
	all, err := p.list(ctx, s.o.Live, o.GetNamespace())
	if err != nil {
		return nil, fmt.Errorf("listing the %ss of namespace %s: %w", p.kind, o.GetNamespace(), err)
	}
	var out []T
	for _, other := range all {
		if *p.isDefault(p.spec(other)) && other.GetName() != o.GetName() {
			out = append(out, other)
		}
	}
	return out, nil
}

// planDefault returns the integrations that are to be no default any more so that another one can be. It returns a
// problem if there are any and the caller did not ask for that, or may not change them.
func (p provider[T, S]) planDefault(ctx context.Context, s *Server, o T, replace bool) ([]T, error) {
	if !*p.isDefault(p.spec(o)) {
		return nil, nil
	}
	others, err := p.otherDefaults(ctx, s, o)
	if err != nil || len(others) == 0 {
		return nil, err
	}
	if !replace {
		return nil, p.secondDefault(ctx, s, o, others)
	}
	for _, other := range others {
		if err := s.permissions.Require(ctx, "update", p.resource, client.ObjectKeyFromObject(other)); err != nil {
			return nil, err
		}
		if err := action.CheckUnmanaged(other, "spec"); err != nil {
			return nil, err
		}
	}
	return others, nil
}

// secondDefault returns the problem of a second default integration, and how to swap the two.
func (p provider[T, S]) secondDefault(ctx context.Context, s *Server, o T, others []T) error {
	now := "another one"
	if ok, err := s.permissions.May(ctx, "list", p.resource, caller.In(o.GetNamespace())); err != nil {
		return err
	} else if ok {
		now = strings.Join(names(others), ", ")
	}
	out := problem.New(http.StatusConflict, "The default %s of namespace %s is %s. Leave out spec.default, or set replaceDefault "+
		"to true: then %s becomes the default, and what names no integration goes there.", p.kind, o.GetNamespace(), now, o.GetName())
	out.Errors = []problem.Detail{{Location: "body.spec.default", Message: fmt.Sprintf(
		"The default of namespace %s is %s. Only one integration can be it.", o.GetNamespace(), now)}}
	return out
}

func names[T client.Object](objects []T) []string {
	var out []string
	for _, o := range objects {
		out = append(out, o.GetName())
	}
	return out
}

// edit is an integration to write. before is nil for a new one.
type edit[T client.Object] struct {
	before client.Object
	after  T
}

// writeDefault writes an integration. Before, the ones in whose place it comes are no default any more, so that there
// are never two. They are again if the write fails.
func (p provider[T, S]) writeDefault(ctx context.Context, s *Server, e edit[T], replaced []T) error {
	for i, other := range replaced {
		if err := p.setDefault(ctx, s, other, false); err != nil {
			p.restoreDefaults(ctx, s, replaced[:i])
			return err
		}
	}
	err := s.write(ctx, e.before, e.after)
	if err != nil {
		p.restoreDefaults(ctx, s, replaced)
	}
	return err
}

// confirmDefault returns a problem if another replica wrote another default at the same moment. Then the integration is
// stored, but is not the default.
func (p provider[T, S]) confirmDefault(ctx context.Context, s *Server, o T) error {
	if !*p.isDefault(p.spec(o)) {
		return nil
	}
	others, err := p.otherDefaults(ctx, s, o)
	if err != nil || len(others) == 0 {
		return err
	}
	if err := p.setDefault(ctx, s, o, false); err != nil {
		return err
	}
	return problem.New(http.StatusConflict,
		"%s %s was stored, but not as the default of its namespace: another one became that at the same moment. Repeat the request.",
		p.kind, o.GetName())
}

// restoreDefaults makes integrations the default again that were it before.
func (p provider[T, S]) restoreDefaults(ctx context.Context, s *Server, replaced []T) {
	ctx = context.WithoutCancel(ctx)
	for _, o := range replaced {
		if err := p.setDefault(ctx, s, o, true); err != nil {
			ctrl.LoggerFrom(ctx).Error(err, "Restoring the default integration", "Kind", p.kind, "Integration", client.ObjectKeyFromObject(o))
		}
	}
}

// setDefault makes an integration the default of its namespace, or no more.
func (p provider[T, S]) setDefault(ctx context.Context, s *Server, o T, isDefault bool) error {
	_, err := retryConflicts(func() (struct{}, error) {
		if err := s.o.Live.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
			return struct{}{}, client.IgnoreNotFound(err)
		}
		before, _ := o.DeepCopyObject().(T)
		*p.isDefault(p.spec(o)) = isDefault
		return struct{}{}, s.write(ctx, before, o)
	})
	return err
}

func pointers[T any](items []T) []*T {
	out := make([]*T, len(items))
	for i := range items {
		out[i] = &items[i]
	}
	return out
}
