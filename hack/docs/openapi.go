// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	"k8s.io/utils/clock"

	"github.com/voiceai-dev/integrations-operator/internal/apiserver"
)

// openAPI returns the document that the REST API serves at /openapi.json, indented.
func openAPI() ([]byte, error) {
	server, err := apiserver.New(apiserver.Options{Clock: clock.RealClock{}})
	if err != nil {
		return nil, fmt.Errorf("building the REST API: %w", err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, server.OpenAPI(), "", "  "); err != nil {
		return nil, fmt.Errorf("indenting the OpenAPI document: %w", err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}
