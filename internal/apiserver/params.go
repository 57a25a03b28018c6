package apiserver

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"k8s.io/apimachinery/pkg/types"
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

// refuseUnwatched answers 404 to requests about a namespace that the operator does not watch: events for it would be
// accepted, and match no rule.
func (s *Server) refuseUnwatched(api huma.API) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		namespace := ctx.Query("namespace")
		if len(s.o.Watched) == 0 || namespace == "" || namespace == "*" || slices.Contains(s.o.Watched, namespace) {
			next(ctx)
			return
		}
		// The connection is gone if the answer cannot be written.
		_ = huma.WriteErr(api, ctx, http.StatusNotFound,
			"This operator does not watch the namespace, see its flag --watch-namespaces.")
	}
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

// linkTo returns the path of an object in a collection, such as defects.
func linkTo(collection string, key types.NamespacedName) string {
	return "/api/v1/" + collection + "/" + key.Name + "?namespace=" + key.Namespace
}
