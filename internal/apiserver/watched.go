// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
)

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
