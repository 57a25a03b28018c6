package apiserver

import (
	"cmp"
	"context"

	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/identity"
)

// Within are the parameters of what is about one namespace.
type Within struct {
	Namespace string `query:"namespace" maxLength:"63" pattern:"^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$" patternDescription:"name of a namespace" doc:"The namespace; the default one when empty."`
}

// Across are the parameters of lists, which may span all namespaces.
type Across struct {
	Namespace string `query:"namespace" maxLength:"63" pattern:"^([a-z0-9]([-a-z0-9]*[a-z0-9])?|\\*)?$" patternDescription:"name of a namespace, or *" doc:"The namespace; the default one when empty, all that there are when *."`
}

// Named are the parameters of what is about one integration.
type Named struct {
	Within
	Name string `query:"name" maxLength:"253" pattern:"^([a-z0-9]([-.a-z0-9]*[a-z0-9])?)?$" patternDescription:"name of an object" doc:"The integration; the default one when empty."`
}

// ByName are the parameters of what is about one object.
type ByName struct {
	Within
	Name string `path:"name" maxLength:"253" pattern:"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$" patternDescription:"name of an object" doc:"The object's name."`
}

func (s *Server) namespace(w Within) string { return cmp.Or(w.Namespace, s.o.Namespace) }

// namespaces is the namespace of a list; empty for all of them.
func (s *Server) namespaces(a Across) string {
	if a.Namespace == "*" {
		return ""
	}
	return cmp.Or(a.Namespace, s.o.Namespace)
}

func (s *Server) key(n ByName) types.NamespacedName {
	return types.NamespacedName{Namespace: s.namespace(n.Within), Name: n.Name}
}

type callerKey struct{}

// callerOf is who asks. Nothing under /api/ runs without one.
func callerOf(ctx context.Context) identity.Caller {
	caller, _ := ctx.Value(callerKey{}).(identity.Caller)
	return caller
}

// may reports whether the caller may do something to a resource.
func (s *Server) may(ctx context.Context, verb string, r action.Resource, at types.NamespacedName) (bool, error) {
	ok, err := action.Allowed(ctx, s.o.Identity, callerOf(ctx), r.Access(verb, at))
	return ok, cluster(ctx, err, "")
}

// require returns a problem, 403, when the caller may not do something to a resource.
func (s *Server) require(ctx context.Context, verb string, r action.Resource, at types.NamespacedName) error {
	return cluster(ctx, action.Require(ctx, s.o.Identity, callerOf(ctx), r.Access(verb, at)), "")
}

// in is a place without a name: a list, or what is to be created.
func in(namespace string) types.NamespacedName { return types.NamespacedName{Namespace: namespace} }
