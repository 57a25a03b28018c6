package apiserver

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

// described are the schemas of the document that show a part of a resource, which its CRD describes. What they refer to is described along with them.
var described = []struct{ schema, plural, part string }{
	{"SlackSpec", "slackintegrations", "spec"}, {"SlackIntegrationSpec", "slackintegrations", "spec"},
	{"JiraSpec", "jiraintegrations", "spec"}, {"JiraIntegrationSpec", "jiraintegrations", "spec"},
	{"IntegrationStatus", "slackintegrations", "status"}, {"IntegrationSummary", "slackintegrations", "status"},
	{"DefectSpec", "defects", "spec"}, {"NewDefectBody", "defects", "spec"}, {"DefectStatus", "defects", "status"},
	{"NotificationRuleSpec", "notificationrules", "spec"}, {"NotificationRuleStatus", "notificationrules", "status"},
}

// keywords are what a CRD says of a value that Go types do not. The API server holds writers to it; the framework does not look.
var keywords = []string{"description", "format", "enum", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "maxProperties"}

// members is an object of a document.
type members = map[string]any

// document is the OpenAPI document of an API, with what the CRDs say of resources.
func document(api huma.API) ([]byte, error) {
	var out members
	raw, err := json.Marshal(api.OpenAPI())
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	if err != nil {
		return nil, fmt.Errorf("writing the OpenAPI document: %w", err)
	}
	resources, err := definitions()
	if err != nil {
		return nil, err
	}
	schemas := within(out, "components", "schemas")
	for _, d := range described {
		describe(within(schemas, d.schema), within(resources[d.plural], "properties", d.part), schemas)
	}
	plain(out)
	return json.Marshal(out)
}

// definitions are the schemas of the CRDs, by plural.
var definitions = sync.OnceValues(func() (map[string]members, error) {
	out := map[string]members{}
	for _, d := range described {
		if out[d.plural] != nil {
			continue
		}
		var definition struct {
			Spec struct {
				Versions []struct {
					Schema struct{ OpenAPIV3Schema members }
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

// within is a part of an object; nil where there is none.
func within(m members, path ...string) members {
	for _, name := range path {
		m, _ = m[name].(members)
	}
	return m
}

// describe adds to a schema what another one says of the same value, and it does not.
func describe(schema, by, schemas members) {
	if schema == nil || by == nil {
		return
	}
	ref, refers := schema["$ref"].(string)
	for _, k := range keywords {
		if _, said := schema[k]; !said && by[k] != nil && (!refers || k == "description") {
			schema[k] = by[k]
		}
	}
	if refers { // what it refers to may stand in other places too, where it means something else
		what := within(schemas, strings.TrimPrefix(ref, "#/components/schemas/"))
		describe(what, members{"properties": by["properties"]}, schemas)
		return
	}
	for name := range within(schema, "properties") {
		describe(within(schema, "properties", name), within(by, "properties", name), schemas)
	}
	for _, each := range []string{"items", "additionalProperties"} {
		describe(within(schema, each), within(by, each), schemas)
	}
}

// plain takes out what only the framework knows, wherever it is.
func plain(value any) {
	switch v := value.(type) {
	case members:
		delete(v, "patternDescription")
		for _, inner := range v {
			plain(inner)
		}
	case []any:
		for _, inner := range v {
			plain(inner)
		}
	}
}
