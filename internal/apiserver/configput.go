// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/caller"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/problem"
	"github.com/voiceai-dev/integrations-operator/internal/credential"
)

// configPut is a request to create or change an integration.
type configPut[S any] struct {
	key       types.NamespacedName
	match     Match
	noneMatch NoneMatch
	spec      S
	given     credential.Values
	// replaceDefault lets the integration take the place of the default one.
	replaceDefault bool
	// editAnyway lets the caller change an integration that kubectl applied.
	editAnyway bool
}

// putConfig creates or changes an integration, and the Secret with its credentials.
func putConfig[T client.Object, S any](ctx context.Context, s *Server, p provider[T, S], put configPut[S]) (*putOutput[S], error) {
	if err := s.permissions.RequireChange(ctx, p.resource, put.key); err != nil {
		return nil, err
	}
	if len(put.given.Secret()) > 0 {
		if err := s.permissions.RequireChange(ctx, action.Secrets, credential.SecretOf(put.key)); err != nil {
			return nil, err
		}
	}
	if err := checkForms(put.given); err != nil {
		return nil, err
	}
	if *p.isDefault(&put.spec) {
		s.oneDefault.Lock()
		defer s.oneDefault.Unlock()
	}
	out, err := retryConflicts(func() (*putOutput[S], error) { return putConfigOnce(ctx, s, p, put) })
	return out, problem.From(ctx, err, "storing "+p.kind+" "+put.key.String())
}

// putConfigOnce attempts a put. Every error of the API server is returned as it is.
func putConfigOnce[T client.Object, S any](
	ctx context.Context, s *Server, p provider[T, S], put configPut[S],
) (*putOutput[S], error) {
	before := p.empty()
	err := s.o.Live.Get(ctx, put.key, before)
	if client.IgnoreNotFound(err) != nil {
		return nil, err
	}
	isNew := apierrors.IsNotFound(err)
	if err := s.checkPut(ctx, p.resource, putOf{
		key: put.key, before: before, isNew: isNew, match: put.match, noneMatch: put.noneMatch, editAnyway: put.editAnyway,
	}); err != nil {
		return nil, err
	}
	o, _ := before.DeepCopyObject().(T)
	o.SetNamespace(put.key.Namespace)
	o.SetName(put.key.Name)
	change := &credential.Change{
		Kind: p.credentials, Integration: put.key, Before: p.slots(p.spec(before)), Given: put.given,
	}
	if err := s.credentials.Plan(ctx, change); err != nil {
		return nil, err
	}
	*p.spec(o) = put.spec
	p.merge(p.spec(o), p.spec(before), put.given)
	change.Refer(p.slots(p.spec(o)))
	sameAddress := p.address(p.spec(before)) == p.address(p.spec(o))
	if err := s.requireReads(ctx, put.key.Namespace, change.MustRead(p.slots(p.spec(o)), sameAddress)); err != nil {
		return nil, err
	}

	replaced, err := p.planDefault(ctx, s, o, put.replaceDefault)
	if err != nil {
		return nil, err
	}
	var stored client.Object // nil for a new one
	if !isNew {
		stored = before
	}
	if err := s.dryRun(ctx, stored, o); err != nil { // so that a refused change leaves no credentials behind
		return nil, err
	}
	if err := s.credentials.Save(ctx, change, before, s.requireSecret); err != nil {
		return nil, err
	}
	if err := p.writeDefault(ctx, s, edit[T]{stored, o}, replaced); err != nil {
		s.credentials.Discard(ctx, change)
		return nil, err
	}
	s.credentials.Prune(ctx, change, o, p.slots(p.spec(o)))
	if err := p.confirmDefault(ctx, s, o); err != nil {
		return nil, err
	}
	body, err := p.body(ctx, s, o)
	if err != nil {
		return nil, err
	}
	return &putOutput[S]{Status: putStatus(isNew), ETag: specTag(o), Body: body}, nil
}

// requireReads returns a problem unless the caller may read the Secrets that slots refer to.
func (s *Server) requireReads(ctx context.Context, namespace string, slots []credential.Slot) error {
	for _, slot := range slots {
		ok, err := s.permissions.May(ctx, "get", action.Secrets, types.NamespacedName{Namespace: namespace, Name: slot.Ref.Name})
		if err != nil {
			return err
		}
		if !ok {
			return problem.New(http.StatusForbidden, "%s would be read from Secret %s/%s, which %s may not get: "+
				"give it anew with this change, or bind a Role that allows it",
				slot.Name, namespace, slot.Ref.Name, caller.Of(ctx).GetName())
		}
	}
	return nil
}

func (s *Server) requireSecret(ctx context.Context, verb string, key types.NamespacedName) error {
	return s.permissions.Require(ctx, verb, action.Secrets, key)
}
