// SPDX-License-Identifier: Apache-2.0

// Package openapi serves the OpenAPI document of the REST API, and pages to read it.
package openapi

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"sigs.k8s.io/yaml"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/config/crd"
)

// described are the schemas of the document that have a part of a resource, which its CRD describes. The schemas that
// they refer to are described along with them.
var described = []struct{ schema, plural, part string }{
	{"SlackSpec", "slackintegrations", "spec"}, {"SlackIntegrationSpec", "slackintegrations", "spec"},
	{"JiraSpec", "jiraintegrations", "spec"}, {"JiraIntegrationSpec", "jiraintegrations", "spec"},
	{"IntegrationStatus", "slackintegrations", "status"}, {"IntegrationSummary", "slackintegrations", "status"},
	{"DefectSpec", "defects", "spec"}, {"NewDefectBody", "defects", "spec"}, {"DefectStatus", "defects", "status"},
	{"NotificationRuleSpec", "notificationrules", "spec"}, {"NotificationRuleStatus", "notificationrules", "status"},
}

// keywords are those that a CRD has and Go types do not. The API server validates them; the framework does not.
var keywords = []string{
	"description", "format", "enum", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems",
	"maxProperties",
}

// object is a JSON object of a document.
type object = map[string]any

// Document returns the OpenAPI document of an API, with the descriptions of resources from their CRDs.
func Document(api huma.API) ([]byte, error) {
	var out object
	raw, err := json.Marshal(api.OpenAPI())
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	if err != nil {
		return nil, fmt.Errorf("encoding the OpenAPI document: %w", err)
	}
	resources, err := definitions()
	if err != nil {
		return nil, err
	}
	schemas := member(out, "components", "schemas")
	for _, d := range described {
		describe(member(schemas, d.schema), member(resources[d.plural], "properties", d.part), schemas)
	}
	removePrivate(out)
	return json.Marshal(out)
}

// definitions returns the schemas of the CRDs, by plural.
var definitions = sync.OnceValues(func() (map[string]object, error) {
	out := map[string]object{}
	for _, d := range described {
		if out[d.plural] != nil {
			continue
		}
		var definition struct {
			Spec struct {
				Versions []struct {
					Schema struct{ OpenAPIV3Schema object }
				}
			}
		}
		raw, err := crd.Bases.ReadFile("bases/" + v1alpha1.GroupVersion.Group + "_" + d.plural + ".yaml")
		if err == nil {
			err = yaml.Unmarshal(raw, &definition)
		}
		if err != nil {
			return nil, fmt.Errorf("reading the CRD of %s: %w", d.plural, err)
		}
		out[d.plural] = definition.Spec.Versions[0].Schema.OpenAPIV3Schema
	}
	return out, nil
})

// member returns the object at a path; nil when there is none.
func member(m object, path ...string) object {
	for _, name := range path {
		m, _ = m[name].(object)
	}
	return m
}

// describe copies the keywords that a schema lacks from another schema of the same value.
func describe(schema, by, schemas object) {
	if schema == nil || by == nil {
		return
	}
	ref, refers := schema["$ref"].(string)
	for _, k := range keywords {
		if _, has := schema[k]; !has && by[k] != nil && (!refers || k == "description") {
			schema[k] = by[k]
		}
	}
	if refers { // other places may refer to it too, with another meaning
		target := member(schemas, strings.TrimPrefix(ref, "#/components/schemas/"))
		describe(target, object{"properties": by["properties"]}, schemas)
		return
	}
	for name := range member(schema, "properties") {
		describe(member(schema, "properties", name), member(by, "properties", name), schemas)
	}
	for _, each := range []string{"items", "additionalProperties"} {
		describe(member(schema, each), member(by, each), schemas)
	}
}

// removePrivate removes the keywords that only the framework knows.
func removePrivate(value any) {
	switch v := value.(type) {
	case object:
		delete(v, "patternDescription")
		for _, inner := range v {
			removePrivate(inner)
		}
	case []any:
		for _, inner := range v {
			removePrivate(inner)
		}
	}
}
