// SPDX-License-Identifier: Apache-2.0

// Package caller checks what the caller of a request may do.
package caller

import (
	"context"

	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/problem"
	"github.com/voiceai-dev/integrations-operator/internal/identity"
)

type (
	key      struct{}
	tokenKey struct{}
)

// With returns a context of a request with its caller.
func With(ctx context.Context, c identity.Caller) context.Context {
	return context.WithValue(ctx, key{}, c)
}

// WithToken returns a context of a request with the bearer token of its caller, which has been authenticated.
func WithToken(ctx context.Context, token string) context.Context {
	return context.WithValue(ctx, tokenKey{}, token)
}

// TokenOf returns the bearer token of the caller of a request; empty outside of one.
func TokenOf(ctx context.Context) string {
	token, _ := ctx.Value(tokenKey{}).(string)
	return token
}

// Of returns the caller of a request. Every request to /api/ has one.
func Of(ctx context.Context) identity.Caller {
	c, _ := ctx.Value(key{}).(identity.Caller)
	return c
}

// In returns the key of what has no name: a list, or an object to create.
func In(namespace string) types.NamespacedName { return types.NamespacedName{Namespace: namespace} }

// Permissions checks the permissions of callers. Its errors are problems.
type Permissions struct{ Authorizer action.Authorizer }

// May reports whether the caller may do something to a resource.
func (p Permissions) May(ctx context.Context, verb string, r action.Resource, key types.NamespacedName) (bool, error) {
	ok, err := action.Allowed(ctx, p.Authorizer, Of(ctx), r.Access(verb, key))
	return ok, problem.From(ctx, err, "")
}

// Require returns a problem, 403, when the caller may not do something to a resource.
func (p Permissions) Require(ctx context.Context, verb string, r action.Resource, key types.NamespacedName) error {
	return problem.From(ctx, action.Require(ctx, p.Authorizer, Of(ctx), r.Access(verb, key)), "")
}

// RequireChange returns a problem, 403, when the caller may neither create nor update an object, so that the caller
// does not learn whether it exists.
func (p Permissions) RequireChange(ctx context.Context, r action.Resource, key types.NamespacedName) error {
	ok, err := p.May(ctx, "update", r, key)
	if err != nil || ok {
		return err
	}
	return p.Require(ctx, "create", r, In(key.Namespace))
}
