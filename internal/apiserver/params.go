package apiserver

import (
	"cmp"
	"context"

	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/problem"
	"github.com/voiceai-dev/integrations-operator/internal/identity"
)

// Within are the parameters of what is about one namespace.
type Within struct {
	Namespace string `query:"namespace" maxLength:"63" pattern:"^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$" patternDescription:"name of a namespace" doc:"The namespace; the default one when empty."`
}

// Across are the parameters of lists, which may span all namespaces.
type Across struct {
	Namespace string `query:"namespace" maxLength:"63" pattern:"^([a-z0-9]([-a-z0-9]*[a-z0-9])?|\\*)?$" patternDescription:"name of a namespace, or *" doc:"The namespace; the default one when empty, all namespaces when *."`
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

// namespaces returns the namespace of a list; empty for all.
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

// callerOf returns the caller of a request. Every request to /api/ has one.
func callerOf(ctx context.Context) identity.Caller {
	caller, _ := ctx.Value(callerKey{}).(identity.Caller)
	return caller
}

// may reports whether the caller may do something to a resource.
func (s *Server) may(ctx context.Context, verb string, r action.Resource, key types.NamespacedName) (bool, error) {
	ok, err := action.Allowed(ctx, s.o.Identity, callerOf(ctx), r.Access(verb, key))
	return ok, problem.From(ctx, err, "")
}

// require returns a problem, 403, when the caller may not do something to a resource.
func (s *Server) require(ctx context.Context, verb string, r action.Resource, key types.NamespacedName) error {
	return problem.From(ctx, action.Require(ctx, s.o.Identity, callerOf(ctx), r.Access(verb, key)), "")
}

// in returns the key of what has no name: a list, or an object to create.
func in(namespace string) types.NamespacedName { return types.NamespacedName{Namespace: namespace} }

// linkTo returns the path of an object in a collection, such as defects.
func linkTo(collection string, key types.NamespacedName) string {
	return "/api/v1/" + collection + "/" + key.Name + "?namespace=" + key.Namespace
}
