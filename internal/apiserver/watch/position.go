// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"context"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/voiceai-dev/integrations-operator/internal/apiserver/paths"
)

// PositionHeader has the position in the stream of changes.
const PositionHeader = "Last-Event-ID"

type positionKey struct{}

// WithPosition returns a context of a request with the position before it was handled.
func WithPosition(ctx context.Context, position string) context.Context {
	return context.WithValue(ctx, positionKey{}, position)
}

// AddPosition adds to an answer the position from which later changes can be watched. Callers without any permission
// do not learn that anything changes.
func AddPosition(ctx huma.Context, status string, answer any) (any, error) {
	position, ok := ctx.Context().Value(positionKey{}).(string)
	if ok && strings.HasPrefix(status, "2") && ctx.Operation().Path != paths.Access {
		ctx.SetHeader(PositionHeader, position)
	}
	return answer, nil
}
