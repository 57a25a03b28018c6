// SPDX-License-Identifier: Apache-2.0

package openapi

import (
	"cmp"
	"context"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/voiceai-dev/integrations-operator/internal/apiserver/paths"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/problem"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/watch"
	"github.com/voiceai-dev/integrations-operator/internal/listener"
)

// maxBody bounds the bodies of requests, unless an operation has a limit of its own.
const maxBody = 256 << 10

const bearer = "bearer"

// Config returns the configuration of the framework.
func Config() huma.Config {
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{Title: "Voice AI integrations", Version: "v1",
				Description: "Slack and Jira for a Voice AI testing framework. Everything here is a resource of Kubernetes, " +
					"and Kubernetes RBAC decides who may do what."},
			Servers: []*huma.Server{{URL: "/"}}, // where the document is
			Components: &huma.Components{SecuritySchemes: map[string]*huma.SecurityScheme{
				bearer: {Type: "http", Scheme: "bearer", Description: "A token of this cluster, such as one of `kubectl create token`."},
			}},
		},
		Formats: huma.DefaultFormats, DefaultFormat: "application/json", Transformers: []huma.Transformer{watch.AddPosition},
	}
}

// Register adds an operation, with what all operations have in common. Its other statuses have the same answer as its
// usual one. A request body that the operation brings along is documented as it is, and is left to the operation.
func Register[I, O any](api huma.API, op huma.Operation, handler func(context.Context, *I) (*O, error)) {
	op.Security = []map[string][]string{{bearer: {}}}
	op.MaxBodyBytes = cmp.Or(op.MaxBodyBytes, maxBody)
	// The framework's own timeout, 5 s, counts for requests without a body too, and ends a handler that takes longer.
	op.BodyReadTimeout = listener.ReadTimeout
	op.RejectUnknownQueryParameters = true // a misspelled filter would select everything
	op.DefaultStatus = cmp.Or(op.DefaultStatus, http.StatusOK)
	if op.Responses == nil {
		op.Responses = map[string]*huma.Response{}
	}
	var body map[string]*huma.MediaType
	if op.RequestBody != nil { // with its content, the framework would read the body
		body = op.RequestBody.Content
		op.RequestBody.Content = nil
	}
	huma.Register(api, op, handler)
	if op.RequestBody != nil {
		op.RequestBody.Content = body
	}
	describeAnswers(api, &op)
}

// describeAnswers completes the documentation of an operation's answers.
func describeAnswers(api huma.API, op *huma.Operation) {
	usual := op.Responses[strconv.Itoa(op.DefaultStatus)]
	if op.Method == http.MethodGet && op.Path != paths.Watch && op.Path != paths.Access {
		if usual.Headers == nil {
			usual.Headers = map[string]*huma.Param{}
		}
		usual.Headers[watch.PositionHeader] = &huma.Param{
			Description: "The position of " + paths.Watch + " before this was read: with it as since, no later change is missed.",
			Schema:      &huma.Schema{Type: huma.TypeString},
		}
	}
	for _, other := range op.Responses {
		if other.Content == nil {
			other.Content = usual.Content
			other.Headers = usual.Headers
		}
	}
	schema := api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[problem.Problem](), true, "Problem")
	op.Responses["default"] = &huma.Response{
		Description: "A problem (RFC 9457).", Content: map[string]*huma.MediaType{problem.ContentType: {Schema: schema}},
	}
}
